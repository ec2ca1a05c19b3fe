from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.draw import polygon2mask

from unseen.explanation import regions
from unseen.explanation.regions import compressed, polygons, region_of, run_lengths


def ring() -> NDArray[np.bool_]:
    """A block with a hole, and a pixel apart."""
    mask = np.zeros((7, 9), dtype=bool)
    mask[2:5, 3:8] = True
    mask[3, 5] = False
    mask[6, 0] = True
    return mask


def decoded(text: str, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The way back, after rleFrString of pycocotools."""
    lengths: list[int] = []
    value, place = 0, 0
    for letter in text:
        bits = ord(letter) - 48
        value |= (bits & 0x1F) << 5 * place
        place += 1
        if bits & 0x20:
            continue
        value -= (1 << 5 * place) if bits & 0x10 else 0
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
        value, place = 0, 0
    inside = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return inside.reshape(size[1], size[0]).T


@pytest.mark.parametrize(
    ("mask", "text"),
    [
        (ring(), "61`02D00NM032005"),
        (np.zeros((5, 4), dtype=bool), "d0"),
        (np.ones((5, 4), dtype=bool), "0d0"),
    ],
    ids=["ring", "empty", "full"],
)
def test_run_lengths_are_those_that_pycocotools_writes(mask: NDArray[np.bool_], text: str) -> None:
    """The texts were written by pycocotools 2.0.11, ``mask.encode(np.asfortranarray(mask, np.uint8))``."""
    assert region_of(mask, mask.shape).to_dict()["rle"] == {"size": list(mask.shape), "counts": text}


def test_a_large_picture_is_written_as_pycocotools_does() -> None:
    mask = np.zeros((400, 600), dtype=bool)
    mask[37:301, 101:499] = True
    text = "e_W1X8X4" + "0" * 793 + "[]W1"
    assert region_of(mask, mask.shape).counts == text
    assert np.array_equal(decoded(text, mask.shape), mask)


@given(seed=st.integers(0, 10**6), share=st.floats(0, 1), height=st.integers(1, 9), width=st.integers(1, 9))
def test_run_lengths_read_back_also_of_a_cut_out(seed: int, share: float, height: int, width: int) -> None:
    stream = np.random.default_rng(seed)
    whole = np.zeros((12, 11), dtype=bool)
    left, top = int(stream.integers(0, 12 - width)), int(stream.integers(0, 13 - height))
    part = stream.random((height, width)) < share
    whole[top : top + height, left : left + width] = part
    lengths = run_lengths(part, (12, 11), (left, top))
    assert sum(lengths) == 12 * 11
    assert all(length > 0 for length in lengths[1:])
    assert np.array_equal(decoded(compressed(lengths), (12, 11)), whole)
    assert lengths == run_lengths(whole, (12, 11))


def test_a_region_has_box_polygons_and_share() -> None:
    about = region_of(ring(), (14, 18), (4, 2)).to_dict()
    assert about["box"] == [4, 4, 8, 5]
    assert about["fraction"] == pytest.approx(15 / (14 * 18))
    assert len(about["polygons"]) == 2  # the hole is none
    block, pixel = ({tuple(point) for point in np.reshape(polygon, (-1, 2)).tolist()} for polygon in about["polygons"])
    assert block == {(7, 4), (12, 4), (12, 7), (7, 7)}
    assert pixel == {(4, 8), (5, 8), (5, 9), (4, 9)}
    assert region_of(np.zeros((0, 0), dtype=bool), (3, 3)).to_dict() == {
        "box": [0, 0, 0, 0], "polygons": [], "rle": {"size": [3, 3], "counts": "9"}, "fraction": 0.0,
    }  # fmt: skip


def blob(side: int) -> NDArray[np.bool_]:
    y, x = np.mgrid[:side, :side] + 0.5
    return ((x - 0.45 * side) / (0.3 * side)) ** 2 + ((y - 0.5 * side) / (0.4 * side)) ** 2 < 1


def area_of(polygon: tuple[float, ...]) -> float:
    x, y = np.array(polygon).reshape(-1, 2).T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def test_polygons_follow_the_mask() -> None:
    mask = blob(200)
    (border,) = polygons(mask, (1000, 500))
    points = np.array(border).reshape(-1, 2) - (1000, 500)
    filled = polygon2mask(mask.shape, points[:, ::-1] - 0.5)
    assert (filled != mask).sum() < 0.01 * mask.sum()  # the border itself
    assert area_of(border) == mask.sum()


def test_a_huge_mask_is_traced_on_a_coarser_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = blob(600)
    (fine,) = polygons(mask)
    monkeypatch.setattr(regions, "_TRACED", 60_000)
    (coarse,) = polygons(mask)
    assert len(coarse) < len(fine)
    assert area_of(coarse) == pytest.approx(area_of(fine), rel=0.01)
