"""Segments of the user's own: a label image, an array of numbers, or a stack of masks such as SAM makes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from unseen.errors import NotApplicableError, ParameterError
from unseen.explainers.hiding.segments import Segmentation, segmentation
from unseen.explainers.sufficient.search import FromMap
from unseen.inputs.arrays import read
from unseen.inputs.contents import contents_digest
from unseen.inputs.geometry import Affine, lies_on_input
from unseen.inputs.opening import Turned, open_turned
from unseen.inputs.space import Space, across, extent
from unseen.removal import MaskedClassifier
from unseen.system.names import with_article
from unseen.system.options import Meaning

OwnSegments = Annotated[
    str | None,
    Meaning(
        "a file of segments in place of those that are cut: a picture with a colour for each segment, a .npy array of "
        "numbers, of a mask (H, W), or of masks (N, H, W) of which the smallest that covers a pixel counts; as large "
        "as the photograph, or as the model's input"
    ),
]


@dataclass(frozen=True, kw_only=True)
class BySegments(FromMap):
    """A method that asks about segments, which are cut, or those of a file."""

    file: OwnSegments = None

    @property
    def content(self) -> str:
        """A digest of the file; empty without one."""
        return "" if self.file is None else contents_digest([Path(self.file)])


_NUMBERS = (".npy", ".npz")
_INEXACT = ("JPEG", "MPO", "JPEG2000", "WEBP", "AVIF")
"""Formats that need not keep colours as they were."""


def segments_of(masked: MaskedClassifier, count: int, file: OwnSegments) -> Segmentation:
    """The segments of a file, or without one about so many SLIC superpixels.

    Raises:
        ParameterError: see :func:`own_segments` and :func:`read_segments`.
        NotApplicableError: see :func:`own_segments`.
        PhotoError: see :func:`read_segments`.
    """
    if file is None:
        return segmentation(masked.image, count)
    return own_segments(read_segments(Path(file), len(masked.shape)), masked.shape, masked.geometry, file)


def read_segments(path: Path, axes: int) -> Int[Tensor, "*space"]:
    """The number of each pixel's segment, in any numbering; −1 where no mask of a stack covers it.

    Args:
        path: of the file.
        axes: along which the input extends; an array of masks with one more is a stack, with as many a single mask.

    Raises:
        ParameterError: an array of anything but whole numbers or masks, or a picture whose colours are not those that
            were drawn.
        PhotoError: a file that is missing or cannot be read.
    """
    if path.suffix.lower() not in _NUMBERS:
        return _of_picture(open_turned(path), path)
    values = read(path).values
    if values.dtype == np.bool_:
        masks = torch.from_numpy(values)
        return _smallest(masks) if masks.ndim == axes + 1 else masks.long()
    if not np.array_equal(values, np.round(values)) or np.abs(values).max(initial=0) > 2**31:
        raise ParameterError(f"{path} holds {values.dtype} numbers that are no labels; save whole numbers, or masks")
    return torch.from_numpy(values.astype(np.int64))


def _of_picture(turned: Turned, path: Path) -> Int[Tensor, "H W"]:
    """A number for each colour; palettes and whole numbers are taken as they are."""
    if turned.format in _INEXACT:
        raise ParameterError(
            f"{path} is {with_article(turned.format)}, which blends colours into segments that nobody drew; save the "
            "segments as PNG, or as .npy"
        )
    image = turned.image
    if image.size[::-1] != turned.source_size:
        raise ParameterError(
            f"{path} has {across(turned.source_size)}, and so large a picture is read at a smaller size, which blends "
            "segments; save their numbers as .npy"
        )
    plain = image if image.mode in ("P", "L", "I", "I;16", "1") else image.convert("RGB")
    values: NDArray[Any] = np.asarray(plain).astype(np.int64)
    if values.ndim == 3:
        values = values @ np.array([65536, 256, 1])
    return torch.from_numpy(values)


def _smallest(masks: Tensor) -> Int[Tensor, "*space"]:
    """Of masks that overlap, the number of the smallest at each pixel."""
    numbers = torch.full(masks.shape[1:], -1, dtype=torch.long)
    for number in masks.flatten(1).sum(1).argsort(descending=True, stable=True).tolist():
        numbers[masks[number]] = number
    return numbers


def own_segments(
    labels: Int[Tensor, "..."], space: Space, to_input: Affine | None, name: str = "the segments"
) -> Segmentation:
    """Segments laid over the model's input as the photograph is; what lies beside the photograph is one more.

    Args:
        labels: a number for each pixel of the photograph as it is displayed, or of the model's input.
        space: of the model's input.
        to_input: from pixels of the photograph to those of the model's input; ``None`` if that is not known.
        name: of the segments, in messages.

    Raises:
        ParameterError: labels that are as large as neither the photograph nor the model's input, or fewer than two
            segments on the model's input.
        NotApplicableError: labels of another size than the model's input, where it is not known where that lies.

    Example:
        >>> import torch
        >>> from unseen.explainers.hiding.own_segments import own_segments
        >>> from unseen.inputs.geometry import Affine
        >>> halves = (torch.arange(60) >= 30).long().expand(40, 60)
        >>> middle = Affine(((0.5, 0, -5), (0, 0.5, 0)), source_size=(40, 60))
        >>> own_segments(halves, (20, 20), middle).numbers[0].bincount()
        tensor([10, 10])
    """
    size = tuple(map(int, labels.shape))
    if not lies_on_input(size, space, to_input):
        if len(space) != 2 or labels.ndim != 2:
            raise ParameterError(f"{name} has shape {size}; give numbers for {extent(space)}")
        if to_input is None:
            raise NotApplicableError(
                f"where the model looks on the photograph is not known; give segments of its input of {across(space)}"
            )
        if size != to_input.source_size:
            raise ParameterError(
                f"{name} has {across(size)} and the photograph {across(to_input.source_size)}; draw the segments on "
                f"a copy of the photograph, and save them at that size, or at that of the model's input, "
                f"{across(space)}"
            )
        labels = _carried(labels, space, to_input)
    found, numbers = torch.unique(labels, return_inverse=True)
    if len(found) < 2:
        raise ParameterError(f"{name} has one segment where the model looks; draw at least two")
    return Segmentation(numbers)


def _carried(labels: Int[Tensor, "H W"], space: Space, to_input: Affine) -> Int[Tensor, "h w"]:
    """The label beneath the centre of each pixel of the input; one more than the largest beside the photograph."""
    height, width = labels.shape
    y, x = (centres.flatten() + 0.5 for centres in torch.meshgrid(*map(torch.arange, space), indexing="ij"))
    points = torch.from_numpy(to_input.inverse().apply(torch.stack([x, y], 1).numpy()))
    column, row = points.floor().long().T
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    beneath = labels[row.clamp(0, height - 1), column.clamp(0, width - 1)]
    return torch.where(inside, beneath, labels.max() + 1).reshape(space)
