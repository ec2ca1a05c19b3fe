"""What can be said of a part that suffices without asking the model again."""

from __future__ import annotations

from unseen.explanation import Explanation, Part


def size(explanation: Explanation, part: Part) -> float:
    """Share of the photograph's pixels that the part shows, in [0, 1] (Chanchal et al. 2025, section 5.3).

    Example:
        >>> from unseen import explain
        >>> from unseen.metrics.parts import size
        >>> explanation = explain(photo, classifier, method="occlusion", removal="black")
        >>> 0 < size(explanation, explanation.parts[0]) < 0.2
        True
    """
    del explanation
    return part.fraction


def confidence(explanation: Explanation, part: Part) -> float:
    """Probability of the class with only the part visible, over that of the full photograph; ≥ 0, may exceed 1.

    Of a value, how far it stays what it is on the full photograph, in [0, 1]. A necessary part is hidden instead.

    Example:
        >>> from unseen import explain
        >>> from unseen.metrics.parts import confidence
        >>> explanation = explain(photo, classifier, method="occlusion", removal="black", confidence=0.9)
        >>> confidence(explanation, explanation.parts[0]) >= 0.9
        True
    """
    return part.confidence / _whole(explanation)


def confidence_distance(explanation: Explanation, part: Part) -> float:
    """Distance of the confidence from what γ asks for, both over the probability of the full photograph.

    After Chanchal et al. 2025, section 5.4, whose γ is a share of the probability; here it is one of the rise from what
    the model says of nothing.

    Example:
        >>> from unseen import explain
        >>> from unseen.metrics.parts import confidence_distance
        >>> explanation = explain(photo, classifier, method="occlusion", removal="black", confidence=0.9)
        >>> confidence_distance(explanation, explanation.parts[0]) < 0.1
        True
    """
    if part.asked is None:
        return abs(confidence(explanation, part) - part.confidence_threshold)
    return abs(part.confidence - part.asked) / _whole(explanation)


def by_chance(explanation: Explanation, part: Part) -> float:
    """Share of the other sets of the part's size and shape that do the same; NaN where none was tried.

    Example:
        >>> from unseen import explain
        >>> from unseen.metrics.parts import by_chance
        >>> explanation = explain(photo, classifier, method="occlusion", removal="black")
        >>> 0 <= by_chance(explanation, explanation.parts[0]) <= 1
        True
    """
    del explanation
    return part.by_chance.share if part.by_chance is not None else float("nan")


def _whole(explanation: Explanation) -> float:
    """How far the decision goes on the full photograph: of a value, all the way."""
    return explanation.probability if explanation.unit is None else 1.0
