"""Small labelled sets of photographs on which a network is trained in seconds: two that packages bring, or a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Annotated

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import interpolate

from unseen.classifier import Preprocessing
from unseen.errors import ParameterError, PhotoError
from unseen.inputs.finding import find_photos
from unseen.inputs.photo import open_photo, to_tensor
from unseen.system.optional import require
from unseen.system.options import Count, Share, check

FEWEST = 10
"""Photographs that a class must have."""

BUNDLED = ("digits", "faces")
"""Names of data sets that lie in a package's wheel."""

Size = Annotated[int, Count("the side to which photographs of a folder are resized, in pixels", 16)]
TestShare = Annotated[float, Share("how much of each class is tested on", ends="()")]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Photographs with labels, split into those to train on and those to test on.

    Args:
        name: what records call it.
        images: float32 RGB in [0, 1], shape (N, 3, H, W).
        labels: class indices, int64 of shape (N,).
        classes: names of the classes.
        train: indices of the photographs to train on, classes in turn, so that a prefix is balanced.
        test: indices of the photographs to test on.
    """

    name: str
    images: Float[Tensor, "N 3 H W"]
    labels: Int[Tensor, " N"]
    classes: tuple[str, ...]
    train: Int[Tensor, " T"]
    test: Int[Tensor, " S"]

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return int(self.images.shape[2]), int(self.images.shape[3])

    @property
    def fingerprint(self) -> str:
        """Changes with any pixel, label or index."""
        digest = hashlib.sha256()
        for tensor in (self.images, self.labels, self.train, self.test):
            digest.update(f"{tuple(tensor.shape)}".encode() + tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]

    def limited(self, limit: int | None) -> Dataset:
        """The same with at most ``limit`` photographs to train on, as many of each class as there can be.

        Raises:
            ParameterError: fewer than two of each class.
        """
        if limit is None:
            return self
        check(
            "limit", limit, Annotated[int, Count("how many are trained on, two of each class", 2 * len(self.classes))]
        )
        return replace(self, train=self.train[:limit])


def load_dataset(source: str | PathLike[str], *, size: int = 64, test_share: float = 0.2, seed: int = 0) -> Dataset:
    """The data set of a name, or of a folder.

    Args:
        source: one of :data:`BUNDLED`, or a folder with a folder of photographs for each class.
        size: side to which photographs of a folder are resized, in pixels.
        test_share: share of each class that is tested on.
        seed: of the split.

    Raises:
        ParameterError: a size or a share outside its range, fewer than two classes, too few photographs of one.
        PhotoError: no such folder, or a photograph that cannot be read.
        ModelError: the package that brings the digits is not installed.
    """
    if str(source) == "digits":
        return digits(test_share=test_share, seed=seed)
    if str(source) == "faces":
        return faces(test_share=test_share, seed=seed)
    return from_folder(source, size=size, test_share=test_share, seed=seed)


def digits(*, test_share: float = 0.2, seed: int = 0) -> Dataset:
    """1,797 handwritten digits of 8 × 8 pixels (Alpaydin & Kaynak, 1998; scikit-learn), upscaled to 32 × 32 RGB.

    Raises:
        ModelError: scikit-learn is not installed.
    """
    found = require("sklearn.datasets", "retraining").load_digits()
    grey = torch.from_numpy(found.images).float()[:, None] / 16
    return labelled("digits", _square(grey), torch.from_numpy(found.target).long(), "0123456789", test_share, seed)


def faces(*, test_share: float = 0.2, seed: int = 0) -> Dataset:
    """100 faces and 100 other patches of photographs, 25 × 25 pixels (Labelled Faces in the Wild; scikit-image)."""
    from skimage.data import lfw_subset

    grey = torch.from_numpy(lfw_subset()).float()[:, None]  # type: ignore[no-untyped-call]
    labels = torch.arange(200) // 100
    return labelled("faces", _square(grey), labels, ("face", "no face"), test_share, seed)


def from_folder(folder: str | PathLike[str], *, size: int = 64, test_share: float = 0.2, seed: int = 0) -> Dataset:
    """A user's photographs: one folder for each class, named like it; cropped to the middle and resized.

    Raises:
        ParameterError: a size or a share outside its range, fewer than two classes, too few photographs of one.
        PhotoError: no such folder, or a photograph that cannot be read.
    """
    place = Path(folder)
    check("size", size, Size)
    if not place.is_dir():
        raise PhotoError(f"{folder} is no folder; give {' or '.join(BUNDLED)}, or a folder with one folder per class")
    inside = sorted(path for path in place.iterdir() if path.is_dir() and path.name[0] != ".")
    if len(inside) < 2:
        raise ParameterError(
            f"{folder} has {len(inside) or 'no'} folder{'s' * (not inside)} inside; "
            "a data set needs one for each of two classes or more"
        )
    crop = Preprocessing(size=(size, size), resize=size).crop
    photos = [find_photos([path]) for path in inside]
    images = [to_tensor(crop(open_photo(photo))) for of_class in photos for photo in of_class]
    labels = torch.tensor([number for number, of_class in enumerate(photos) for _ in of_class])
    return labelled(str(folder), torch.stack(images), labels, [path.name for path in inside], test_share, seed)


def labelled(
    name: str,
    images: Float[Tensor, "N 3 H W"],
    labels: Int[Tensor, " N"],
    classes: Sequence[str],
    test_share: float = 0.2,
    seed: int = 0,
) -> Dataset:
    """A data set of tensors, split so that every class has its share in both parts.

    Raises:
        ParameterError: fewer than two classes, fewer than :data:`FEWEST` photographs of one, or a share outside (0, 1).
    """
    check("test_share", test_share, TestShare)
    if len(classes) < 2:
        raise ParameterError(f"{name} has {len(classes)} classes; at least two are needed")
    generator = torch.Generator().manual_seed(seed)
    train: list[tuple[float, int]] = []
    test: list[int] = []
    for number, label in enumerate(classes):
        members = (labels == number).nonzero()[:, 0]
        if len(members) < FEWEST:
            raise ParameterError(
                f"class {label!r} of {name} has {len(members)} photograph{'s' * (len(members) != 1)}; "
                f"give at least {FEWEST} of each class"
            )
        order = members[torch.randperm(len(members), generator=generator)].tolist()
        held_out = min(max(1, round(test_share * len(order))), len(order) - 2)
        test += order[:held_out]
        kept = order[held_out:]
        train += [((place + 0.5) / len(kept), index) for place, index in enumerate(kept)]
    in_turn = [index for _, index in sorted(train)]
    return Dataset(name, images, labels, tuple(classes), torch.tensor(in_turn), torch.tensor(test))


def _square(grey: Tensor) -> Float[Tensor, "N 3 32 32"]:
    """Grey images, shape (N, 1, h, w), as RGB of 32 × 32."""
    scaled = interpolate(grey, size=(32, 32), mode="bilinear", align_corners=False)
    return scaled.clamp(0, 1).expand(-1, 3, -1, -1).contiguous()
