from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from helpers.synthetic import make_explanation, make_part
from unseen import Explanation, Preprocessing
from unseen.classifier.preprocessing import Prepared
from unseen.errors import NotApplicableError, ParameterError
from unseen.explanation import original
from unseen.explanation.regions import Region
from unseen.inputs.geometry import Affine
from unseen.system.files import content_digest

STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}  # fmt: skip
"""How an upright picture is stored under each EXIF orientation."""
BLOB = (610, 240, 130, 85)
"""Left, top, width and height of what is white, on a black photograph of 1,300 × 900 pixels."""

WAYS = {
    "centre crop": Preprocessing(size=(224, 224), resize=256),
    "tight crop": Preprocessing(size=(160, 224), resize=300),
    "squashed": Preprocessing(size=(200, 320), resize=None),
    "squashed, then cropped": Preprocessing(size=(200, 200), resize=(240, 300)),
    "enlarged": Preprocessing(size=(1000, 1000), resize=1200),
}


def photograph(size: tuple[int, int] = (1300, 900)) -> Image.Image:
    picture = Image.new("RGB", size)
    left, top, width, height = BLOB
    picture.paste("white", (left, top, left + width, top + height))
    return picture


def explained(prepared: Prepared, **changes: Any) -> Explanation:
    """The blob as map and part, as the model saw it."""
    values = prepared.pixels.mean(0)
    assert prepared.geometry is not None
    provenance = {"prepared": prepared.to_dict(), **changes.pop("provenance", {})}
    part = make_part(values > 0.5)
    return make_explanation(image=prepared.pixels, saliency=values, parts=(part,), provenance=provenance, **changes)


def centre(values: Tensor) -> tuple[float, float]:
    """Of mass: (x, y), in pixels."""
    mass = values.double() / values.double().sum()
    y, x = (mass.sum(1 - axis) @ (torch.arange(values.shape[axis]) + 0.5).double() for axis in (0, 1))
    return float(x), float(y)


def assert_the_blob(found: Explanation, scale: tuple[float, float]) -> None:
    """The map's centre within a pixel of the photograph, the part's and its box within a pixel of the model's input."""
    laid = found.on_photo()
    left, top, width, height = BLOB
    true = (left + width / 2, top + height / 2)
    assert centre(laid.saliency.nan_to_num()) == pytest.approx(true, abs=1)
    (region,) = laid.regions
    x, y, wide, tall = region.box
    across, down = (1 + 1 / number for number in scale)
    assert centre(laid.parts[0]) == pytest.approx(true, abs=max(across, down) / 2)
    assert (x, x + wide) == pytest.approx((left, left + width), abs=across)
    assert (y, y + tall) == pytest.approx((top, top + height), abs=down)
    record = found.to_dict()["original"]
    assert record["parts"] == [region.to_dict()]  # found within the box around it, and found on all of the photograph


