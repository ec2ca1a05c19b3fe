from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.cells import SIZE, cell, graded, masked
from unseen.errors import ParameterError
from unseen.explainers.hiding.rise import RandomMasks, Rise, rise, rise_after


def source(**changed: Any) -> RandomMasks:
    settings: dict[str, Any] = {"count": 40, "grid": 5, "visible": 0.4, "shape": (32, 48), "soft": True, "seed": 3}
    return RandomMasks(**{**settings, **changed})


def test_it_is_the_papers_sum_over_the_masks() -> None:
    masks = source(count=50, grid=7, visible=0.5, shape=(SIZE, SIZE), seed=1)(0, 50)
    probabilities = masked(graded(2, 9))(masks).softmax(1)
    literal = torch.einsum("nt,nhw->thw", probabilities, masks) / (0.5 * 50)
    centred = torch.einsum("nt,nhw->thw", probabilities - probabilities.mean(0), masks) / (0.5 * 50)
    asked = masked(graded(2, 9))
    assert torch.allclose(rise(asked, [0, 1], Rise(masks=50, centred=False), seed=1).values, literal, atol=1e-5)
    assert asked.evaluations == 50
    assert torch.allclose(rise(asked, [0, 1], Rise(masks=50), seed=1).values, centred, atol=1e-5)


@pytest.mark.parametrize("centred", [True, False])
def test_one_run_has_the_maps_of_all_its_beginnings(centred: bool) -> None:
    asked, counts = masked(graded(2, 9)), [3, 20, 20, 50]
    found = list(rise_after(asked, [0, 1], Rise(masks=50, centred=centred, tolerance=0.9), counts, seed=1))
    assert asked.evaluations == 50
    assert [made.masks for made in found] == counts
    masks = source(count=50, grid=7, visible=0.5, shape=(SIZE, SIZE), seed=1)(0, 50)
    values = masked(graded(2, 9))(masks).softmax(1)
    for made, count in zip(found, counts, strict=True):
        some = values[:count] - centred * values[:count].mean(0)
        literal = torch.einsum("nt,nhw->thw", some, masks[:count]) / (0.5 * count)
        assert torch.allclose(made.values, literal, atol=1e-5)


@pytest.mark.parametrize("counts", [[0, 4], [5, 4], [51]])
def test_counts_of_a_run_ascend(counts: list[int]) -> None:
    with pytest.raises(ParameterError, match="must ascend from 1 at least to 50 masks"):
        next(rise_after(masked(graded(2)), [0], Rise(masks=50), counts))


def test_the_cells_that_count_stand_out() -> None:
    found = rise(masked(graded(2, 9)), [0], Rise(masks=800, grid=4), seed=0).values[0]
    counting = cell(2) | cell(9)
    assert float(found[counting].mean()) > 3 * float(found[~counting].abs().mean())


def test_the_batch_does_not_matter() -> None:
    maps = [rise(masked(graded(2, 9), batch_size=size), [0], Rise(masks=60)).values for size in (1, 7, 100)]
    assert torch.allclose(maps[0], maps[1], atol=1e-6)
    assert torch.allclose(maps[0], maps[2], atol=1e-6)


@given(first=st.integers(0, 39), number=st.integers(1, 10))
def test_any_of_the_masks_can_be_had_alone(first: int, number: int) -> None:
    masks = source()
    assert torch.equal(masks(0, 40)[first : first + number], masks(first, min(40, first + number)))


def test_masks_show_as_much_as_they_are_asked_to() -> None:
    shown = source(count=4000, shape=(20, 20))(0, 4000).mean(0)
    assert shown.shape == (20, 20)
    assert float((shown - 0.4).abs().max()) < 0.04


def test_masks_are_cut_for_removals_that_take_no_soft_ones() -> None:
    soft, hard = source()(0, 40), source(soft=False)(0, 40)
    assert torch.equal(hard, (soft > 0.5).float())
    assert float(soft.frac().mean()) > 0


def test_seeds_differ_and_repeat() -> None:
    assert torch.equal(source()(0, 40), source()(0, 40))
    assert not torch.equal(source()(0, 40), source(seed=4)(0, 40))


def test_as_a_method_it_finds_a_part_that_suffices() -> None:
    findings = Rise(masks=300, grid=4)(masked(graded(2, 9)), 0, confidence=(0.5,), parts=2)
    assert findings.parts
    assert findings.parts[0].verified
    assert findings.record["evaluations"]["random masks"] == 300


@pytest.mark.parametrize("settings", [{"masks": 0}, {"grid": 0}, {"visible": 1.0}, {"steps": 1}])
def test_bad_parameters_are_named(settings: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(settings))):
        Rise(**settings)
