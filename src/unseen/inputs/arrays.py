"""NumPy's own files: ``.npy``, and ``.npz`` of one array."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unseen.errors import PhotoError, one_line
from unseen.inputs.opening import MAX_BYTES
from unseen.inputs.stored import Stored, check_memory


def read(path: Path) -> Stored:
    """The one array that the file holds, of shape (H, W), (H, W, B) or (B, H, W).

    Raises:
        PhotoError: damaged, of Python objects, of several arrays, or too large.
    """
    try:
        values = _archived(path) if path.suffix.lower() == ".npz" else _mapped(path)
    except PhotoError:
        raise
    except Exception as error:  # a damaged header fails in any way it likes
        reason = one_line(error, 120)
        raise PhotoError(f"{path} is no array that NumPy reads ({reason}); save it again by numpy.save") from None
    return Stored(values, str(path), "either")


def _mapped(path: Path) -> NDArray[Any]:
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    check_memory(mapped.shape, mapped.dtype.itemsize, str(path))
    return np.array(mapped)


def _archived(path: Path) -> NDArray[Any]:
    with zipfile.ZipFile(path) as archive:
        sizes = {entry.filename.removesuffix(".npy"): entry.file_size for entry in archive.infolist()}
    if len(sizes) != 1:
        raise PhotoError(
            f"{path} holds {len(sizes)} arrays ({', '.join(sizes) or 'none'}); save the one that is the input by "
            "numpy.save"
        )
    if max(sizes.values()) > MAX_BYTES / 2:
        raise PhotoError(f"{path} is too large: {max(sizes.values()) / 1e9:.1f} GB; cut it, or scale it down first")
    with np.load(path, allow_pickle=False) as archive:
        values: NDArray[Any] = archive[next(iter(sizes))]
    check_memory(values.shape, values.dtype.itemsize, str(path))
    return values
