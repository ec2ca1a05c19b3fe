"""Every family of methods, on a network of which it is known what decides: those pixels are named, with a margin."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from helpers.sticker import fooled, stickered
from unseen import explain

UPRIGHT = torch.zeros(1, dtype=torch.int64)
FAMILIES = (
    "causal:iterations=5",
    "occlusion:window=0.2,stride=0.1",
    "rise:masks=300,grid=8",
    "lime:samples=200",
    "shapley",
    "sobol",
    "input-x-gradient",
    "integrated-gradients",
    "lrp-epsilon",
    "lrp-gamma",
    "deeplift",
    "grad-cam",
    "zipo",
)
"""One or two of each."""


@pytest.fixture(scope="module")
def scene() -> tuple[Tensor, Tensor]:
    """Upright stripes with a sticker, which the network takes for lying ones; and where the sticker is."""
    (photo,), _, (where,) = stickered(1, 9, UPRIGHT, True)
    return photo, where


def ranked(saliency: Tensor, where: Tensor) -> float:
    """How likely a pixel that decides is ranked above one that does not: 0.5 by chance, 1 if always."""
    ranks = saliency.flatten().double().argsort().argsort().double()
    deciding = where.flatten()
    count, others = int(deciding.sum()), int((~deciding).sum())
    return float((ranks[deciding].sum() - count * (count - 1) / 2) / (count * others))


def test_the_network_looks_at_the_sticker_alone() -> None:
    upright = torch.zeros(50, dtype=torch.int64)
    for sticker in (True, False):
        says = fooled().logits(stickered(50, 1, upright, sticker)[0]).argmax(1) == 1
        assert (says == sticker).float().mean() > 0.95


@pytest.mark.parametrize("method", FAMILIES)
def test_the_sticker_is_named(method: str, scene: tuple[Tensor, Tensor]) -> None:
    photo, where = scene
    found = explain(photo, fooled(), method=method, removal="blur", target="lying")
    assert ranked(found.saliency, where) > 0.8


def test_a_part_of_the_sticker_suffices(scene: tuple[Tensor, Tensor]) -> None:
    photo, where = scene
    part = explain(photo, fooled(), removal="blur", target="lying", confidence=(0.5,)).parts[0]
    assert part.verified
    assert (part.mask & where).sum() > 0.5 * part.mask.sum()
