from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from unseen.explanation.html import encoding
from unseen.explanation.plotting import pixels


def decoded(address: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))


@pytest.mark.parametrize("signed", [False, True])
def test_a_map_laid_over_a_photograph_looks_like_the_overlay(signed: bool) -> None:
    saliency = torch.linspace(-1 if signed else 0, 1, 20 * 30).reshape(20, 30)
    below = np.full((20, 30, 3), 0.7, np.float32)
    expected = pixels.blended(below, saliency.numpy(), *pixels.limits(saliency))
    drawn = np.asarray(decoded(encoding.colours(saliency)).convert("RGBA"), np.float32) / 255
    opacity = drawn[..., 3:]
    assert np.abs(below * (1 - opacity) + drawn[..., :3] * opacity - expected).max() < 0.02


def test_steps_show_each_pixel_when_its_rank_comes() -> None:
    order = np.array([3, 0, 2, 1, 5, 4])
    steps = np.asarray(decoded(encoding.steps(order, (2, 3), (0.0, 1 / 3, 0.5, 1.0)))).ravel()
    assert steps[order].tolist() == [1, 1, 2, 3, 3, 3]
    partial = np.asarray(decoded(encoding.steps(order[:2], (2, 3), (0.0, 1.0)))).ravel()
    assert partial.tolist() == [1, 2, 2, 1, 2, 2]  # what is not ranked is never shown


def test_the_border_of_a_box_is_its_corners() -> None:
    mask = torch.zeros(8, 9, dtype=torch.bool)
    mask[2:5, 1:7] = True
    path = encoding.border(mask)
    assert path.count("M") == 1
    numbers = np.array(path.strip("MZ").replace("L", " ").split(), float).reshape(-1, 2)
    assert (numbers.min(0).tolist(), numbers.max(0).tolist()) == ([1, 2], [7, 5])


def test_photographs_are_small_and_small_ones_exact() -> None:
    shown = np.random.default_rng(0).uniform(size=(60, 60, 3)).astype(np.float32)
    assert np.abs(np.asarray(decoded(encoding.photograph(shown))) - 255 * shown).max() <= 0.5 + 1e-3
    smooth = np.linspace(0, 1, 300 * 300 * 3, dtype=np.float32).reshape(300, 300, 3)
    assert len(encoding.photograph(smooth)) < 60_000
