from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from unseen.evaluation import statistics
from unseen.evaluation.statistics import (
    holm,
    mean_interval,
    over_repeats,
    paired_comparison,
    photographs_needed,
    ratio_to_best,
    repeated_verdict,
    signed_rank,
)


def test_the_interval_of_a_mean_is_that_of_scipys_percentile_bootstrap() -> None:
    sample = np.random.default_rng(0).gamma(2.0, size=60)
    ours = mean_interval(sample)
    theirs = stats.bootstrap((sample,), np.mean, method="percentile", n_resamples=20_000, rng=1).confidence_interval
    assert ours.value == pytest.approx(sample.mean())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)
    assert ours.n == 60


def test_the_interval_covers_the_mean_about_as_often_as_it_says() -> None:
    draws = np.random.default_rng(1).normal(size=(300, 40))
    intervals = [mean_interval(row) for row in draws]
    covered = np.mean([interval.low <= 0 <= interval.high for interval in intervals])
    assert 0.89 < covered < 0.98


def test_one_photograph_and_none() -> None:
    single = mean_interval([0.4])
    assert (single.value, single.low, single.high, single.n) == pytest.approx((0.4, 0.4, 0.4, 1))
    with pytest.raises(ValueError, match="nothing"):
        mean_interval([])


def test_the_best_other_is_chosen_anew_in_every_resample() -> None:
    """Two equally good others: choosing by the mean flatters the best, and the interval lies below 1."""
    noise = np.random.default_rng(2).normal(1, 0.3, size=(3, 50))
    found = ratio_to_best(noise[0], noise[1:])
    assert found is not None
    assert found.value == pytest.approx(noise[0].mean() / noise[1:].mean(1).max())
    fixed = ratio_to_best(noise[0], noise[1:2])
    assert fixed is not None
    assert found.high <= fixed.high
    single = ratio_to_best([2.0, 4.0], [[1.0, 2.0]])
    assert single is not None
    assert (single.value, single.low, single.high) == pytest.approx((2, 2, 2))


def test_a_ratio_to_nothing_is_none() -> None:
    """Neither infinity, nor 0 / 0, nor a warning of NumPy's."""
    assert ratio_to_best([0.5, 0.6, 0.7], [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]) is None
    assert ratio_to_best([0.0, 0.0, 0.0], [[0.0, 0.0, 0.0]]) is None
    assert ratio_to_best([0.5, 0.6, 0.7], [[0.0, 0.0, 0.4]]) is None


def test_a_ratio_has_an_interval_where_hardly_a_resample_has_none() -> None:
    """Of five photographs with one of 0 a resample in 3125 holds nothing else."""
    found = ratio_to_best([0.2, 0.4, 0.6, 0.8, 1.0], [[0.0, 0.4, 0.6, 0.8, 1.0]])
    assert found is not None
    assert found.value == pytest.approx(3.0 / 2.8)
    assert np.isfinite([found.low, found.high]).all()
    assert found.low <= found.value <= found.high


def test_a_paired_comparison_is_wilcoxons() -> None:
    first, second = np.random.default_rng(3).normal(size=(2, 30))
    second[:5] = first[:5]
    found = paired_comparison(first, second)
    assert found.p == pytest.approx(stats.wilcoxon(first[5:], second[5:]).pvalue)
    assert found.difference.value == pytest.approx((first - second).mean())
    assert (found.wins + found.losses, found.ties) == (25, 5)
    assert paired_comparison([1.0, 2.0], [1.0, 2.0]).p == 1.0


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.5]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_equal_differences_are_tested_exactly() -> None:
    """Differences of one size are the sign test; others with equal ones, all signs counted one by one."""
    yes_or_no = [1.0] * 12 + [-1.0] * 2 + [0.0] * 6
    assert signed_rank(yes_or_no) == pytest.approx(stats.binomtest(12, 14).pvalue)
    for seed in range(5):
        some = np.random.default_rng(seed).integers(-3, 5, 10).astype(float)
        some = some[some != 0]
        ranks = stats.rankdata(np.abs(some))
        signs = np.array(list(product((0, 1), repeat=len(some))))
        sums, found = signs @ ranks, ranks[some > 0].sum()
        expected = min(1.0, 2 * min((sums <= found).mean(), (sums >= found).mean()))
        assert signed_rank(some) == pytest.approx(expected)


def test_many_differences_are_tested_by_the_normal_approximation() -> None:
    some = np.random.default_rng(0).normal(0.2, 1, 51)
    assert signed_rank(some) == pytest.approx(stats.wilcoxon(some, method="asymptotic").pvalue)
    assert signed_rank(some[:50]) == pytest.approx(stats.wilcoxon(some[:50], method="exact").pvalue)


def test_how_many_photographs_a_significant_comparison_takes() -> None:
    for pairs in (1, 3, 9):
        needed = photographs_needed(pairs, 0.05)
        assert pairs * signed_rank([1.0] * needed) < 0.05 <= pairs * signed_rank([1.0] * (needed - 1))
    assert photographs_needed(1, 0.05) == 6


def test_the_interval_over_repeats_is_students() -> None:
    found = over_repeats([1.0, 2.0, 3.0])
    assert (found.value, found.n) == (2, 3)
    assert found.high - found.value == pytest.approx(4.30265 / math.sqrt(3), rel=1e-5)
    assert found.low == pytest.approx(4 - found.high)


def test_one_repeat_has_no_spread_and_none_no_mean() -> None:
    assert math.isnan(over_repeats([0.5]).low)
    with pytest.raises(ValueError, match="nothing"):
        over_repeats([])


def test_verdicts_compare_repeat_by_repeat() -> None:
    noisy, less = {0: 0.1, 1: 0.5, 2: 0.9}, {0: 0.0, 1: 0.41, 2: 0.79}
    assert repeated_verdict(less, noisy, "lower") == "better"
    assert repeated_verdict(less, noisy, "higher") == "worse"
    assert repeated_verdict(noisy, dict(zip(less, reversed(less.values()), strict=True)), "lower") == "same"
    assert repeated_verdict(noisy, noisy, "lower") == "same"
    assert repeated_verdict({0: 0.0}, {0: 1.0}, "lower") == "same"
    assert repeated_verdict({0: 0.1, 1: 0.1}, {1: 0.5, 2: 0.5}, "lower") == "same"


def test_two_repeats_that_agree_are_no_proof() -> None:
    few, more = {0: 0.5, 1: 0.5}, {0: 0.6, 1: 0.6}
    assert repeated_verdict(few, more, "lower") == "same"
    assert repeated_verdict({**few, 2: 0.5}, {**more, 2: 0.6}, "lower") == "better"


def test_of_many_photographs_the_intervals_are_those_of_resampling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of few they are resampled one by one; above a number the two ways must say the same."""
    values = np.random.default_rng(3).gamma(0.5, size=(4, 1200))
    drawn = mean_interval(values[0]), ratio_to_best(values[0], values[1:])
    monkeypatch.setattr(statistics, "LARGE", 1000)
    for one, other in zip(drawn, (mean_interval(values[0]), ratio_to_best(values[0], values[1:])), strict=True):
        assert one is not None
        assert other is not None
        assert one.value == other.value
        for end, normal in ((one.low, other.low), (one.high, other.high)):
            assert abs(end - normal) < 0.05 * (one.high - one.low)
