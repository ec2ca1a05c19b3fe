"""Where people saw the object: instance annotations in COCO's format, brought onto the crop that the model sees.

Source of the format: Lin et al., *Microsoft COCO: Common Objects in Context*, ECCV 2014, and the data set's page. A
polygon's coordinates are those of the plane in which pixel (row i, column j) is the square [j, j + 1) × [i, i + 1); a
pixel belongs to the polygon when its centre does (even-odd rule).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from unseen.classifier import Classifier
from unseen.errors import ParameterError, UnknownNameError

CLASSES_FILE = "imagenet_classes.json"
"""Found beside the annotations, it says which class indices stand for a category."""

_KEYS = {"images": ("id", "file_name", "width", "height"), "categories": ("id", "name")}
_KEYS["annotations"] = ("id", "image_id", "category_id", "segmentation")


@dataclass(frozen=True, eq=False)
class Annotations:
    """The instances that people outlined on a set of photographs.

    Attributes:
        path: where they were read from.
        photos: by base name of the photograph, the records of that name.
        instances: by the record's id, what is annotated on it.
        categories: names by id.
        classes: class indices by the name of a category; ``None`` goes by labels of the same text.
    """

    path: Path
    photos: Mapping[str, Sequence[Mapping[str, Any]]]
    instances: Mapping[int, Sequence[Mapping[str, Any]]]
    categories: Mapping[int, str]
    classes: Mapping[str, Sequence[int]] | None

    @classmethod
    def read(cls, path: str | PathLike[str], classes: str | PathLike[str] | None = None) -> Annotations:
        """Read a file such as COCO's ``instances.json``.

        Args:
            path: the file.
            classes: a JSON file, category name → list of class indices; by default ``imagenet_classes.json`` beside the
                annotations, and where there is none, labels of the same text as a category.

        Raises:
            ParameterError: a file cannot be read or has another format.
        """
        path = Path(path)
        content = _json(path)
        if not isinstance(content, dict):
            raise ParameterError(f"{path} holds no annotations in COCO's format: it is no JSON object")
        for part, keys in _KEYS.items():
            _check_records(path, content, part, keys)
        photos: dict[str, list[Mapping[str, Any]]] = {}
        for record in content["images"]:
            photos.setdefault(_base(record["file_name"]), []).append(record)
        instances: dict[int, list[Mapping[str, Any]]] = {}
        for record in content["annotations"]:
            instances.setdefault(record["image_id"], []).append(record)
        categories = {record["id"]: record["name"] for record in content["categories"]}
        beside = path.parent / CLASSES_FILE
        if classes is None and beside.exists():
            classes = beside
        return cls(path, photos, instances, categories, None if classes is None else _classes(Path(classes)))

    def mask(self, photo: str | PathLike[str], target: int, classifier: Classifier) -> Bool[Tensor, "H W"] | None:
        """The pixels of all instances of a class, crowds included, on the crop that the model sees.

        The photograph is taken to be stored upright, as in COCO.

        Args:
            photo: name or path of the photograph; its base name counts.
            target: class index.
            classifier: whose preprocessing resizes and crops.

        Returns:
            ``None`` where the photograph is not in the annotations, or no instance of the class is on it; all false
            where the crop leaves nothing of them.

        Raises:
            ParameterError: an instance has no outline in COCO's format; several photographs have the name; the class
                indices are not the classifier's.
        """
        records = self.photos.get(_base(str(photo)), ())
        if len(records) > 1:
            raise ParameterError(f"{self.path} has {len(records)} photographs of the name {_base(str(photo))!r}")
        if not records:
            return None
        (record,), wanted = records, self.categories_of(target, classifier)
        found = [i for i in self.instances.get(record["id"], ()) if i["category_id"] in wanted]
        if not found:
            return None
        shape = record["height"], record["width"]
        union = np.logical_or.reduce([self._outlined(instance, shape) for instance in found])
        crop = replace(classifier.preprocessing, interpolation="nearest").crop(Image.fromarray(union))
        return torch.from_numpy(np.array(crop, dtype=bool))

    def categories_of(self, target: int, classifier: Classifier) -> frozenset[int]:
        """The ids of the categories that stand for a class.

        Raises:
            ParameterError: the class indices are not the classifier's.
        """
        if self.classes is None:
            return frozenset(key for key, name in self.categories.items() if _named(name, classifier) == target)
        highest = max((max(indices, default=0) for indices in self.classes.values()), default=0)
        if classifier.labels is not None and highest >= len(classifier.labels):
            raise ParameterError(
                f"the class indices of {self.path} go up to {highest}, but {classifier.name} has "
                f"{len(classifier.labels)} classes; give a file of its own as classes"
            )
        return frozenset(key for key, name in self.categories.items() if target in self.classes.get(name, ()))

    def _outlined(self, instance: Mapping[str, Any], shape: tuple[int, int]) -> NDArray[np.bool_]:
        try:
            return outlined(instance["segmentation"], shape)
        except ParameterError as error:
            raise ParameterError(f"{self.path}, annotation {instance['id']}: {error}") from None


def outlined(segmentation: object, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels of one instance.

    Args:
        segmentation: a list of polygons [x₀, y₀, x₁, y₁, …], of which the union is meant; or run lengths, plain or
            compressed: ``{"size": [height, width], "counts": […] or "…"}``.
        shape: (height, width) of the photograph.

    Returns:
        Of shape (height, width).

    Raises:
        ParameterError: neither form, or run lengths of another size.
    """
    if isinstance(segmentation, list):
        inside = np.zeros(shape, dtype=bool)
        for polygon in segmentation:
            inside |= polygon_mask(_corners(polygon), shape)
        return inside
    if not isinstance(segmentation, dict) or not {"size", "counts"} <= segmentation.keys():
        raise ParameterError("the segmentation is neither a list of polygons nor run lengths with size and counts")
    if list(segmentation["size"]) != list(shape):
        raise ParameterError(f"run lengths of size {segmentation['size']} on a photograph of size {list(shape)}")
    counts = segmentation["counts"]
    lengths = np.asarray(decompressed(counts) if isinstance(counts, str) else counts)
    if (
        lengths.ndim != 1
        or lengths.dtype.kind not in "iu"
        or (lengths < 0).any()
        or lengths.sum() != shape[0] * shape[1]
    ):
        raise ParameterError(f"the run lengths do not add up to {shape[0]} × {shape[1]} pixels")
    values = np.arange(len(lengths)) % 2 == 1  # the first run is outside
    return np.repeat(values, lengths).reshape(shape[::-1]).T


