"""Metrics of maps in an evaluation: toy metrics on the toy model, whose class is the brighter side."""

from __future__ import annotations

import json
import math
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from helpers import toys
from unseen import Classifier
from unseen.classifier.backend_names import BackendName
from unseen.classifier.zoo import MODELS
from unseen.errors import NotApplicableError, ParameterError
from unseen.evaluation.judging import judging
from unseen.evaluation.judging.engine import run
from unseen.evaluation.judging.outcomes import Row
from unseen.evaluation.judging.plan import Plan
from unseen.explainers.catalogue import METHODS
from unseen.metrics import METRICS, MetricEntry
from unseen.metrics.case import Case, MaskMetric
from unseen.registry import Entry
from unseen.removal import REMOVALS, Removal
from unseen.removal.masked import MaskedForward


@dataclass(frozen=True)
class Shown(MaskMetric):
    """Probability with only the pixels above the map's mean visible."""

    def masks(self, case: Case) -> torch.Tensor:
        return (case.saliency > case.saliency.mean())[None]

    def value(self, case: Case, masks: torch.Tensor, logits: torch.Tensor) -> float:
        del masks
        return float(logits.softmax(1)[0, case.target])


@dataclass(frozen=True)
class Again:
    """Whether the method gives the same map again, and what the case holds."""

    fails: bool = False
    value: float = 0.0
    breaks: bool = False

    def __call__(self, case: Case) -> float:
        if self.breaks:
            raise ZeroDivisionError("nothing to divide by")
        if not math.isfinite(self.value):
            return self.value
        if self.fails:
            raise NotApplicableError("it is asked to fail")
        assert case.others is not None
        assert len(list(case.others())) == 2
        return float(torch.equal(case.explained(case.image), case.saliency))


@dataclass(frozen=True)
class Inside:
    """Share of the map that lies on the object."""

    def __call__(self, case: Case) -> float:
        return float(case.saliency[case.annotated()].sum() / case.saliency.sum())


@dataclass(frozen=True)
class Refusing(Removal):
    """It has no rule for any network."""

    name = "refusing"

    def forward(self, classifier: Classifier, image: torch.Tensor) -> MaskedForward:
        del classifier, image
        raise NotApplicableError("there is no rule")


def entry(name: str, **more: object) -> MetricEntry:
    values = {"better": "higher", "range": "0 to 1", "weakness": "a toy", **more}
    return MetricEntry(f"{__name__}:{name}", name, "nobody", "1", **values)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def toy_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS.entries, "toy", toys.METHOD)
    monkeypatch.setitem(MODELS.entries, "toy", toys.MODELS)
    for name, more in (("shown", {}), ("again", {"needs": ("method",)}), ("inside", {"needs": ("annotation",)})):
        monkeypatch.setitem(METRICS.entries, name, entry(name.title(), **more))


@pytest.fixture
def plan(bright_sides: tuple[Path, ...]) -> Plan:
    return Plan(
        bright_sides,
        model="toy:sides",
        methods=("toy",),
        removals=("black", "grey"),
        metrics=("shown", "shown@black", "again", "again:fails=true"),
        contexts=bright_sides,
        device="cpu",
    )


def by_key(rows: list[Row]) -> dict[tuple[object, ...], float | None]:
    return {(r.photo, r.method, r.removal, r.metric): r.value for r in rows if r.metric != "seconds"}


def test_maps_and_controls_are_judged_under_the_removal_that_the_metric_names(plan: Plan, tmp_path: Path) -> None:
    rows = run(plan, tmp_path / "out")
    found = by_key(rows)
    assert len(found) == 4 * 4 * 2 * (1 + 4)
    for method in ("toy", "random", "uniform", "edges"):
        assert found["1.png", method, "black", "shown"] == found["1.png", method, "black", "shown@black"]
        assert found["1.png", method, "grey", "shown@black"] == found["1.png", method, "black", "shown"]
    assert found["0.png", "toy", "grey", "shown"] != found["0.png", "toy", "black", "shown"]
    assert found["0.png", "toy", "black", "shown"] > 0.9  # type: ignore[operator]
    assert found["0.png", "toy", "black", "again"] == 1
    failed = [row for row in rows if row.metric == "again:fails=true"]
    assert {(row.value, row.detail) for row in failed} == {(None, "it is asked to fail")}
    assert found["0.png", "uniform", "black", "evaluations"] == 4  # those of the decision


