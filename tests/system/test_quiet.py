from __future__ import annotations

import threading
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

from unseen.inputs.photo import open_photo
from unseen.system.quiet import quiet

pytestmark = pytest.mark.filterwarnings("error")


def warned(text: str) -> bool:
    """Whether a warning gets through."""
    try:
        warnings.warn(text, UserWarning, stacklevel=1)
    except UserWarning:
        return True
    return False


def test_what_is_said_inside_is_not_heard() -> None:
    before = list(warnings.filters)
    with quiet("Glyph"), quiet("Glyph"):
        assert (warned("Glyph 3 missing"), warned("another")) == (False, True)
    with quiet():
        assert not warned("another")
    assert warned("Glyph 3 missing")
    assert list(warnings.filters) == before


def test_a_filter_of_the_user_stays() -> None:
    warnings.simplefilter("ignore")
    with quiet():
        pass
    assert not warned("anything")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_threads_that_overlap_none_brings_back_what_another_found(order: tuple[int, int]) -> None:
    before = list(warnings.filters)
    inside = [quiet(), quiet()]
    for one in inside:
        one.__enter__()
    for number in order:
        assert not warned("anything")
        inside[number].__exit__(None, None, None)
    assert warned("anything")
    assert list(warnings.filters) == before


def test_what_others_put_back_meanwhile_is_theirs() -> None:
    with quiet():
        warnings.resetwarnings()
    assert warnings.filters == []


def test_photographs_are_read_in_threads_and_filters_are_as_before(tmp_path: object) -> None:
    path = f"{tmp_path}/photo.png"
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(path)
    before, barrier = list(warnings.filters), threading.Barrier(4)

    def read() -> None:
        barrier.wait(10)
        for _ in range(20):
            open_photo(path)

    tasks: list[Callable[[], None]] = [read] * 4
    threads = [threading.Thread(target=task) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert list(warnings.filters) == before
    assert torch.is_grad_enabled()
