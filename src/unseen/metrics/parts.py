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

    Example:
        >>> from unseen import explain
        >>> from unseen.metrics.parts import confidence
        >>> explanation = explain(photo, classifier, method="occlusion", removal="black", confidence=0.9)
        >>> confidence(explanation, explanation.parts[0]) >= 0.9
        True
    """
    return part.confidence / explanation.probability


def confidence_distance(explanation: Explanation, part: Part) -> float:
    """Distance of the confidence from the threshold γ that was asked for (Chanchal et al. 2025, section 5.4).

    Example:
        >>> from unseen import explain
        >>> from unseen.metrics.parts import confidence_distance
        >>> explanation = explain(photo, classifier, method="occlusion", removal="black", confidence=0.9)
        >>> confidence_distance(explanation, explanation.parts[0]) < 0.1
        True
    """
    return abs(confidence(explanation, part) - part.confidence_threshold)
