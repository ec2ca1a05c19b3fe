"""Inpainting is OpenCV's, one image at a time."""

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from unseen import Classifier, Preprocessing
from unseen.removal import REMOVALS

SIZE = (48, 64)
SEEN = Classifier(nn.Flatten(), Preprocessing(SIZE, None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)))


@pytest.mark.parametrize(("name", "flag"), [("telea", cv2.INPAINT_TELEA), ("navier-stokes", cv2.INPAINT_NS)])
def test_a_batch_is_what_opencv_makes_of_each_image(name: str, flag: int) -> None:
    numbers = np.random.default_rng(0)
    pixels = cv2.GaussianBlur(numbers.integers(0, 256, (*SIZE, 3), dtype=np.uint8), (9, 9), 3)
    image = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    masks = torch.ones(3, *SIZE)
    masks[0, 10:30, 12:40] = 0
    masks[1] = torch.from_numpy(numbers.random(SIZE) < 0.3).float()
    shown = REMOVALS.create(f"{name}:4").bind(SEEN, image)(masks).reshape(3, 3, *SIZE)
    for mask, filled in zip(masks, shown, strict=True):
        expected = cv2.inpaint(pixels, (mask == 0).to(torch.uint8).numpy(), 4.0, flag)
        hidden = mask == 0
        torch.testing.assert_close(
            filled[:, hidden], torch.from_numpy(expected).permute(2, 0, 1)[:, hidden].float() / 255, atol=1e-6, rtol=0
        )
        assert torch.equal(filled[:, ~hidden], image[:, ~hidden])


@pytest.mark.parametrize("name", ["telea", "navier-stokes"])
def test_an_even_photograph_stays_even(name: str) -> None:
    image = torch.full((3, *SIZE), 0.6)
    masks = torch.ones(1, *SIZE)
    masks[0, 10:30, 12:40] = 0
    shown = REMOVALS.create(name).bind(SEEN, image)(masks).reshape(image.shape)
    torch.testing.assert_close(shown, image, atol=4 / 255, rtol=0)
