"""Volumes: NIfTI files, DICOM series and stacks of pictures, with where their voxels lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unseen.errors import PhotoError, one_line
from unseen.inputs import dicom
from unseen.inputs.contents import SUFFIXES
from unseen.inputs.coordinates import Affine3, Axis, Coordinates
from unseen.inputs.opening import check_size
from unseen.inputs.photo import open_photo
from unseen.inputs.stored import Stored, check_memory
from unseen.system.optional import require

NIFTI = (".nii", ".nii.gz")
"""How the names of NIfTI files end."""

_TOWARDS = {
    "R": "left → right",
    "L": "right → left",
    "A": "back → front",
    "P": "front → back",
    "S": "down → up",
    "I": "up → down",
}
_APART = 0.02
"""By what share of their distance slices may be nearer or farther than the mean."""


def read_nifti(path: Path) -> Stored:
    """A NIfTI file: its numbers in the order in which they are stored, (i, j, k) or (i, j, k, channels).

    Raises:
        ModelError: nibabel is not installed.
        PhotoError: the file is damaged, no volume, or too large.
    """
    nibabel = require("nibabel", "medical")
    try:
        image = nibabel.load(path)
        shape = tuple(image.shape)
        if len(shape) not in (3, 4):
            raise PhotoError(f"{path} has shape {shape}; give a volume (i, j, k), or (i, j, k, channels)")
        check_memory(shape, 8, str(path))
        values = image.get_fdata(dtype=np.float32, caching="unchanged")
        affine = np.asarray(image.affine, dtype=np.float64)
        unit = image.header.get_xyzt_units()[0]
        sizes = [float(size) for size in image.header.get_zooms()[:3]]
    except PhotoError:
        raise
    except Exception as error:  # damaged headers and streams fail in any way they like
        reason = one_line(error, 160)
        raise PhotoError(f"{path} cannot be read as NIfTI ({reason}); save it again") from None
    names = [_TOWARDS.get(str(code), "") for code in nibabel.aff2axcodes(affine)]
    units = "" if unit == "unknown" else str(unit)
    axes = tuple(Axis(name, units, step=size) for name, size in zip(names, sizes, strict=True))
    return Stored(values, str(path), "last", coordinates=Coordinates(axes, _rows(affine)))


def as_volumes(given: Sequence[Path], found: Sequence[Path]) -> list[Path]:
    """Files to explain by a model of volumes: a folder that was given stands for the slices in it.

    Args:
        given: files and folders.
        found: the files in them.
    """
    slices = {
        path.parent
        for path in found
        if path.parent in given and (path.suffix.lower() in SUFFIXES or dicom.is_dicom(path))
    }
    return [*dict.fromkeys(path.parent if path.parent in slices else path for path in found)]


def read_stack(folder: Path, *, declared: bool) -> Stored:
    """A folder of DICOM slices of one series, or of pictures of one size by their names: shape (D, H, W).

    Raises:
        ModelError: pydicom is not installed.
        PhotoError: it holds neither, several series, or slices that do not lie evenly apart.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name[0] != ".")
    slices = [path for path in files if dicom.is_dicom(path)]
    if slices:
        return _series(folder, slices, declared=declared)
    pictures = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not pictures:
        raise PhotoError(f"folder {folder} holds no slices; give one with the DICOM files of a series, or pictures")
    first = open_photo(pictures[0])
    check_memory((len(pictures), first.height, first.width), 8, str(folder))
    planes = [np.asarray(open_photo(path).convert("L")) for path in pictures]
    if len({plane.shape for plane in planes}) > 1:
        raise PhotoError(f"the pictures in {folder} differ in size; give slices of one volume")
    return Stored(np.stack(planes), str(folder), "first")


def _series(folder: Path, files: list[Path], *, declared: bool) -> Stored:
    pydicom = require("pydicom", "medical")
    try:
        heads = [(pydicom.dcmread(path, stop_before_pixels=True), path) for path in files]
        series = {str(head.get("SeriesInstanceUID", "")) for head, _ in heads}
        sizes = {(int(head.Rows), int(head.Columns)) for head, _ in heads}
        if len(series) > 1 or len(sizes) > 1:
            raise PhotoError(
                f"{folder} holds {len(series)} series of slices of {len(sizes)} sizes; give a folder with one series"
            )
        ((height, width),) = sizes
        check_size((width, height), str(folder))
        check_memory((len(files), height, width), 8, str(folder))
        ordered, coordinates = _ordered(folder, heads)
        data = [pydicom.dcmread(path) for path in ordered]
        pixels = [pydicom.pixels.apply_modality_lut(one.pixel_array, one).astype(np.float32) for one in data]
    except PhotoError:
        raise
    except Exception as error:  # damaged files, and decoders that are not installed, fail in any way they like
        reason = one_line(error, 160)
        raise PhotoError(
            f"{folder} cannot be read as a DICOM series ({reason}); export it again, uncompressed"
        ) from None
    values = np.stack(pixels)
    notes: tuple[str, ...] = ()
    inverted = str(data[0].PhotometricInterpretation) == "MONOCHROME1"
    if not declared:
        values, notes = dicom.windowed(values, data[0], folder)
    return Stored(values, str(folder), "first", inverted=inverted, notes=notes, coordinates=coordinates)


def _ordered(folder: Path, heads: list[tuple[Any, Path]]) -> tuple[list[Path], Coordinates | None]:
    """The slices from one end of the volume to the other, and where they lie, if they say so."""
    first = heads[0][0]
    if any("ImagePositionPatient" not in head for head, _ in heads) or "ImageOrientationPatient" not in first:
        return [path for _, path in sorted(heads, key=lambda pair: int(pair[0].get("InstanceNumber", 0)))], None
    along, down = np.array(first.ImageOrientationPatient, dtype=np.float64).reshape(2, 3)
    normal = np.cross(along, down)
    placed = sorted((float(normal @ np.array(head.ImagePositionPatient, float)), str(path)) for head, path in heads)
    depths = np.array([depth for depth, _ in placed])
    steps = np.diff(depths)
    mean = float(steps.mean()) if len(steps) else float(first.get("SliceThickness", 1) or 1)
    if len(steps) and np.abs(steps - mean).max() > _APART * abs(mean):
        raise PhotoError(
            f"the slices in {folder} lie {steps.min():.3g} to {steps.max():.3g} mm apart; is one missing, or there "
            "twice? give one series of slices that are evenly apart"
        )
    start = next(head for head, path in heads if str(path) == placed[0][1])
    rows, columns = (float(size) for size in start.get("PixelSpacing", (1, 1)))
    position = np.array(start.ImagePositionPatient, dtype=np.float64)
    patient = np.eye(4)
    patient[:3] = np.column_stack([normal * mean, down * rows, along * columns, position])
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ patient  # DICOM counts to the left and to the back, NIfTI the other way
    axes = tuple(Axis(_towards(affine[:3, n]), "mm", step=abs(size)) for n, size in enumerate((mean, rows, columns)))
    return [Path(path) for _, path in placed], Coordinates(axes, _rows(affine))


def _towards(direction: NDArray[np.float64]) -> str:
    largest = int(np.abs(direction).argmax())
    return _TOWARDS[("RL", "AP", "SI")[largest][int(direction[largest] < 0)]]


def _rows(affine: NDArray[np.float64]) -> Affine3:
    return tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in affine)