def test_a_removal_that_refuses_the_network_takes_only_its_own_metrics_along(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = Entry(f"{__name__}:Refusing", "refusing", "nobody", "1")
    monkeypatch.setitem(REMOVALS.entries, "refusing", refusing)
    small = replace(plan, photos=plan.photos[:1], removals=("black",), metrics=("shown", "shown@refusing"))
    rows = [row for row in run(small, tmp_path / "out") if row.method == "toy"]
    assert by_key(rows)["0.png", "toy", "black", "shown"] is not None
    assert [row.detail for row in rows if row.metric == "shown@refusing"] == ["there is no rule"]


def test_only_what_is_lacking_is_judged(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = replace(plan, photos=plan.photos[:1], metrics=("shown", "again:fails=true"))
    run(small, tmp_path / "out")
    asked: list[int] = []
    original = judging.judge
    monkeypatch.setattr(judging, "judge", lambda pairs: (asked.append(len(pairs)), original(pairs))[1])
    run(small, tmp_path / "out")
    assert asked == []
    grown = run(plan, tmp_path / "out")
    assert asked == [1, 1] * 8 + [2, 1, 1] * 24  # what asks only masks together, the others one by one
    assert by_key(grown) == by_key(run(plan, tmp_path / "at once"))


def test_parts_and_maps_in_one_run(plan: Plan, tmp_path: Path) -> None:
    plan = replace(plan, photos=plan.photos[:1], removals=("black",), confidence=(0.5,), backgrounds=2)
    run(replace(plan, metrics=("shown",)), tmp_path / "out")
    rows = run(replace(plan, metrics=("shown", "size", "robustness-colours")), tmp_path / "out")
    found = {(row.method, row.metric, row.confidence): row.value for row in rows}
    assert found["toy", "size", 0.5] == 0.5
    assert found["toy", "shown", None] is not None
    assert found["random", "size", 0.5] is not None


def test_annotations_are_compared_with_and_are_a_control(plan: Plan, tmp_path: Path) -> None:
    box = [[0, 0, 32, 0, 32, 48, 0, 48]]
    objects = {
        "images": [{"id": 7, "file_name": "0.png", "height": 48, "width": 64}],
        "categories": [{"id": 1, "name": "left"}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 1, "segmentation": box, "iscrowd": 0}],
    }
    (tmp_path / "instances.json").write_text(json.dumps(objects))
    plan = replace(
        plan, photos=plan.photos[:2], removals=("black",), metrics=("inside",), annotations=tmp_path / "instances.json"
    )
    rows = run(plan, tmp_path / "out")
    found = by_key(rows)
    assert found["0.png", "toy", "black", "inside"] == found["0.png", "annotation", "black", "inside"] == 1
    assert found["0.png", "uniform", "black", "inside"] == 0.5
    (missing,) = {row.detail for row in rows if row.photo == "1.png" and row.metric == "inside"}
    assert "annotated" in missing
    (failed,) = {
        row.detail for row in rows if row.photo == "1.png" and row.method == "annotation" and row.metric == "seconds"
    }
    assert "annotated" in failed


def test_a_value_that_is_none_has_a_reason_in_words(plan: Plan, tmp_path: Path) -> None:
    metrics = ("again:value=nan", "again:value=inf", "again:breaks=true", "shown")
    rows = run(replace(plan, photos=plan.photos[:1], removals=("grey",), metrics=metrics), tmp_path / "out")
    said = {row.metric: row.detail for row in rows if row.method == "toy"}
    assert said["again:value=nan"].startswith("the metric is not defined for such a map")
    assert said["again:value=inf"] == "the value is infinite"
    assert said["again:breaks=true"] == "internal error, ZeroDivisionError: nothing to divide by"
    assert said["shown"] == ""


def test_annotations_that_do_not_fit_are_told_before_any_work(plan: Plan, tmp_path: Path) -> None:
    path = tmp_path / "instances.json"
    plan = replace(plan, metrics=("inside",), annotations=path)
    objects: dict[str, list[object]] = {"images": [], "categories": [{"id": 1, "name": "left"}], "annotations": []}
    for content, said in (("{}", "it lacks 'images'"), (json.dumps(objects), "knows none of the photographs")):
        path.write_text(content)
        with pytest.raises(ParameterError, match=said):
            run(plan, tmp_path / "out")
    objects["images"] = [{"id": 7, "file_name": "0.png", "height": 48, "width": 64}]
    path.write_text(json.dumps(objects))
    (tmp_path / "imagenet_classes.json").write_text('{"left": [7]}')
    with pytest.raises(ParameterError, match=r"class indices .* go up to 7"):
        run(plan, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("inside", "--annotations"),
        ("size@grey", "takes no options"),
        ("shown@gray", "did you mean 'grey'"),
        ("shown:much=1", "takes no options"),
        ("again:fails=perhaps", "neither 'true' nor 'false'"),
    ],
)
def test_metrics_that_cannot_be_asked_are_refused_before_any_work(plan: Plan, metric: str, said: str) -> None:
    with pytest.raises((ParameterError, LookupError), match=said):
        replace(plan, metrics=(metric,))


@pytest.mark.parametrize(("backend", "ran_on"), [("torch", "torch"), ("onnxruntime", "onnxruntime")])
@pytest.mark.parametrize("metric", ["shown", "size"])
def test_results_tell_what_the_passes_ran_on(
    backend: BackendName, ran_on: str, metric: str, plan: Plan, tmp_path: Path
) -> None:
    if backend == "onnxruntime":
        pytest.importorskip("onnxruntime")
    one = {"photos": plan.photos[:1], "methods": ("occlusion",), "removals": ("black",), "metrics": (metric,)}
    small = replace(plan, **one, controls=False, backend=backend)  # type: ignore[arg-type]
    run(small, tmp_path / "out")
    with closing(sqlite3.connect(tmp_path / "out" / "results.sqlite")) as database:
        assert database.execute("SELECT DISTINCT engine FROM explanations").fetchall() == [(ran_on,)]
