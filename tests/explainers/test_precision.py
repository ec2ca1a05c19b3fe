"""Half precision, mixed precision and another default dtype: a method agrees with float32, or refuses by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

import unseen
from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError

PHOTO = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
METHODS = [
    "occlusion",
    "shapley:segments=4,budget=20",
    "integrated-gradients",
    "deeplift",
    "fullgrad",
    "lrp-epsilon",
    "lrp-alpha-beta",
    "cam",
    "grad-cam",
    "xgrad-cam",
    "opti-cam:rounds=15",
]


class Attending(nn.Module):
    """A patch embedding, a block of attention with layer norms, and a head on the mean of the tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.norm = nn.Conv2d(3, 16, 8, 8), nn.LayerNorm(16)
        self.attention, self.mlp = nn.MultiheadAttention(16, 2, batch_first=True), nn.Linear(16, 16)
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        normed = self.norm(tokens)
        tokens = tokens + self.attention(normed, normed, normed, need_weights=False)[0]
        tokens = tokens + torch.nn.functional.gelu(self.mlp(self.norm(tokens)))
        return 4 * self.head(tokens.mean(1))


class Residual(nn.Module):
    """Batch norms, a shortcut and rectifiers."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.first, self.second = (
            nn.Conv2d(3, 8, 3, 2, 1),
            nn.Conv2d(8, 8, 3, 1, 1),
            nn.Conv2d(8, 8, 3, 1, 1),
        )
        self.norms, self.head = nn.ModuleList(nn.BatchNorm2d(8) for _ in range(3)), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        stem = self.norms[0](self.stem(x)).relu()
        inner = self.norms[2](self.second(self.norms[1](self.first(stem)).relu()))
        return 4 * self.head((stem + inner).relu().mean((2, 3)))


class Mixed(nn.Module):
    """Autocast is a part of the network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return self.network(x).float()


def asked(network: nn.Module, method: str) -> Tensor:
    removal = "ad" if method.startswith(("causal", "occlusion")) else "zero"
    classifier = Classifier(network.eval(), Preprocessing((32, 32), None))
    found = unseen.explain(PHOTO, classifier, method=method, removal=removal, target=1).saliency
    assert found.dtype == torch.float32
    return found


def made(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(3)
    return make()


def correlation(one: Tensor, other: Tensor) -> float:
    both = torch.stack([one.flatten(), other.flatten()]).double()
    return float(torch.corrcoef(both)[0, 1]) if bool((both.std(1) > 0).all()) else float(torch.equal(one, other))


FORMS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "bfloat16": lambda network: network.to(torch.bfloat16),
    "float16": lambda network: network.to(torch.float16),
    "mixed": Mixed,
}


@pytest.fixture
def _doubles() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("make", [Residual, Attending])
@pytest.mark.parametrize("method", METHODS)
def test_half_precision(method: str, make: Callable[[], nn.Module], form: str) -> None:
    try:
        right = asked(made(make), method)
    except NotApplicableError as refused:
        with pytest.raises(NotApplicableError, match=str(refused)[:20]):
            asked(FORMS[form](made(make)), method)
        return
    assert correlation(asked(FORMS[form](made(make)), method), right) > 0.9


@pytest.mark.parametrize("make", [Residual, Attending])
@pytest.mark.parametrize("method", METHODS)
def test_another_default_dtype(method: str, make: Callable[[], nn.Module], request: pytest.FixtureRequest) -> None:
    network = made(make)
    try:
        right = asked(network, method)
    except NotApplicableError:
        return
    request.getfixturevalue("_doubles")
    torch.testing.assert_close(asked(network, method), right, rtol=0, atol=1e-4 * float(right.abs().max()))


def test_gradients_that_overflow_are_refused_by_name() -> None:
    class Steep(Residual):
        def forward(self, x: Tensor) -> Tensor:
            found = super().forward(x)
            return found + 60000 * (found - found.detach())

    with pytest.raises(NotApplicableError, match=r"overflow in float16; explain it in float32 \(network\.float\(\)\)"):
        asked(made(Steep).to(torch.float16), "saliency")
    assert bool(asked(made(Steep).to(torch.float16).float(), "saliency").isfinite().all())
