"""Judges that hide or show pixels in the map's order and watch the score or the class."""

from __future__ import annotations

from typing import Literal

from unseen.metrics.entries.sources import GOMEZ, RISE, ZERO_INFORMATION
from unseen.metrics.entry import MetricEntry

_ROAD: tuple[tuple[str, str, str, str, Literal["higher", "lower"], str], ...] = (
    (
        "road",
        "combined",
        "half the difference between how often the class is kept without the least and without the most salient pixels",
        "18",
        "higher",
        "−0.5 to 0.5",
    ),
    ("road-morf", "morf", "how often the class is kept as the most salient pixels are hidden", "9", "lower", "0 to 1"),
    (
        "road-lerf",
        "lerf",
        "how often the class is kept as the least salient pixels are hidden",
        "9",
        "higher",
        "0 to 1",
    ),
)

ENTRIES = {
    "deletion": MetricEntry(
        "unseen.metrics.curves:Deletion",
        "area under the score while pixels are hidden, most salient first",
        f"{RISE}; {ZERO_INFORMATION}, section 4.3.5 (which has the direction wrong)",
        "steps + 1, two of them shared with insertion",
        better="lower",
        range="0 to 1 for probabilities, more if normalised",
        weakness="ignores saliency values; half-hidden photographs are like none; rewards what breaks the model",
    ),
    "insertion": MetricEntry(
        "unseen.metrics.curves:Insertion",
        "area under the score while pixels are shown, most salient first",
        f"{RISE}; {ZERO_INFORMATION}, section 4.3.5",
        "steps + 1, two of them shared with deletion",
        better="higher",
        range="0 to 1 for probabilities, more if normalised",
        weakness="ignores saliency values; favours compact maps; what it begins from decides much",
    ),
    "deletion-correlation": MetricEntry(
        "unseen.metrics.curves:DeletionCorrelation",
        "correlation of each step's loss of score with its mean saliency, while pixels are hidden",
        f"{GOMEZ}; {ZERO_INFORMATION}, section 4.3.6",
        "steps + 1, all of them shared with deletion",
        better="higher",
        range="-1 to 1",
        weakness="few steps decide it where the score falls at once; half-hidden photographs are like none",
    ),
    "insertion-correlation": MetricEntry(
        "unseen.metrics.curves:InsertionCorrelation",
        "correlation of each step's gain of score with its mean saliency, while pixels are shown",
        f"{GOMEZ}; {ZERO_INFORMATION}, section 4.3.6",
        "steps + 1, all of them shared with insertion",
        better="higher",
        range="-1 to 1",
        weakness="a model that needs several parts before it is sure gains late, where saliency is low",
    ),
    **{
        name: MetricEntry(
            "unseen.metrics.road:Road",
            summary,
            "Rong et al., A Consistent and Efficient Evaluation Strategy for Attribution Methods (ROAD), ICML 2022",
            cost,
            {"order": order},
            better=better,
            range=values,
            weakness="the paper's only under the removal 'linear'; few values on a single photograph",
        )
        for name, order, summary, cost, better, values in _ROAD
    },
}
