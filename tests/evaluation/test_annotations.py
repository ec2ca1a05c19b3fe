"""Annotations in COCO's format against point-in-polygon, and where they lie on the crop."""

from __future__ import annotations

import contextlib
import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import ExifTags, Image
from torch import nn

from unseen import Classifier, Preprocessing
from unseen.errors import ParameterError
from unseen.evaluation.annotations import Annotations, decompressed, outlined
from unseen.inputs.shapes import polygon_mask

SHAPE = (20, 30)
TRIANGLE = [2.0, 3.0, 25.5, 5.0, 10.0, 18.0]
SQUARE = [4, 6, 12, 6, 12, 16, 4, 16]


class Three(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


def classifier(size: tuple[int, int] = SHAPE, resize: Any = None) -> Classifier:
    return Classifier(Three(), Preprocessing(size, resize), ["cat, house cat", "dog", "zebra"])


def slow(corners: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Every pixel's centre by a ray to the right."""
    inside = np.zeros(shape, dtype=bool)
    for row in range(shape[0]):
        for column in range(shape[1]):
            x, y = column + 0.5, row + 0.5
            for i in range(len(corners)):
                (x0, y0), (x1, y1) = corners[i], corners[(i + 1) % len(corners)]
                if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
                    inside[row, column] = not inside[row, column]
    return inside


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    lengths, value = [0], False
    for pixel in mask.T.flatten().tolist():
        if pixel != value:
            lengths.append(0)
            value = pixel
        lengths[-1] += 1
    return lengths


def compress(lengths: list[int]) -> str:
    text = ""
    for i, length in enumerate(lengths):
        rest = length - lengths[i - 2] if i > 2 else length
        more = True
        while more:
            bits, rest = rest & 31, rest >> 5
            more = rest != (-1 if bits & 16 else 0)
            text += chr(48 + (bits | 32 if more else bits))
    return text


def content() -> dict[str, Any]:
    disc = np.hypot(*np.ogrid[-8:12, -20:10]) < 6
    lengths = run_lengths(disc)
    size = list(SHAPE)
    return {
        "images": [
            {"id": 7, "file_name": "folder/a.jpg", "height": SHAPE[0], "width": SHAPE[1]},
            {"id": 8, "file_name": "b.jpg", "height": SHAPE[0], "width": SHAPE[1]},
        ],
        "categories": [{"id": 1, "name": "Cat"}, {"id": 2, "name": "dog"}, {"id": 3, "name": "tent"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 1, "segmentation": [TRIANGLE]},
            {"id": 2, "image_id": 7, "category_id": 1, "segmentation": {"size": size, "counts": lengths}},
            {"id": 3, "image_id": 8, "category_id": 2, "segmentation": {"size": size, "counts": compress(lengths)}},
            {"id": 4, "image_id": 8, "category_id": 3, "segmentation": [SQUARE, TRIANGLE]},
        ],
    }


def written(folder: Path, data: Any, name: str = "instances.json") -> Path:
    path = folder / name
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


@given(st.lists(st.tuples(st.floats(-5, 35), st.floats(-5, 25)), min_size=3, max_size=9))
def test_polygons_are_what_a_ray_from_every_centre_says(corners: list[tuple[float, float]]) -> None:
    points = np.array(corners)
    assert np.array_equal(polygon_mask(points, SHAPE), slow(points, SHAPE))


def test_polygons_that_touch_share_no_pixel_even_where_an_edge_meets_centres() -> None:
    left, right = ([[x, 1.5], [x + 4, 1.5], [x + 4, 7.5], [x, 7.5]] for x in (2.5, 6.5))
    both = [polygon_mask(np.array(corners), SHAPE) for corners in (left, right)]
    assert [int(one.sum()) for one in both] == [4 * 6, 4 * 6]
    assert not (both[0] & both[1]).any()


def test_a_square_has_the_pixels_between_its_sides() -> None:
    assert np.argwhere(outlined([SQUARE], SHAPE)).tolist() == [[r, c] for r in range(6, 16) for c in range(4, 12)]


@given(st.lists(st.integers(0, 70_000), min_size=1, max_size=12))
def test_compressed_run_lengths_are_read_back(lengths: list[int]) -> None:
    assert decompressed(compress(lengths)) == lengths


def test_compressed_run_lengths_as_the_data_set_writes_them() -> None:
    assert decompressed("52203") == [5, 2, 2, 2, 5]  # the last two are differences
    assert outlined({"size": [4, 4], "counts": "52203"}, (4, 4)).T.flatten().tolist() == [
        *[False] * 5, *[True] * 2, *[False] * 2, *[True] * 2, *[False] * 5
    ]  # fmt: skip


def test_instances_of_a_class_are_joined_and_others_left_out(tmp_path: Path) -> None:
    read = Annotations.read(written(tmp_path, content()))
    disc = np.hypot(*np.ogrid[-8:12, -20:10]) < 6
    triangle = slow(np.array(TRIANGLE).reshape(-1, 2), SHAPE)
    cat = read.mask(tmp_path / "a.jpg", 0, classifier())
    assert cat is not None
    assert np.array_equal(cat.numpy(), disc | triangle)
    dog = read.mask("b.jpg", 1, classifier())
    assert dog is not None
    assert np.array_equal(dog.numpy(), disc)
    assert read.mask("a.jpg", 1, classifier()) is None
    assert read.mask("c.jpg", 1, classifier()) is None


def test_categories_by_a_file_of_indices(tmp_path: Path) -> None:
    path = written(tmp_path, content())
    written(tmp_path, {"tent": [1, 2], "dog": [0]}, "imagenet_classes.json")
    beside = Annotations.read(path)
    assert beside.mask("a.jpg", 0, classifier()) is None  # "Cat" is in no list
    tent = beside.mask("b.jpg", 2, classifier())
    both = beside.mask("b.jpg", 1, classifier())
    assert tent is not None
    assert both is not None
    assert np.array_equal(tent.numpy(), outlined([SQUARE], SHAPE) | outlined([TRIANGLE], SHAPE))
    assert torch.equal(tent, both)
    named = Annotations.read(path, written(tmp_path, {"Cat": [2]}, "mine.json"))
    assert named.mask("a.jpg", 2, classifier()) is not None
    far = Annotations.read(path, written(tmp_path, {"Cat": [999]}, "far.json"))
    with pytest.raises(ParameterError, match="go up to 999, but Three has 3 classes"):
        far.mask("a.jpg", 2, classifier())


def test_the_mask_lies_on_the_crop_as_the_photograph_does(tmp_path: Path) -> None:
    """Twice as large, then the middle: every pixel of the crop shows the pixel that it comes from."""
    read = Annotations.read(written(tmp_path, content()))
    whole = read.mask("b.jpg", 1, classifier())
    cropped = read.mask("b.jpg", 1, classifier((40, 40), resize=40))
    assert whole is not None
    assert cropped is not None
    assert torch.equal(cropped, whole.repeat_interleave(2, 0).repeat_interleave(2, 1)[:, 10:50])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda _: "no json", "no JSON: Expecting"),
        (lambda _: [], "it is a list, not an object"),
        (lambda _: {"shapes": []}, "lacks 'images', 'categories', 'annotations'"),
        (lambda data: {**data, "annotations": [{"id": 1}]}, r"annotations\[0\] lacks 'image_id'"),
        (lambda data: {**data, "categories": [3]}, r"categories\[0\] is an integer, not an object"),
    ],
)
def test_what_is_no_annotation_file_is_refused(tmp_path: Path, change: Callable[[Any], Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        Annotations.read(written(tmp_path, change(content())))


def test_a_missing_file_and_classes_of_another_form_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"none\.json cannot be read: No such file"):
        Annotations.read(tmp_path / "none.json")
    with pytest.raises(ParameterError, match="must map names of categories"):
        Annotations.read(written(tmp_path, content()), written(tmp_path, {"dog": 3}, "classes.json"))


def test_two_photographs_of_one_name_are_refused(tmp_path: Path) -> None:
    data = content()
    data["images"].append({**data["images"][0], "id": 9, "file_name": "other/a.jpg"})
    with pytest.raises(ParameterError, match=r"2 photographs of the name 'a\.jpg'"):
        Annotations.read(written(tmp_path, data)).mask("a.jpg", 0, classifier())


@pytest.mark.parametrize(
    ("segmentation", "words"),
    [
        ("text", "neither a list of polygons nor run lengths"),
        ({"counts": [600]}, "neither a list"),
        ({"size": [30, 20], "counts": [600]}, "run lengths of size"),
        ({"size": [20, 30], "counts": [599]}, "do not add up"),
        ({"size": [20, 30], "counts": [700, -100]}, "no list of whole numbers"),
        ({"size": [20, 30], "counts": "!"}, "character '!'"),
        ({"size": [20, 30], "counts": "P"}, "middle of a number"),
        ([[1, 2, 3, 4]], "at least three finite corners"),
        ([[1, 2, 3, 4, 5, 6, 7]], "at least three finite corners"),
        ([["a"] * 6], "no number"),
    ],
)
def test_an_instance_of_another_form_is_named(tmp_path: Path, segmentation: object, words: str) -> None:
    data = content()
    data["annotations"][0]["segmentation"] = segmentation
    with pytest.raises(ParameterError, match=words) as raised:
        Annotations.read(written(tmp_path, data)).mask("a.jpg", 0, classifier())
    assert "annotation 1" in str(raised.value)


# ---- photographs of one name -------------------------------------------------------------------------------------


def test_folders_tell_photographs_of_one_name_apart(tmp_path: Path) -> None:
    data = content()
    data["images"].append({**data["images"][0], "id": 9, "file_name": "other/a.jpg"})
    found = Annotations.read(written(tmp_path, data))
    assert found.mask(Path("/data/folder/a.jpg"), 0, classifier()) is not None
    assert found.mask(Path("/data/other/a.jpg"), 0, classifier()) is None  # nothing is annotated on that one
    found.check([Path("/data/folder/a.jpg"), Path("/data/other/a.jpg")])


def test_two_photographs_that_one_record_names_are_refused(tmp_path: Path) -> None:
    found = Annotations.read(written(tmp_path, content()))
    with pytest.raises(ParameterError, match=r"knows x/a\.jpg and y/a\.jpg by the same name, 'folder/a\.jpg'; give"):
        found.check([Path("x/a.jpg"), Path("y/a.jpg")])
    with pytest.raises(ParameterError, match="knows none of the photographs"):
        found.check([Path("c.jpg")])


@pytest.mark.parametrize(("orientation", "fits"), [(1, False), (6, True)])
def test_a_photograph_of_another_size_is_another_one(tmp_path: Path, orientation: int, fits: bool) -> None:
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.new("RGB", SHAPE).save(path, exif=exif)
    found = Annotations.read(written(tmp_path, content()))
    if fits:
        assert found.mask(path, 0, classifier()) is not None
    else:
        with pytest.raises(ParameterError, match=r"has 30 × 20 pixels, but .* has 20 × 30: it is another photograph"):
            found.mask(path, 0, classifier())


def test_the_digest_changes_with_either_file(tmp_path: Path) -> None:
    found = {Annotations.read(written(tmp_path, content())).digest}
    data = content()
    data["categories"][0]["name"] = "dog"
    found.add(Annotations.read(written(tmp_path, data)).digest)
    for indices in ("[0]", "[1]"):
        (tmp_path / "imagenet_classes.json").write_text(f'{{"dog": {indices}}}')
        found.add(Annotations.read(tmp_path / "instances.json").digest)
    assert len(found) == 4


# ---- damage ------------------------------------------------------------------------------------------------------

ODD = [
    None,
    True,
    -1,
    0,
    2**70,
    1e300,
    "text",
    "",
    [],
    {},
    [[]],
    [None],
    {"a": 1},
    [[1, 2, 3, 4, 5, "6"]],
    [[1e308] * 6],
]
ODD += [{"size": [20, 30], "counts": odd} for odd in (None, 3, "", "\udce9", [[600]], [2**70], [600.0], [True] * 600)]
ODD += [{"size": odd, "counts": [600]} for odd in (None, "", [20], [[20], 30], {})]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))][:400]


