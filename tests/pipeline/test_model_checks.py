from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

import unseen
from unseen import Classifier, Preprocessing
from unseen.errors import PhotoError
from unseen.pipeline.model_checks import CHECKS

SIDE = 24
SLOW = {check.name for check in CHECKS if check.slow}


class Red(nn.Module):
    """Class 0 where much is red, else class 1; with hooks for whatever a network should not do."""

    def __init__(self, **planted: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.channels, self.head = nn.Conv2d(3, 2, 1), nn.Linear(2, 3)
        self.planted = planted
        self.calls = 0
        with torch.no_grad():
            self.channels.weight.copy_(torch.tensor([[1.0, 0, 0], [-1, 0, 0]])[:, :, None, None])
            self.channels.bias.copy_(torch.tensor([-0.5, 0.6]))
            self.head.weight.copy_(torch.tensor([[10.0, 0], [0, 0], [0, 0]]))
            self.head.bias.copy_(torch.tensor([0.0, 1, -1]))

    def at(self, place: str, x: Tensor) -> Tensor:
        return self.planted.get(place, lambda _, x: x)(self, x)

    def forward(self, x: Tensor) -> Tensor:
        features = self.at("features", self.channels(self.at("input", x)).relu())
        return self.at("output", self.head(self.at("means", features.mean((2, 3)))))


class Uncopied(Red):
    def __deepcopy__(self, memo: object) -> Uncopied:
        raise TypeError("cannot be copied")


class Beside(Red):
    """A third of what it sees are the mean colours, which are no feature map."""

    def forward(self, x: Tensor) -> Tensor:
        colours = nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)
        return super().forward(x) + 0.5 * F.pad(colours[:, :1], (0, 2))


class Flat(nn.Module):
    """The same by a layer that sees all pixels at once."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3 * SIDE * SIDE, 3)
        with torch.no_grad():
            weight = torch.zeros(3, 3, SIDE * SIDE)
            weight[0, 0] = 3 / SIDE**2
            self.head.weight.copy_(weight.flatten(1))
            self.head.bias.copy_(torch.tensor([0.0, 1.8, -1]))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x.flatten(1))


def photo() -> Tensor:
    image = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
    image[0] = 0.8 + 0.2 * image[0]
    return image


def classifier_of(model: nn.Module, labels: list[str] | None = None, size: int = SIDE) -> Classifier:
    preprocessing = Preprocessing((size, size), None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    return Classifier(model.eval(), preprocessing, labels, outputs="logits")


def biased(weights: list[list[float]], bias: list[float]) -> Red:
    model = Red()
    with torch.no_grad():
        model.head.weight.copy_(torch.tensor(weights))
        model.head.bias.copy_(torch.tensor(bias))
    return model


def in_two_precisions() -> Red:
    model = Red(means=lambda _, x: x.double(), output=lambda _, x: x.float())
    model.head.double()
    return model


def counting(model: Red, x: Tensor) -> Tensor:
    model.calls += 1
    return x


def training(model: Red, x: Tensor) -> Tensor:
    model.head.train()
    return x


def freezing(model: Red, x: Tensor) -> Tensor:
    model.head.requires_grad_(False)
    return x


def hooking(model: Red, x: Tensor) -> Tensor:
    if not model.head._forward_hooks:
        model.head.register_forward_hook(lambda *_: None)
    return x


def by_the_batch(model: Red, x: Tensor) -> Tensor:
    del model
    return x * 0.9 if len(x) > 3 else x


def by_the_thread(model: Red, x: Tensor) -> Tensor:
    del model
    return x if threading.current_thread() is threading.main_thread() else 2 * x


class Peeking(Red):
    """Reads its input past everything that follows torch's functions."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad(), torch._C.DisableTorchFunction():
            outside = x.mean((1, 2, 3)).tolist()
        return super().forward(x) + torch.tensor(outside)[:, None] * torch.tensor([1.0, 0, 0])


def seeing_grey() -> Red:
    model = Red()
    nn.init.constant_(model.channels.bias, -0.2)
    return model


# ---- a good model ----------------------------------------------------------------------------------------------------


