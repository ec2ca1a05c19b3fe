"""An explanation runs on one engine, chosen before anything that counts."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from helpers.checks import randomise
from unseen import Classifier, Preprocessing, explain
from unseen.classifier import backend as backends
from unseen.classifier.backend import PAYS, WORTH, Backend
from unseen.explainers.hiding.rise import Rise
from unseen.pipeline.explain import Explanation
from unseen.removal import REMOVALS, MaskedClassifier
from unseen.removal.engine import one_engine

SIZE = (32, 32)


@pytest.fixture(autouse=True)
def recording_always_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"_LONG": 0.0, "_AHEAD": 0.0, "_FASTER": float("inf")}.items():
        monkeypatch.setattr(backends, name, value)


def bound(removal: str, name: str = "auto") -> MaskedClassifier:
    return REMOVALS.create(removal).bind(classifier(name), photograph())


def classifier(name: str = "auto") -> Classifier:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    made = Classifier(randomise(network).float(), Preprocessing(SIZE, None), name="toy")
    made.backend = Backend(name)
    return made


def photograph() -> Tensor:
    return torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(0))


def masks(count: int) -> Tensor:
    return torch.rand(count, *SIZE, generator=torch.Generator().manual_seed(count)) > 0.5


@pytest.mark.parametrize(("removal", "title"), [("ad", "ad"), ("grey", "plain")])
def test_where_much_is_to_come_it_is_decided_first_and_nothing_is_counted(removal: str, title: str) -> None:
    masked = bound(removal)
    with one_engine(masked, WORTH):
        assert masked.evaluations == 0
        answers = masked(masks(3))
        assert masked.classifier.backend.passes == {title: "onnxruntime"}
    torch.testing.assert_close(answers, bound(removal, "torch")(masks(3)))


@pytest.mark.parametrize(("removal", "title"), [("ad", "ad"), ("grey", "plain")])
def test_no_engine_changes_within(removal: str, title: str) -> None:
    masked = bound(removal)
    passes = masked.classifier.backend.passes
    with one_engine(masked, 0):
        with one_engine(masked, 10):
            masked(masks(PAYS))
        masked(masks(PAYS))
        with one_engine(masked, WORTH):
            masked(masks(2))
        assert title not in passes
    masked(masks(2))
    assert passes[title] == "onnxruntime"


def test_what_was_asked_before_counts_where_the_next_begins() -> None:
    model = classifier()
    with one_engine(REMOVALS.create("ad").bind(model, photograph()), 0) as _:
        REMOVALS.create("ad").bind(model, photograph())(masks(WORTH))
    assert "ad" not in model.backend.passes
    with one_engine(REMOVALS.create("ad").bind(model, photograph()), 0):
        pass
    other = REMOVALS.create("ad").bind(model, photograph())
    with one_engine(other, 1):
        other(masks(1))
    assert model.backend.passes["ad"] == "onnxruntime"


def test_what_costs_more_than_a_pass_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    for removal in ("zip", "grey"):
        masked = bound(removal, "torch")
        monkeypatch.setattr(masked, "forward", lambda *_: pytest.fail("asked"))
        with one_engine(masked, 10 * WORTH):
            pass


def told(name: str, masks: int) -> Explanation:
    made = classifier(name)
    return explain(photograph(), made, method=Rise(masks=masks, block=0), removal="ad")


@pytest.mark.parametrize("masks", [20, WORTH])
def test_an_explanation_says_what_it_ran_on(masks: int) -> None:
    explanation = told("auto", masks)
    passes = explanation.provenance["classifier"]["backend"]["passes"]
    assert passes.get("ad") == ("onnxruntime" if masks == WORTH else None)
    assert not any("ONNX" in note for note in explanation.notes)
    torch.testing.assert_close(explanation.saliency, told("torch", masks).saliency)
