"""What runs a pass: torch at first, then the faster; the same answers, whoever gives them."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from helpers.checks import randomise
from unseen import Classifier, Preprocessing
from unseen.classifier import backend as backends
from unseen.classifier.backend import PAYS, Backend
from unseen.errors import ModelError, ParameterError
from unseen.removal import REMOVALS

SIZE = (32, 32)


def classifier(name: str = "onnxruntime", last: nn.Module | None = None) -> Classifier:
    layers = [nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU6()]
    layers += [nn.Conv2d(8, 16, 1), nn.ReLU6(), nn.Conv2d(16, 16, 3, 1, 1, groups=16), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [last or nn.Identity(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4)]
    network = randomise(nn.Sequential(*layers)).float()
    made = Classifier(network, Preprocessing(SIZE, None), name="toy").optimised()
    made.backend = Backend(name)
    return made


def photographs(count: int) -> Tensor:
    return torch.rand(count, 3, *SIZE, generator=torch.Generator().manual_seed(count))


def masks(count: int) -> Tensor:
    coarse = torch.rand(count, 1, 4, 4, generator=torch.Generator().manual_seed(count)) > 0.5
    return nn.functional.interpolate(coarse.float(), size=SIZE)[:, 0]


class Odd(nn.Module):
    """Decides by a value."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 1 if x.sum() > 1e9 else x


@pytest.mark.parametrize("count", [1, 2, 5])
def test_answers_agree_in_every_batch_size(count: int) -> None:
    plain, fast = classifier("torch"), classifier()
    torch.testing.assert_close(fast.logits(photographs(count)), plain.logits(photographs(count)))
    assert (plain.backend.passes, fast.backend.passes) == ({}, {"plain": "onnxruntime"})


REMOVED = ["ad", "ad:pooled", "ad:threshold=0.4", "ad:join=and", "ad:pooled,threshold=0.5,pooling=all"]


@pytest.mark.parametrize("removal", REMOVED)
def test_masked_answers_agree(removal: str) -> None:
    plain, fast = (REMOVALS.create(removal).bind(one, photographs(1)[0]) for one in (classifier("torch"), classifier()))
    for count in (1, 6):
        torch.testing.assert_close(fast(masks(count)), plain(masks(count)))
    assert fast.classifier.backend.passes[fast.removal.name] == "onnxruntime"


def test_auto_decides_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_LONG", float("inf"))
    fast = classifier("auto")
    fast.logits(photographs(PAYS))
    assert fast.backend.passes == {}
    fast.logits(photographs(1))
    assert fast.backend.passes == {"plain": "torch (too small for a recording to pay)"}
    monkeypatch.setattr(backends, "_LONG", 0.0)
    monkeypatch.setattr(backends, "_FASTER", 1e9)
    other = classifier("auto")
    other.logits(photographs(PAYS))
    torch.testing.assert_close(other.logits(photographs(3)), classifier("torch").logits(photographs(3)))
    assert other.backend.record == {"asked": "auto", "passes": {"plain": "onnxruntime"}}


def test_what_decides_by_values_stays_in_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_LONG", 0.0)
    odd = classifier("auto", Odd())
    odd.logits(photographs(PAYS))
    odd.logits(photographs(1))
    assert "decides by a value" in odd.backend.passes["plain"]
    with pytest.raises(ModelError, match="choose the backend auto"):
        classifier("onnxruntime", Odd()).logits(photographs(1))


def test_new_weights_are_seen() -> None:
    fast = classifier()
    before = fast.logits(photographs(2))
    with torch.no_grad():
        next(fast.model.parameters()).mul_(2)
    after = fast.logits(photographs(2))
    fast.backend = Backend()
    torch.testing.assert_close(after, fast.logits(photographs(2)))
    assert not torch.allclose(before, after)


def test_who_looks_inside_has_torch() -> None:
    fast, seen = classifier(), []
    handle = next(fast.model.children()).register_forward_hook(lambda *_: seen.append(1))
    fast.logits(photographs(1))
    handle.remove()
    fast.forward(photographs(1).requires_grad_()).sum().backward()
    assert (seen, fast.backend.passes) == ([1], {"plain": "torch (a hook looks inside the network)"})


