"""Judges that change the photograph, or what is visible of it, and look how far the map or the class follows."""

from __future__ import annotations

from typing import Literal

from unseen.metrics.entries.sources import ACTIVATION_DEACTIVATION, YEH, ZERO_INFORMATION
from unseen.metrics.entry import MetricEntry

_PASSES = "at most 169, most with gradients"

_ROBUSTNESS_S: tuple[tuple[str, str, str, str, Literal["higher", "lower"], str], ...] = (
    (
        "robustness-s",
        "balance",
        "the smallest change outside the salient pixels that changes the class, as a share of that and the one inside",
        "at most 338, most with gradients",
        "higher",
        "0 to 1",
    ),
    (
        "robustness-s-inside",
        "inside",
        "norm of the smallest change of the salient pixels that changes the class",
        _PASSES,
        "lower",
        "above 0, infinite where none was found",
    ),
    (
        "robustness-s-outside",
        "outside",
        "norm of the smallest change of all but the salient pixels that changes the class",
        _PASSES,
        "higher",
        "above 0, infinite where none was found",
    ),
)

_RELATIVE: tuple[tuple[Literal["input", "representation", "output"], str, str], ...] = (
    ("input", "the input changes", "2"),
    ("representation", "what the head receives changes", "3"),
    ("output", "the logits change", "5"),
)

ENTRIES = {
    "average-sensitivity": MetricEntry(
        "unseen.metrics.sensitivity:Sensitivity",
        "mean change of the map, relative to it, when the photograph hardly changes",
        f"Bhatt, Weller & Moura, Evaluating and Aggregating Feature-based Model Explanations, IJCAI 2020; {YEH}",
        "the method's own, 10 times",
        {"statistic": "mean"},
        better="lower",
        range="0 and more",
        needs=("method",),
        weakness="a map that ignores the photograph wins",
    ),
    "max-sensitivity": MetricEntry(
        "unseen.metrics.sensitivity:Sensitivity",
        "largest change of the map, relative to it, when the photograph hardly changes",
        f"{YEH}, Definition 3.1",
        "the method's own, 10 times",
        {"statistic": "max"},
        better="lower",
        range="0 and more",
        needs=("method",),
        weakness="a map that ignores the photograph wins; grows with the number of samples",
    ),
    **{
        f"relative-{by}-stability": MetricEntry(
            "unseen.metrics.relative_stability:RelativeStability",
            f"largest relative change of the map over how far {moves}, for neighbours with the same decision",
            f"Agarwal et al., Rethinking Stability for Attribution-based Explanations, ICLR workshops 2022, Eq. {at}",
            "the method's own, 10 times, and 11",
            {"by": by},
            better="lower",
            range="0 and more",
            needs=("method",),
            weakness="divides by every pixel of the map, so that a few that are nearly 0 decide; "
            "a map that ignores the photograph wins",
        )
        for by, moves, at in _RELATIVE
    },
    **{
        name: MetricEntry(
            "unseen.metrics.robustness_s:RobustnessS",
            summary,
            "Hsieh et al., Evaluations and Methods for Explanation through Robustness Analysis, ICLR 2021",
            cost,
            {"region": region},
            better=better,
            range=values,
            needs=("gradients",),
            weakness="an upper bound by an attack that follows gradients, and so favours maps of gradients; "
            "imperceptible changes say little of what is seen",
        )
        for name, region, summary, cost, better, values in _ROBUSTNESS_S
    },
    "attmask": MetricEntry(
        "unseen.metrics.zero_information:AttMask",
        "how far hiding changes the map of what stays visible and leaves any on what is hidden",
        f"{ZERO_INFORMATION}, Eq. 62",
        "the method's own, once",
        better="lower",
        range="0 to 1, to 4 for maps with negative values",
        needs=("method",),
        weakness="judges the removal, by a map that is itself not known to be right",
    ),
    "robust-size": MetricEntry(
        "unseen.metrics.robust_size:RobustSize",
        "smallest share of the ranking that keeps the class on most other backgrounds, by the unmodified network",
        f"{ACTIVATION_DEACTIVATION}, Definitions 1 and 2",
        "about 300",
        better="lower",
        range="above 0 to 1",
        weakness="large on photographs with strong objects of their own; says how much is needed, not which pixels",
    ),
    "attribution-shift": MetricEntry(
        "unseen.metrics.attribution_shift:AttributionShift",
        "1 − correlation of the visible squares' saliency before and after the rest is hidden",
        f"{ZERO_INFORMATION}, section 6.5 (idea; the formula is ours)",
        "the method's own, once",
        better="lower",
        range="0 to 2; 1 is nothing in common",
        needs=("method",),
        weakness="a map that ignores the network may win; noisy maps shift most; judges the removal and the method "
        "together",
    ),
}
