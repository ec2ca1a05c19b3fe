"""From what a person points at to a mask of the model's input."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from unseen.classifier.decision import Decision
from unseen.classifier.outputs.readings import percent
from unseen.errors import NotApplicableError, ParameterError
from unseen.explanation import Explanation, Part
from unseen.explanation.original import mask_on, seen_on, window
from unseen.explanation.storage import FILES
from unseen.inputs.geometry import Affine
from unseen.inputs.shapes import KINDS, Painted, Shape
from unseen.inputs.space import described

PartSource = str | PathLike[str] | Image.Image | NDArray[Any] | Tensor | Part | Explanation
"""What a part may be given as: a spec, the path of a mask or of an explanation, or a mask."""


@dataclass(frozen=True, eq=False)
class Explained:
    """A part that an explanation found.

    Attributes:
        name: where it comes from.
        explanation: that explanation.
        number: which of its parts, from 1.
    """

    name: str
    explanation: Explanation
    number: int = 1

    def __post_init__(self) -> None:
        count = len(self.explanation.parts)
        if not 1 <= self.number <= count:
            has = f"{count} part{'s' * (count != 1)}"
            remedy = (
                f"give a number from 1 to {count}" if count else "draw the part yourself, as in box:X,Y,WIDTH,HEIGHT"
            )
            raise ParameterError(f"{self.name} has {has} and no part {self.number}; {remedy}")


Pointed = Shape | Painted | Explained
"""What was pointed at, read but not yet laid over a photograph."""


@dataclass(frozen=True, eq=False)
class ChosenPart:
    """A part on the grid of the model's input.

    Attributes:
        mask: bool, shape (H, W).
        name: how it was asked for.
        notes: what of it the model never sees.
    """

    mask: Bool[Tensor, "H W"]
    name: str
    notes: tuple[str, ...] = ()

    @property
    def fraction(self) -> float:
        """Share of the pixels that the model sees."""
        return float(self.mask.float().mean())


def pointed_at(source: PartSource) -> Pointed:
    """Read what a part was given as.

    Args:
        source: ``"box:X,Y,WIDTH,HEIGHT"``, ``"ellipse:X,Y,WIDTH,HEIGHT"`` or ``"polygon:X,Y,X,Y,X,Y…"`` in pixels of
            the photograph; the path of a picture of its size that is white where the part is, or opaque; the folder of
            an explanation or a file in it, with ``#2`` behind it for its second part; an :class:`~unseen.Explanation`
            or one of its parts; a mask as a picture, array or tensor, true where the part is.

    Raises:
        ParameterError: it is none of these, or empty.
        PhotoError: a picture that cannot be read.
        OutputError: an explanation that is damaged.
    """
    if isinstance(source, Explanation):
        return Explained("the explanation", source)
    if isinstance(source, Part):
        return _of_numbers(source.mask)
    if isinstance(source, (np.ndarray, Tensor)):
        return _of_numbers(source)
    if isinstance(source, Image.Image):
        return Painted.of(source)
    if not isinstance(source, (str, PathLike)):
        raise ParameterError(
            f"a {type(source).__name__} is no part; give a spec such as box:X,Y,WIDTH,HEIGHT, the path of a mask or of "
            "an explanation, or a mask"
        )
    spec = os.fspath(source)
    return Shape.of(spec) if spec.partition(":")[0] in KINDS else _of_path(spec)


def chosen_part(pointed: Pointed, decision: Decision, *, invert: bool = False) -> ChosenPart:
    """What was pointed at, on the model's input.

    Args:
        pointed: see :func:`pointed_at`.
        decision: about the photograph that it lies on.
        invert: take all but it.

    Raises:
        ParameterError: it lies outside the photograph or where the model does not look, belongs to another photograph,
            or is of another size.
        NotApplicableError: where the model looks on the photograph is not known, or it is no image.
    """
    if decision.image.ndim != 3:
        raise NotApplicableError(
            f"parts are chosen on images, not on a {described(decision.image.shape[1:])}; give masks of your own to "
            "what Removal.bind returns"
        )
    prepared = decision.prepared
    to_input = prepared.geometry if prepared else None
    size = (int(decision.image.shape[1]), int(decision.image.shape[2]))
    name, notes = pointed.name, tuple[str, ...]()
    if isinstance(pointed, Explained):
        _check_photograph(pointed, decision)
    mask = _on_input(pointed, size, to_input)
    if mask is None:
        if to_input is None:
            raise NotApplicableError(
                "where the model looks on the photograph is not known; give a mask of its input of "
                f"{size[1]} × {size[0]} pixels (width × height)"
            )
        mask, notes = _laid(pointed, to_input, size)
    mask = ~mask if invert else mask
    if not bool(mask.any()):
        raise ParameterError(f"{name} covers all that the model sees, and inverted it is empty; leave --invert out")
    return ChosenPart(mask, f"all but {name}" if invert else name, notes)


def _of_path(spec: str) -> Pointed:
    """The explanation or the mask that a path leads to."""
    path, number = Path(spec), "1"
    try:
        there = path.exists()
        if not there and "#" in spec:
            before, _, number = spec.rpartition("#")
            path, there = Path(before), Path(before).exists()
    except (OSError, ValueError):
        there = False
    if not there:
        kinds = ", ".join(KINDS.values())
        raise ParameterError(f"part {spec!r:.200} is no file; write {kinds}, or the path of a mask or an explanation")
    folder = path if path.is_dir() else path.parent
    if path.is_dir() or (path.name in FILES.values() and (folder / FILES["record"]).is_file()):
        if not number.isdecimal():
            raise ParameterError(f"part {spec!r:.200} has no number behind #; write 1 for the first part")
        return Explained(spec, Explanation.load(folder), int(number))
    return Painted.of(path)


def _of_numbers(mask: NDArray[Any] | Tensor) -> Painted:
    """A mask of true and false, or of 0 and 1."""
    values = torch.as_tensor(mask).detach().cpu()
    if values.ndim != 2:
        raise ParameterError(f"the mask has shape {tuple(values.shape)}; expected (H, W)")
    if values.dtype != torch.bool and not bool(((values == 0) | (values == 1)).all()):
        raise ParameterError("the mask must hold nothing but true and false, or 0 and 1; compare it, as in mask > 127")
    if not bool(values.any()):
        raise ParameterError("the mask is empty; it must be true where the part is")
    return Painted("the mask", values.bool(), (int(values.shape[0]), int(values.shape[1])))


def _check_photograph(pointed: Explained, decision: Decision) -> None:
    """Refuse the explanation of another photograph."""
    explained, asked = pointed.explanation.file_sha256, decision.photo_record["file_sha256"]
    if explained and asked and explained != asked:
        source = pointed.explanation.provenance["photo"].get("source", "another one")
        raise ParameterError(f"{pointed.name} explains another photograph, {source}; give that one")


def _on_input(pointed: Pointed, size: tuple[int, int], to_input: Affine | None) -> Bool[Tensor, "H W"] | None:
    """The mask where it lies on the model's input already, so that nothing must be carried over."""
    if isinstance(pointed, Shape):
        return None
    if isinstance(pointed, Explained):
        mask = pointed.explanation.parts[pointed.number - 1].mask
        return mask if tuple(mask.shape) == size and pointed.explanation.geometry == to_input else None
    as_seen = pointed.size == size and (to_input is None or to_input.source_size != size)
    return pointed.mask if as_seen else None


