"""Where people saw the object: instance annotations in COCO's format, brought onto the crop that the model sees.

Source of the format: Lin et al., *Microsoft COCO: Common Objects in Context*, ECCV 2014, and the data set's page. A
polygon's coordinates are those of the plane in which pixel (row i, column j) is the square [j, j + 1) × [i, i + 1); a
pixel belongs to the polygon when its centre does (even-odd rule).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any, TypedDict

import numpy as np
import torch
from jaxtyping import Bool
from numpy.typing import NDArray
from PIL import ExifTags, Image
from torch import Tensor

from unseen.classifier import Classifier
from unseen.errors import ParameterError, UnknownNameError
from unseen.inputs.contents import Location
from unseen.inputs.shapes import polygon_mask
from unseen.system.schema import MalformedError, parse_json

CLASSES_FILE = "imagenet_classes.json"
"""Found beside the annotations, it says which class indices stand for a category."""

_LARGEST = 1 << 16
"""Pixels along a photograph's side at most."""


class _Photo(TypedDict):
    id: int | str
    file_name: str
    width: int
    height: int


class _Category(TypedDict):
    id: int | str
    name: str


class _Instance(TypedDict):
    id: int | str
    image_id: int | str
    category_id: int | str
    segmentation: Any


class _Coco(TypedDict):
    images: list[_Photo]
    categories: list[_Category]
    annotations: list[_Instance]


