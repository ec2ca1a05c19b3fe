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
from unseen.inputs import arrays, volumes
from unseen.inputs.coordinates import Affine3
from unseen.inputs.geometry import Affine, lies_on_input
from unseen.inputs.shapes import FORMS, KINDS, Painted, Shape
from unseen.inputs.space import ANY, CALLED, Space, across, described, extent
from unseen.system.arguments import type_of
from unseen.system.names import with_article
from unseen.trials.along import box_on

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
                f"give a number from 1 to {count}" if count else f"draw the part yourself, as in {FORMS[self.axes][0]}"
            )
            raise ParameterError(f"{self.name} has {has} and no part {self.number}; {remedy}")

    @property
    def axes(self) -> int:
        """Of the input that it explains."""
        return self.explanation.saliency.ndim

    @property
    def mask(self) -> Bool[Tensor, "*space"]:
        """The part on the input that it explains."""
        return self.explanation.parts[self.number - 1].mask


_ON = {1: "a signal", 2: "an image", 3: "a volume"}
"""Where a part of so many axes lies."""

_APART = 1e-3
"""By how much numbers of two affines, in millimetres, may differ that are the same but for rounding."""

Pointed = Shape | Painted | Explained
"""What was pointed at, read but not yet laid over a photograph."""


@dataclass(frozen=True, eq=False)
class ChosenPart:
    """A part on the grid of the model's input.

    Attributes:
        mask: bool, shape ``space``.
        name: how it was asked for.
        notes: what of it the model never sees.
    """

    mask: Bool[Tensor, "*space"]
    name: str
    notes: tuple[str, ...] = ()

    @property
    def fraction(self) -> float:
        """Share of the pixels, samples or voxels that the model sees."""
        return float(self.mask.float().mean())


def pointed_at(source: PartSource) -> Pointed:
    """Read what a part was given as.

    Args:
        source: ``"box:X,Y,WIDTH,HEIGHT"``, ``"ellipse:X,Y,WIDTH,HEIGHT"`` or ``"polygon:X,Y,X,Y,X,Y…"`` in pixels of
            the photograph; ``"box:START,LENGTH"`` of a signal, and of a volume ``"box:D,H,W,DEPTH,HEIGHT,WIDTH"`` or
            ``"ellipse:…"``, in samples and voxels, or in the unit of its file, as in ``"box:0.4s,0.2s"``; the path of a
            picture of the photograph's size that is white where the part is, or opaque; of a mask in a ``.npy`` or
            NIfTI file; the folder of an explanation or a file in it, with ``#2`` behind it for its second part; an
            :class:`~unseen.Explanation` or one of its parts; a mask as a picture, array or tensor, true where the part
            is.

    Raises:
        ParameterError: it is none of these, or empty.
        PhotoError: a picture or a file of numbers that cannot be read.
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
            f"{type_of(source)} is no part; give a spec such as box:X,Y,WIDTH,HEIGHT, the path of a mask or of "
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
            or is of another size or number of axes; it is in a unit that is not that of the signal or the volume.
        NotApplicableError: where the model looks on the photograph is not known.
    """
    prepared = decision.prepared
    to_input = decision.geometry
    size = tuple(map(int, decision.image.shape[1:]))
    name, notes = pointed.name, tuple[str, ...]()
    if isinstance(pointed, Explained):
        _check_source(pointed, decision)
    if pointed.axes != len(size):
        raise ParameterError(
            f"{name} lies on {_ON[pointed.axes]}, and the input is "
            f"{with_article(described(size))}; write {' or '.join(FORMS[len(size)])}, or give a mask of its size"
        )
    mask = _on_input(pointed, size, to_input)
    if mask is None and len(size) != 2:
        if not isinstance(pointed, Shape):
            raise ParameterError(
                f"{name} has {extent(pointed.mask.shape)} and the {CALLED[len(size)]} {extent(size)}; give a mask of "
                "that size"
            )
        mask, notes = box_on(pointed, size, prepared.coordinates if prepared else None)
    if mask is None:
        if to_input is None:
            raise NotApplicableError(
                f"where the model looks on the photograph is not known; give a mask of its input of {across(size)}"
            )
        mask, notes = _laid(pointed, to_input, (size[0], size[1]))
    if isinstance(pointed, Painted):
        _check_place(pointed, decision)
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
        kinds = ", ".join([*FORMS[2], *FORMS[1], FORMS[3][0]])
        raise ParameterError(f"part {spec!r:.200} is no file; write {kinds}, or the path of a mask or an explanation")
    folder = path if path.is_dir() else path.parent
    if path.is_dir() or (path.name in FILES.values() and (folder / FILES["record"]).is_file()):
        if not number.isdecimal():
            raise ParameterError(f"part {spec!r:.200} has no number behind #; write 1 for the first part")
        return Explained(spec, Explanation.load(folder), int(number))
    if path.name.lower().endswith(volumes.NIFTI):
        stored = volumes.read_nifti(path)
        return _of_numbers(stored.values, str(path), stored.coordinates.affine if stored.coordinates else None)
    if path.suffix.lower() in (".npy", ".npz"):
        return _of_numbers(arrays.read(path).values, str(path))
    return Painted.of(path)


