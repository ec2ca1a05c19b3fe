from __future__ import annotations

import hashlib
import json
import math
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import toys
import unseen
from unseen import Classifier, Explanation, explain
from unseen.cli import main
from unseen.errors import ModelError, ParameterError, PhotoError, UnknownNameError
from unseen.methods import METHODS
from unseen.removal.fills import ConstantFill
from unseen.zoo import MODELS


def sides(name: str = "sides") -> Classifier:
    loaded = toys.load(name, None)
    return Classifier(loaded.model, loaded.preprocessing, loaded.labels, name=f"toy:{name}")


@pytest.fixture
def half() -> np.ndarray[Any, Any]:
    """A photograph whose right half is bright."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, 32:] = 200
    return pixels


def toy(photo: Any, **options: Any) -> Explanation:
    return explain(photo, **{"classifier": sides(), "method": toys.Toy(), "removal": "black", **options})


def test_the_target_is_the_top_class_of_the_full_photograph(half: np.ndarray[Any, Any]) -> None:
    explanation = toy(half)
    logits = torch.tensor([0, 20 * 200 / 255, 0])
    assert (explanation.target, explanation.label) == (1, "right")
    assert explanation.probability == pytest.approx(float(logits.softmax(0)[1]))
    assert explanation.notes == ("only a toy",)


@pytest.mark.parametrize("target", [0, "left", "0"])
def test_another_target_is_explained_and_said_to_be_another(half: np.ndarray[Any, Any], target: str | int) -> None:
    explanation = toy(half, target=target)
    assert (explanation.target, explanation.label) == (0, "left")
    assert explanation.notes == (
        "on the full photograph the model's top class is right (100.0 %), not left (0.0 %), "
        "which this explanation is about",
        "only a toy",
    )


def test_the_image_is_what_the_model_saw(half: np.ndarray[Any, Any]) -> None:
    explanation = toy(half)
    assert torch.equal(explanation.image, sides().prepare(half))
    digest = hashlib.sha256(explanation.image.numpy().tobytes()).hexdigest()
    assert explanation.provenance["photo"] == {"source": "ndarray", "shape": [3, 24, 32], "sha256": digest}


def test_arrays_images_tensors_and_files_are_one_photograph(tmp_path: Path, half: np.ndarray[Any, Any]) -> None:
    image = Image.fromarray(half)
    image.save(tmp_path / "half.png")
    sources = [half, image, torch.from_numpy(half).permute(2, 0, 1), tmp_path / "half.png", str(tmp_path / "half.png")]
    images = [toy(source).image for source in sources]
    assert all(torch.equal(other, images[0]) for other in images)


def test_the_provenance_names_everything(half: np.ndarray[Any, Any]) -> None:
    about = toy(half, method=toys.Toy(stretch=2), seed=5, confidence=(0.1, 0.2), batch_size=2).provenance
    assert about["versions"]["unseen"] == unseen.__version__
    assert {"python", "torch", "numpy", "pillow"} < set(about["versions"])
    assert about["classifier"]["name"] == "toy:sides"
    assert about["classifier"]["preprocessing"]["size"] == [24, 32]
    assert (about["classifier"]["device"], about["classifier"]["dtype"]) == ("cpu", "float32")
    assert about["decision"]["top"][0]["label"] == "right"
    assert about["method"] == {"spec": "Toy:stretch=2", "stretch": 2, "wait": False}
    assert about["removal"]["colour"] == "black"
    assert about["request"] == {
        "target": None,
        "confidence": [0.1, 0.2],
        "seed": 5,
        "parts": 1,
        "contrastive": False,
        "batch_size": 2,
    }
    assert about["search"] == {"seed": 5}
    assert about["evaluations"] == 4
    assert 0 < about["model_seconds"] <= about["seconds"]
    assert about["command"] is None


def test_specs_and_objects_are_the_same(monkeypatch: pytest.MonkeyPatch, half: np.ndarray[Any, Any]) -> None:
    monkeypatch.setitem(METHODS.entries, "toy", toys.METHOD)
    monkeypatch.setitem(MODELS.entries, "toy", toys.MODELS)
    by_name = explain(half, "toy:sides", method="toy:stretch=3", removal="grey")
    by_hand = explain(half, sides(), method=toys.Toy(stretch=3), removal=ConstantFill("grey"))
    assert (by_hand.method, by_hand.removal) == ("toy:stretch=3", "grey")
    for explanation in (by_name, by_hand):
        assert explanation.provenance["evaluations"] == 4
    assert torch.equal(by_name.saliency, by_hand.saliency)
    assert (by_name.method, by_name.parts, by_name.curve) == (by_hand.method, by_hand.parts, by_hand.curve)


def test_the_command_in_the_record_repeats_the_explanation(
    tmp_path: Path, photo_path: Path, classifier: Classifier, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"method": "causal:iterations=2", "removal": "zero", "target": 504, "confidence": (0.1,), "seed": 3}
    explanation = explain(photo_path, classifier.optimised(), **options)
    program, *words = shlex.split(explanation.provenance["command"])
    assert program == "unseen"
    assert main([*words, "--device", "cpu", "--out", str(tmp_path), "--json"]) == 0
    capsys.readouterr()
    again = Explanation.load(tmp_path / "coffee")
    assert torch.equal(again.saliency, explanation.saliency)
    assert again.parts == explanation.parts
    assert again.provenance["evaluations"] == explanation.provenance["evaluations"]


def test_the_command_keeps_every_digit_and_is_there_only_if_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (64, 48), "grey").save(tmp_path / "grey.png")
    fill = {"method": "causal:iterations=1", "classifier": sides(), "confidence": (0.123456789,)}
    assert toy(tmp_path / "grey.png", **fill).provenance["command"] is None  # a model of the user's own
    monkeypatch.setitem(MODELS.entries, "toy", toys.MODELS)
    words = shlex.split(toy(tmp_path / "grey.png", **fill).provenance["command"])
    assert words[words.index("--confidence") + 1] == "0.123456789"


def test_progress_hears_of_every_evaluation(half: np.ndarray[Any, Any]) -> None:
    heard: list[tuple[str, int, int | None]] = []
    toy(half, progress=lambda *event: heard.append(event), batch_size=1)
    assert heard == [("halving", done, 3) for done in range(4)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"confidence": ()}, "no confidence was given"),
        ({"confidence": (0.5, 1.5)}, r"confidence 1.5 is outside \[0, 1\]"),
        ({"confidence": (math.nan,)}, "confidence nan"),
        ({"seed": -1}, "seed -1"),
        ({"parts": 0}, "parts 0 must be at least 1"),
        ({"batch_size": 0}, "batch size 0 must be at least 1"),
        ({"target": 3}, "target 3 is outside 0 … 2"),
        ({"method": "causal:iterations=none"}, "'none' is not a int"),
    ],
)
def test_requests_that_no_method_can_meet(half: np.ndarray[Any, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        toy(half, **options)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"method": "casual"}, UnknownNameError),
        ({"removal": "blck"}, UnknownNameError),
        ({"classifier": "efficientnet"}, UnknownNameError),
        ({"target": "lfet"}, UnknownNameError),
        ({"classifier": sides("nan")}, ModelError),
        ({"classifier": sides("short")}, ModelError),
    ],
)
def test_other_errors_of_the_user(half: np.ndarray[Any, Any], options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        toy(half, **options)
    with pytest.raises(PhotoError):
        toy("nowhere.jpg")


def test_a_model_without_labels_counts_its_classes(half: np.ndarray[Any, Any]) -> None:
    classifier = Classifier(toys.Sides(), sides().preprocessing)
    assert toy(half, classifier=classifier).label == "class 1"
    with pytest.raises(ParameterError, match="target 3 is outside 0 … 2"):
        toy(half, classifier=classifier, target=3)


def test_the_function_and_its_module_do_not_share_a_name() -> None:
    assert callable(unseen.explain)
    assert unseen.explain is explain


def test_the_record_survives_json(half: np.ndarray[Any, Any]) -> None:
    record = toy(half).to_dict()
    assert json.loads(json.dumps(record))["provenance"] == record["provenance"]
