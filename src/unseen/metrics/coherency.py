"""ADCC: does a map keep the class, in little space, and does it stay itself when only what it shows is seen?

Source: Poppi, Cornia, Baraldi & Cucchiara, *Revisiting the Evaluation of Class Activation Mapping for Explainability:
A Novel Metric and Experimental Analysis*, CVPRW 2021; Eq. 33 of the thesis. As in the authors' code, maps are min–max
scaled before they are multiplied with the photograph, the correlation ρ enters as (ρ + 1) / 2, and a second map
without form counts as ρ = −1. That code multiplies the *normalised* photograph, which is the removal ``zero``, and
lacks the inverse in the harmonic mean; here the case's removal judges, and the mean is harmonic.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from unseen.errors import NotApplicableError
from unseen.metrics.case import Case
from unseen.metrics.drop import AverageDrop
from unseen.metrics.similarity import pearson
from unseen.metrics.soft import min_max


def coherency(before: Float[Tensor, "*space"], after: Float[Tensor, "*space"]) -> float:
    """(ρ + 1) / 2 of the maps of the full photograph and of the one seen through its map, in [0, 1].

    NaN if the first map is constant; 0 if only the second is, as in the authors' code.
    """
    if _constant(before):
        return float("nan")
    correlation = float(pearson(before[None], after.to(before.device)[None]))
    return (correlation + 1) / 2 if correlation == correlation else 0.0


def complexity(saliency: Float[Tensor, "*space"]) -> float:
    """L1 norm of the min–max scaled map over its pixels, in [0, 1]; NaN if the map is constant."""
    return float("nan") if _constant(saliency) else float(min_max(saliency.double()).mean())


def adcc(coherency: float, complexity: float, drop: float) -> float:
    """Harmonic mean of coherency, 1 − complexity and 1 − average drop, in [0, 1]; 0 where one of them is 0.

    Args:
        coherency: see :func:`coherency`.
        complexity: see :func:`complexity`.
        drop: the share of the class's probability that is lost when only the map is seen, in [0, 1].
    """
    parts = (coherency, 1 - complexity, 1 - drop)
    return 0.0 if 0 in parts else 3 / sum(1 / part for part in parts)


@dataclass(frozen=True)
class Coherency:
    """How much the map of the photograph seen through its map is like the map (:func:`coherency`).

    Raises:
        NotApplicableError: nobody can be asked for maps, or the removal takes no soft masks or paints nothing.

    Example:
        >>> from dataclasses import replace
        >>> from unseen.metrics.coherency import Coherency
        >>> round(Coherency()(replace(case, explainer=lambda classifier, image, target: image[target])), 3)
        1.0
    """

    def __call__(self, case: Case) -> float:
        """The value; NaN if the map is constant."""
        through = seen_through(case)
        if through is None:
            return float("nan")
        return coherency(case.saliency, case.explained(case.masked.painted(through[None])[0], case.classifier))


@dataclass(frozen=True)
class Complexity:
    """How much of the photograph the map claims (:func:`complexity`); asks the model nothing.

    Example:
        >>> from unseen.metrics.coherency import Complexity
        >>> Complexity()(case)  # the share of the photograph that the square is
        0.0625
    """

    def __call__(self, case: Case) -> float:
        """The value; NaN if the map is constant."""
        return complexity(case.saliency)


@dataclass(frozen=True)
class Adcc:
    """The harmonic mean of coherency, simplicity and kept probability (:func:`adcc`).

    Raises:
        NotApplicableError: see :class:`Coherency`.

    Example:
        >>> from dataclasses import replace
        >>> from unseen.metrics.coherency import Adcc
        >>> round(Adcc()(replace(case, explainer=lambda classifier, image, target: image[target])), 3)
        0.978
    """

    def __call__(self, case: Case) -> float:
        """The value; NaN if the map is constant."""
        return adcc(Coherency()(case), Complexity()(case), AverageDrop()(case))


def seen_through(case: Case) -> Float[Tensor, "*space"] | None:
    """The map as a soft mask; ``None`` if it is constant, and has no scale.

    Raises:
        NotApplicableError: the removal takes only hard masks.
    """
    if not case.masked.removal.soft:
        raise NotApplicableError(
            f"the photograph is seen through a soft map here, and removal {case.masked.removal.name!r} takes masks of "
            "0 and 1 only; judge under a fill, such as 'zero'"
        )
    return None if _constant(case.saliency) else min_max(case.saliency.float())


def _constant(saliency: Tensor) -> bool:
    return bool(saliency.min() == saliency.max())
