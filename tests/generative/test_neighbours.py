from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from unseen.generative.neighbours import mean_colour, normalised_convolution


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_normalised_convolution_by_loops() -> None:
    pixels, masks = noise(1, 3, 9, 7), (noise(1, 9, 7, seed=8) > 0.6).float()
    found, width = normalised_convolution(pixels, masks, 1.5), 1.5
    for y, x in np.ndindex(9, 7):
        total, weight = torch.zeros(3), 0.0
        for v, u in np.ndindex(9, 7):
            if masks[0, v, u] and max(abs(v - y), abs(u - x)) <= 5:
                share = np.exp(-0.5 * ((v - y) ** 2 + (u - x) ** 2) / width**2)
                total, weight = total + share * pixels[0, :, v, u], weight + share
        torch.testing.assert_close(found[0, :, y, x], (total / weight).float(), atol=1e-4, rtol=1e-4)
    far = torch.zeros(1, 40, 40)
    assert torch.equal(normalised_convolution(noise(1, 3, 40, 40), far, 1.0), torch.full((1, 3, 40, 40), 0.5))
    far[0, 0, 0] = 1
    corner = noise(1, 3, 40, 40)
    torch.testing.assert_close(normalised_convolution(corner, far, 1.0)[0, :, 39, 39], corner[0, :, 0, 0])
    assert mean_colour(corner, far).shape == (1, 3, 1, 1)


def test_what_is_hidden_has_no_influence() -> None:
    masks = (noise(2, 20, 30, seed=3) > 0.7).float()
    pixels = noise(2, 3, 20, 30)
    other = torch.where(masks[:, None] > 0, pixels, float("nan"))
    for width in (1.0, 8.0):
        found = normalised_convolution(pixels, masks, width)
        assert torch.equal(found, normalised_convolution(other, masks, width))
        assert float(found.min()) >= 0
        assert float(found.max()) <= 1 + 1e-6
    assert torch.equal(mean_colour(pixels, masks), mean_colour(other, masks))
