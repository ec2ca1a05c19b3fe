"""Removals side by side, in the form of Tables 1 and 2 of Lymperopoulos 2023 (*The Concept of Zero Information*, 12.2).

Its two metrics: AttMask (AM), how far the map of what stays visible moves, and Accuracy Preservation (AP), whether the
class is kept. Beside the thesis' columns, one for each kind of map, stand those of all maps together, of which every
photograph's value is the mean over them: they have as many photographs as the others, not as many as there are maps.
Where a removal refuses some kind of map, that kind is left out of what is compared with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from unseen.evaluation.judging.judgements import Judgements, entry_of, sign_of
from unseen.evaluation.judging.plan import MetricSpec
from unseen.evaluation.judging.report.maps import as_interval
from unseen.evaluation.judging.report.tables import photographs, probability
from unseen.evaluation.statistics import holm, mean_interval, paired_comparison
from unseen.system.table import Table

_SHORT = {"attmask": "AM", "accuracy-preservation": "AP"}


def tables_of_hiding(judgements: Judgements) -> Iterator[Table]:
    """Tables 1 and 2 in one, and each removal against the one before it, if both metrics judged several.

    Metrics that hide by another removal than the map was made with (``attmask@black``) say nothing of it.
    """
    specs = [MetricSpec(metric) for metric in judgements.metrics]
    metrics = [spec.spec for spec in specs if spec.name in _SHORT and spec.removal is None]
    if {MetricSpec(metric).name for metric in metrics} != set(_SHORT) or len(judgements.removals) < 2:
        return
    if judgements.explained:
        yield _side_by_side(judgements, metrics)
        yield from (_in_order(judgements, metric) for metric in metrics)


def of_all_maps(judgements: Judgements, removals: Sequence[str], metric: str) -> list[dict[str, float]]:
    """Under each removal, of every photograph the mean over the methods, where all of them have a value.

    These are the methods that have values under each of the removals, but for those under which none has any: means
    over different methods could not be compared.
    """

    def valued(method: str, removal: str) -> bool:
        return bool(judgements.of(method, removal, metric))

    told = [removal for removal in removals if any(valued(method, removal) for method in judgements.explained)]
    shared = [method for method in judgements.explained if all(valued(method, removal) for removal in told)]
    return [_mean([judgements.of(method, removal, metric) for method in shared]) for removal in removals]


def _mean(series: Sequence[dict[str, float]]) -> dict[str, float]:
    common = [photo for photo in next(iter(series), {}) if all(photo in values for values in series)]
    return {photo: sum(values[photo] for values in series) / len(series) for photo in common}


def _side_by_side(judgements: Judgements, metrics: Sequence[str]) -> Table:
    several = len(judgements.explained) > 1
    header = [f"{method} {_short(metric)}" for method in judgements.explained for metric in metrics]
    rows = [["hidden by", *header, *(f"all maps {_short(metric)}" for metric in metrics if several)]]
    together = [of_all_maps(judgements, judgements.removals, metric) for metric in metrics if several]
    counts: set[int] = set()
    for place, removal in enumerate(judgements.removals):
        found = [judgements.of(method, removal, metric) for method in judgements.explained for metric in metrics]
        found += [values[place] for values in together]
        counts |= {len(values) for values in found if values}
        cells = [as_interval(mean_interval(list(values.values()))) if values else "–" for values in found]
        rows.append([removal, *cells])
    return Table(
        "Removals: does the visible part keep its map (AM) and its class (AP)?",
        rows,
        "Form of Tables 1 and 2 of Lymperopoulos 2023. AM: AttMask, lower is better; AP: Accuracy "
        f"Preservation, higher is better. Means over {photographs(counts)} with 95 % bootstrap intervals; for all "
        "maps together, of each photograph's mean over the maps that every removal allows.",
    )


def _in_order(judgements: Judgements, metric: str) -> Table:
    pairs = list(zip(judgements.removals[1:], judgements.removals, strict=False))
    values = [of_all_maps(judgements, pair, metric) for pair in pairs]
    common = [[photo for photo in first if photo in second] for first, second in values]
    compared = [
        paired_comparison([first[photo] for photo in both], [second[photo] for photo in both]) if both else None
        for (first, second), both in zip(values, common, strict=True)
    ]
    adjusted = iter(holm([found.p for found in compared if found is not None]))
    rows = [["hidden by, against", "more", "better / equal / worse", "p (Holm)"]]
    for (removal, before), found in zip(pairs, compared, strict=True):
        cells = ["–"] * 3
        if found is not None:
            better, worse = (found.wins, found.losses)[:: sign_of(metric)]
            counts = f"{better} / {found.ties} / {worse}"
            cells = [as_interval(found.difference), counts, probability(next(adjusted))]
        rows.append([f"{removal}, {before}", *cells])
    return Table(
        f"Removals by {_short(metric)}, each against the one before, photograph by photograph",
        rows,
        "Differences of all maps' means, on the photographs and over the maps that both have. Wilcoxon's signed-rank "
        "test, two-sided, adjusted by Holm's method over the pairs.",
    )


def _short(metric: str) -> str:
    """AM or AP, with the metric's options, if there are any, and which side is better."""
    spec = MetricSpec(metric)
    arrow = "↓" if entry_of(metric).better == "lower" else "↑"
    return f"{_SHORT[spec.name]}{metric.removeprefix(spec.name)} {arrow}"