def polygon_mask(corners: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels whose centre lies in a polygon, by the even-odd rule.

    Every edge flips what lies to the right of it in the rows that it crosses.

    Args:
        corners: (x, y) of each, shape (N, 2); the last is joined to the first.
        shape: (height, width).
    """
    height, width = shape
    flips = np.zeros((height, width + 1), dtype=np.int64)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        low, high = sorted((y0, y1))
        rows = np.arange(max(0, int(np.ceil(low - 0.5))), min(height, int(np.ceil(high - 0.5))))
        if len(rows):
            crossing = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
            flips[rows, np.clip(np.ceil(crossing - 0.5), 0, width).astype(int)] += 1
    return np.asarray(flips.cumsum(axis=1)[:, :width] % 2 == 1)


def decompressed(text: str) -> list[int]:
    """COCO's compressed run lengths: five bits a character, low ones first, from the third run on as differences.

    A character is 48 plus six bits; the sixth says that more follow, the fifth of the last is the sign. A difference is
    to the run before the one before.

    Raises:
        ParameterError: another character, or an unfinished number.
    """
    lengths: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise ParameterError(f"compressed run lengths with the character {character!r}")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            signed = value - (1 << shift) if bits & 16 else value
            lengths.append(signed + (lengths[-2] if len(lengths) > 2 else 0))
            value = shift = 0
    if shift:
        raise ParameterError("compressed run lengths that end in the middle of a number")
    return lengths


def _corners(polygon: object) -> NDArray[np.float64]:
    try:
        flat = np.asarray(polygon, dtype=np.float64)
    except (TypeError, ValueError):
        raise ParameterError("a polygon holds what is no number") from None
    if flat.ndim != 1 or len(flat) < 6 or len(flat) % 2 or not np.isfinite(flat).all():
        raise ParameterError("a polygon is a list x₀, y₀, x₁, y₁, … of at least three finite corners")
    return flat.reshape(-1, 2)


def _named(category: str, classifier: Classifier) -> int | None:
    try:
        return classifier.target_index(category)
    except (UnknownNameError, ParameterError):
        return None


def _base(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).name


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParameterError(f"{path} cannot be read: {error.strerror}; check the path") from None
    except ValueError as error:
        raise ParameterError(f"{path} is no JSON ({error}); annotations are read in COCO's format only") from None


def _check_records(path: Path, content: Mapping[str, Any], part: str, keys: Sequence[str]) -> None:
    records = content.get(part)
    if not isinstance(records, list):
        raise ParameterError(f"{path} holds no annotations in COCO's format: it has no list {part!r}")
    for number, record in enumerate(records):
        missing = [key for key in keys if key not in record] if isinstance(record, dict) else list(keys)
        if missing:
            raise ParameterError(f"{path}: number {number} of {part!r} lacks {', '.join(map(repr, missing))}")


def _classes(path: Path) -> Mapping[str, Sequence[int]]:
    content = _json(path)
    lists = content.values() if isinstance(content, dict) else (None,)
    if not all(isinstance(one, list) and all(type(index) is int and index >= 0 for index in one) for one in lists):
        raise ParameterError(f"{path} must map names of categories to lists of class indices")
    return dict(content)
