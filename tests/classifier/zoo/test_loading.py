import collections
import os
import pickle
import socket
import sys
from collections.abc import Callable
from contextlib import nullcontext
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from unseen import Preprocessing, load_classifier
from unseen.classifier.preprocessing import Interpolation
from unseen.classifier.targets import _plain
from unseen.classifier.zoo import MODELS
from unseen.classifier.zoo.efficientnet_lite import VARIANTS, EfficientNetLite, bundled_weights
from unseen.classifier.zoo.source import imagenet_labels, verified
from unseen.classifier.zoo.weights import downloading
from unseen.errors import ModelError, ParameterError, UnknownNameError, UnseenError
from unseen.inputs.photo import to_tensor
from unseen.system.optional import require

LITE0 = "efficientnet-lite0"


class Bomb:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch unpickled",)


@pytest.fixture(scope="module")
def fine_tuned() -> dict[str, Tensor]:
    """The weights of a lite0 with seven classes."""
    torch.manual_seed(0)
    return EfficientNetLite(VARIANTS[LITE0], 7).state_dict()


# ---- bundled ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VARIANTS)
def test_bundled_models(name: str) -> None:
    classifier = load_classifier(name, device="cpu")
    size = VARIANTS[name].size
    assert classifier.name == name
    assert classifier.preprocessing.size == (size, size)
    assert classifier.preprocessing.resize == size + 32
    assert not classifier.model.training
    assert not any(p.requires_grad for p in classifier.model.parameters())
    # The network was trained on (bytes − 127) / 128.
    byte = torch.full((1, 3, 1, 1), 200 / 255)
    torch.testing.assert_close(classifier.normalise(byte), torch.full((1, 3, 1, 1), (200 - 127) / 128))


def test_every_label_names_one_class() -> None:
    labels = imagenet_labels()
    assert len(labels) == 1000
    assert not [name for name, count in collections.Counter(map(_plain, labels)).items() if count > 1]
    assert (labels[0], labels[134], labels[517], labels[999]) == (
        "tench",
        "crane (bird)",
        "crane (machine)",
        "toilet tissue",
    )


def test_the_models_are_listed() -> None:
    assert list(MODELS) == [*VARIANTS, "torchvision", "timm", "hf", "python", "onnx", "torchscript", "http", "https"]


# ---- local weights ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["safetensors", "pth", "nested", "parallel"])
def test_fine_tuned_weights(tmp_path: Path, fine_tuned: dict[str, Tensor], form: str) -> None:
    path = tmp_path / ("weights.safetensors" if form == "safetensors" else "weights.pth")
    match form:
        case "safetensors":
            save_file(fine_tuned, path)
        case "pth":
            torch.save(fine_tuned, path)
        case "nested":
            torch.save({"epoch": 3, "state_dict": fine_tuned}, path)
        case "parallel":
            torch.save({f"module.{name}": value for name, value in fine_tuned.items()}, path)
    classifier = load_classifier(f"{LITE0}@{path}", device="cpu", labels=list("abcdefg"))
    expected = EfficientNetLite(VARIANTS[LITE0], 7)
    expected.load_state_dict(fine_tuned)
    images = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        assert torch.equal(classifier.logits(images), expected.eval()(classifier.normalise(images)))
    assert classifier.label(6) == "g"
    assert load_classifier(f"{LITE0}@{path}", device="cpu").labels is None


def test_the_published_file_can_be_named_too(classifier: object) -> None:
    again = load_classifier(f"{LITE0}@{bundled_weights(LITE0)}", device="cpu")
    assert again.labels == imagenet_labels()
    own = classifier.model.state_dict()  # type: ignore[attr-defined]
    assert all(torch.equal(own[name], value) for name, value in again.model.state_dict().items())


def test_a_network_is_built_once_if_its_head_is_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[tuple[Any, ...]] = []

    def build(*given: Any) -> EfficientNetLite:
        built.append(given)
        return EfficientNetLite(*given)

    monkeypatch.setattr("unseen.classifier.zoo.bundled.EfficientNetLite", build)
    load_classifier(LITE0, device="cpu")
    assert built == [(VARIANTS[LITE0],)]


