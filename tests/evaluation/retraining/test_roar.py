from __future__ import annotations

import copy
import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from helpers.elsewhere import elsewhere
from helpers.engines import Elsewhere
from helpers.planted import BLOCK, SHARE, SIZE, planted
from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError, OutputError, ParameterError
from unseen.evaluation.retraining import figures, report
from unseen.evaluation.retraining.maps import masks_without, rankings
from unseen.evaluation.retraining.roar import RemoveAndRetrain, Retrained
from unseen.evaluation.retraining.trainer import Accuracy, Key, Trainer
from unseen.evaluation.retraining.training import Training
from unseen.metrics import METRICS

QUICK = Training(epochs=6, batch=15)
LEARNT, GUESSED = 0.95, 0.8
"""What a class that can be seen is named with, and less than what one of two that cannot is, of 40 photographs: a coin
does better once in 10,000 times."""
TINY = RemoveAndRetrain(repeats=2, shares=(0.5,), training=Training(epochs=1))


def test_networks_that_are_trained_elsewhere_are_the_same(tmp_path: Path) -> None:
    here = TINY.run(planted(30), ["saliency"])
    there = TINY.run(planted(30), ["saliency"], out=tmp_path / "roar.json", engine=Elsewhere())
    assert {row.key(): row.accuracy for row in there.rows} == {row.key(): row.accuracy for row in here.rows}
    assert (there.methods, there.failed) == (here.methods, here.failed)
    again = TINY.run(planted(30), ["saliency"], out=tmp_path / "roar.json", engine=Elsewhere())
    assert again.rows == there.rows


def test_a_network_on_another_device_is_explained_where_there_is_none() -> None:
    trainer = Trainer(planted(30), Training(epochs=1), "mean", "top", 0, "cpu", None)
    key = Key("saliency", 0.5, 0)
    trainer.explained = trainer.network(0)
    expected = trainer(key)
    with elsewhere() as device:
        moved = trainer.explained.running(copy.deepcopy(trainer.explained.model).to(device))
        trainer = Trainer(planted(30), Training(epochs=1), "mean", "top", 0, "cpu", moved)
        written = pickle.dumps(trainer.again())
    found = pickle.loads(written)()(key)
    assert isinstance(found, Accuracy)
    assert isinstance(expected, Accuracy)
    assert found.accuracy == pytest.approx(expected.accuracy, abs=0.051)  # one photograph of twenty


def test_every_process_has_a_device_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Trainer(planted(30), Training(epochs=1), "mean", "top", 0, "auto", None).again()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert made().place == torch.device("cpu")


def test_masks_hide_the_share_that_was_asked_for_at_the_right_end() -> None:
    maps = torch.rand(5, 6, 8, generator=torch.Generator().manual_seed(0))
    ranked = rankings(maps)
    for share in (0.1, 0.5, 0.9):
        count = round(share * 48)
        for order in ("top", "bottom"):
            masks = masks_without(ranked, share, order, (6, 8))
            for one, mask in zip(maps.flatten(1), masks.flatten(1), strict=True):
                values = sorted(one.tolist(), reverse=order == "top")
                assert sorted(one[mask == 0].tolist(), reverse=order == "top") == values[:count]


def test_ties_are_broken_in_another_way_for_every_photograph() -> None:
    masks = masks_without(rankings(torch.ones(2, 6, 8)), 0.5, "top", (6, 8))
    assert not torch.equal(masks[0], masks[1])
    assert torch.equal(masks, masks_without(rankings(torch.ones(2, 6, 8)), 0.5, "top", (6, 8)))


@pytest.fixture(scope="module")
def answers() -> dict[str, Retrained]:
    """ROAR and KAR where the answer is known, with the share of the block hidden."""
    from helpers import pointers
    from unseen.explainers.catalogue import METHODS

    with pytest.MonkeyPatch.context() as patch:
        for name, entry in pointers.METHODS.items():
            patch.setitem(METHODS.entries, name, entry)
        metric = RemoveAndRetrain(removal="grey", repeats=2, shares=(SHARE,), training=QUICK)
        return {
            order: replace(metric, order=order, leak=order == "top").run(
                planted(80), ["corner", "elsewhere", "refusing"]
            )
            for order in ("top", "bottom")
        }


