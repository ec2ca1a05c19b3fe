from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from unseen.errors import ParameterError
from unseen.explanation.evidence import ByChance, Robustness, interval, lower_bound, needed


@pytest.mark.parametrize(("successes", "trials"), [(0, 16), (1, 16), (8, 16), (16, 16), (97, 100)])
def test_intervals_are_those_of_scipys_exact_test(successes: int, trials: int) -> None:
    exact = binomtest(successes, trials).proportion_ci(0.95, "exact")
    assert interval(successes, trials) == pytest.approx((exact.low, exact.high))
    one_sided = binomtest(successes, trials, alternative="greater").proportion_ci(0.95, "exact")
    assert lower_bound(successes, trials) == pytest.approx(one_sided.low)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.97])
def test_the_bound_is_above_the_share_in_at_most_one_of_twenty_cases(share: float) -> None:
    hits = np.arange(101)
    wrong = [lower_bound(int(n), 100) > share for n in hits]
    assert binom.pmf(hits, 100, share)[wrong].sum() <= 0.05


def test_without_trials_nothing_is_known() -> None:
    assert interval(0, 0) == (0, 1)
    assert lower_bound(0, 0) == 0
    with pytest.raises(ParameterError, match="3 of 2 is no share"):
        interval(3, 2)


@pytest.mark.parametrize(("share", "trials"), [(0.9, 100), (0.9, 29), (0.5, 20), (0.9, 28)])
def test_needed_is_the_fewest_successes_whose_bound_reaches_the_share(share: float, trials: int) -> None:
    expected = [n for n in range(trials + 1) if lower_bound(n, trials) >= share]
    assert needed(share, trials) == (expected[0] if expected else None)


def test_chance_finds_it_too_where_it_surely_does_as_well_more_than_once_in_twenty() -> None:
    found = [ByChance.of(n, 16).finds_it_too for n in range(17)]
    assert found == [False] * 3 + [True] * 14  # by a share of 1/20, 3 or more of 16 come about in 4.3 % of cases
    assert ByChance.of(3, 16).passing == 3


def test_a_share_of_backgrounds_has_its_bound() -> None:
    found = Robustness.of(19, 20, "solid colours", 0.9)
    assert (found.share, found.holding, found.contexts, found.asked) == (0.95, 19, 20, 0.9)
    assert found.bound == pytest.approx(lower_bound(19, 20))