def test_loading_draws_no_random_numbers_of_the_users() -> None:
    before = torch.get_rng_state()
    load_classifier(LITE0, device="cpu")
    assert torch.equal(torch.get_rng_state(), before)


def test_no_labels_are_not_the_models_own() -> None:
    assert load_classifier(LITE0, device="cpu", labels=[]).labels == ()


def test_labels_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("\n".join(f"kind {i}" for i in range(1000)) + "\n\n", encoding="utf-8")
    assert load_classifier(LITE0, device="cpu", labels=path).label(999) == "kind 999"
    with pytest.raises(ModelError, match=r"labels .* cannot be read"):
        load_classifier(LITE0, device="cpu", labels=tmp_path / "missing.txt")


def test_pickled_code_never_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in {"bomb.pth": Bomb(), "mixed.pth": {"weight": torch.zeros(2), "extra": Bomb()}}.items():
        torch.save(content, name)
        with pytest.raises(ModelError, match="pickled code is never run"):
            load_classifier(f"{LITE0}@{name}")
    Path("plain.pkl").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ModelError, match="pickled code is never run"):
        load_classifier(f"{LITE0}@plain.pkl")
    torch.save(nn.Linear(2, 2), "whole.pth")
    with pytest.raises(ModelError, match="state_dict"):
        load_classifier(f"{LITE0}@whole.pth")
    assert not Path("unpickled").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.pth", b"", "damaged"),
        ("noise.pth", b"noise" * 50, "damaged"),
        ("noise.safetensors", b"noise" * 50, "damaged"),
        ("cut.pth", None, "damaged"),
    ],
)
def test_damaged_weights_are_refused(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(bundled_weights(LITE0).read_bytes()[:100_000] if content is None else content)
    with pytest.raises(ModelError, match=message) as caught:
        load_classifier(f"{LITE0}@{path}")
    assert "\n" not in str(caught.value)


def test_weights_of_another_kind_are_refused(tmp_path: Path, fine_tuned: dict[str, Tensor]) -> None:
    def refused(content: object, message: str, spec: str = LITE0) -> None:
        torch.save(content, tmp_path / "weights.pth")
        with pytest.raises(ModelError, match=message):
            load_classifier(f"{spec}@{tmp_path / 'weights.pth'}")

    refused([1, 2], "no named tensors")
    refused({}, "no named tensors")
    refused({"weight": torch.zeros(2), "epoch": 3}, "mixes tensors with other values")
    refused({"weight": torch.zeros(2)}, "has no classifier.weight")
    refused({k: v for k, v in fine_tuned.items() if k != "stem.1.weight"}, r": 1 missing \(stem.1.weight\);")
    refused({**fine_tuned, "extra": torch.zeros(1)}, r": 1 unexpected \(extra\);")
    refused(
        {k: v for k, v in fine_tuned.items() if "running" not in k}, r"\d+ missing \(.*running_mean, .* \d+ more\);"
    )
    wider = {**fine_tuned, "stem.1.weight": torch.zeros(40, 3, 3, 3)}
    refused(wider, r"1 of another shape \(stem.1.weight \(40, 3, 3, 3\) instead of \(32, 3, 3, 3\)\);")
    refused(fine_tuned, r"missing \(.*\), \d+ of another shape \(.*", "efficientnet-lite2")
    refused(torch.load(bundled_weights("efficientnet-lite1"), weights_only=True), "not a PyTorch checkpoint of")
    with pytest.raises(ModelError, match="no weights file"):
        load_classifier(f"{LITE0}@{tmp_path / 'missing.pth'}")


def test_the_published_names_in_alphabetical_order_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "renamed.safetensors"
    published = torch.load(bundled_weights(LITE0), weights_only=True)
    save_file({name: value.contiguous() for name, value in published.items()}, path)
    with pytest.raises(ModelError, match="not a PyTorch checkpoint"):
        load_classifier(f"{LITE0}@{path}")


# ---- specs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("eficientnet-lite0", UnknownNameError, "did you mean 'efficientnet-lite0'"),
        ("resnet50", UnknownNameError, "torchvision:NAME, timm:NAME"),
        ("model.safetensors", UnknownNameError, "as in timm:NAME@model.safetensors, or python:FILE.py:NAME"),
        (
            "nets/model.onnx",
            UnknownNameError,
            "'nets/model.onnx' is a file's name and no model's; write onnx:nets/model.onnx",
        ),
        ("my.py:build", UnknownNameError, "write python:my.py:build"),
        ("model.pt", UnknownNameError, "write torchscript:model.pt of a program"),
        ("", UnknownNameError, "unknown model ''"),
        ("timm:", ParameterError, "write 'timm:NAME'"),
        ("hf", ParameterError, "write 'hf:ORG/NAME'"),
        ("efficientnet-lite0:7", ParameterError, "not bundled"),
    ],
)
def test_wrong_specs(spec: str, error: type[UnseenError], message: str) -> None:
    with pytest.raises(error, match=message):
        load_classifier(spec)


