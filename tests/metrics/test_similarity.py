"""Map similarities against scipy, scikit-image and plain loops."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr
from skimage.metrics import structural_similarity
from torch import Tensor

from unseen.errors import ParameterError
from unseen.metrics.similarity import Similarity, pearson, similar, spearman, ssim


def maps(seed: int, *, levels: int | None = None) -> Tensor:
    drawn = torch.randn(3, 13, 12, generator=torch.Generator().manual_seed(seed))
    return drawn if levels is None else (drawn * levels).round()


@pytest.mark.parametrize("levels", [None, 1, 4])
def test_correlations_are_those_of_scipy(levels: int | None) -> None:
    one, other = maps(0, levels=levels), maps(1, levels=levels) + maps(0, levels=levels)
    pairs = [(x.flatten().numpy(), y.flatten().numpy()) for x, y in zip(one, other, strict=True)]
    linear = torch.tensor([pearsonr(x.astype(float), y.astype(float)).statistic for x, y in pairs])
    ranked = torch.tensor([spearmanr(x, y).statistic for x, y in pairs])
    torch.testing.assert_close(pearson(one, other), linear.double(), rtol=0, atol=1e-12)
    torch.testing.assert_close(spearman(one, other), ranked.double(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("signed", [False, True])
def test_structural_similarity_is_that_of_scaled_maps(signed: bool) -> None:
    one, other = (m if signed else m.abs() for m in (maps(0), maps(1)))
    for x, y, found in zip(one.double(), other.double(), ssim(one, other).tolist(), strict=True):
        expected = structural_similarity(  # type: ignore[no-untyped-call]
            (x / x.abs().max()).numpy(), (y / y.abs().max()).numpy(), data_range=1 + signed, gaussian_weights=True,
            sigma=1.5, use_sample_covariance=False,
        )  # fmt: skip
        assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("by", get_args(Similarity))
def test_a_map_is_like_itself_at_any_scale(by: Similarity) -> None:
    one = maps(2)
    torch.testing.assert_close(similar(one, 3 * one, by), torch.ones(3).double(), rtol=0, atol=1e-9)
    torch.testing.assert_close(similar(one, -one, by, absolute=True), torch.ones(3).double(), rtol=0, atol=1e-9)
    assert bool((similar(one, -one, by) < 0.95).all())
    assert bool((similar(one, maps(3), by) < 0.5).all())


@given(st.floats(-1e3, 1e3, width=32))
def test_a_constant_map_has_no_correlation(value: float) -> None:
    flat = torch.full((3, 13, 12), value)
    for function in (pearson, spearman):
        assert bool(function(maps(0), flat).isnan().all())
        assert bool(function(flat, maps(0)).isnan().all())
    assert bool((ssim(flat, flat) == 1).all())


def test_ranks_see_only_the_order() -> None:
    one = maps(4)
    torch.testing.assert_close(spearman(one, one.exp()), torch.ones(3).double())
    torch.testing.assert_close(spearman(one, -one), -torch.ones(3).double())
    assert bool((pearson(one, one.exp()) < 0.95).all())


def test_what_there_is_not_is_refused() -> None:
    with pytest.raises(ParameterError, match="11 × 11"):
        ssim(torch.rand(1, 10, 12), torch.rand(1, 10, 12))