def test_hiding_what_decides_brings_accuracy_to_chance_and_hiding_elsewhere_does_not(
    answers: dict[str, Retrained],
) -> None:
    for order, helpful, harmful in (("top", "elsewhere", "corner"), ("bottom", "corner", "elsewhere")):
        found = answers[order]
        assert found.whole.value > LEARNT
        assert min(found.accuracies(helpful, SHARE).values()) > LEARNT
        assert max(found.accuracies(harmful, SHARE).values()) < GUESSED
        assert min(found.accuracies("random", SHARE).values()) > LEARNT
        whole, area = found.accuracies("", 0.0)[0], found.areas(harmful)[0]
        assert area == pytest.approx((whole + found.accuracies(harmful, SHARE)[0]) / 2)


def test_a_constant_mask_leaks_nothing(answers: dict[str, Retrained]) -> None:
    leak = answers["top"].leak("corner")
    assert leak is not None
    assert leak.value == 0.5
    assert answers["bottom"].leak("corner") is None


def test_a_mask_that_follows_the_class_leaks_it() -> None:
    metric = RemoveAndRetrain(removal="grey", repeats=1, leak=True, shares=(0.5,), training=QUICK)
    found = metric.run(planted(80), ["telltale"])
    leak, chance = found.leak("telltale"), found.leak("random")
    assert leak is not None
    assert chance is not None
    assert leak.value > LEARNT
    assert chance.value < GUESSED
    assert found.accuracies("telltale", 0.5)[0] > LEARNT  # no block is left to see
    table = report.as_text(found)
    assert "1 network each" in table
    assert "note: one of 40 test photographs is 2.5 %" in table


def test_a_method_without_a_rule_is_told_and_others_go_on(answers: dict[str, Retrained]) -> None:
    found = answers["top"]
    assert found.failed == (("refusing", "there is no rule for this network"),)
    assert found.methods == ("corner", "elsewhere", "random", "uniform", "edges")


def test_the_report_tells_methods_from_controls(answers: dict[str, Retrained]) -> None:
    table = report.as_text(answers["top"])
    lines = {line.split()[0]: line for line in table.splitlines() if line}
    assert "not told from" in lines["elsewhere"]
    assert "lower is better" in table
    assert list(lines).index("corner") < list(lines).index("elsewhere")
    assert "higher is better" in report.as_text(answers["bottom"])
    told = answers["top"].to_dict("corner")
    assert json.loads(json.dumps(told, allow_nan=False))["against"]["random"] in ("better", "same")
    assert figures.picture(answers["top"]).axes[0].get_lines()


def test_a_stronger_method_is_told_from_random() -> None:
    rows = [Accuracy("", 0.0, r, "photographs", 1.0, 0.0) for r in range(3)]
    heights = {"good": 0.1, "random": 0.9, "uniform": 0.9, "edges": 0.1}
    rows += [Accuracy(m, 0.5, r, "photographs", h + 0.01 * r, 0.0) for m, h in heights.items() for r in range(3)]
    rows += [Accuracy("bad", 0.5, r, "photographs", h, 0.0) for r, h in enumerate((0.85, 0.99, 0.96))]
    found = Retrained(RemoveAndRetrain(shares=(0.5,)), "made up", tuple(rows), (*heights, "bad"), (), (10, 10))
    assert found.against("good") == {"random": "better", "uniform": "better", "edges": "same"}
    assert found.against("edges") == {"random": "better", "uniform": "better"}
    assert found.areas("good")[0] == pytest.approx(0.55)
    assert report.told(found, "bad") == "worse than edges; not told from random, uniform"


def test_a_killed_run_goes_on_and_gives_what_an_unbroken_one_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = planted(20)
    unbroken = TINY.run(dataset, ["corner"])
    file = tmp_path / "out" / "roar.json"
    from unseen.evaluation.retraining import trainer

    real, trained = trainer.retrained, []

    def counting(*arguments: object, **named: object) -> object:
        trained.append(named["seed"])
        if len(trained) == 5:
            raise KeyboardInterrupt
        return real(*arguments, **named)

    monkeypatch.setattr(trainer, "retrained", counting)
    with pytest.raises(KeyboardInterrupt):
        TINY.run(dataset, ["corner"], out=file)
    kept = json.loads(file.read_text())["rows"]
    assert [row["method"] for row in kept] == ["", "", "corner"]
    trained.clear()
    trained.extend([-1] * 10)
    again = TINY.run(dataset, ["corner"], out=file)
    assert [(r.method, r.share, r.repeat, r.accuracy) for r in again.rows] == [
        (r.method, r.share, r.repeat, r.accuracy) for r in unbroken.rows
    ]
    before = len(trained)
    assert TINY.run(dataset, ["corner"], out=file).rows == again.rows
    assert len(trained) == before
    more = replace(TINY, shares=(0.3, 0.5)).run(dataset, ["corner"], out=file)
    assert len(more.rows) == len(again.rows) + 8
    assert more.rows[: len(again.rows)] == again.rows


