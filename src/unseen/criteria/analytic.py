"""Worked examples of the papers on axioms, and of Lymperopoulos 2023, as networks on photographs of a few pixels.

A feature is a pixel; its value is the mean of its three channels, times the scale that lets values exceed 1. Maps add
up a pixel's channels, and so are the attributions of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from unseen.classifier import Classifier, Preprocessing


class FeatureNetwork(nn.Module):
    """Logits of a function of the features.

    Args:
        rule: features (N, D) → logits (N, K).
    """

    def __init__(self, rule: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.rule = rule
        self.unit = nn.Parameter(torch.ones((), dtype=torch.float64), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return self.rule(x.mean(1).flatten(1) * self.unit)


@dataclass(frozen=True, eq=False)
class Analytic:
    """A function whose attributions are known exactly.

    Attributes:
        source: where it stands, and what is wrong with it there, if anything is.
        rule: features (N, D) → logits (N, K), float64.
        features: the point that is explained, D values.
        attributions: by spec of the method; of the class ``target``, with the baseline 0.
        scale: the feature's value of a white pixel.
        target: class index.
    """

    source: str
    rule: Callable[[Tensor], Tensor]
    features: Sequence[float]
    attributions: Mapping[str, Sequence[float]] = field(default_factory=dict)
    scale: float = 1.0
    target: int = 0

    @property
    def classifier(self) -> Classifier:
        """The function as a classifier; pixels are divided by 1 / scale, and nothing is subtracted."""
        std = (1 / self.scale,) * 3
        preprocessing = Preprocessing((1, len(self.features)), None, mean=(0.0, 0.0, 0.0), std=std)
        return Classifier(FeatureNetwork(self.rule), preprocessing)

    @property
    def image(self) -> Tensor:
        """The photograph: one row of grey pixels, float64 of shape (3, 1, D)."""
        values = torch.tensor(list(self.features), dtype=torch.float64) / self.scale
        return values.expand(3, 1, -1).contiguous()


def _against_zero(score: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Two logits, the score and 0."""
    return lambda x: torch.stack([score(x), torch.zeros_like(score(x))], 1)


def _piecewise(x: Tensor) -> Tensor:
    one, other = x.unbind(1)
    above, below = (x >= 1).all(1), (x < 1).all(1)
    return torch.where(above, 3 * one + other, torch.where(below, one + 3 * other, 0 * one))


def game(x: Tensor) -> Tensor:
    """Scores of the teams: A₁ wins a₁ = 3; B₁ and B₂ together win b = 3, of which A₂ takes a₂ = 1."""
    a1, a2, b1, b2 = x.unbind(1)
    return torch.stack([3 * a1, 3 * b1 * b2 - a2], 1)


GRADIENT = "saliency:channels=sum"
IG = "integrated-gradients:tolerance=0.0001"
HIDING = "occlusion:window=1,stride=1"

_EQUATION_41 = (
    "Lymperopoulos 2023, equation 41 (Srinivas & Fleuret 2019); 'b₀' in every line of equation 40 is a misprint for bᵢ"
)
_FIGURE_12 = "Lymperopoulos 2023, figure 12; the weights are ours: ReLU(x₁ + x₂ − 1.5) + ReLU(x₁ + x₂)"


def _figure_12(x: Tensor) -> Tensor:
    total = x.sum(1)
    return relu(total - 1.5) + relu(total)


EXAMPLES: Mapping[str, Analytic] = {
    "linear": Analytic(
        "Lymperopoulos 2023, example 1",
        _against_zero(lambda x: 10 * x[:, 0] + 100 * x[:, 1]),
        (1.0, 0.1),
        {GRADIENT: (10, 100), "input-x-gradient": (10, 10), IG: (10, 10), HIDING: (10, 10), "lrp-epsilon": (10, 10)},
    ),
    "quadratic": Analytic(
        "Lymperopoulos 2023, example 2; its note 1 says that conservation suggests xᵢ + 2 x₁x₂, which adds up to too "
        "much: "
        "xᵢ + x₁x₂ does",
        _against_zero(lambda x: x.sum(1) + 2 * x[:, 0] * x[:, 1]),
        (1.0, 0.5),
        {GRADIENT: (2, 3), "input-x-gradient": (2, 1.5), IG: (1.5, 1), HIDING: (2, 1.5)},
    ),
    "team A": Analytic(
        "Lymperopoulos 2023, example 3",
        game,
        (1.0, 1.0, 1.0, 1.0),
        {"input-x-gradient": (3, 0, 0, 0), IG: (3, 0, 0, 0), HIDING: (3, 0, 0, 0)},
    ),
    "team B": Analytic(
        "Lymperopoulos 2023, example 3",
        game,
        (1.0, 1.0, 1.0, 1.0),
        {"input-x-gradient": (0, -1, 3, 3), IG: (0, -1, 1.5, 1.5), HIDING: (0, -1, 3, 3)},
        target=1,
    ),
    "piecewise at 4": Analytic(
        _EQUATION_41, _against_zero(_piecewise), (4.0, 4.0), {IG: (10, 6), "input-x-gradient": (12, 4)}, 10.0
    ),
    "piecewise at 2": Analytic(
        _EQUATION_41, _against_zero(_piecewise), (2.0, 2.0), {IG: (4, 4), "input-x-gradient": (6, 2)}, 10.0
    ),
    "piecewise at 1.5": Analytic(
        _EQUATION_41, _against_zero(_piecewise), (1.5, 1.5), {IG: (2.5, 3.5), "input-x-gradient": (4.5, 1.5)}, 10.0
    ),
    "shift, both shown": Analytic(
        _FIGURE_12,
        _against_zero(_figure_12),
        (1.0, 1.0),
        {GRADIENT: (2, 2), "input-x-gradient": (2, 2), IG: (1.25, 1.25), HIDING: (1.5, 1.5)},
    ),
    "shift, one hidden": Analytic(
        _FIGURE_12,
        _against_zero(_figure_12),
        (1.0, 0.0),
        {GRADIENT: (1, 1), "input-x-gradient": (1, 0), IG: (1, 0), HIDING: (1, 0)},
    ),
    "saturated": Analytic(
        "Sundararajan, Taly & Yan, ICML 2017, section 2.1: 1 − ReLU(1 − x) at x = 2",
        _against_zero(lambda x: 1 - relu(1 - x[:, 0])),
        (2.0,),
        {GRADIENT: (0,), "input-x-gradient": (0,), IG: (1,), HIDING: (1,), "deeplift": (1,), "lrp-epsilon": (0,)},
        2.0,
    ),
}
"""By name; Shapley values of the same points are in the tests, which cut the photograph by pixels."""
