"""A network's pass is followed whatever it hands to functions beside tensors, and whatever it hands on in between."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import unseen
from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError

PHOTO = torch.rand(3, 24, 24, generator=torch.Generator().manual_seed(0))
MEAN = np.array([0.1, 0.2, 0.3], dtype=np.float32)
FOLLOWING = [
    ("occlusion", "ad"),
    ("grad-cam", "zero"),
    ("lrp-epsilon", "zero"),
    ("deeplift", "zero"),
    ("saliency", "zero"),
]


class Network(nn.Module):
    """Does something with its input first."""

    def __init__(self, first: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.before, self.stem, self.head = first, nn.Conv2d(3, 8, 3, 2, 1), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.stem(self.before(x)).relu().mean((2, 3)))


class Named(NamedTuple):
    map: Tensor
    size: int


@dataclass
class Record:
    map: Tensor
    names: np.ndarray[Any, Any]


def recorded(x: Tensor) -> Tensor:
    with torch.profiler.record_function("stem"):
        return x * 1.0


def subtracted(constant: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda x: x - constant(x).view(1, 3, 1, 1)


def packed(make: Callable[[Tensor], Any], take: Callable[[Any], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda x: take(make(x))


SAME: dict[str, Callable[[Tensor], Tensor]] = {
    "record_function": recorded,
    "named tuple": packed(lambda x: Named(x, 3), lambda made: made.map),
    "dataclass": packed(lambda x: Record(x, MEAN), lambda made: made.map),
    "dictionary": packed(lambda x: {"map": x, "array": MEAN}, lambda made: made["map"]),
    "list of halves": lambda x: torch.cat([*x.split(12, 3)], 3),
    "list in a list": packed(lambda x: [list(x.chunk(2, 3)), 1], lambda made: torch.cat(made[0], 3)),
    "array as an index": lambda x: x[:, np.array([0, 1, 2])],
    "numbers of numpy": lambda x: torch.nn.functional.pad(x, (np.int64(0), np.int64(0), 0, 0)),
}
SHIFTED: dict[str, Callable[[Tensor], Tensor]] = {
    "as_tensor": subtracted(lambda _: torch.as_tensor(MEAN)),
    "tensor": subtracted(lambda _: torch.tensor(MEAN)),
    "asarray": subtracted(lambda _: torch.asarray(MEAN)),
    "from_numpy": subtracted(lambda _: torch.from_numpy(MEAN)),
    "from_numpy twice": subtracted(lambda _: torch.from_numpy(MEAN / 2) + torch.from_numpy(MEAN / 2)),
    "from_dlpack": subtracted(lambda _: torch.from_dlpack(MEAN.copy())),
    "frombuffer": subtracted(lambda _: torch.frombuffer(bytearray(MEAN.tobytes()), dtype=torch.float32)),
    "FloatTensor": subtracted(lambda _: torch.FloatTensor([0.1, 0.2, 0.3])),
    "new_tensor": subtracted(lambda x: x.new_tensor([0.1, 0.2, 0.3])),
    "new_tensor of an array": subtracted(lambda x: x.new_tensor(MEAN)),
}


def asked(network: nn.Module, method: str, removal: str) -> Tensor:
    classifier = Classifier(network.eval(), Preprocessing((24, 24), None))
    return unseen.explain(PHOTO, classifier, method=method, removal=removal, target=0).saliency


@pytest.mark.parametrize(("method", "removal"), FOLLOWING)
@pytest.mark.parametrize("name", [*SAME, *SHIFTED])
def test_it_is_followed(name: str, method: str, removal: str) -> None:
    constant = torch.from_numpy(MEAN.copy()).view(1, 3, 1, 1)
    plain = Network(lambda x: x - constant) if name in SHIFTED else Network(lambda x: x)
    found = asked(Network((SAME | SHIFTED)[name]), method, removal)
    torch.testing.assert_close(found, asked(plain, method, removal))


@pytest.mark.parametrize(("method", "removal"), FOLLOWING)
def test_networks_wrapped_for_several_devices(method: str, removal: str) -> None:
    right = asked(Network(lambda x: x), method, removal)
    inner = Network(lambda x: x)
    inner.stem = nn.DataParallel(inner.stem)  # type: ignore[assignment]
    for network in (nn.DataParallel(Network(lambda x: x)), inner):
        torch.testing.assert_close(asked(network, method, removal), right)


@pytest.mark.parametrize(
    "lost",
    [
        lambda x: x - torch.from_numpy(x.detach().numpy()[:, :, :1, :1].copy()),
        lambda x: x - torch.from_dlpack(x.detach())[:, :, :1, :1].clone(),
        lambda x: scripted(nn.Softplus())(x),
    ],
    ids=["numpy", "dlpack", "script"],
)
def test_what_numpy_or_a_script_makes_of_the_photograph_is_no_constant(lost: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(NotApplicableError, match="ad cannot follow"):
        asked(Network(lost), "occlusion", "ad")


def scripted(network: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(network)


@pytest.mark.parametrize("removal", ["zero", "grey", "blur"])
def test_a_scripted_network_is_refused_with_a_removal_that_works(removal: str) -> None:
    layers = [nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)]
    torch.manual_seed(0)
    network = nn.Sequential(*layers)
    compiled = scripted(network)
    with pytest.raises(NotApplicableError, match="or choose a removal that paints, such as 'grey' or 'blur'"):
        asked(compiled, "occlusion", "ad")
    torch.testing.assert_close(asked(compiled, "occlusion", removal), asked(network, "occlusion", removal))