@pytest.mark.parametrize("way", WAYS)
def test_what_is_at_a_known_place_is_found_there(way: str) -> None:
    prepared = WAYS[way].prepared(photograph())
    assert prepared.geometry is not None
    (a, _, _), (_, e, _) = prepared.geometry.matrix
    found = explained(prepared)
    assert found.original_size == (900, 1300)
    assert_the_blob(found, (a, e))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_also_in_a_file_that_is_stored_turned_or_mirrored(orientation: int, tmp_path: Path) -> None:
    upright = photograph()
    stored = upright.transpose(STORED[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "photo.png", exif=exif)
    prepared = WAYS["centre crop"].prepared(tmp_path / "photo.png")
    assert prepared.geometry is not None
    assert prepared.geometry.orientation == orientation
    assert_the_blob(explained(prepared), (prepared.geometry.matrix[0][0], prepared.geometry.matrix[1][1]))


def test_what_was_cropped_away_is_marked() -> None:
    found = explained(WAYS["centre crop"].prepared(photograph()))
    laid = found.on_photo()
    left, top, width, height = found.to_dict()["original"]["seen"]
    assert (left, top, width, height) == pytest.approx(
        (72 * 1300 / 369, 16 * 900 / 256, 224 * 1300 / 369, 224 * 900 / 256), abs=0.001
    )
    y, x = laid.seen.nonzero().T
    assert (int(x.min()), int(x.max()) + 1) == pytest.approx((left, left + width), abs=0.51)
    assert (int(y.min()), int(y.max()) + 1) == pytest.approx((top, top + height), abs=0.51)
    assert torch.equal(laid.saliency.isnan(), ~laid.seen)
    assert not (laid.parts[0] & ~laid.seen).any()
    assert repr(laid) == "<OnPhoto: 900 × 1300 pixels, 53 % of them seen, 1 parts>"


def test_a_photograph_smaller_than_the_input_gets_means() -> None:
    small = Image.new("RGB", (40, 30))
    small.paste("white", (10, 12, 22, 20))
    found = explained(Preprocessing((150, 200), None, "nearest").prepared(small))
    laid = found.on_photo()
    assert laid.regions[0].box == (10, 12, 12, 8)
    inner = laid.saliency[13:19, 11:21]
    assert torch.allclose(inner, torch.ones_like(inner))
    checks = (torch.arange(200) // 5 + torch.arange(150)[:, None] // 5) % 2  # of pixels of the photograph
    coarse = original.saliency_on(checks.float(), Affine.scaling((15, 20), (150, 200)))
    assert torch.allclose(coarse, torch.full_like(coarse, 0.5), atol=0.05)


def test_numbers_that_pass_untouched_stay_where_they_are() -> None:
    image = torch.rand(3, 20, 24, generator=torch.Generator().manual_seed(1))
    found = explained(Preprocessing((20, 24), None).prepared(image))
    laid = found.on_photo()
    assert torch.equal(laid.saliency, found.saliency)
    assert torch.equal(laid.parts[0], found.parts[0].mask)
    assert laid.seen.all()


def test_a_turned_map_comes_back_turned() -> None:
    """No preprocessing of ours turns; the geometry of one's own may."""
    quarter = Affine(((0, -1, 30), (1, 0, 0)), source_size=(30, 20))  # (x, y) → (30 − y, x)
    mask = torch.zeros(20, 30, dtype=torch.bool)
    mask[3:5, 20:26] = True
    back = original.mask_on(mask, quarter)
    assert back.shape == (30, 20)
    assert {(int(y), int(x)) for y, x in back.nonzero()} == {(y, x) for y in range(4, 10) for x in range(3, 5)}
    values = torch.arange(600.0).reshape(20, 30)
    assert torch.equal(original.saliency_on(values, quarter), values.T.flip(0))


def test_strips_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    found = explained(WAYS["centre crop"].prepared(photograph()))
    whole = found.on_photo()
    monkeypatch.setattr(original, "_AT_ONCE", 3000)
    strips = found.on_photo()
    assert torch.equal(whole.saliency.nan_to_num(-1), strips.saliency.nan_to_num(-1))
    assert torch.equal(whole.parts[0], strips.parts[0])


def test_a_longest_side_bounds_the_arrays() -> None:
    found = explained(WAYS["centre crop"].prepared(photograph()))
    laid = found.on_photo(longest=130)
    assert laid.size == (90, 130)
    assert centre(laid.parts[0]) == pytest.approx((67.5, 28.25), abs=0.5)
    assert found.on_photo(longest=5000).size == (900, 1300)
    with pytest.raises(ParameterError, match="longest must be at least 1, got 0"):
        found.on_photo(longest=0)


def test_a_hundred_megapixels_take_little_room() -> None:
    y, x = np.mgrid[:224, :224]
    mask = torch.from_numpy((x - 100) ** 2 + (y - 120) ** 2 < 40**2)
    geometry = Affine.scaling((10_000, 10_000), (224, 224))
    tracemalloc.start()
    try:
        region: Region = original.region_on(mask, geometry)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert region.pixels == pytest.approx(int(mask.sum()) * (10_000 / 224) ** 2, rel=1e-3)
    assert peak < 200e6
    assert original.at_most(2048, geometry).source_size == (2048, 2048)


def test_an_empty_part_has_no_place() -> None:
    found = explained(WAYS["centre crop"].prepared(Image.new("RGB", (300, 200))))
    (part,) = found.to_dict()["original"]["parts"]
    assert (part["box"], part["polygons"], part["fraction"]) == ([0, 0, 0, 0], [], 0.0)
    assert part["rle"]["size"] == [200, 300]


def test_an_explanation_put_together_by_hand_knows_no_photograph(tmp_path: Path) -> None:
    found = make_explanation()
    assert (found.geometry, found.original_size, found.file_sha256) == (None, None, None)
    assert found.to_dict()["original"] is None
    for ask in (found.on_photo, found.canvas):
        with pytest.raises(NotApplicableError, match="the way from the photograph"):
            ask()
    assert "overlay_original" not in found.save(tmp_path)


def saved(folder: Path, photo: Path, **changes: Any) -> Explanation:
    prepared = WAYS["centre crop"].prepared(photo)
    about = {"photo": {"source": str(photo), "file_sha256": content_digest(photo)}}
    found = explained(prepared, provenance=about, photo=photo, **changes)
    found.save(folder)
    return found


def opened(path: Path) -> np.ndarray[Any, Any]:
    with Image.open(path) as picture:
        return np.asarray(picture, dtype=np.int64)


def test_pictures_lie_pixel_by_pixel_on_the_photograph(tmp_path: Path) -> None:
    photograph().save(tmp_path / "photo.png")
    found = saved(tmp_path / "out", tmp_path / "photo.png")
    assert found.file_sha256 == content_digest(tmp_path / "photo.png")
    assert opened(tmp_path / "out" / "overlay-original.png").shape == (900, 1300, 3)
    part = opened(tmp_path / "out" / "part-original.png")
    assert part.shape[1:] == (1300, 3)
    words, part = part[900:], part[:900]
    left, top, width, height = BLOB
    assert (part[top + 10 : top + height - 10, left + 10 : left + width - 10] == 255).all()  # in its own colours
    assert 150 < part[100:200, 400:500].mean() < 200  # black, faded
    assert len(np.unique(part[300:600, 50:200])) == 2  # stripes where the model never looked
    assert (words[:, 500:800] == 0).any()  # what the part is
    assert (words[:, :300] == 255).all()
    back = Explanation.load(tmp_path / "out")
    assert back == found
    assert back.photo is None
    back.save(tmp_path / "again")  # the file is still there
    assert np.array_equal(opened(tmp_path / "again" / "part-original.png")[:900], part)


def test_a_file_that_was_changed_is_not_taken_for_the_photograph(tmp_path: Path) -> None:
    photograph().save(tmp_path / "photo.png")
    found = saved(tmp_path / "out", tmp_path / "photo.png")
    Image.new("RGB", (1300, 900), "red").save(tmp_path / "photo.png")
    found.save(tmp_path / "again")
    before, after = (opened(tmp_path / folder / "part-original.png") for folder in ("out", "again"))
    assert after.shape == before.shape
    assert np.abs(after - before)[60:840, 260:1040].mean() < 6  # the model's input stands for it
    (tmp_path / "photo.png").unlink()
    Explanation.load(tmp_path / "out").save(tmp_path / "third")
    assert np.array_equal(opened(tmp_path / "third" / "part-original.png"), after)


def test_a_large_photograph_is_drawn_smaller(tmp_path: Path) -> None:
    Image.new("RGB", (3000, 1500), "grey").save(tmp_path / "photo.jpg")
    saved(tmp_path / "out", tmp_path / "photo.jpg", label="grey")
    assert opened(tmp_path / "out" / "overlay-original.png").shape == (1024, 2048, 3)
    prepared = WAYS["centre crop"].prepared(tmp_path / "photo.jpg")
    two = explained(prepared, photo=Image.new("RGB", (3000, 1500))).canvas(longest=200)
    pair = two.parts((torch.ones(224, 224, dtype=torch.bool),) * 2)
    assert pair.size == (404, 100)


def test_regions_are_traced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = explained(WAYS["centre crop"].prepared(photograph()))
    traced: list[int] = []
    trace = original.region_of

    def counted(*given: Any) -> Region:
        traced.append(1)
        return trace(*given)

    monkeypatch.setattr(original, "region_of", counted)
    assert found.to_dict() == found.to_dict()
    laid = found.on_photo()
    assert laid.regions == laid.regions
    assert len(traced) == 2
