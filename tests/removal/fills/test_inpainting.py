"""Inpainting with a stand-in for OpenCV: what is handed over and what becomes of it. OpenCV itself is in tests_zoo."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unseen import Classifier, Preprocessing
from unseen.errors import ModelError, ParameterError
from unseen.removal import REMOVALS
from unseen.removal.batched import evaluate_batched
from unseen.removal.fills.inpainting import Inpainting

SIZE = (7, 9)
SEEN = Classifier(nn.Flatten(), Preprocessing(SIZE, None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)))


@pytest.fixture
def opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paints a hole with the rounded mean of what is visible plus radius and algorithm."""
    module: Any = ModuleType("cv2")
    module.INPAINT_TELEA, module.INPAINT_NS = 1, 0

    def inpaint(image: NDArray[np.uint8], hole: NDArray[np.uint8], radius: float, flag: int) -> NDArray[np.uint8]:
        assert image.flags.c_contiguous
        assert image.dtype == hole.dtype == np.uint8
        assert not hole.all()
        filled = image.copy()
        filled[hole > 0] = np.rint(image[hole == 0].mean(0)) // 2 + radius + 10 * flag
        return filled

    module.inpaint = inpaint
    monkeypatch.setitem(sys.modules, "cv2", module)


def picture(seed: int = 0) -> Tensor:
    return torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(seed))


def masks() -> Tensor:
    return (
        torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(7)) < torch.tensor([0.2, 0.5, 0.9])[:, None, None]
    )


@pytest.mark.usefixtures("opencv")
@pytest.mark.parametrize(("spec", "added"), [("telea", 13), ("telea:5", 15), ("navier-stokes", 3)])
def test_each_image_is_inpainted_in_bytes_and_visible_pixels_stay(spec: str, added: int) -> None:
    image, some = picture(), masks()
    shown = REMOVALS.create(spec).bind(SEEN, image)(some).reshape(3, *image.shape)
    bytes_of = (image * 255).round()
    for mask, filled in zip(some, shown, strict=True):
        assert torch.equal(filled[:, mask], image[:, mask])
        colour = (bytes_of[:, mask].mean(1).round() // 2 + added) / 255
        torch.testing.assert_close(filled[:, ~mask], colour[:, None].expand(3, int((~mask).sum())))


@pytest.mark.usefixtures("opencv")
def test_all_or_nothing_visible() -> None:
    image = picture()
    both = torch.stack([torch.ones(SIZE), torch.zeros(SIZE)])
    everything, nothing = Inpainting("telea").bind(SEEN, image)(both).reshape(2, *image.shape)
    assert torch.equal(everything, image)
    torch.testing.assert_close(nothing, image.mean((1, 2), keepdim=True).expand(image.shape), atol=1 / 255, rtol=0)


@pytest.mark.usefixtures("opencv")
def test_photographs_in_one_batch_are_each_on_their_own() -> None:
    several = [Inpainting("telea").bind(SEEN, picture(seed)) for seed in (1, 2)]
    for one, together in zip(several, evaluate_batched([(one, masks()) for one in several]), strict=True):
        assert torch.equal(together, torch.cat([one(mask[None]) for mask in masks()]))


@pytest.mark.usefixtures("opencv")
def test_gradients_pass_through_visible_pixels_alone() -> None:
    pixels = picture()[None].requires_grad_()
    some = masks()[1:2]
    Inpainting("telea").forward(SEEN, picture())(pixels, some.float()).sum().backward()
    assert torch.equal(pixels.grad, some[:, None].expand_as(pixels).float())


def test_without_opencv_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ModelError, match=r"cv2 is not installed: pip install 'unseen\[inpainting\]'"):
        Inpainting("telea").bind(SEEN, picture())(masks())


def test_specs_give_it_back_and_parameters_are_checked() -> None:
    for spec in ("telea", "telea:5", "navier-stokes", "navier-stokes:2.5"):
        assert REMOVALS.create(spec).name == spec
    for radius in (0.5, float("nan"), float("inf")):
        with pytest.raises(ParameterError, match="radius"):
            Inpainting("telea", radius)
    with pytest.raises(Exception, match="algorithm"):  # in tests the annotation refuses it first
        Inpainting("patch")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="0 and 1 only"):
        REMOVALS.create("telea").bind(SEEN, picture())(torch.full((1, *SIZE), 0.5))
