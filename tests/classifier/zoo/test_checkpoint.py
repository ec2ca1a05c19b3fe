"""Checkpoints as people save them: under a prefix, by Lightning, with a head of their own; what differs is told."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from unseen import load_classifier
from unseen.classifier.zoo.checkpoint import Checkpoint, with_channels
from unseen.classifier.zoo.efficientnet_lite import VARIANTS, EfficientNetLite
from unseen.classifier.zoo.weights import read_weights
from unseen.errors import ModelError

LITE0 = "efficientnet-lite0"


@pytest.fixture(scope="module")
def network() -> EfficientNetLite:
    torch.manual_seed(0)
    return EfficientNetLite(VARIANTS[LITE0], 7).eval()


class Lightning:
    """Hyper-parameters of a class of the training's own, as Lightning saves them."""

    def __init__(self) -> None:
        self.rate = 0.1


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch unpickled",)


def under(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}{name}": value for name, value in state.items()}


def headed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.replace("classifier.", "classifier.1."): value for name, value in state.items()}


def lightning(state: dict[str, Tensor], **more: object) -> dict[str, Any]:
    return {"epoch": 3, "pytorch-lightning_version": "2.5.0", "state_dict": state, "optimizer_states": [{}], **more}


@pytest.mark.parametrize(
    "form", ["module.", "model.", "net.backbone.", "lightning", "strange", "criterion", "head", "everything"]
)
def test_every_form_is_the_same_network(tmp_path: Path, network: EfficientNetLite, form: str) -> None:
    state, notes = dict(network.state_dict()), []
    content: dict[str, Any] = under(form, state)
    match form:
        case "lightning":
            content = lightning(under("model.", state), hyper_parameters={"lr": 0.1, "layers": [1, 2]})
        case "strange":
            content = lightning(under("model.", state), hyper_parameters=argparse.Namespace(lr=0.1), extra=Lightning())
        case "criterion":
            content = {**under("net.", state), "criterion.weight": torch.ones(7)}
            notes = ["criterion.weight of .* left out, because they are not under 'net.'"]
        case "head":
            content = headed(state)
            notes = ["classifier of .* is a Sequential with one layer of weights.* taken for dropout"]
        case "everything":
            content = lightning({**under("a.b.", headed(state)), "metric.total": torch.zeros(1)})
            notes = ["metric.total", "a Sequential"]
    path = tmp_path / "weights.ckpt"
    torch.save(content, path)
    classifier = load_classifier(f"{LITE0}@{path}", device="cpu")
    found = classifier.model.state_dict()
    assert all(torch.equal(found[name], value) for name, value in state.items())
    *told, of_preprocessing = classifier.notes
    assert "the preprocessing is that of the published weights of efficientnet-lite0" in of_preprocessing
    assert len(told) == len(notes)
    for words, note in zip(notes, told, strict=True):
        assert re.search(words, note)
    given = load_classifier(f"{LITE0}@{path}", device="cpu", preprocessing="mean=0.5,0.5,0.5")
    assert given.notes == tuple(told)
    assert given.preprocessing.size == (224, 224)


def test_what_else_lightning_saves_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, content in enumerate([
        lightning({"weight": torch.ones(2)}, hyper_parameters=Bomb()),
        lightning({"weight": torch.ones(2), "other": Bomb()}),
        {"state_dict": {"weight": torch.ones(2)}, "config": argparse.Namespace()},
    ]):  # fmt: skip
        path = Path(f"{number}.ckpt")
        torch.save(content, path)
        with pytest.raises(ModelError, match="pickled code is never run"):
            read_weights(path)
    torch.save(lightning({"weight": torch.ones(2), "other": Lightning()}), "mixed.ckpt")
    with pytest.raises(ModelError, match="mixes tensors with other values"):
        read_weights(Path("mixed.ckpt"))
    assert not Path("unpickled").exists()


def checkpoint(tensors: dict[str, Tensor]) -> Checkpoint:
    return Checkpoint(Path("it.pth"), tensors)


LINEAR = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
OWN = LINEAR.state_dict()


def test_several_networks_in_a_file_are_refused() -> None:
    both = {**under("student.", OWN), **under("teacher.", OWN)}
    with pytest.raises(ModelError, match=r"holds several networks, under 'student.' and 'teacher.'; save one of them"):
        checkpoint(both).named_as(OWN)
    assert checkpoint(under("student.", OWN)).named_as(OWN).tensors.keys() == OWN.keys()


def test_a_head_of_several_layers_is_no_linear_layer(tmp_path: Path, network: EfficientNetLite) -> None:
    state = {name: value for name, value in network.state_dict().items() if "classifier" not in name}
    state |= {f"classifier.{place}.weight": torch.zeros(2, 1280) for place in (0, 2)}
    torch.save(state, tmp_path / "two.pth")
    message = r"has no classifier.weight, but classifier.0.weight, classifier.2.weight; name .* python:FILE"
    with pytest.raises(ModelError, match=message):
        load_classifier(f"{LITE0}@{tmp_path / 'two.pth'}")


def test_what_differs_is_told_key_by_key() -> None:
    given = {"0.weight": torch.zeros(3, 3), "0.bias": OWN["0.bias"], "a\x1b": torch.zeros(1), "b": torch.zeros(1)}
    with pytest.raises(ModelError) as told:
        checkpoint(given).fit(LINEAR)
    assert str(told.value) == (
        "it.pth does not fit Sequential: 2 missing (1.weight, 1.bias), 2 unexpected (a\\x1b, b), 1 of another shape "
        "(0.weight (3, 3) instead of (2, 3)); name the architecture that it is of, or give the network that your code "
        "builds: python:FILE.py:NAME"
    )
    checkpoint(OWN).fit(LINEAR)


def test_classes_channels_and_sides() -> None:
    one = checkpoint(
        {"head.bias": torch.zeros(5), "stem.weight": torch.zeros(8, 4, 3, 3), "pos": torch.zeros(1, 37, 9)}
    )
    assert one.classes(["head.weight", "head.bias"]) == 5
    assert (one.channels(["stem.weight"]), one.channels(["none"])) == (4, None)
    assert one.side("pos", torch.zeros(1, 197, 9), 196) == 6
    assert one.side("pos", torch.zeros(1, 37, 9), 36) is None, "it is the architecture's own"
    assert one.side("pos", torch.zeros(1, 196, 9), 196) is None, "37 is no square"
    with pytest.raises(ModelError, match=r"has no tail.weight; name the architecture"):
        one.classes(["tail.weight"])


def test_a_first_convolution_for_other_channels() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.ReLU())
    with_channels(network, "0.weight", 5)
    assert network(torch.rand(1, 5, 8, 8)).shape == (1, 8, 4, 4)