def test_probabilities_keep_the_logits_behind_them() -> None:
    """They are what stood before the softmax, which only a pass in torch shows."""
    for removal in ("ad", "grey"):
        told = []
        for name in ("torch", "onnxruntime"):
            logits = classifier(name)
            network = nn.Sequential(logits.model, nn.Softmax(1))
            made = Classifier(network, Preprocessing(SIZE, None), outputs="probabilities", name="toy")
            made.backend = Backend(name)
            told.append(REMOVALS.create(removal).bind(made, photographs(1)[0])(masks(4)))
            why = "torch (the logits behind its probabilities are read inside the network)"
            title = "ad" if removal == "ad" else "plain"
            assert made.backend.passes == ({} if name == "torch" else {title: why})
            note = f"not all ran on ONNX Runtime: {title} in {why}"
            assert made.backend.notes == (() if name == "torch" else (note,))
        torch.testing.assert_close(*told)


def test_another_process_decides_for_itself() -> None:
    fast = classifier("auto")
    fast.logits(photographs(1))
    assert pickle.loads(pickle.dumps(fast.backend)).record == {"asked": "auto", "passes": {}}
    with pytest.raises(ParameterError, match="auto, torch, onnxruntime, got 'fast'"):
        Backend("fast")


class Tokens(nn.Module):
    """Adds a token of its own to each photograph's; its graph cannot be written for any number of photographs."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([torch.ones(len(x), 1, *x.shape[2:]), x], 1)[:, :16]


class Many(nn.Module):
    """Does something else with one photograph alone."""

    def forward(self, x: Tensor) -> Tensor:
        return x if len(x) > 1 else 2 * x


class Read(nn.Module):
    """Decides by the photograph's brightness, which it reads past torch."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x if x.numpy().mean() > 0 else x


@pytest.mark.parametrize("odd", [Tokens(), Many(), Read()], ids=["tokens", "many", "read"])
def test_what_cannot_be_recorded_goes_on_in_torch_with_the_reason(
    odd: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"_LONG": 0, "PAYS": 1, "_FASTER": float("inf")}.items():
        monkeypatch.setattr(backends, name, value)
    last, first = (nn.Identity(), odd) if isinstance(odd, Read) else (odd, nn.Identity())
    network = nn.Sequential(first, classifier("torch", last).model).eval()
    plain, fast = (Classifier(network, Preprocessing(SIZE, None, mean=(0,) * 3, std=(1,) * 3)) for _ in range(2))
    fast.backend = Backend("auto")
    for count in (4, 2, 1, 9):
        torch.testing.assert_close(fast.logits(photographs(count)), plain.logits(photographs(count)))
    (said,) = fast.backend.passes.values()
    assert said.startswith("torch (")


def scaled(network: nn.Module) -> None:
    network.get_submodule("12").weight.data.mul_(3)  # type: ignore[operator, union-attr]


def replaced(network: nn.Module) -> None:
    network.register_module("12", nn.Linear(16, 4))


def strided(network: nn.Module) -> None:
    network.get_submodule("1").stride = (1, 1)  # type: ignore[assignment]


@pytest.mark.parametrize("change", [scaled, replaced, strided])
def test_a_network_that_was_changed_is_recorded_anew(change: Callable[[nn.Module], None]) -> None:
    fast = classifier()
    before = fast.logits(photographs(3))
    change(fast.model)
    after = fast.logits(photographs(3))
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, Classifier(fast.model, fast.preprocessing).logits(photographs(3)))


def test_who_hooks_into_all_modules_is_told_of_them() -> None:
    fast, met = classifier(), []
    handle = nn.modules.module.register_module_forward_hook(lambda *_: met.append(1))
    try:
        fast.logits(photographs(2))
    finally:
        handle.remove()
    assert met
    assert fast.backend.passes == {"plain": "torch (a hook looks inside the network)"}
