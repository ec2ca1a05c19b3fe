"""A user's photographs for training: read once, kept in memory, cropped anew each time they are seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from unseen.classifier import Preprocessing
from unseen.errors import ParameterError, PhotoError
from unseen.inputs.contents import SUFFIXES
from unseen.inputs.photo import open_photo, to_tensor
from unseen.system.progress import ProgressListener

_ROOM = 1.25
"""Short side that is kept, in sides of what is trained on."""
_SMALLEST = 0.4
"""Area of a crop, as a share of the largest square."""


@dataclass(frozen=True, eq=False)
class Photographs:
    """Photographs to train on and others to judge by; about 0.3 MB each for a side of 224 pixels.

    Attributes:
        train: RGB, their short side at most 1.25 times what is trained on.
        held_out: square, in [0, 1].
    """

    train: tuple[Image.Image, ...]
    held_out: Float[Tensor, "M 3 S S"]


def read_photographs(
    folder: Path, *, size: int, share: float, seed: int, progress: ProgressListener | None = None
) -> Photographs:
    """The photographs of a folder and of all folders inside it.

    Args:
        folder: as it says.
        size: side that is trained on, in pixels.
        share: of the photographs that is held out, at least one.
        seed: of which these are.
        progress: told of every photograph.

    Raises:
        PhotoError: no such folder, or a photograph that cannot be read.
        ParameterError: fewer than four of them.
    """
    kept, trained_on = split(folder, share=share, seed=seed)
    square = Preprocessing(size=(size, size), resize=size).crop
    held_out, train = [], []
    for number, path in enumerate((*kept, *trained_on)):
        photo = open_photo(path)
        if number < len(kept):
            held_out.append(to_tensor(square(photo)))
        else:
            train.append(_shrunk(photo, round(_ROOM * size)))
        if progress is not None:
            progress("reading photographs", number + 1, len(kept) + len(trained_on))
    return Photographs(tuple(train), torch.stack(held_out))


def split(folder: Path, *, share: float, seed: int) -> tuple[list[Path], list[Path]]:
    """The photographs to judge by and those to train on; see :func:`read_photographs`.

    Raises:
        PhotoError: no such folder.
        ParameterError: fewer than four photographs.
    """
    if not folder.is_dir():
        raise PhotoError(f"{folder} is no folder; give one with photographs, which may lie in folders inside it")
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.name[0] != "." and p.is_file())
    if len(paths) < 4:
        raise ParameterError(f"{folder} holds {len(paths)} photographs; give at least 4, better some hundreds")
    order = torch.randperm(len(paths), generator=torch.Generator().manual_seed(seed)).tolist()
    count = min(max(1, round(share * len(paths))), len(paths) - 2)
    return [paths[place] for place in order[:count]], [paths[place] for place in order[count:]]


def _shrunk(photo: Image.Image, short: int) -> Image.Image:
    scale = short / min(photo.size)
    return photo.resize([round(scale * side) for side in photo.size], Image.Resampling.BILINEAR) if scale < 1 else photo


def random_crops(photos: Sequence[Image.Image], size: int, generator: torch.Generator) -> Float[Tensor, "N 3 S S"]:
    """Of each photograph a square of 40 to 100 % of the largest one's area, at random, mirrored half of the times."""
    draws = torch.rand(len(photos), 4, generator=generator, dtype=torch.float32).tolist()
    return torch.stack([_crop(photo, size, *draw) for photo, draw in zip(photos, draws, strict=True)])


def _crop(photo: Image.Image, size: int, area: float, across: float, down: float, flip: float) -> Tensor:
    side = min(photo.size) * (_SMALLEST + (1 - _SMALLEST) * area) ** 0.5
    left, top = (photo.width - side) * across, (photo.height - side) * down
    box = (left, top, left + side, top + side)
    pixels = to_tensor(photo.resize((size, size), Image.Resampling.BILINEAR, box=box))
    return pixels.flip(2) if flip < 0.5 else pixels
