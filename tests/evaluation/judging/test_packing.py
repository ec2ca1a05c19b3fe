from __future__ import annotations

import math
import pickle

import pytest
import torch

from unseen.evaluation.judging.outcomes import JudgedPart
from unseen.evaluation.judging.packing import packed, space_of, unpacked
from unseen.system.schema import MalformedError


@pytest.mark.parametrize("space", [(70_000,), (5, 7), (4, 3, 6)])
def test_masks_of_any_number_of_axes_read_back(space: tuple[int, ...]) -> None:
    mask = torch.arange(math.prod(space)).reshape(space) % 3 == 0
    found = unpacked(*packed(mask))
    assert found is not None
    assert torch.equal(found, mask)
    again = pickle.loads(pickle.dumps(JudgedPart(0.5, mask)))  # as it travels between processes
    assert torch.equal(again.mask, mask)


def test_no_mask_is_none() -> None:
    assert packed(None) == (None, None)
    assert unpacked(None, None) is None


@pytest.mark.parametrize("text", ["", "0x3", "3x", "x3", "-1x2", "1x1x1x1", "4294967296", "65536x65536", "3×4"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="a map of size"):
        space_of(text)


def test_bits_of_another_size_are_refused() -> None:
    space, bits = packed(torch.ones(3, 40, dtype=torch.bool))
    with pytest.raises(MalformedError, match="a mask of another size than 3x80"):
        unpacked("3x80", bits)
    assert space == "3x40"