def test_a_record_of_other_settings_is_not_continued(tmp_path: Path) -> None:
    file = tmp_path / "roar.json"
    dataset = planted(10)
    single = replace(TINY, repeats=1)
    single.run(dataset, [], out=file)
    with pytest.raises(OutputError, match=r"another removal .*mean, now grey"):
        replace(single, removal="grey").run(dataset, [], out=file)
    with pytest.raises(OutputError, match="another dataset"):
        single.run(planted(10, seed=1), [], out=file)
    file.write_text("{}")
    with pytest.raises(OutputError, match="damaged"):
        single.run(dataset, [], out=file)


def test_a_removal_that_paints_nothing_is_refused_before_any_training(tmp_path: Path) -> None:
    with pytest.raises(NotApplicableError, match="'ad' paints no pixels"):
        replace(TINY, removal="ad").run(planted(10), [], out=tmp_path / "roar.json")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"order": "middle"}, "order"),
        ({"repeats": 0}, "repeats must be at least 1, got 0"),
        ({"seed": -1}, "seed must be .*, got -1"),
        ({"shares": ()}, "at least one"),
        ({"shares": (0.5, 1.0)}, "shares must be in .*, got 1.0"),
        ({"shares": (0.5, 0.3)}, "and increase"),
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(Exception, match=words):
        replace(TINY, **wrong)


def test_the_registered_names_are_the_two_orders() -> None:
    assert METRICS.create("roar") == RemoveAndRetrain("top")
    assert METRICS.create("kar:repeats=5,leak=true") == RemoveAndRetrain("bottom", repeats=5, leak=True)
    assert METRICS["roar"].judges == "training"
    with pytest.raises(ParameterError):
        METRICS.create("roar:repeats=0")


class Corner(nn.Module):
    """How bright the upper left corner is: the truth of ``planted``, without any training."""

    def forward(self, x: Tensor) -> Tensor:
        value = 20 * (x[:, :, :BLOCK, :BLOCK].mean((1, 2, 3)) - 0.5)
        return torch.stack([-value, value], 1)


def corner(size: int = SIZE) -> Classifier:
    return Classifier(Corner(), Preprocessing((size, size), None, mean=(0, 0, 0), std=(1, 1, 1)))


def test_a_classifier_of_ones_own_is_explained(tmp_path: Path) -> None:
    dataset = planted(20)
    metric = replace(TINY, removal="grey", repeats=1, shares=(SHARE,), training=QUICK)
    found = metric.run(dataset, ["saliency"], classifier=corner(), out=tmp_path / "roar.json")
    hidden, random = (found.accuracies(method, SHARE)[0] for method in ("saliency", "random"))
    assert hidden < random, "its map knows the block, without which nothing can be learnt"
    with pytest.raises(OutputError):  # the rows of another network
        metric.run(dataset, ["saliency"], out=tmp_path / "roar.json")


def test_a_classifier_of_something_else_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"Corner takes photographs of \(8, 8\), and those of planted are"):
        TINY.run(planted(20), ["occlusion"], classifier=corner(8))
    dataset = replace(planted(20), classes=("a", "b", "c"))
    with pytest.raises(ParameterError, match="Corner has 2 classes, and planted has 3; give one that was trained"):
        TINY.run(dataset, ["occlusion"], classifier=corner())
    for outputs in ("sigmoid", "value"):
        meant = Classifier(Corner(), corner().preprocessing, outputs=outputs)
        with pytest.raises(NotApplicableError, match=f"outputs {outputs}, and photographs of planted are of one class"):
            TINY.run(planted(20), ["occlusion"], classifier=meant)