@pytest.mark.parametrize("seed", range(200))
def test_annotations_of_odd_types_are_used_or_refused(tmp_path: Path, seed: int) -> None:
    chance, folder = random.Random(seed), tmp_path
    holder = {"it": content()}
    for _ in range(chance.randint(1, 3)):
        *path, key = ("it", *chance.choice(places(holder["it"])))
        inside: Any = holder
        for one in path:
            inside = inside[one]
        inside[key] = copy.deepcopy(chance.choice(ODD))
    (folder / "instances.json").write_text(json.dumps(holder["it"]))
    with contextlib.suppress(ParameterError):
        found = Annotations.read(folder / "instances.json")
        for name in ("a.jpg", "b.jpg"):
            for target in (0, 1):
                found.mask(name, target, classifier())


@pytest.mark.parametrize("text", [b"", b"\xff", b"[" * 10**5, b'{"images": ' + b"9" * 5000 + b"}", b"null", b"{}"])
def test_no_text_is_a_traceback(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "instances.json").write_bytes(text)
    with pytest.raises(ParameterError, match=r"instances\.json"):
        Annotations.read(tmp_path / "instances.json")
    written(tmp_path, content())
    (tmp_path / "imagenet_classes.json").write_bytes(text if text != b"{}" else b'{"a": [-1]}')
    with pytest.raises(ParameterError, match=r"imagenet_classes\.json"):
        Annotations.read(tmp_path / "instances.json")
