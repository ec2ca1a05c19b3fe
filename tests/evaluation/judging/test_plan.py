from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unseen import Classifier
from unseen.errors import ParameterError, UnseenError
from unseen.evaluation.judging.plan import Plan

PHOTOS = (Path("a/one.jpg"), Path("a/two.jpg"))


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"photos": ()}, "no photos"),
        ({"removals": ("gray",)}, "did you mean 'grey'"),
        ({"methods": ("casual",)}, "did you mean 'causal'"),
        ({"metrics": ("robustness",)}, "did you mean"),
        ({"metrics": ("roar",)}, "run unseen retrain --metric roar"),
        ({"confidence": (1.5,)}, "confidence must be in .*, got 1.5"),
        ({"confidence": ()}, "no confidence"),
        ({"metrics": ("",)}, "one of the metrics has no name"),
        ({"methods": ("causal", "")}, "one of the methods has no name"),
        ({"metrics": ("insertion@",)}, "names no removal after the @"),
        ({"backgrounds": 0}, "at least 1"),
        ({"seed": -1}, "seed"),
    ],
)
def test_nonsense_is_refused_before_any_work(bad: dict[str, Any], said: str) -> None:
    with pytest.raises(UnseenError, match=said):
        Plan(**{"photos": PHOTOS, **bad})


def test_a_plan_is_json() -> None:
    json.dumps(Plan(PHOTOS).to_dict())


@pytest.mark.usefixtures("unchecked_types")
def test_a_plan_takes_text_for_paths_one_for_several_and_numbers_of_numpy() -> None:
    plan = Plan(
        photos=["a/one.jpg", Path("a/two.jpg")],  # type: ignore[arg-type, list-item]
        methods="occlusion",  # type: ignore[arg-type]
        removals=["grey"],  # type: ignore[arg-type]
        confidence=np.array([0.25, 0.5], np.float32),  # type: ignore[arg-type]
        metrics=("size",),
        contexts="a/one.jpg",  # type: ignore[arg-type]
        seed=np.int64(3),  # type: ignore[arg-type]
        backgrounds=np.int32(2),  # type: ignore[arg-type]
    )
    plain = Plan(
        PHOTOS, "efficientnet-lite0", ("occlusion",), ("grey",), (0.25, 0.5), metrics=("size",), seed=3, backgrounds=2
    )
    assert plan == replace(plain, contexts=PHOTOS[:1])
    assert json.loads(json.dumps(plan.to_dict())) == json.loads(json.dumps(plan.to_dict()))
    for bad, said in (
        ({"photos": (3,)}, "photos must be a path, not 3"),
        ({"methods": (None,)}, "methods must be text, not None"),
        ({"confidence": "0.5"}, "confidence must be one number, not '0.5'"),
        ({"seed": 0.5}, "seed must be one whole number"),
        ({"controls": 1}, "controls must be True or False"),
    ):
        with pytest.raises(UnseenError, match=said):
            Plan(**{"photos": PHOTOS, **bad})


def test_a_classifier_brings_its_own_device_labels_and_preprocessing() -> None:
    model = Classifier(torch.nn.Identity(), name="mine")
    plan = Plan(PHOTOS, model)
    assert json.loads(json.dumps(plan.to_dict()))["model"] == plan.model_name == "mine"
    with pytest.raises(ParameterError, match="labels and preprocessing and device belong to the name of a model"):
        Plan(PHOTOS, model, labels=Path("labels.txt"), preprocessing="size=4", device="cpu")


@pytest.mark.usefixtures("unchecked_types")
def test_a_network_is_no_model_of_a_plan() -> None:
    with pytest.raises(ParameterError, match=r"the classifier is an Identity; give a name .* or unseen.Classifier"):
        Plan(PHOTOS, torch.nn.Identity())  # type: ignore[arg-type]