def test_a_sound_model_passes_all_checks() -> None:
    heard: list[tuple[str, int, int | None]] = []
    red = classifier_of(Red(), ["red", "other", "none"])
    found = unseen.check_model(red, photo(), progress=lambda *event: heard.append(event))
    assert heard[-1] == (found[-1].name, len(found), len(found))
    assert [(one.name, one.measured) for one in found if one.status != "holds"] == []
    assert [one.name for one in found] == [check.name for check in CHECKS if check.name not in SLOW]


def test_the_bundled_model_passes_all_checks(classifier: Classifier, photo_path: Any) -> None:
    found = unseen.check_model(classifier, photo_path)
    assert [(one.name, one.measured) for one in found if one.status != "holds"] == []
    measured = {one.name: one.measured for one in found}
    assert measured["photograph"].startswith("400 × 600 pixels (height × width), scaled to 256 × 384")
    assert measured["labels"] == "1000 labels"
    assert measured["decision"].startswith("espresso")
    assert measured["feature map"].startswith("1280×7×7 (channels × height × width) after head")
    assert measured["feature map"].endswith("on rows 0 to 223 and columns 0 to 223; 0 % of the score passes beside")


# ---- bad ones: (what is planted, the one check that names it, its status, words of it) --------------------------------

PLANTED: list[tuple[Callable[[], nn.Module], str, str, str]] = [
    (in_two_precisions, "precision", "noted", "float32 on cpu and float64 on cpu"),
    (lambda: Red(output=lambda _, x: x[:, :, None]), "form", "fails", "returned shape (1, 3, 1)"),
    (lambda: Red(output=lambda _, x: x / (x - x)), "finite", "fails", "NaN or infinite logits"),
    (lambda: Red(output=lambda _, x: x.softmax(1)), "logits", "fails", "outputs='probabilities'"),
    (lambda: Red(features=lambda _, x: F.dropout(x, 0.5)), "repeatable", "fails", "training=self.training"),
    (lambda: Red(output=lambda _, x: 1000 * x), "decision", "noted", "its probability is 1 in float32"),
    (lambda: Red(means=lambda _, x: x - x.mean(0) / 2), "neighbours", "fails", "another is in the batch"),
    (lambda: Red(output=by_the_batch), "batch size", "fails", "image 1 of 7 equal ones"),
    (lambda: Red(output=by_the_thread), "threads", "fails", "in another thread"),
    (lambda: Red(input=lambda _, x: x.clamp_(max=0.9)), "input kept", "noted", "begin its forward with x = x.clone()"),
    (seeing_grey, "grey picture", "noted", "as the photograph is"),
    (lambda: biased([[10, 0], [0, 30], [0, 0]], [2, 0, -1]), "ad: all hidden", "noted", "as the photograph is"),
    (Peeking, "ad: followed", "fails", "past torch's functions"),
    (lambda: Red(features=lambda _, x: x.detach()), "gradients", "fails", "have no gradient"),
    (lambda: Red(features=lambda _, x: 0.3 * x + 0.7 * x.detach()), "gradients", "noted", "3.3 times as steeply"),
    (lambda: Red(features=lambda _, x: 2 * x.detach() - x), "gradients", "noted", "-1 times as steeply"),
    (lambda: Red(means=lambda _, x: x + (x - x).sqrt()), "gradients", "fails", "NaN or infinite in 100.0 %"),
    (lambda: Red(features=lambda _, x: torch.fft.ifft2(torch.fft.fft2(x)).real), "ad: followed", "fails", "fft"),
    (Beside, "feature map", "noted", "of the score passes beside"),
    (Flat, "feature map", "noted", "choose another method"),
    (Uncopied, "optimised copy", "fails", "cannot be optimised"),
    (lambda: Red(output=training), "left as found", "fails", "training flag of head changed"),
    (
        lambda: Red(output=freezing),
        "left as found",
        "fails",
        "requires_grad of head.weight, requires_grad of head.bias",
    ),
    (lambda: Red(output=hooking), "left as found", "fails", "forward hooks of head changed"),
    (lambda: Red(output=counting), "left as found", "fails", "calls changed"),
]


