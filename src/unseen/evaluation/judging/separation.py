"""Whether a metric tells explanations from maps that know nothing of the model.

Source of the question: Adebayo et al., *Sanity Checks for Saliency Maps*, NeurIPS 2018; Hooker et al., *A Benchmark for
Interpretability Methods in Deep Neural Networks*, NeurIPS 2019, whose finding was that many methods are no better than
a random map.
"""

from __future__ import annotations

from dataclasses import dataclass

from unseen.evaluation.judging.judgements import Judgements, sign_of
from unseen.evaluation.judging.measurements import Key
from unseen.evaluation.statistics import PairedComparison, holm, paired_comparison, photographs_needed

LEVEL = 0.05


@dataclass(frozen=True)
class Separation:
    """What a metric tells apart under one removal.

    Attributes:
        metric: its spec.
        removal: its spec.
        better: methods that are better than every control that has values.
        compared: the methods that could be compared.
        comparisons: (method, control) → the paired comparison, positive where the method is better, and its p-value
            adjusted over all pairs.
    """

    metric: str
    removal: str
    better: tuple[str, ...]
    compared: tuple[str, ...]
    comparisons: dict[tuple[str, str], tuple[PairedComparison, float]]

    @property
    def separates(self) -> bool:
        """Whether at least one method is better than every control."""
        return bool(self.better)

    @property
    def photographs(self) -> int:
        """On how many photographs methods were compared with controls, at most."""
        return max(comparison.difference.n for comparison, _ in self.comparisons.values())

    @property
    def needed(self) -> int:
        """The fewest photographs on which the test could tell any method from the controls."""
        return photographs_needed(len(self.comparisons), LEVEL)


def separation(judgements: Judgements, metric: str, removal: str) -> Separation | None:
    """Compare every method with every control, photograph by photograph.

    Wilcoxon's signed-rank test, two-sided, with Holm's adjustment over all pairs; a method is better than a control if
    its mean difference is on the better side and p is below 0.05.

    Returns:
        ``None`` if the metric has no better side, or there is no control or no method with values.
    """
    sign = sign_of(metric)
    if sign == 0:
        return None
    found: dict[tuple[str, str], PairedComparison] = {}
    for method in judgements.explained:
        for control in judgements.controls:
            values = judgements.together([Key(method, removal, metric), Key(control, removal, metric)])
            if values.size:
                found[method, control] = paired_comparison(sign * values[0], sign * values[1])
    if not found:
        return None
    adjusted = holm([comparison.p for comparison in found.values()])
    comparisons = {pair: (comparison, p) for (pair, comparison), p in zip(found.items(), adjusted, strict=True)}
    compared = tuple(dict.fromkeys(method for method, _ in found))
    better = tuple(
        method
        for method in compared
        if all(
            p < LEVEL and comparison.difference.value > 0
            for (name, _), (comparison, p) in comparisons.items()
            if name == method
        )
    )
    return Separation(metric, removal, better, compared, comparisons)