def _of_numbers(mask: NDArray[Any] | Tensor, name: str = "the mask", affine: Affine3 | None = None) -> Painted:
    """A mask of true and false, or of 0 and 1."""
    values = torch.as_tensor(mask).detach().cpu()
    if values.ndim not in ANY:
        raise ParameterError(f"{name} has shape {tuple(values.shape)}; expected (H, W), (L,) or (D, H, W)")
    if values.dtype != torch.bool and not bool(((values == 0) | (values == 1)).all()):
        raise ParameterError(f"{name} must hold nothing but true and false, or 0 and 1; compare it, as in mask > 127")
    if not bool(values.any()):
        raise ParameterError(f"{name} is empty; it must be true where the part is")
    return Painted(name, values.bool(), tuple(map(int, values.shape)), affine)


def _check_place(pointed: Painted, decision: Decision) -> None:
    """Refuse a mask whose file says that its voxels lie elsewhere than those of the volume."""
    known = decision.prepared.coordinates if decision.prepared else None
    if pointed.affine is None or known is None or known.affine is None:
        return
    apart = np.abs(np.array(pointed.affine) - np.array(known.affine)).max()
    if apart > _APART:
        raise ParameterError(
            f"{pointed.name} has the volume's size, and its voxels lie elsewhere (the affines differ by up to "
            f"{apart:.3g}); resample the mask onto the volume"
        )


def _check_source(pointed: Explained, decision: Decision) -> None:
    """Refuse the explanation of another input."""
    explained, asked = pointed.explanation.file_sha256, decision.photo_record["file_sha256"]
    if explained and asked and explained != asked:
        source = pointed.explanation.provenance["photo"].get("source", "another one")
        kind = CALLED[pointed.axes]
        raise ParameterError(f"{pointed.name} explains another {kind}, {source}; give that one")


def _on_input(pointed: Pointed, size: Space, to_input: Affine | None) -> Bool[Tensor, "*space"] | None:
    """The mask where it lies on the model's input already, so that nothing must be carried over."""
    if isinstance(pointed, Shape):
        return None
    if isinstance(pointed, Explained):
        same = tuple(pointed.mask.shape) == size and pointed.explanation.geometry == to_input
        return pointed.mask if same else None
    return pointed.mask if lies_on_input(pointed.size, size, to_input) else None


def _laid(pointed: Pointed, to_input: Affine, size: tuple[int, int]) -> tuple[Bool[Tensor, "H W"], tuple[str, ...]]:
    """What was pointed at on the photograph, carried to the model's input, and what of it got lost on the way."""
    height, width = to_input.source_size
    on_photo, reaches = _on_photo(pointed, to_input)
    covered = int(on_photo.sum())
    has = across(to_input.source_size)
    if not covered:
        raise ParameterError(
            f"{pointed.name} covers no pixel of the photograph, which has {has}; all of it is box:0,0,{width},{height}"
        )
    notes = [f"{pointed.name} reaches beyond the photograph, which has {has}"] if reaches else []
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
                f"{pointed.name} is not about a photograph of {across(size)}; give the photograph that it explains"
            )
        return mask_on(pointed.mask, geometry), False
    if pointed.size != size:
        raise ParameterError(
            f"{pointed.name} has {across(pointed.size)} and the photograph {size[1]} × {size[0]}; paint the part on a "
            "copy of the photograph, and save it at that size"
        )
    reduced = tuple(pointed.mask.shape) != size
    small = (int(pointed.mask.shape[0]), int(pointed.mask.shape[1]))
    return (mask_on(pointed.mask, Affine.scaling(size, small)) if reduced else pointed.mask), False
