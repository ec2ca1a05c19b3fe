"""A method and models for tests of what surrounds them; also loaded as a third party's, through entry points."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from unseen import Curve, Part, Preprocessing
from unseen.classifier.zoo import Loaded
from unseen.errors import NotApplicableError
from unseen.explainers import Method
from unseen.explanation import Findings
from unseen.explanation.roles import Asked
from unseen.registry import Entry
from unseen.removal import MaskedClassifier

METHOD = Entry("helpers.toys:Toy", "the left half", "nobody", "3 per photograph")
UNABLE = Entry("helpers.toys:Unable", "the left half, but not under one removal")
MODELS = Entry(
    "helpers.toys:load", "toy:sides, toy:nan, toy:short, toy:unique, toy:sociable, toy:failing or toy:colours"
)
LABELS = ("left", "right", "neither")


@dataclass(frozen=True)
class Toy(Method):
    """The left half of the photograph, whatever the model says; three evaluations."""

    stretch: float = 1.0
    wait: bool = False

    def __call__(
        self,
        masked: MaskedClassifier,
        target: int,
        *,
        confidence: Sequence[float] = (0.5,),
        seed: int = 0,
        parts: int = 1,
        part: Sequence[Asked] = ("sufficient",),
        chance: int = 16,
    ) -> Findings:
        del chance
        height, width = masked.shape
        half = torch.zeros(height, width, dtype=torch.bool)
        half[:, : width // 2] = True
        masked.announce("halving", 3)
        if self.wait:
            Path(os.environ["TOY_IS_WAITING"]).touch()
            time.sleep(60)
        said = masked(torch.stack([half, ~half, half | True])).softmax(1)[:, target].tolist()
        ranks = range(parts)
        found = [Part(half, role, g, said[0], True, rank=rank) for role in part for g in confidence for rank in ranks]
        curve = Curve((0.0, 0.5, 1.0), (said[1], said[0], said[2]), (said[2], said[1], said[1]))
        return Findings(self.stretch * half.float(), tuple(found), curve, ("only a toy",), {"seed": seed})


@dataclass(frozen=True)
class Still(Toy):
    """As :class:`Toy`; its map is said not to depend on the removal."""

    uses_removal: ClassVar[bool] = False


@dataclass(frozen=True)
class Unable(Toy):
    """As :class:`Toy`, but it has no rule where parts are hidden by ``removal``."""

    removal: str = "grey"

    def __call__(self, masked: MaskedClassifier, target: int, **asked: Any) -> Findings:
        if masked.removal.name == self.removal:
            raise NotApplicableError(f"Unable has no rule for {self.removal}; " + "take another removal " * 3)
        return super().__call__(masked, target, **asked)


class Sides(nn.Module):
    """Logits (left, right, neither): 20 × the brightness of each side, and 0."""

    def __init__(self, broken: bool = False) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(float("nan") if broken else 20.0))

    def forward(self, x: Tensor) -> Tensor:
        left, right = (side.mean(dim=(1, 2, 3)) for side in x.chunk(2, dim=3))
        return self.scale * torch.stack([left, right, torch.zeros_like(left)], dim=1)


class Failing(Sides):
    """Fails on a dark photograph, in its own code."""

    def forward(self, x: Tensor) -> Tensor:
        if float(x.max()) < 0.1:
            raise RuntimeError("too dark to see\nsecond line")
        return super().forward(x)


class Unique(Sides):
    """Cannot be copied."""

    def __deepcopy__(self, memo: object) -> Unique:
        raise TypeError("cannot be copied")


class Sociable(Sides):
    """Judges a photograph by its batch, as a batch norm without statistics of its own does."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.mean(dim=0, keepdim=True) / 2)


class Colours(nn.Module):
    """A linear head on the mean colours of a grid of 2 × 2 places, which are its features."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(12, 3)
        nn.init.constant_(self.head.weight, 0.5)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        features = nn.functional.adaptive_avg_pool2d(x, 2).flatten(1)
        logits: Tensor = self.head(features)
        return logits


def load(name: str, weights: Path | None) -> Loaded:
    del weights
    preprocessing = Preprocessing((24, 32), None, mean=(0, 0, 0), std=(1, 1, 1))
    if name == "colours":
        return Loaded(Colours(), preprocessing, LABELS, outputs="logits")
    kinds = {"unique": Unique, "failing": Failing, "sociable": Sociable}
    labels = LABELS[:2] if name == "short" else LABELS
    return Loaded(kinds.get(name, Sides)(broken=name == "nan"), preprocessing, labels, outputs="logits")
