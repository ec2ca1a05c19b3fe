"""Tables of what metrics said of maps: methods and controls × removals, and how far the judges agree."""

from __future__ import annotations

import math
from collections.abc import Iterator

from unseen.evaluation.judging.agreement import Agreement, agreement
from unseen.evaluation.judging.judgements import Judgements, entry_of, sign_of
from unseen.evaluation.judging.measurements import Key
from unseen.evaluation.judging.report.tables import labelled, photographs
from unseen.evaluation.judging.separation import Separation, separation
from unseen.evaluation.statistics import Interval
from unseen.system.table import Table

_BETTER = {1: "higher is better", -1: "lower is better", 0: "not for ranking"}


def tables_of_maps(judgements: Judgements) -> Iterator[Table]:
    """One table a metric; then rank correlations between metrics and between removals."""
    for metric in judgements.metrics:
        yield _values(judgements, metric)
    if len(judgements.explained) < 3:
        return
    for removal in judgements.removals:
        found = agreement(judgements, "metrics", removal)
        if len(found.judges) > 1:
            yield _correlations(found, f"Do the metrics rank the methods alike? Under {removal}")
    if len(judgements.removals) > 1:
        yield _between_removals(judgements)


def _values(judgements: Judgements, metric: str) -> Table:
    separations = {removal: separation(judgements, metric, removal) for removal in judgements.removals}
    rows = [["map", *judgements.removals]]
    counts: set[int] = set()
    for method in judgements.methods:
        cells = []
        for removal in judgements.removals:
            value = judgements.over_set(Key(method, removal, metric))
            found = separations[removal]
            mark = " *" if found and method in found.better else ""
            cells.append(f"{as_interval(value)}{mark}" if value else "–")
            counts |= {value.n} if value else set()
        rows.append([labelled(method), *cells])
    summary = entry_of(metric).summary
    over = entry_of(metric).over.rpartition(":")[2].replace("_", " ").capitalize() or "Means"
    measured = f"{over} over {photographs(counts)} with 95 % bootstrap intervals." if counts else "No values."
    note = f"{summary[0].upper()}{summary[1:]}. {measured} {_said(separations)}{_reasons(judgements, metric)}".strip()
    return Table(f"{metric} ({_BETTER[sign_of(metric)]})", rows, note)


def _said(separations: dict[str, Separation | None]) -> str:
    found = {removal: one for removal, one in separations.items() if one is not None}
    if not found:
        return ""
    told = [
        "* better than every control that has values, photograph by photograph (Wilcoxon, p < 0.05 after Holm's "
        "adjustment). "
    ] * any(one.separates for one in found.values())
    few = {removal: one for removal, one in found.items() if one.photographs < one.needed}
    blind = [removal for removal, one in found.items() if not one.separates and removal not in few]
    if blind:
        told.append(f"**Under {', '.join(blind)} it cannot tell any method from the controls on these photographs.** ")
    if few:
        count, needed = max(one.photographs for one in few.values()), max(one.needed for one in few.values())
        told.append(
            f"**Under {', '.join(few)} there are too few photographs ({count}) to tell the methods from the controls; "
            f"the test of {max(len(one.comparisons) for one in few.values())} pairs takes at least {needed}.** "
        )
    return "".join(told)


def _reasons(judgements: Judgements, metric: str) -> str:
    found: dict[str, list[str]] = {}
    for (method, removal, name, _), reason, count in judgements.missing():
        if name == metric:
            found.setdefault(reason, []).append(f"{method} under {removal} ({count})")
    return " ".join(
        f"No value: {', '.join(where[:3])}{f' and {len(where) - 3} more' if len(where) > 3 else ''}: {reason}."
        for reason, where in found.items()
    )


def _correlations(found: Agreement, title: str) -> Table:
    judges = found.judges
    rows = [["", *(f"({number})" for number in range(2, len(judges) + 1))]]
    for index, first in enumerate(judges):
        pairs = [found.correlations.get((first, second)) for second in judges[1:]]
        rows.append(
            [
                f"({index + 1}) {first}",
                *("" if i < index else as_interval(p) if p else "–" for i, p in enumerate(pairs)),
            ]
        )
    return Table(
        title,
        rows,
        f"Mean over photographs of Spearman's rank correlation over {len(found.methods)} methods, controls left out, "
        "with 95 % bootstrap intervals; 1 is full agreement, 0 none.",
    )


def _between_removals(judgements: Judgements) -> Table:
    removals = judgements.removals
    pairs = [(first, second) for i, first in enumerate(removals) for second in removals[i + 1 :]]
    lines = [["metric", *(f"{first} – {second}" for first, second in pairs)]]
    for metric in judgements.metrics:
        found = agreement(judgements, "removals", metric).correlations
        lines.append([metric, *(as_interval(found[pair]) if pair in found else "–" for pair in pairs)])
    return Table(
        "Do the removals rank the methods alike?",
        lines,
        f"Mean over photographs of Spearman's rank correlation over {len(judgements.explained)} methods, controls left "
        "out, each method explained and judged under the same removal, with 95 % bootstrap intervals.",
    )


def as_interval(found: Interval) -> str:
    """With as many decimals as the interval leaves certain, and one more; of one photograph the value alone."""
    if found.n == 1:
        return f"{found.value:.3g}"
    numbers = (found.value, found.low, found.high)
    largest = max(map(abs, numbers))
    width = found.high - found.low if found.high - found.low > 1e-9 * largest else 0.0  # rounding is no uncertainty
    decimals = max(0, 1 - math.floor(math.log10(width))) if width else 2
    if decimals > 4 or largest >= 1e5 or (not width and 0 < largest < 0.01):
        value, low, high = (f"{number:.2g}" for number in numbers)
    else:
        value, low, high = (f"{number:.{min(decimals, 3)}f}" for number in numbers)
    return f"{value} [{low}, {high}]"
