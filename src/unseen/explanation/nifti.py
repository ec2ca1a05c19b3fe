"""Maps and parts of a volume as NIfTI, where its own voxels are."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.inputs.coordinates import Affine3
from unseen.system.optional import require


def files_of(saliency: Float[Tensor, "D H W"], parts: Bool[Tensor, "N D H W"], affine: Affine3) -> Mapping[str, bytes]:
    """The map as float32 and the parts as bytes of 0 and 1, (D, H, W) or one behind the other, (D, H, W, N).

    Args:
        saliency: of the voxels as they are stored.
        parts: likewise.
        affine: of the volume's own file.

    Raises:
        ModelError: nibabel is not installed.
    """
    stacked = np.moveaxis(parts.numpy().astype(np.uint8), 0, -1)
    stacked = stacked[..., 0] if stacked.shape[-1] == 1 else stacked
    files = {"saliency_nifti": _file(saliency.numpy(), affine)}
    return files | ({"parts_nifti": _file(stacked, affine)} if len(parts) else {})


def mask_of(mask: Bool[Tensor, "D H W"], affine: Affine3) -> bytes:
    """A part of a volume as a compressed file, in the places of the volume's own.

    Raises:
        ModelError: nibabel is not installed.
    """
    return _file(mask.numpy().astype(np.uint8), affine)


def _file(values: Any, affine: Affine3) -> bytes:
    nibabel = require("nibabel", "medical")
    image = nibabel.Nifti1Image(values, np.array(affine))
    image.header.set_xyzt_units("mm")
    return gzip.compress(image.to_bytes(), mtime=0)
