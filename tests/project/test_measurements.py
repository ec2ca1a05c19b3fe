"""What measurements compute, on a small network and numbers whose answer is known; those too long for a whole trial."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from benchmarks.peers import against_rex, against_rex_spaces
from benchmarks.speed import method_cost
from benchmarks.studies import (
    iassa_levers,
    planted_parts,
    rise_and_chance,
    robust_promise,
    robust_rankings,
    visible_fraction,
)
from benchmarks.tables import aggregation, chapter_twelve, leak
from helpers.spaces import bright, looking, part_of
from unseen import MODELS, Classifier, Preprocessing
from unseen.classifier.zoo import Loaded
from unseen.evaluation.judging.outcomes import Row
from unseen.removal import REMOVALS
from unseen.system.quiet import quiet

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "examples" / "espresso.jpg"


class Small(nn.Sequential):
    """A network of two convolutions."""

    def __init__(self) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            super().__init__(
                nn.Conv2d(3, 6, 5, 4), nn.ReLU(), nn.Conv2d(6, 8, 3, 2), nn.ReLU(),
                nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3),
            )  # fmt: skip
            self[-1].weight.data *= 20  # so that masks matter


def small(side: int = 64) -> Classifier:
    return Classifier(Small().eval(), Preprocessing((side, side), side), ["cup", "saucer", "spoon"])


@pytest.fixture
def source() -> Iterator[str]:
    """The small network as a model that is named."""

    def load(name: str, weights: Path | None) -> Loaded:
        del name, weights
        return Loaded(Small().eval(), Preprocessing((64, 64), 64), ("cup", "saucer", "spoon"))

    MODELS.register("small", load, "a small network")
    yield "small:any"
    del MODELS.entries["small"]


# ---- speed ------------------------------------------------------------------------------------------------------


def test_bare_passes_are_as_many_as_the_method_takes(source: str) -> None:
    windows = "occlusion:window=0.5,stride=0.5"
    for configuration in method_cost.CONFIGURATIONS[:3]:
        (row,) = method_cost.measure([PHOTO], 1, source, windows, "zero", configuration)
        assert row["photo"] == PHOTO.name
        assert row["evaluations"] > 1 + 4  # of the map; then of parts
        assert min(row["method_seconds"], row["bare_seconds"]) > 0


def test_the_cost_of_a_method_is_the_median_ratio() -> None:
    times = [(4.0, 2.0), (3.0, 1.0), (10.0, 2.0)]
    rows = [{"method_seconds": m, "bare_seconds": b, "evaluations": 100} for m, b in times]
    said = method_cost.summary("as it comes", rows)
    assert "ratio 3.000 [2.000, 5.000] over 3 photographs, 100 evaluations each, 60 bare images" in said


# ---- studies ----------------------------------------------------------------------------------------------------


def test_a_cut_out_is_the_pass_on_the_whole_photograph(capsys: pytest.CaptureFixture[str]) -> None:
    row = visible_fraction.measure(small(), 0.05, 1)
    assert row["visible"] == 0.05
    assert row["difference"] < 1e-4
    assert min(row["ad"], row["ad:pooled"]) > 0
    assert "5%" in capsys.readouterr().out


def test_levers_make_maps_of_the_photograph() -> None:
    classifier = small(iassa_levers.SIDE)
    image = classifier.prepare(PHOTO)
    masked = REMOVALS.create("grey").bind(classifier, image)
    options = SimpleNamespace(budget=45, forms=False, levers=False)
    maps = iassa_levers.maps_of(masked, 0, partial(iassa_levers.look_of, classifier, image), options)
    maps["regions"] = iassa_levers.regions(masked, 0, 24, 0.5, rounds=1)
    assert {"occlusion", "RISE", "RISE, centred", "IASSA", "RISE, attended"} <= set(maps)
    assert all(one.shape == (224, 224) and bool(one.isfinite().all()) for one in maps.values())
    values = iassa_levers.both_of_rise(masked, 0, 30)
    assert float(values[1].mean().abs()) < float(values[0].mean().abs())  # the mean score is taken off


def test_the_table_compares_photograph_by_photograph() -> None:
    def row(photo: str, best: float, other: float) -> dict[str, Any]:
        names = {"RISE, centred": other, "occlusion": other, "IASSA": best}
        areas = {"grey": [0.5, 0.25], "blur": [0.5, 0.5]}
        maps = {name: {**areas, "grey": [value, 0.25]} for name, value in names.items()}
        return {"photo": photo, "set": "areas", "maps": maps}

    text = iassa_levers.table([row("a", 0.75, 0.5), row("b", 0.85, 0.6)])
    assert "### insertion − deletion, grey, 2 photographs" in text
    assert "| IASSA | 2 | 0.550 | +0.250 [+0.250, +0.250] | +0.250 [+0.250, +0.250] |" in text


def test_only_instances_of_what_the_network_says_count(tmp_path: Path) -> None:
    classifier = small()
    (tmp_path / "images").mkdir()
    Image.new("RGB", (64, 64), "orange").save(tmp_path / "images" / "a.png")
    image = classifier.prepare(tmp_path / "images" / "a.png")
    said = int(classifier.logits(image[None]).argmax())
    corner = [[0, 0, 32, 0, 32, 32, 0, 32]]
    notes = {
        "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 64}],
        "categories": [{"id": 1, "name": "mine"}, {"id": 2, "name": "other"}],
        "annotations": [
            {"image_id": 1, "category_id": 1, "segmentation": corner},
            {"image_id": 1, "category_id": 2, "segmentation": [[0, 0, 64, 0, 64, 64, 0, 64]]},
        ],
    }
    (tmp_path / "instances.json").write_text(json.dumps(notes))
    (tmp_path / "imagenet_classes.json").write_text(json.dumps({"mine": [said], "other": [(said + 1) % 3]}))
    ((path, inside, target),) = iassa_levers.annotated(classifier, tmp_path)
    assert (path.name, target) == ("a.png", said)
    assert torch.equal(inside.nonzero().amax(0), torch.tensor([31, 31]))
    assert int(inside.sum()) == 32 * 32


def test_a_group_is_as_probable_as_its_classes_together() -> None:
    logits = torch.randn(2, 1000, generator=torch.Generator().manual_seed(0))
    three = rise_and_chance.Grouped(nn.Identity())(logits).softmax(1)
    for column, (first, last) in enumerate(rise_and_chance.GROUPS.values()):
        torch.testing.assert_close(three[:, column], logits.softmax(1)[:, first:last].sum(1))


def test_parts_found_and_not_found_are_counted_apart() -> None:
    rows = [
        rise_and_chance.Row("three", "ad", "rise", 0.5, size=0.25, holds=0.5, by_chance=True),
        rise_and_chance.Row("three", "ad", "rise", 0.5, size=0.25, holds=0.5),
        rise_and_chance.Row("three", "ad", "rise", 0.5, why="not found"),
    ]
    assert rise_and_chance.table(rows, 3)[-1] == (
        "| three | ad | 0.5 | rise | 2 of 3 (1 not found) | 25.0 [25.0, 25.0] | 50 [50, 50] | 1 |"
    )


def test_a_photograph_is_pasted_whole_and_at_half_its_side() -> None:
    small, large = torch.ones(3, 40, 60), torch.zeros(3, 40, 60)
    scene, place = planted_parts.pasted(small, large, torch.Generator().manual_seed(0))
    assert torch.equal(scene.bool().all(0), place)
    assert int(place.sum()) == 20 * 30


def test_parts_in_what_is_pasted_and_beside_it_are_told_apart() -> None:
    rows = [
        planted_parts.Row("three", "necessary", inside=1.0, touches=0.5),
        planted_parts.Row("three", "necessary", inside=0.0, by_chance=True),
        planted_parts.Row("three", "necessary", default=True),
    ]
    assert planted_parts.table(rows, 3)[-1] == "three, necessary: 2 of 3, 50 [0, 100], 1 [0.01, 0.99], 1; 1"


def test_what_is_proved_is_true_and_what_is_only_searched_is_often_not() -> None:
    """One promise of twenty may be broken; of 25 more than six break with a probability below one in a thousand."""
    found = robust_promise.simulate(25, 0.9)
    assert found["proven"] >= 14
    assert found["broken"] <= 6
    assert found["fall short"] >= 6


def test_rankings_are_compared_with_the_first_photograph_by_photograph() -> None:
    first, second, random = robust_rankings.Row(0.5), robust_rankings.Row(0.25, 0.3, 0.95, 30), robust_rankings.Row(0.1)
    rows = [{"a": first, "b": second, "random": random}, {"a": second, "b": first, "random": random}]
    lines = robust_rankings.table(rows, 0.9)
    assert "| the smallest, in hindsight | 0.250 [0.250, 0.250] | -0.125 [-0.250, +0.000] |" in lines
    assert "standard deviation: 0.177 between photographs, 0.177 between rankings of one" in lines
    lines = robust_rankings.table([{"a": first, "b": second}] * 2, 0.9)
    assert "| a | 0.500 [0.500, 0.500] | +0.000 [+0.000, +0.000] |" in lines
    assert "| b | 0.250 [0.250, 0.250] | -0.250 [-0.250, -0.250] |" in lines
    assert lines[-1].startswith(
        "proved parts of b: 2 of 2, 30 passes, 0.300 [0.300, 0.300] of the pixels, kept on 0.950"
    )
    assert lines[-1].endswith("2 of 2 [0.16, 1.00]")


@pytest.mark.parametrize("needs", [1, 30, 470, 500, 970, 1000])
@pytest.mark.parametrize("guess", [20, 500, 1000])
def test_a_size_is_found_from_any_guess(guess: int, needs: int) -> None:
    asked: list[int] = []

    def passes(size: int) -> bool:
        asked.append(size)
        return size >= needs

    assert needs <= robust_rankings.near(passes, guess, 1000) <= needs + 30
    assert len(asked) <= 11


# ---- tables -----------------------------------------------------------------------------------------------------


def test_a_table_of_mixtures_goes_on_where_it_was(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        str(PHOTO), "--limit", "1", "--model", source, "--nearby", "2", "--held", "1", "--hidden", "8", "--removals",
        "zero", "--methods", "saliency", "occlusion:window=0.5,stride=0.5", "--out", str(tmp_path),
        "--stages", "observe", "curves",
    ]  # fmt: skip
    monkeypatch.setattr("sys.argv", ["aggregation", *words])
    monkeypatch.setattr(aggregation, "tune_allocator", lambda: False)  # it lasts as long as the process
    aggregation.main()
    first = capsys.readouterr().out
    assert "curves" in first
    aggregation.main()
    assert capsys.readouterr().out == ""  # nothing is asked twice
    judged = aggregation.judged(tmp_path / source, PHOTO, ["zero"])
    areas = judged.areas["zero"]
    assert all(np.isfinite(areas[name]) for name in judged.photo.methods)
    assert all(-1 <= value <= 1 for value in areas.values() if np.isfinite(value))


def test_chapter_12_names_what_it_compares_once() -> None:
    assert chapter_twelve.mae_zip("folder", 50) == "mae-zip:folder"
    assert chapter_twelve.mae_zip("folder", 5, "minimal=1") == "mae-zip:folder,steps=5,minimal=1"
    asked = chapter_twelve.ablation("folder", 50)
    assert len(asked) == len(set(asked)) == 1 + len(chapter_twelve.WEIGHTS) + len(chapter_twelve.VARIANTS)
    assert "mae-zip:folder" in asked  # w₃ as by default has no second name
    assert chapter_twelve.hidden_by("folder", 50, 112)[2:4] == ["blur:37.5", "blur:10"]
    assert [chapter_twelve.title(one) for one in ("mae-zip:folder", "blur:10", "ad")] == ["mae-zip", "blur:10", "ad"]


def test_a_table_of_chapter_12_has_the_photographs_that_were_asked_only() -> None:
    rows = [
        Row(photo, "grad-cam", removal, metric, None, value, digest=photo)
        for photo, value in (("a.jpg", 0.2), ("b.jpg", 0.4), ("c.jpg", 0.9))
        for removal in ("black", "ad")
        for metric in ("attmask", "accuracy-preservation")
    ]
    text = chapter_twelve.tables(rows, "Table 2", [Path("a.jpg"), Path("b.jpg")], ["black", "ad"])
    assert text.startswith("## Table 2")
    assert "| black | 0.30 [0.20, 0.40] |" in text


def test_each_form_of_what_is_visible_has_a_table_of_chapter_12_of_its_own() -> None:
    rows = [
        Row(photo, "grad-cam", removal, metric, None, value, digest=photo)
        for photo in ("a.jpg", "b.jpg")
        for removal in ("black", "ad")
        for metric, value in (
            ("attmask", 0.25),
            ("accuracy-preservation", 1.0),
            ("attmask:visible=mean", 0.75),
            ("accuracy-preservation:visible=mean", 0.0),
        )
    ]
    top, mean = (
        chapter_twelve.tables(rows, "Table 2", [Path("a.jpg"), Path("b.jpg")], ["black", "ad"], visible)
        for visible in ("top", "mean")
    )
    assert "0.25" in top
    assert "0.75" not in top
    assert "visible=mean" not in top
    assert "0.75" in mean
    assert "0.25" not in mean
    assert "Eq. 61" in mean


def test_photographs_are_those_that_the_autoencoder_does_not_know(tmp_path: Path) -> None:
    photos = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    assert chapter_twelve.unknown_to(photos, tmp_path / "autoencoder") == photos  # nobody says what it knows


def test_a_leak_is_told_by_two_masks() -> None:
    classifier = small()
    image = classifier.prepare(PHOTO)
    target = int(classifier.logits(image[None]).argmax())
    found = leak.said(classifier, image, target, "black")
    assert [found[0] in (0, 1), found[2] in (0, 1)] == [True, True]
    assert 0 <= min(found[1], found[3]) <= max(found[1], found[3]) <= 1


def test_the_table_of_leaks_has_means_and_paired_differences() -> None:
    removals = ["black", "neighbour", "mae:folder", "mae-zip:folder", "mae-zip:folder,reference=photograph"]
    values = {removal: {"a": [0.0, 0.25, 0, 0.25], "b": [1.0, 0.75, 1, 0.75]} for removal in removals}
    values[removals[-1]] = {"a": [1.0, 0.5, 1, 0.5], "b": [1.0, 1.0, 1, 1.0]}
    text = leak.table(values)
    line = next(line for line in text.splitlines() if line.startswith("| `mae-zip` |"))
    assert "0.5 [0.0, 1.0]" in line
    differences = text[text.index("| more than") :]
    assert "| `mae-zip` |" not in differences
    assert "0.25 [0.25, 0.25]" in next(one for one in differences.splitlines() if "reference=photograph" in one)
    assert "2 photographs" in text


# ---- peers ------------------------------------------------------------------------------------------------------


def test_a_peers_part_is_judged_by_the_plain_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    network = Small().eval()  # which says "saucer" of nothing, and "cup" of what is bright
    network.forward = lambda x: torch.stack([4 * x.mean((1, 2, 3)) - 1, 0 * x[:, 0, 0, 0]], 1)  # type: ignore[method-assign]
    classifier = Classifier(network, Preprocessing((64, 64), 64), ["cup", "saucer"])
    monkeypatch.setattr(against_rex, "load_classifier", lambda _: classifier)
    Image.new("RGB", (64, 64), "white").save(tmp_path / "crop.png")
    np.save(tmp_path / "part.npy", np.ones((64, 64), dtype=bool))
    part = {"confidence_threshold": 0.0, "file": "part.npy", "evaluations": 10, "cpu_seconds": 1.0}
    photo = {
        "photo": "a", "input": "crop.png", "fill": {"name": "zero"}, "parts": [part],
        "map": {"evaluations": 90, "cpu_seconds": 1.0},
    }  # fmt: skip
    options = argparse.Namespace(peer=tmp_path / "rex.json", seed=0)
    (row,) = against_rex.compare(options, photo)
    assert row["rex"] == {"evaluations": 100, "seconds": 2.0, "fraction": 1.0, "passes": True}
    assert row["unseen"]["passes"]
    assert 0 <= row["unseen"]["fraction"] <= 1
    half = {**row, "unseen": {"evaluations": 50, "seconds": 1.0, "fraction": 0.75, "passes": True}}
    against_rex.report(0.0, [half, half])
    said = capsys.readouterr().out
    assert "2.0 × fewer evaluations, 2.0 × less processor time; size -25.0 points [-25.0, -25.0], smaller on 2" in said


def test_a_part_suffices_if_its_class_stays_as_probable_as_was_asked() -> None:
    def judge(masks: Tensor) -> Tensor:
        shown = masks.float().mean((1, 2))
        return torch.stack([2 * shown, torch.ones_like(shown)], 1)

    whole, little = torch.ones(4, 4, dtype=torch.bool), torch.zeros(4, 4, dtype=torch.bool)
    assert against_rex.suffices(judge, whole, 0, 1.0)
    assert not against_rex.suffices(judge, little, 0, 0.0)  # the other class is on top
    little[:3] = True
    assert against_rex.suffices(judge, little, 0, 0.8)
    assert not against_rex.suffices(judge, little, 0, 0.9)


def test_peers_of_signals_see_the_same_network_and_are_judged_by_the_same_truth(tmp_path: Path) -> None:
    classifier, truth = looking((64,), 1), part_of((64,))
    inputs = torch.stack([bright((64,), 1)] * 8)
    drawn = (inputs, torch.zeros(8, dtype=torch.long), truth.expand(8, -1))
    example: Any = SimpleNamespace(draw_beats=lambda *_: drawn)
    against_rex_spaces.write(tmp_path, "beats", classifier, example, 2)
    entries = json.loads((tmp_path / "inputs.json").read_text())
    assert [entry["name"] for entry in entries] == ["beats-0", "beats-1"]
    with quiet():  # of torch's own plans for TorchScript
        exported = torch.jit.load(tmp_path / "beats.model.pt")
    torch.testing.assert_close(exported(inputs), classifier.logits(inputs), atol=1e-6, rtol=0)
    for entry in entries:
        np.save(tmp_path / f"{entry['name']}.rex.npy", truth.float().numpy())
    costs = {entry["name"]: {"evaluations": 5, "cpu_seconds": 0.5} for entry in entries}
    (tmp_path / "rex.json").write_text(json.dumps(costs))
    rows = against_rex_spaces.compare(tmp_path, "beats", classifier)
    assert rows["ReX"] == [(1.0, 5, 0.5)] * 2
    assert min(area for area, *_ in rows["unseen, occlusion"]) > 0.9
    assert "| ReX (2) | 1.00 | 5 | 0.50 |" in against_rex_spaces.table("beats", rows)
