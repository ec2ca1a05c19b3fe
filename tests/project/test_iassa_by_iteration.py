"""IASSA's figures by iteration, on a model of which it is known that a red square decides."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from benchmarks import shared
from benchmarks.tables import iassa_by_iteration
from unseen import load_classifier
from unseen.errors import ParameterError
from unseen.explainers.hiding.iassa import Iassa, iassa
from unseen.explainers.hiding.rise import Rise, rise
from unseen.explainers.hiding.spatial_attention import attention
from unseen.metrics.case import Case
from unseen.metrics.curves import Deletion, Insertion
from unseen.metrics.localisation import F1
from unseen.metrics.pixel_level import activated
from unseen.removal import REMOVALS

MODEL = """
import torch
from unseen import Classifier, Preprocessing

def build():
    layers = [torch.nn.AvgPool2d(2), torch.nn.AvgPool2d(2), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(3, 3))
    network[-1].weight.data = 25 * torch.eye(3)
    network[-1].bias.data.zero_()
    preprocessing = Preprocessing((64, 64), None, mean=(0, 0, 0), std=(1, 1, 1))
    return Classifier(network, preprocessing, ["red", "green", "blue"])
"""


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A folder in which the red square of one photograph is outlined, and nothing of another."""
    photos = tmp_path / "images"
    photos.mkdir()
    model = tmp_path / "toy.py"
    model.write_text(MODEL)
    square = Image.new("RGB", (64, 64), (90, 90, 90))
    square.paste((255, 90, 90), (8, 8, 32, 32))
    square.save(photos / "a.png")
    Image.new("RGB", (64, 64), (90, 90, 255)).save(photos / "b.png")
    notes = {
        "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 64}],
        "categories": [{"id": 1, "name": "red"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[8, 8, 32, 8, 32, 32, 8, 32]]}],
    }
    (tmp_path / "instances.json").write_text(json.dumps(notes))
    monkeypatch.setattr(shared, "tune_allocator", lambda: False)  # these two last as long as the process
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    return ["iassa", str(photos), "--model", f"python:{model}:build", "--steps", "4", "--out", str(tmp_path / "a.json")]


def run(words: list[str], *more: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", [*words, *more])
        iassa_by_iteration.main()


def test_one_run_has_the_maps_of_all_iterations_judged_beside_rise(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(words, "--iterations", "2", "--table", str(tmp_path / "a.md"), "--figures", str(tmp_path))
    told = capsys.readouterr().out
    assert re.search(r"a.png: \d+ s\n", told)
    assert "b.png: no blue is outlined on what the model sees" in told
    ((name, row),) = json.loads((tmp_path / "a.json").read_text()).items()
    assert name == "a.png"
    assert all((tmp_path / f"iassa-figure-{number}.png").stat().st_size for number in (6, 7))

    classifier = load_classifier(words[3])
    grey = REMOVALS.create("grey").bind(classifier, classifier.prepare(tmp_path / "images" / "a.png"))
    look = attention(classifier, grey.image, perplexity=0.05)
    found = iassa(grey, 0, Iassa(iterations=2, budget=5000, tolerance=0.0), look=look)
    assert row["evaluations"] == [1 + count for count in found.evaluations]
    inside = torch.zeros(64, 64, dtype=torch.bool)
    inside[8:32, 8:32] = True
    beside = rise(grey, [0], Rise(row["evaluations"][-1])).values[0]
    for method, map_ in (("IASSA", found.maps[-1]), ("RISE", beside)):
        case = Case(map_, 0, grey, annotation=inside)
        last = {measure: values[-1] for measure, values in row[method].items()}
        # within what another engine rounds: pixels near a threshold, or of one rank, may change places
        assert last["deletion, grey"] == pytest.approx(Deletion(4)(case), abs=1e-3)
        assert last["insertion, grey"] == pytest.approx(Insertion(4)(case), abs=1e-3)
        assert last["F1"] == pytest.approx(F1()(case), abs=0.02)
        assert last["pixels"] == pytest.approx(int(activated(map_).sum()), rel=0.02)
        assert row[method]["pointing game"] == [1, 1]

    run(words, "--iterations", "2")
    again = capsys.readouterr().out
    assert "a.png" not in again  # nothing is asked twice
    assert again.endswith((tmp_path / "a.md").read_text())
    with pytest.raises(ParameterError, match="of another --iterations"):
        run(words, "--iterations", "3")


def test_where_the_budget_is_spent_the_last_map_stands(words: list[str], tmp_path: Path) -> None:
    run(words, "--iterations", "3", "--budget", "500")  # of the 729 windows of the first iteration
    (row,) = json.loads((tmp_path / "a.json").read_text()).values()
    assert row["evaluations"] == [500] * 3
    assert row["changes"] == []
    assert all(len(set(values)) == 1 for method in ("IASSA", "RISE") for values in row[method].values())


def test_nothing_measured_is_told(words: list[str]) -> None:
    with pytest.raises(ParameterError, match="raise --limit or --minutes"):
        run(words, "--minutes", "0")


def test_methods_and_iterations_are_compared_photograph_by_photograph() -> None:
    def row(own: list[float], other: float, pixels: int) -> dict[str, Any]:
        def series(values: list[float]) -> dict[str, list[float]]:
            return {**dict.fromkeys(iassa_by_iteration.BETTER, values), "pixels": [pixels, 2 * pixels]}

        methods = {"IASSA": series(own), "RISE": series([other, other])}
        return {"iterations": 2, "budget": 3000, "evaluations": [500, 800], "changes": [0.04], **methods}

    text = iassa_by_iteration.report([row([0.5, 0.75], 0.25, 1000), row([0.4, 0.65], 0.15, 0)], 0.05)
    assert "would have ended on 2 of the 2 photographs, in the median after iteration 2. On 0 the budget of" in text
    assert "| evaluations, mean | both | 500 | 800 |  |" in text
    assert "| F1 (higher is better) | IASSA | 0.450 [0.400, 0.500] | 0.700 [0.650, 0.750] | +0.250 [+0.250" in text
    assert "|  | IASSA − RISE | +0.250 [+0.250, +0.250] | +0.500 [+0.500, +0.500] |  |" in text
    # where no pixel is activated there is no value of a pixel
    assert "| F1 (higher is better) | IASSA | 50.00 [50.00, 50.00] | 37.50 [37.50, 37.50] | −12.50 [−12.50" in text