def _laid(pointed: Pointed, to_input: Affine, size: tuple[int, int]) -> tuple[Bool[Tensor, "H W"], tuple[str, ...]]:
    """What was pointed at on the photograph, carried to the model's input, and what of it got lost on the way."""
    height, width = to_input.source_size
    on_photo, reaches = _on_photo(pointed, to_input)
    covered = int(on_photo.sum())
    across = f"{width} × {height} pixels (width × height)"
    if not covered:
        raise ParameterError(
            f"{pointed.name} covers no pixel of the photograph, which has {across}; all of it is "
            f"box:0,0,{width},{height}"
        )
    notes = [f"{pointed.name} reaches beyond the photograph, which has {across}"] if reaches else []
    unseen = 1 - int((on_photo & seen_on(size, to_input)).sum()) / covered
    looks = f"it looks at box:{','.join(f'{number:g}' for number in window(size, to_input))}"
    if unseen == 1:
        raise ParameterError(f"{pointed.name} lies where the model does not look; {looks}")
    if unseen > 0:
        notes.append(f"the model does not look at {percent(unseen)} of {pointed.name}; {looks}")
    mask = mask_on(on_photo, replace(to_input.inverse(), source_size=size, orientation=1))
    if not bool(mask.any()):
        scale = 1 / abs(to_input.area) ** 0.5
        raise ParameterError(
            f"{pointed.name} covers less than half of any pixel that the model sees, each of which is {scale:.3g} "
            "pixels of the photograph wide; make it larger"
        )
    return mask, tuple(notes)


def _on_photo(pointed: Pointed, to_input: Affine) -> tuple[Bool[Tensor, "H W"], bool]:
    """The pixels of the photograph, and whether it reaches beyond them."""
    size = to_input.source_size
    if isinstance(pointed, Shape):
        corners = pointed.corners
        beyond = bool((corners < 0).any() or (corners > (size[1], size[0])).any())
        return pointed.mask(size), beyond
    if isinstance(pointed, Explained):
        geometry = pointed.explanation.geometry
        if geometry is None or geometry.source_size != size:
            raise ParameterError(
                f"{pointed.name} is not about a photograph of {size[1]} × {size[0]} pixels (width × height); give the "
                "photograph that it explains"
            )
        return mask_on(pointed.explanation.parts[pointed.number - 1].mask, geometry), False
    if pointed.size != size:
        raise ParameterError(
            f"{pointed.name} has {pointed.size[1]} × {pointed.size[0]} pixels (width × height) and the photograph "
            f"{size[1]} × {size[0]}; paint the part on a copy of the photograph, and save it at that size"
        )
    reduced = tuple(pointed.mask.shape) != size
    small = (int(pointed.mask.shape[0]), int(pointed.mask.shape[1]))
    return (mask_on(pointed.mask, Affine.scaling(size, small)) if reduced else pointed.mask), False