@pytest.mark.parametrize(
    ("plant", "name", "status", "words"), PLANTED, ids=[f"{one[1]}-{i}" for i, one in enumerate(PLANTED)]
)
def test_one_fault_is_named_by_one_check(plant: Callable[[], nn.Module], name: str, status: str, words: str) -> None:
    found = unseen.check_model(classifier_of(plant()), photo())
    told = {one.name: (one.status, one.measured) for one in found}
    assert told[name][0] == status, told[name]
    assert words in told[name][1]
    others = {other: said for other, (state, said) in told.items() if other != name and state != "holds"}
    assert all(said.startswith("not asked, because it needs what failed") for said in others.values()), others


def test_a_function_is_refused_what_needs_to_look_inside_and_nothing_else() -> None:
    def means(batch: Any) -> Any:
        return 20 * batch.mean((2, 3))

    told = {one.name: one for one in unseen.check_model(Classifier(means, Preprocessing((SIDE, SIDE), None)), photo())}
    assert [name for name, one in told.items() if one.status == "fails"] == ["gradients", "ad: followed"]
    assert told["left as found"].status == "holds"


def test_labels_that_are_too_few_are_named() -> None:
    said = {one.name: one for one in unseen.check_model(classifier_of(Red(), ["red", "other"]), photo())}
    assert [one.name for one in said.values() if one.status == "fails"] == ["labels"]
    assert "3 outputs but 2 labels" in said["labels"].measured
    assert said["gradients"].measured == "not asked, because it needs what failed: labels"


def test_what_a_photograph_loses_is_noted() -> None:
    classifier = Classifier(Red().eval(), Preprocessing((SIDE, SIDE), SIDE))
    for given, words in (
        (Image.new("RGB", (5 * SIDE, SIDE), "red"), "the middle 24 × 24, 20 %; crop it around what matters"),
        (torch.rand(3, 40, 40, dtype=torch.float32), "passes as it is"),
    ):
        first = unseen.check_model(classifier, given)[0]
        assert (first.name, first.status) == ("photograph", "noted")
        assert words in first.measured


def test_a_model_in_half_precision_is_noted() -> None:
    found = {one.name: one for one in unseen.check_model(classifier_of(Red().bfloat16()), photo())}
    assert found["precision"].status == "noted"
    assert "model.float() is exact" in found["precision"].measured
    assert [one.name for one in found.values() if one.status == "fails"] == []


def test_a_copy_on_onnx_runtime_is_compared_on_request() -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    told = {one.name: one for one in unseen.check_model(classifier_of(Red()), photo(), onnx=True)}
    assert told["ONNX copy"].status == "holds", told["ONNX copy"].measured
    strange = classifier_of(Red(features=lambda _, x: torch.special.airy_ai(x)))
    told = {one.name: one for one in unseen.check_model(strange, photo(), onnx=True)}
    assert told["ONNX copy"].status == "fails"
    assert "use it without accelerated()" in told["ONNX copy"].measured


def test_passes_are_counted_by_the_images_that_the_network_sees() -> None:
    seen: list[int] = []
    model = Red(input=lambda _, x: (seen.append(len(x)), x)[1])
    found = unseen.check_model(classifier_of(model), photo())
    own = [one for one in found if one.name != "optimised copy"]  # a copy is another network
    copied = next(one for one in found if one.name == "optimised copy")
    assert sum(one.passes for one in own) + copied.passes <= sum(seen)
    assert {one.name: one.passes for one in found}["batch size"] == 3 + 7
    assert all(one.seconds >= 0 for one in found)


def test_a_photograph_that_cannot_be_read_is_no_fault_of_the_model() -> None:
    with pytest.raises(PhotoError):
        unseen.check_model(classifier_of(Red()), "there is none.png")


@pytest.mark.parametrize("outputs", ["value", "binary", "sigmoid"])
def test_one_number_is_checked_whatever_it_means(outputs: str) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1))
    plain = Preprocessing((SIDE, SIDE), None, mean=(0, 0, 0), std=(1, 1, 1))
    found = {one.name: one for one in unseen.check_model(Classifier(network.eval(), plain, outputs=outputs), photo())}
    assert found["decision"].status == "holds"
    assert found["gradients"].status == "holds"
    assert found["grey picture"].status in ("holds", "noted")
