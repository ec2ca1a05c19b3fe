"""What came of training anew, as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import get_args

from unseen.evaluation.retraining.labels import LEARNT, Measure, Other, Randomised
from unseen.evaluation.retraining.roar import Retrained
from unseen.evaluation.statistics import FEWEST_REPEATS, Interval, over_repeats
from unseen.evaluation.told import Told
from unseen.explainers.catalogue import CONTROLS
from unseen.pipeline.provenance import versions
from unseen.system.names import lines_of
from unseen.system.table import Table, aligned

_FEW = 100
"""Test photographs below which it is told how much a single one weighs."""


def as_text(found: Retrained | Randomised) -> str:
    """A table with a line for each method, and what must be known to read it."""
    table = table_of(found)
    return lines_of([*table.title.split("\n"), "", *aligned(table.rows, left=(0, -1)), "", *table.note.split("\n")])


def table_of(found: Retrained | Randomised) -> Table:
    """A row for each method; title and note in lines."""
    return _accuracies(found) if isinstance(found, Retrained) else _likenesses(found)


def told_of(found: Retrained | Randomised, pictures: Sequence[str] = (), command: str | None = None) -> Told:
    """The table, and what it says, as it is kept for a report."""
    table = table_of(found)
    lines = table.title.split("\n")
    hides = [("hidden by", found.metric.removal)] if isinstance(found, Retrained) else []
    return Told(
        title=lines[0].partition(":")[0],
        asked=[("data", found.dataset), ("methods", ", ".join(found.methods)), *hides],
        answer=[f"{row[0]}: {row[-1]}." for row in table.rows[1:] if row[0] not in CONTROLS],
        tables=[Table(lines[0], table.rows, "; ".join([*lines[1:], *table.note.split("\n")]) + ".")],
        failed=found.failed,
        pictures=pictures,
        versions=tuple(versions().items()),
        command=command,
    )


def _accuracies(found: Retrained) -> Table:
    metric = found.metric
    important, better = ("most", "lower") if metric.order == "top" else ("least", "higher")
    head = ["method", *(f"{share:.0%}" for share in found.shares), "area", "interval"]
    head += ["leak"] if metric.leak else []
    rows = []
    for method in _ranked(found):
        row = [method, *(_share(over_repeats(list(found.accuracies(method, s).values())).value) for s in found.shares)]
        area, leak = over_repeats(list(found.areas(method).values())), found.leak(method)
        row += [_share(area.value), _interval(area)]
        row += [_share(leak.value) if leak else "–"] if metric.leak else []
        rows.append([*row, told(found, method)])
    train, test = found.counts
    title = [
        f"{'roar' if metric.order == 'top' else 'kar'} on {found.dataset}: accuracy in % after the {important} "
        f"important pixels were hidden by {metric.removal} and a network was trained anew; {better} is better",
        f"{train} photographs to train on, {test} to test on, {_count(metric.repeats, 'network')} each; "
        f"nothing hidden: {_share(found.whole.value)} {_interval(found.whole)}",
    ]
    lines = [
        "area: mean height of the curve from nothing hidden to the largest share; interval: 95 %, over networks",
    ]
    if metric.leak:
        lines.append("leak: accuracy of networks that saw nothing but the masks, at the share where it is largest")
    if metric.repeats < FEWEST_REPEATS:
        fewest = f"fewer than {FEWEST_REPEATS} networks tell no spread"
        lines.append(f"{fewest}: give --repeats {FEWEST_REPEATS} or more to compare methods")
    if test < _FEW:
        lines.append(f"note: one of {test} test photographs is {100 / test:.1f} %, and no interval covers their choice")
    return Table("\n".join(title), [[*head, "against the controls"], *rows], "\n".join(lines))


def told(found: Retrained, method: str) -> str:
    """Which controls the method is better or worse than, and from which it cannot be told."""
    verdicts = found.against(method)
    words = {"better": "better than", "worse": "worse than", "same": "not told from"}
    said = []
    for verdict, text in words.items():
        names = [control for control, value in verdicts.items() if value == verdict]
        said += [f"{text} {', '.join(names)}"] if names else []
    return "; ".join(said)


def _ranked(found: Retrained) -> Sequence[str]:
    """Methods, the best first."""
    areas = {method: over_repeats(list(found.areas(method).values())).value for method in found.methods}
    return sorted(areas, key=lambda method: areas[method], reverse=found.metric.order == "bottom")


def _likenesses(found: Randomised) -> Table:
    measures, others = get_args(Measure), get_args(Other)
    rows = []
    for method in found.methods:
        values = [[list(found.values(method, other, one).values()) for other in others] for one in measures]
        cells = [" / ".join(map(_likeness, of_measure)) for of_measure in values]
        changes = [m for m in measures if found.against_true(method, m) == "better"]
        if found.metric.repeats < FEWEST_REPEATS or not any(own for of_measure in values for own in of_measure):
            said = "is not judged"
        elif len(changes) == len(measures):
            said = "depends on the labels"
        else:
            said = (
                f"depends on the labels by {', '.join(changes)}"
                if changes
                else "cannot be seen to depend on the labels"
            )
        rows.append([method, *cells, said + (" (control)" if method in CONTROLS else "")])
    title = [
        f"data-randomisation on {found.dataset}: likeness of the maps of a network that learnt the true labels and of "
        "one that learnt shuffled labels, or the true ones from another seed",
        f"{found.metric.images} photographs at most, {_count(found.metric.repeats, 'triple')} of networks; "
        f"{_share(found.learnt)} % of the shuffled labels were learnt",
    ]
    lines = [
        f"likeness: {' / '.join(others)}; – is undefined",
        "a map depends on the labels if shuffled is surely less than true (95 %, over triples)",
    ]
    if found.learnt < LEARNT:
        lines.append(
            f"note: less than {LEARNT:.0%} of the shuffled labels were learnt; give more epochs or fewer photographs"
        )
    if found.metric.repeats < FEWEST_REPEATS:
        lines.append(f"fewer than {FEWEST_REPEATS} triples tell no spread: give --repeats {FEWEST_REPEATS} or more")
    return Table("\n".join(title), [["method", *measures, "the map"], *rows], "\n".join(lines))


def _likeness(values: Sequence[float]) -> str:
    return f"{over_repeats(values).value:.2f}" if values else "–"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _share(value: float) -> str:
    return f"{100 * value:.1f}"


def _interval(value: Interval) -> str:
    """The interval, without what no accuracy can be."""
    return "–" if math.isnan(value.low) else f"[{_share(max(value.low, 0))}, {_share(min(value.high, 1))}]"
