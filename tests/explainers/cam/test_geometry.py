"""A map lies where the network looked: one blob for each way of moving the photograph about, against occlusion."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unseen import Classifier, Preprocessing
from unseen.explainers.catalogue import METHODS
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.removal import REMOVALS, MaskedClassifier

SIDE, CELL = 48, 4
BLOB = (slice(8, 16), slice(28, 36))


class Branch(nn.Module):
    """Looks for one colour, with strides and padding, and averages over positions."""

    def __init__(self, channel: int = 0, weight: float = 8.0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 5, stride=2, padding=2, bias=False)
        self.mix = nn.Conv2d(4, 4, 3, stride=2, padding=1, bias=False)
        self.head = nn.Linear(4, 2, bias=False)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.zero_()
            self.conv.weight[:, channel] = torch.tensor([1.0, 0.8, 0.6, 0.4])[:, None, None] / 25
            self.mix.weight[range(4), range(4)] = 1 / 9
            self.head.weight[1] = weight

    def features(self, x: Tensor) -> Tensor:
        return self.mix(self.conv(x).relu()).relu()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x).mean((2, 3)))
        return logits


class Joined(nn.Module):
    """Two branches for the same colour, and how they are asked."""

    def __init__(self, join: Callable[[Joined, Tensor], Tensor]) -> None:
        super().__init__()
        self.net, self.other, self.join = Branch(), Branch(), join

    def forward(self, x: Tensor) -> Tensor:
        return self.join(self, x)


def turned(n: Joined, x: Tensor) -> Tensor:
    logits = n.net(torch.cat([x.rot90(k, (2, 3)) for k in range(4)]))
    return logits.view(4, len(x), -1).mean(0)


def crops(x: Tensor) -> list[Tensor]:
    return [x[..., :40, :40], x[..., 8:, 8:], x[..., :40, 8:], x[..., 4:44, 4:44].flip(-1)]


GEOMETRIES: dict[str, Callable[[Joined, Tensor], Tensor]] = {
    "none": lambda n, x: n.net(x),
    "mirror": lambda n, x: n.net(x.flip(-1)),
    "upside down": lambda n, x: n.net(x.flip(2)),
    "crop": lambda n, x: n.net(x[..., :32, 16:]),
    "region of interest": lambda n, x: n.net(F.interpolate(x[..., 4:28, 20:44], size=(48, 48), mode="bilinear")),
    "letterbox": lambda n, x: n.net(F.pad(x, (8, 8, 24, 0))),
    "narrow border": lambda n, x: n.net(F.pad(x, (0, 3, 3, 0))),
    "reflected border": lambda n, x: n.net(F.pad(x, (4, 4, 4, 4), "reflect")),
    "smaller": lambda n, x: n.net(F.interpolate(x, size=(24, 36), mode="bilinear", antialias=True)),
    "by area": lambda n, x: n.net(F.interpolate(x, size=(24, 24), mode="area")),
    "transpose": lambda n, x: n.net(x.transpose(2, 3)),
    "quarter turn": lambda n, x: n.net(torch.rot90(x, 1, (2, 3))),
    "roll": lambda n, x: n.net(x.roll((20, -16), (2, 3))),
    "normalised within": lambda n, x: n.net((x.flip(-1) * 2 - 0.1).clamp(min=0) / 2),
    "windows without padding": lambda n, x: n.net.head(
        F.conv2d(F.conv2d(x, n.net.conv.weight), torch.ones(1, 4, 13, 13) / 169).expand(-1, 4, -1, -1).mean((2, 3))
    ),
    "ensemble": lambda n, x: n.net(x) + 2 * n.other(x),
    "two streams": lambda n, x: n.net(x.flip(-1)) + n.other(F.interpolate(x, size=(32, 32), mode="bilinear")),
    "siamese": lambda n, x: n.net.head(n.net.features(x).mean((2, 3)) + n.net.features(x.flip(2)).mean((2, 3))),
    "fused branches": lambda n, x: n.net.head(
        torch.cat([n.net.features(x)[:, :2].mean((2, 3)), n.other.features(x.flip(-1))[:, 2:].mean((2, 3))], 1)
    ),
    "fused maps": lambda n, x: n.net.head((n.net.features(x) + n.other.features(x.flip(-1))).relu().mean((2, 3))),
    "several crops": lambda n, x: sum(n.net(one) for one in crops(x)),
    "crops in one batch": lambda n, x: n.net(torch.stack(crops(x), 1).flatten(0, 1)).view(len(x), 4, -1).mean(1),
    "mirrored, two calls": lambda n, x: (n.net(x) + n.net(x.flip(-1))) / 2,
    "mirrored, one batch": lambda n, x: torch.stack(n.net(torch.cat([x, x.flip(-1)])).chunk(2)).mean(0),
    "four turns, one batch": turned,
    "largest of two": lambda n, x: torch.maximum(n.net(x.flip(-1)), n.other(x.transpose(2, 3)) / 2),
}

MAPS = (
    "grad-cam",
    "grad-cam++",
    "xgrad-cam",
    "layer-cam",
    "eigen-cam",
    "ablation-cam",
    "score-cam",
    "opti-cam:rounds=3",
)


def photo() -> Tensor:
    image = torch.zeros(3, SIDE, SIDE)
    image[0, BLOB[0], BLOB[1]] = 1
    return image


def bound(model: nn.Module) -> MaskedClassifier:
    plain = Preprocessing((SIDE, SIDE), None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    return REMOVALS.create("black").bind(Classifier(model.eval(), plain, ["nothing", "something"]), photo())


def saliency(masked: MaskedClassifier, method: str) -> Tensor:
    made: Tensor = METHODS.create(method).attribute(Evaluator(masked, 1), 0, None).saliency  # type: ignore[attr-defined]
    return made


def centre(found: Tensor) -> Tensor:
    """Row and column of the centre of mass of what is positive."""
    mass = found.clamp(min=0).double()
    places = torch.arange(SIDE, dtype=torch.float64)
    return torch.stack([(mass.sum(1) * places).sum(), (mass.sum(0) * places).sum()]) / mass.sum()


@pytest.mark.parametrize("name", GEOMETRIES)
def test_every_class_activation_map_lies_where_occlusion_says(name: str) -> None:
    masked = bound(Joined(GEOMETRIES[name]))
    expected = centre(saliency(masked, "occlusion:window=0.16,stride=0.08"))
    cell = 2 * CELL if name in ("smaller", "by area") else CELL
    for method in MAPS:
        found = centre(saliency(masked, method))
        assert float((found - expected).abs().max()) <= cell, method