@dataclass(frozen=True, eq=False)
class Annotations:
    """The instances that people outlined on a set of photographs.

    Attributes:
        path: where they were read from.
        photos: by base name of the photograph, the records of that name.
        instances: by the record's id, what is annotated on it.
        categories: names by id.
        classes: class indices by the name of a category; ``None`` goes by labels of the same text.
        digest: changes with the content of either file.
    """

    path: Path
    photos: Mapping[str, Sequence[_Photo]]
    instances: Mapping[int | str, Sequence[_Instance]]
    categories: Mapping[int | str, str]
    classes: Mapping[str, Sequence[int]] | None
    digest: str = ""

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
        text = _bytes(path)
        content: _Coco = _parsed(path, text, _Coco)
        photos: dict[str, list[_Photo]] = {}
        for number, photo in enumerate(content["images"]):
            if not (0 < photo["width"] <= _LARGEST and 0 < photo["height"] <= _LARGEST):
                raise ParameterError(f"{path}: images[{number}] has {photo['width']} × {photo['height']} pixels")
            photos.setdefault(_base(photo["file_name"]), []).append(photo)
        instances: dict[int | str, list[_Instance]] = {}
        for instance in content["annotations"]:
            instances.setdefault(instance["image_id"], []).append(instance)
        categories = {category["id"]: category["name"] for category in content["categories"]}
        beside = path.parent / CLASSES_FILE
        if classes is None and beside.exists():
            classes = beside
        named = b"" if classes is None else _bytes(Path(classes))
        indices = None if classes is None else _classes(Path(classes), named)
        digest = sha256(b"%d " % len(text) + text + named).hexdigest()
        return cls(path, photos, instances, categories, indices, digest)

    def check(self, photos: Iterable[Path]) -> None:
        """Refuse annotations that cannot be told to belong to photographs.

        Raises:
            ParameterError: none of the photographs is known; or two that lie in different places are known by the same
                record, so that one of them would be judged by the other's annotations.
        """
        found: dict[int | str, Path] = {}
        names = list(photos)
        for photo in names:
            for record in self._records(photo):
                other = found.setdefault(record["id"], photo)
                if other.absolute() != photo.absolute():
                    raise ParameterError(
                        f"{self.path} knows {other} and {photo} by the same name, {record['file_name']!r}; "
                        "give photographs of one folder, or write the folders into 'file_name'"
                    )
        if names and not found:
            raise ParameterError(
                f"{self.path} knows none of the photographs, such as {names[0].name}; it must name their files "
                "('file_name')"
            )

    def _records(self, photo: Path) -> list[_Photo]:
        """Those of the photograph's name, of which those that agree with its path on the most folders."""
        place = photo.absolute().parts
        named = [(_agreement(place, record["file_name"]), record) for record in self.photos.get(_base(str(photo)), ())]
        best = max((count for count, _ in named), default=0)
        return [record for count, record in named if count == best]

    def mask(self, photo: str | PathLike[str], target: int, classifier: Classifier) -> Bool[Tensor, "H W"] | None:
        """The pixels of all instances of a class, crowds included, on the crop that the model sees.

        The photograph is taken to be stored upright, as in COCO.

        Args:
            photo: path of the photograph. Its name counts, and its folders where several records have the name; where
                it can be read, its size must be that of the record.
            target: class index.
            classifier: whose preprocessing resizes and crops.

        Returns:
            ``None`` where the photograph is not in the annotations, or no instance of the class is on it; all false
            where the crop leaves nothing of them.

        Raises:
            ParameterError: an instance has no outline in COCO's format; several photographs have the name, or the one
                of the name has another size; the class indices are not the classifier's.
        """
        records = self._records(Path(photo))
        if len(records) > 1:
            raise ParameterError(f"{self.path} has {len(records)} photographs of the name {_base(str(photo))!r}")
        if not records:
            return None
        (record,), wanted = records, self.categories_of(target, classifier)
        self._check_size(Path(photo), record)
        found = [i for i in self.instances.get(record["id"], ()) if i["category_id"] in wanted]
        if not found:
            return None
        shape = record["height"], record["width"]
        union = np.logical_or.reduce([self._outlined(instance, shape) for instance in found])
        crop = replace(classifier.preprocessing, interpolation="nearest").crop(Image.fromarray(union))
        return torch.from_numpy(np.array(crop, dtype=bool))

    def categories_of(self, target: int, classifier: Classifier) -> frozenset[int | str]:
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

    def _check_size(self, photo: Path, record: _Photo) -> None:
        """Another photograph of the same name has another size as a rule."""
        try:
            with Image.open(Location.of(photo).readable()) as image:
                turned = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
                size = image.size[::-1] if turned else image.size
        except (OSError, ValueError, Image.DecompressionBombError):
            return  # told by who opens it to explain it
        if size != (record["width"], record["height"]):
            raise ParameterError(
                f"{self.path} says that {record['file_name']!r} has {record['width']} × {record['height']} pixels, but "
                f"{photo} has {size[0]} × {size[1]}: it is another photograph of that name, or was resized"
            )

    def _outlined(self, instance: _Instance, shape: tuple[int, int]) -> NDArray[np.bool_]:
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
    if segmentation["size"] != list(shape):
        raise ParameterError(f"run lengths of size {segmentation['size']} on a photograph of size {list(shape)}")
    counts = segmentation["counts"]
    lengths = decompressed(counts) if isinstance(counts, str) else counts
    if not isinstance(lengths, list) or not all(type(one) is int and one >= 0 for one in lengths):
        raise ParameterError("the run lengths are no list of whole numbers")
    if sum(lengths) != shape[0] * shape[1]:
        raise ParameterError(f"the run lengths do not add up to {shape[0]} × {shape[1]} pixels")
    values = np.arange(len(lengths)) % 2 == 1  # the first run is outside
    return np.repeat(values, lengths).reshape(shape[::-1]).T


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
    if not isinstance(polygon, list) or not all(type(one) in (int, float) for one in polygon):
        raise ParameterError("a polygon holds what is no number")
    try:
        flat = np.asarray(polygon, dtype=np.float64)
    except OverflowError:
        raise ParameterError("a polygon holds a number that is too large") from None
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


def _agreement(place: Sequence[str], name: str) -> int:
    """How many parts of a path, from its end, are those of a record's name."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    pairs = zip(reversed(place), reversed(parts), strict=False)
    return next((count for count, (own, other) in enumerate(pairs) if own != other), min(len(place), len(parts)))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ParameterError(f"{path} cannot be read: {error.strerror}; check the path") from None


def _parsed(path: Path, text: bytes, kind: Any) -> Any:
    try:
        return parse_json(text, kind)
    except MalformedError as error:
        raise ParameterError(f"{path} holds no annotations in COCO's format: {error}") from None


def _classes(path: Path, text: bytes) -> Mapping[str, Sequence[int]]:
    try:
        found: dict[str, list[int]] = parse_json(text, dict[str, list[int]])
    except MalformedError as error:
        raise ParameterError(f"{path} must map names of categories to lists of class indices: {error}") from None
    if not all(index >= 0 for indices in found.values() for index in indices):
        raise ParameterError(f"{path} must map names of categories to lists of class indices, none below 0")
    return found
