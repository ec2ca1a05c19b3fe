"""The tables of an evaluation.

Their form is that of Table 1 and Tables E1–E12 of Chanchal, Kelly & Chockler, *Activation-Deactivation*, 2025.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from unseen.evaluation.judging.measurements import Measurements
from unseen.evaluation.judging.plan import JUDGED_BESIDE
from unseen.evaluation.judging.report.values import CONTEXTS, ROBUSTNESS, MethodValues
from unseen.evaluation.statistics import Interval, holm
from unseen.explanation.roles import REASONS
from unseen.system.table import Table

_TITLES = {
    "size": "Size of the part, % of the pixels (form of Tables E1–E12)",
    "robustness-colours": "ρ-robustness on solid colours, % (Figure 5)",
    "robustness-photos": "ρ-robustness on photographs of other classes, % (Figure A1)",
    "confidence": "Confidence of the part, % of that of the photograph (Figures F1–F12)",
    "confidence-colours": "Confidence of the part on solid colours, % of that of the photograph (Appendix F)",
    "confidence-photos": "Confidence of the part on photographs of other classes, % of that of the photograph "
    "(Appendix F)",
    "confidence-distance": "Distance of the confidence from what γ asks for, % of that of the photograph",
    "by-chance": "Other sets of the same size and shape that do the same, %",
}
_TESTED = ("size", *ROBUSTNESS)
_TOLD = 4
"""Sentences that are told of all that were noted."""


def tables_of(values: MethodValues) -> Iterator[Table]:
    """Every table that the measurements of parts allow, for one method; of a control only its means."""
    if values.thresholds:
        yield _worth(values)
    for metric, title in _TITLES.items():
        if values.has(metric):
            yield _means(values, metric, f"{values.method}: {title}")
    for context in CONTEXTS:
        if values.has("confidence") and values.has(f"confidence-{context}"):
            yield _moved(values, context)
    if values.method in JUDGED_BESIDE:
        return
    if values.best_fill is not None and values.has("size"):
        yield _differences(values)
    for metric in ROBUSTNESS:
        if values.has(metric) and len(values.removals) > 1:
            yield _ratios(values, metric)
    for metric in _TESTED:
        if values.has(metric) and len(values.removals) > 1:
            yield _tests(values, metric)


def _worth(values: MethodValues) -> Table:
    rows = [["hidden by", *_gammas(values)]]
    for removal in values.removals:
        cells = []
        for gamma in values.thresholds:
            missing, chance = values.why_missing(removal, gamma), values.found_by_chance(removal, gamma)
            none = sum(missing.values()) - missing[REASONS["default class"]] - missing[REASONS["empty"]]
            counted = (missing[REASONS["default class"]], missing[REASONS["empty"]], none)
            cells.append(" / ".join(["–" if chance is None else f"{chance[0]} of {chance[1]}", *map(str, counted)]))
        rows.append([removal, *cells])
    return Table(
        f"{values.method}: parts that chance finds too / default class / empty / none found",
        rows,
        "Chance finds a part too where other sets of its size and shape surely do the same more than once in 20, by "
        "Clopper & Pearson's interval. No part of a default class, the model's answer to nothing, says anything, nor "
        "does an empty one: means are over the other photographs.",
    )


def _means(values: MethodValues, metric: str, title: str) -> Table:
    rows = [["hidden by", *_gammas(values)]]
    short: set[int] = set()
    for removal in values.removals:
        cells = []
        for gamma in values.thresholds:
            mean = values.mean(removal, metric, gamma)
            cells.append(_percent(mean))
            short.add(mean.n)
        rows.append([removal, *cells])
    return Table(title, rows, f"Means over {photographs(short, values.photos)} with 95 % bootstrap intervals.")


def _moved(values: MethodValues, context: str) -> Table:
    rows = [["hidden by", *_gammas(values)]]
    for removal in values.removals:
        found = [values.moved(removal, context, gamma) for gamma in values.thresholds]
        rows.append([removal, *(_signed(mean) if mean.n else "–" for mean in found)])
    return Table(
        f"{values.method}: confidence on {CONTEXTS[context]} minus that under the removal, points (Appendix F)",
        rows,
        "Both in % of the confidence of the photograph; means of differences, part by part.",
    )


def _differences(values: MethodValues) -> Table:
    fill = values.best_fill
    assert fill is not None
    cells = []
    for gamma in values.thresholds:
        comparison = values.compared(fill, "size", gamma)
        cells.append(_signed(comparison.difference) if comparison else "–")
    return Table(
        f"{values.method}: size of {values.reference} minus that of the best fill, points (form of Table 1)",
        [["best fill", *_gammas(values)], [fill, *cells]],
        "The best fill is the one with the most robust parts on solid colours over all γ; on the photographs that both "
        "have.",
    )


def _ratios(values: MethodValues, metric: str) -> Table:
    ratios = [values.ratio(metric, gamma) for gamma in values.thresholds]
    cells = [f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]" if ratio else "–" for ratio in ratios]
    note = "The best other removal is chosen for each γ by its mean, and anew in every resample."
    if None in ratios:
        note += (
            " No ratio (–) where no photograph has a part under every removal, or where no part of the others keeps "
            f"its class on these {values.photos} photographs, or on too many resamples of them for an upper bound."
        )
    return Table(
        f"{values.method}: {metric} of {values.reference} over the best other",
        [["", *_gammas(values)], ["ratio", *cells]],
        note,
    )


def _tests(values: MethodValues, metric: str) -> Table:
    rows = [[f"{values.reference} against", "γ", "difference, points", "larger / equal / smaller", "p (Holm)"]]
    for gamma in values.thresholds:
        found = [(removal, values.compared(removal, metric, gamma)) for removal in values.removals[1:]]
        compared = [(removal, comparison) for removal, comparison in found if comparison is not None]
        for (removal, comparison), p in zip(compared, holm([c.p for _, c in compared]), strict=True):
            counts = f"{comparison.wins} / {comparison.ties} / {comparison.losses}"
            rows.append([removal, f"{gamma:g}", _signed(comparison.difference), counts, probability(p)])
    return Table(
        f"{values.method}: {metric}, {values.reference} against the others, photograph by photograph",
        rows,
        "Wilcoxon's signed-rank test, two-sided, adjusted by Holm's method over the removals of one γ.",
    )


def costs_of(found: Sequence[MethodValues]) -> Table:
    """What the explanations of every method cost."""
    searched = any(values.thresholds for values in found)
    rows = [["method", "hidden by", "evaluations a photograph", "seconds a photograph"]]
    rows[0] += ["no part found"] if searched else []
    for values in found:
        for removal in values.removals:
            means = [
                (values.mean(removal, metric, None), form)
                for metric, form in (("evaluations", ".0f"), ("seconds", ".1f"))
            ]
            costs = [format(mean.value, form) if mean.n else "–" for mean, form in means]
            missing = sum(values.missing(removal, "size", gamma) for gamma in values.thresholds)
            rows.append([labelled(values.method), removal, *costs, *([str(missing)] if searched else [])])
    return Table(f"Cost of {'finding the parts for all γ together' if searched else 'a map'}", rows)


def notes_of(measurements: Measurements) -> Table:
    """How many explanations have notes, and what these say; sentences that differ in numbers alone are told once."""
    rows = [["method", "hidden by", "photographs with notes"]]
    rows += [[labelled(method), removal, str(count)] for (method, removal), count in measurements.noted.items()]
    told = list(measurements.sentences.values())
    more = f" · and {len(told) - _TOLD} more" if len(told) > _TOLD else ""
    return Table("Notes on the explanations", rows, "For example: " + " · ".join(told[:_TOLD]) + more)


def labelled(method: str) -> str:
    """The method's name, with a mark if it is a control."""
    return f"{method} (control)" if method in JUDGED_BESIDE else method


def photographs(counts: Collection[int], out_of: int | None = None) -> str:
    """How many photographs several means are over, the fewest and the most, and of how many in all."""
    fewest, most = min(counts, default=0), max(counts, default=0)
    found = f"{most}" if fewest == most else f"{fewest} to {most}"
    last = most if out_of is None else out_of
    return f"{found if out_of is None else f'{found} of {out_of}'} photograph{'s' * (last != 1)}"


def _gammas(values: MethodValues) -> list[str]:
    return [f"γ = {gamma:g}" for gamma in values.thresholds]


def _percent(mean: Interval) -> str:
    if mean.n == 1:  # of which nothing is known but the value
        return f"{100 * mean.value:.1f}"
    return f"{100 * mean.value:.1f} [{100 * mean.low:.1f}, {100 * mean.high:.1f}]" if mean.n else "–"


def _signed(difference: Interval) -> str:
    if difference.n == 1:
        return f"{100 * difference.value:+.1f}"
    return f"{100 * difference.value:+.1f} [{100 * difference.low:+.1f}, {100 * difference.high:+.1f}]"


def probability(p: float) -> str:
    """A p-value, as tables show it."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