def test_an_unknown_device_is_found_before_anything_is_loaded() -> None:
    with pytest.raises(ParameterError, match="device"):
        load_classifier("hf:no/such", device="toaster")


@pytest.mark.parametrize(
    ("spec", "extra"), [("torchvision:resnet18", "torchvision"), ("timm:resnet18", "timm"), ("hf:a/b", "transformers")]
)
def test_missing_extras_are_named(monkeypatch: pytest.MonkeyPatch, spec: str, extra: str) -> None:
    for module in ("torchvision", "torchvision.models", "timm", "transformers"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModelError, match=rf"pip install 'unseen\[{extra}\]'"):
        load_classifier(spec)


def test_an_extra_that_does_not_fit_torch_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "misbuilt.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelError, match=r"nms does not exist.*belong together"):
        require("misbuilt", "torchvision")


# ---- checks ----------------------------------------------------------------------------------------------------------


def test_downloading_is_safe_bounded_and_undone() -> None:
    before = socket.getdefaulttimeout()

    def download() -> None:
        with downloading("weights", "try again"):
            assert os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] == "1"
            assert socket.getdefaulttimeout() is not None
            raise ConnectionError("no route\nto host.")

    with pytest.raises(ModelError, match=r"weights cannot be loaded \(no route\); try again"):
        download()
    assert socket.getdefaulttimeout() == before
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ


def test_preprocessing_is_compared_with_the_sources_own() -> None:
    ours = Preprocessing(size=(64, 64), resize=72, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
    mean, std = torch.tensor([ours.mean, ours.std]).reshape(2, 3, 1, 1).unbind()

    def reference(
        preprocessing: Preprocessing, flip: bool = False, twice: bool = False
    ) -> Callable[[Image.Image], Tensor]:
        def transform(photo: Image.Image) -> Tensor:
            pixels = to_tensor(preprocessing.crop(photo))
            normal = ((pixels.flip(0) if flip else pixels) - mean) / std
            return (normal - mean) / std if twice else normal

        return transform

    assert verified(ours, reference(ours), "m") is ours
    unlike = [
        reference(Preprocessing(size=(64, 64), resize=80)),
        reference(Preprocessing(size=(64, 64), resize=None)),
        reference(Preprocessing(size=(60, 60), resize=72)),
        reference(ours, flip=True),
        reference(ours, twice=True),
    ]
    for transform in unlike:
        with pytest.raises(ModelError, match="preprocessing of m is not"):
            verified(ours, transform, "m")


@pytest.mark.parametrize(("size", "resize"), [(64, 72), (224, 256), (384, None)])
def test_another_filter_is_noticed(size: int, resize: int | None) -> None:
    mean, std = (0.5, 0.5, 0.5), (0.2, 0.2, 0.2)
    filters = [Preprocessing((size, size), resize, name, mean, std) for name in get_args(Interpolation)]
    for ours, theirs in product(filters, repeat=2):

        def reference(photo: Image.Image, theirs: Preprocessing = theirs) -> Tensor:
            return to_tensor(theirs.crop(photo)).sub(0.5).div(0.2)

        with nullcontext() if ours == theirs else pytest.raises(ModelError, match=f"not a {ours.interpolation} resize"):
            verified(ours, reference, "m")
