"""How much a part is worth: how often chance does as well, and on how many backgrounds it does what it says.

Both are shares of a few trials, so both come with the interval of Clopper & Pearson (*The use of confidence or fiducial
limits illustrated in the case of the binomial*, Biometrika 26, 1934), which holds for any number of trials.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log

from unseen.errors import ParameterError

LEVEL = 0.95
"""Of every interval and bound."""

CHANCE = 0.05
"""Chance finds a part too where, by the one-sided 95 % bound, it does as well more often than this."""


@dataclass(frozen=True)
class ByChance:
    """How many other sets of pixels, of the part's size and shape, do as well as the part.

    Attributes:
        share: of those that were tried, in [0, 1].
        low: lower end of the two-sided 95 % interval of the share, in [0, 1].
        high: its upper end.
        tried: how many sets were tried.

    Example:
        >>> from unseen.explanation.evidence import ByChance
        >>> round(ByChance.of(0, 16).high, 3), ByChance.of(8, 16).finds_it_too
        (0.206, True)
    """

    share: float
    low: float
    high: float
    tried: int

    @classmethod
    def of(cls, passing: int, tried: int) -> ByChance:
        """The record of ``passing`` among ``tried`` sets.

        Raises:
            ParameterError: see :func:`interval`.
        """
        return cls(passing / max(1, tried), *interval(passing, tried), tried)

    @property
    def passing(self) -> int:
        """How many of the sets do as well."""
        return round(self.share * self.tried)

    @property
    def finds_it_too(self) -> bool:
        """Whether chance does as well in more than one of twenty cases, even by the one-sided 95 % lower bound."""
        return lower_bound(self.passing, self.tried) > CHANCE


@dataclass(frozen=True)
class Robustness:
    """On how many backgrounds a part does what it says, judged by the unmodified model.

    Attributes:
        share: of the backgrounds, in [0, 1].
        bound: one-sided 95 % lower bound of the share among all backgrounds of this kind, in [0, 1]; of backgrounds
            that the search of the part never saw.
        contexts: how many backgrounds were tried.
        kind: what they are, in words.
        asked: the share ρ that was asked for; ``None`` where the part was found without a look at backgrounds.

    Example:
        >>> from unseen.explanation.evidence import Robustness
        >>> round(Robustness.of(19, 20, "solid colours").bound, 3)
        0.784
    """

    share: float
    bound: float
    contexts: int
    kind: str
    asked: float | None = None

    @classmethod
    def of(cls, holding: int, contexts: int, kind: str, asked: float | None = None) -> Robustness:
        """The record of ``holding`` among ``contexts`` backgrounds.

        Raises:
            ParameterError: see :func:`lower_bound`.
        """
        return cls(holding / max(1, contexts), lower_bound(holding, contexts), contexts, kind, asked)

    @property
    def holding(self) -> int:
        """On how many of the backgrounds the part does what it says."""
        return round(self.share * self.contexts)


def interval(successes: int, trials: int) -> tuple[float, float]:
    """The two-sided 95 % interval of a share; (0, 1) without trials.

    Raises:
        ParameterError: more successes than trials, or fewer than none.

    Example:
        >>> from unseen.explanation.evidence import interval
        >>> [round(end, 4) for end in interval(1, 2)]
        [0.0126, 0.9874]
    """
    tail = (1 - LEVEL) / 2
    return _lower(successes, trials, tail), 1 - _lower(trials - successes, trials, tail)


def lower_bound(successes: int, trials: int) -> float:
    """The one-sided 95 % lower bound of a share; 0 without trials.

    Raises:
        ParameterError: more successes than trials, or fewer than none.

    Example:
        >>> from unseen.explanation.evidence import lower_bound
        >>> round(lower_bound(60, 60), 4)
        0.9513
    """
    return _lower(successes, trials, 1 - LEVEL)


def needed(share: float, trials: int) -> int | None:
    """The fewest successes whose lower bound reaches a share; ``None`` where not even all of the trials do.

    Example:
        >>> from unseen.explanation.evidence import needed
        >>> needed(0.9, 100), needed(0.9, 20)
        (96, None)
    """
    reaching = (n for n in range(int(share * trials), trials + 1) if lower_bound(n, trials) >= share)
    return next(reaching, None)


def fewest(share: float) -> int:
    """The fewest trials that can prove a share in (0, 1): so many successes have a lower bound of (1 − 95 %)^(1/n).

    Example:
        >>> from unseen.explanation.evidence import fewest, lower_bound
        >>> fewest(0.9), round(lower_bound(29, 29), 4), round(lower_bound(28, 28), 4)
        (29, 0.9019, 0.8985)
    """
    about = ceil(log(1 - LEVEL) / log(share))
    return next(count for count in range(max(1, about - 1), about + 2) if lower_bound(count, count) >= share)


def _lower(successes: int, trials: int, tail: float) -> float:
    if not 0 <= successes <= trials:
        raise ParameterError(f"{successes} of {trials} is no share")
    if successes == 0:
        return 0.0
    from scipy.stats import beta

    return float(beta.ppf(tail, successes, trials - successes + 1))
