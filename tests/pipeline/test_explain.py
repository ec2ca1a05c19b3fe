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
from torch import nn

import unseen
from helpers import toys
from unseen import Classifier, Explanation, explain
from unseen.classifier.zoo import MODELS
from unseen.cli import main
from unseen.errors import ModelError, ParameterError, PhotoError, UnknownNameError
from unseen.explainers.catalogue import METHODS
from unseen.removal.fills.constant import ConstantFill


def sides(name: str = "sides") -> Classifier:
    loaded = toys.load(name, None)
    return Classifier(loaded.model, loaded.preprocessing, loaded.labels, outputs=loaded.outputs, name=f"toy:{name}")


@pytest.fixture
def half() -> np.ndarray[Any, Any]:
    """A photograph whose right half is bright."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, 32:] = 200
    return pixels


def toy(photo: Any, **options: Any) -> Explanation:
    return explain(
        photo, **{"classifier": sides(), "method": toys.Toy(), "removal": "black", "backgrounds": 0, **options}
    )


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
        "on the full photograph the model says right (> 99.99 %), not left (< 0.01 %), which this explanation is about",
        "only a toy",
    )


def test_the_image_is_what_the_model_saw(half: np.ndarray[Any, Any]) -> None:
    explanation = toy(half)
    assert torch.equal(explanation.image, sides().prepare(half))
    digest = hashlib.sha256(explanation.image.numpy().tobytes()).hexdigest()
    assert explanation.provenance["photo"] == {
        "source": "ndarray", "file_sha256": None, "shape": [3, 24, 32], "sha256": digest,
    }  # fmt: skip


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
    assert about["removal"] == {"name": "black", "colour": "black"}
    assert about["request"] == {
        "target": None,
        "confidence": [0.1, 0.2],
        "seed": 5,
        "parts": 1,
        "part": ["sufficient", "necessary"],
        "chance": 16,
        "robust": None,
        "contexts": None,
        "backgrounds": 0,
        "batch_size": 2,
    }
    assert about["search"] == {"seed": 5}
    assert (about["evaluations"], about["batch"]) == (7, 2)
    assert 0 < about["model_seconds"] <= about["seconds"]
    assert about["command"] is None


def test_specs_and_objects_are_the_same(monkeypatch: pytest.MonkeyPatch, half: np.ndarray[Any, Any]) -> None:
    monkeypatch.setitem(METHODS.entries, "toy", toys.METHOD)
    monkeypatch.setitem(MODELS.entries, "toy", toys.MODELS)
    by_name = explain(half, "toy:sides", method="toy:stretch=3", removal="grey", backgrounds=0)
    by_hand = explain(half, sides(), method=toys.Toy(stretch=3.0), removal=ConstantFill("grey"), backgrounds=0)
    assert (by_hand.method, by_hand.removal) == ("toy:stretch=3.0", "grey")
    for explanation in (by_name, by_hand):
        assert explanation.provenance["evaluations"] == 7
    assert torch.equal(by_name.saliency, by_hand.saliency)
    assert (by_name.method, by_name.parts, by_name.curve) == (by_hand.method, by_hand.parts, by_hand.curve)


def test_the_command_in_the_record_repeats_the_explanation(
    tmp_path: Path, photo_path: Path, classifier: Classifier, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"method": "causal:iterations=2", "removal": "zero", "target": 504, "confidence": (0.1,), "seed": 3}
    options |= {"part": "sufficient", "backgrounds": 2}
    explanation = explain(photo_path, classifier.optimised(), **options)
    program, *words = shlex.split(explanation.provenance["command"])
    assert program == "unseen"
    assert main([*words, "--out", str(tmp_path), "--json"]) == 0
    capsys.readouterr()
    again = Explanation.load(tmp_path / "coffee")
    assert torch.equal(again.saliency, explanation.saliency)
    assert again.parts == explanation.parts
    assert again.provenance["evaluations"] == explanation.provenance["evaluations"]


@pytest.mark.slow
def test_the_command_of_a_plain_call_repeats_it(
    tmp_path: Path, photo_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    explanation = explain(
        photo_path, method="causal:iterations=1", removal="grey", part="sufficient", chance=2, backgrounds=2
    )
    _, *words = shlex.split(explanation.provenance["command"])
    assert main([*words, "--out", str(tmp_path), "--json"]) == 0
    capsys.readouterr()
    again = Explanation.load(tmp_path / "coffee")
    assert torch.equal(again.saliency, explanation.saliency)
    assert [part.mask.tolist() for part in again.parts] == [part.mask.tolist() for part in explanation.parts]
    assert again.provenance["command"] == explanation.provenance["command"]
    one, other = explanation.provenance["classifier"], again.provenance["classifier"]
    assert one["fingerprint"] == other["fingerprint"]
    assert (one["optimised"], other["optimised"]) == (True, True)


@pytest.mark.parametrize("spec", ["ad:pooled", "ad:travel=pooled", "ad:threshold=0.0,travel=pooled"])
def test_specs_are_recorded_in_one_form(half: np.ndarray[Any, Any], spec: str) -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    explanation = toy(half, classifier=Classifier(network, sides().preprocessing), removal=spec)
    assert explanation.removal == explanation.provenance["removal"]["name"] == "ad:travel=pooled"
    assert toy(half, method="causal:1,minimal").method == "causal:iterations=1"


def test_a_network_that_looks_at_the_whole_batch_is_refused(half: np.ndarray[Any, Any]) -> None:
    with pytest.raises(ModelError, match=r"when another is in the batch .* or batch size 1, a removal that paints"):
        toy(half, classifier=sides("sociable"))
    assert toy(half, classifier=sides("sociable"), batch_size=1).provenance["evaluations"] == 4
    norm = nn.BatchNorm2d(3, track_running_stats=False)
    network = nn.Sequential(norm, nn.Flatten(), nn.Linear(3 * 24 * 32, 3))
    with pytest.raises(ModelError, match="when another is in the batch"):
        toy(half, classifier=Classifier(network, sides().preprocessing))


def test_memory_for_one_photograph_is_enough(half: np.ndarray[Any, Any]) -> None:
    class Large(toys.Sides):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if len(x) > 1:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
            return super().forward(x)

    about = toy(half, classifier=Classifier(Large(), sides().preprocessing)).provenance
    assert (about["evaluations"], about["batch"]) == (4, 1)


@pytest.mark.parametrize("removal", ["ad", "mean"])
def test_the_network_is_left_as_it_was(half: np.ndarray[Any, Any], removal: str) -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    ).train()
    network[3].eval()
    network[5].weight.requires_grad_(False)
    network[5].bias.grad = torch.ones(3)
    network[2].register_forward_hook(lambda *_: None)

    def everything() -> tuple[Any, ...]:
        return (
            {name: tensor.clone() for name, tensor in network.state_dict().items()},
            [(id(p), p.requires_grad, p.grad if p.grad is None else p.grad.tolist()) for p in network.parameters()],
            [(id(m), m.training, list(m._forward_hooks), list(m._forward_pre_hooks)) for m in network.modules()],
            [(sorted(vars(m)), vars(m).get("forward")) for m in network.modules()],
            torch.get_rng_state().tolist(),
            np.random.get_state()[1].tolist(),  # noqa: NPY002
            (torch.is_grad_enabled(), torch.get_num_threads(), torch.get_default_dtype()),
        )

    before = everything()
    classifier = Classifier(network, sides().preprocessing)
    toy(half, classifier=classifier, method="causal:iterations=1", removal=removal)
    after = everything()
    assert all(torch.equal(value, after[0][name]) for name, value in before[0].items())
    assert before[1:] == after[1:]


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
    found = toy(half, progress=lambda *event: heard.append(event), batch_size=1)
    before = found.provenance["evaluations"] - 3  # of the decision
    assert before > 0
    assert heard == [("halving", before + done, before + 3) for done in range(4)]


@pytest.mark.parametrize("method", ["causal:iterations=2", "integrated-gradients:most=40,tolerance=0.5", "occlusion"])
def test_the_last_total_that_progress_hears_is_that_of_the_record(half: np.ndarray[Any, Any], method: str) -> None:
    heard: list[tuple[str, int, int | None]] = []
    found = toy(half, method=method, progress=lambda *event: heard.append(event))
    assert heard[-1][1:] == (found.provenance["evaluations"],) * 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"confidence": ()}, "no confidence was given"),
        ({"confidence": (0.5, 1.5)}, r"confidence must be in \[0, 1\], got 1.5"),
        ({"confidence": (math.nan,)}, "confidence must be .*, got nan"),
        ({"seed": -1}, "seed must be .*, got -1"),
        ({"parts": 0}, "parts must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"part": ()}, "no role of a part was given"),
        ({"chance": -1}, "chance must be at least 0, got -1"),
        ({"target": 3}, "target 3 is outside 0 … 2"),
        ({"method": "causal:iterations=none"}, "'none' is not an integer"),
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


NUMBERS: list[dict[str, Any]] = [
    {"target": np.argmax([0.1, 0.9, 0.2])},
    {"target": torch.tensor([0.1, 0.9, 0.2]).argmax()},
    {"target": torch.tensor([[0.1, 0.9, 0.2]]).argmax(1)},
    {"target": np.str_("right")},
    {"confidence": 0.5},
    {"confidence": np.float32(0.5)},
    {"confidence": np.array([0.5, 0.75], np.float32)},
    {"confidence": torch.tensor([0.5])},
    {"seed": np.random.default_rng(0).integers(10)},
    {"seed": torch.tensor(3)},
    {"parts": np.int64(1)},
    {"batch_size": np.int64(4)},
    {"part": "necessary"},
    {"chance": np.int64(3)},
    {"removal": ConstantFill("black"), "method": toys.Toy(stretch=2)},
]


@pytest.mark.parametrize("given", NUMBERS, ids=str)
@pytest.mark.usefixtures("unchecked_types")
def test_numbers_of_numpy_and_torch_are_numbers(given: dict[str, Any], half: np.ndarray[Any, Any]) -> None:
    plain = {
        name: value.tolist() if isinstance(value, (np.ndarray, np.generic, torch.Tensor)) else value
        for name, value in given.items()
    }
    if isinstance(plain.get("target"), list):
        (plain["target"],) = plain["target"]
    if isinstance(plain.get("confidence"), float):
        plain["confidence"] = [plain["confidence"]]
    found, expected = toy(half, **given), toy(half, **plain)
    assert torch.equal(found.saliency, expected.saliency)
    assert found.parts == expected.parts
    assert found.provenance["request"] == expected.provenance["request"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"target": 0.5}, "target must be one whole number"),
        ({"target": True}, "target must be one whole number, not True"),
        ({"target": [0.5]}, "target must be one whole number, not 0.5"),
        ({"target": np.array([0, 1])}, "target must be one whole number"),
        ({"confidence": "0.5"}, "confidence must be one"),
        ({"confidence": [None]}, "confidence must be one number, not None"),
        ({"seed": 0.5}, "seed must be one whole number"),
        ({"parts": 1.0}, "parts must be one whole number, not 1.0; give 1"),
        ({"batch_size": "8"}, "batch_size must be one whole number, not '8'"),
        ({"part": 1}, "part must be text, not 1"),
        ({"part": "needed"}, "part must be 'sufficient', 'necessary' or 'both', got 'needed'"),
        ({"chance": 0.5}, "chance must be one whole number"),
        ({"method": toys.Toy}, r"method Toy is a class; give an object of it, as in Toy\(\)"),
        ({"method": 3}, "method must be an object or one of the names of 'unseen list methods', not an int"),
        ({"method": toys.Toy(stretch="much")}, "stretch must be one number, not 'much'"),  # type: ignore[arg-type]
        ({"removal": None}, "removal must be an object or one of the names of 'unseen list removals'"),
        ({"removal": toys.Toy()}, "removal must be an object"),
        ({"classifier": nn.Flatten()}, r"the classifier is a Flatten; give a name .* or unseen.Classifier\(network"),
        ({"classifier": Path("model.pt")}, "the classifier is a PosixPath"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("unchecked_types")
def test_what_is_not_understood_is_refused_before_any_work(
    given: dict[str, Any], said: str, half: np.ndarray[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(self: Classifier, pixels: torch.Tensor) -> torch.Tensor:
        raise AssertionError(f"{self.name} was asked about {pixels.shape}")

    monkeypatch.setattr(Classifier, "forward", forward)
    with pytest.raises(ParameterError, match=said):
        toy(half, **given)


@pytest.mark.parametrize(
    "labels", [{2: "neither", 0: "left", 1: "right"}, {"right": 1, "neither": 2, "left": 0}, np.array(toys.LABELS)]
)
def test_the_label_is_the_one_of_the_index(labels: Any, half: np.ndarray[Any, Any]) -> None:
    classifier = Classifier(sides().model, sides().preprocessing, labels)
    assert toy(half, classifier=classifier).label == "right"
    assert toy(half, classifier=classifier, target="left").target == 0


def test_what_passes_untouched_is_explained_as_it_is() -> None:
    """Less than half a grey level tips the decision: rounded to 8 bits, another class would be explained."""
    pixels = torch.full((3, 24, 32), 100 / 255)
    pixels[:, :, 16:] += 0.4 / 255
    for given in (pixels, np.asarray(pixels.permute(1, 2, 0))):
        found = toy(given)
        assert torch.equal(found.image, pixels)
        assert found.label == "right"
        assert found.notes == ("only a toy",)
        assert found.provenance["prepared"]["geometry"] == placed([24, 32], None, [[1, 0, 0], [0, 1, 0]])
    rounded = toy(Image.fromarray(np.asarray(pixels.permute(1, 2, 0).mul(255).round().byte())))
    assert rounded.label != "right"


def test_numbers_that_are_prepared_are_told_and_recorded() -> None:
    found = toy(torch.full((3, 48, 96), 0.5))
    assert found.notes[0].startswith("the tensor of 48 × 96 pixels (height × width) was rounded to 8 bits and scaled")
    geometry = placed([48, 96], [24, 32], [[1 / 3, 0, 0], [0, 0.5, 0]])
    assert found.provenance["prepared"] == {"geometry": geometry, "rounded_to_8_bits": True}


def placed(given: list[int], resized: list[int] | None, matrix: list[list[float]]) -> dict[str, Any]:
    place = {"matrix": matrix, "source_size": given, "orientation": 1}
    return {"given": given, "resized": resized, "crop": [0, 0, 24, 32], "photograph_to_input": place}
