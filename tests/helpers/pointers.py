"""Methods with a known answer on ``planted``: they point at the block, or away from it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from helpers.planted import BLOCK
from unseen.errors import NotApplicableError
from unseen.explainers.controls.maps import Control
from unseen.registry import Entry


@dataclass(frozen=True, kw_only=True)
class Corner(Control):
    """One in the block that decides, less elsewhere; the other way round if ``wrong``."""

    wrong: bool = False

    def drawn(self, image: Float[Tensor, "3 H W"], seed: int) -> Float[Tensor, "H W"]:
        del seed
        found = torch.zeros(image.shape[1:])
        found[:BLOCK, :BLOCK] = 1
        return 1 - found if self.wrong else found


@dataclass(frozen=True, kw_only=True)
class Telltale(Control):
    """The left half if the block is bright, the upper half if it is dark: both hold the block, their shape the class."""

    def drawn(self, image: Float[Tensor, "3 H W"], seed: int) -> Float[Tensor, "H W"]:
        del seed
        height, width = image.shape[1:]
        bright = bool(image[:, :BLOCK, :BLOCK].mean() > 0.5)
        found = torch.zeros(height, width)
        found[: None if bright else height // 2, : width // 2 if bright else None] = 1
        return found


@dataclass(frozen=True, kw_only=True)
class Refusing(Control):
    """No rule for any network."""

    def drawn(self, image: Float[Tensor, "3 H W"], seed: int) -> Float[Tensor, "H W"]:
        del image, seed
        raise NotApplicableError("there is no rule for this network")


METHODS = {
    "corner": Entry("helpers.pointers:Corner", "the block that decides"),
    "elsewhere": Entry("helpers.pointers:Corner", "all but it", arguments={"wrong": True}),
    "telltale": Entry("helpers.pointers:Telltale", "a half that is the class"),
    "refusing": Entry("helpers.pointers:Refusing", "nothing"),
}
