"""The tables of ``aggregation.py``."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.shared import wilson
from benchmarks.tables.mixing.candidates import CHOSEN, OURS, PRINTED, WITHOUT, Pool, control_place
from benchmarks.tables.mixing.data import FORWARD_ONLY
from benchmarks.tables.mixing.figure import drawn
from benchmarks.tables.mixing.values import INFIDELITY, SENSITIVITY, TIE, Array, Judged, Values, lengths, surely_worse
from unseen.evaluation.statistics import Interval, interval, mean_interval, paired_comparison
from unseen.explainers.aggregation.method import Aggregation
from unseen.metrics.faithfulness import infidelity

OFFICIAL_PASSES = 5900
"""Forward and backward, a photograph, of the published code with six methods."""

DEFAULT = Aggregation().nearby

ROBUST = (SENSITIVITY, "largest sensitivity", "sensitivity, wider", "sensitivity, not centred", "E‖r‖²")
PAIRS = (
    ("ours: both, λ = 0.75", "as printed: both"),
    ("ours: both", "as printed: both"),
    ("ours: both", "mean"),
    ("ours: faithfulness", "as printed: faithfulness"),
    ("ours: faithfulness", CHOSEN[1]),
    ("ours: robustness", CHOSEN[0]),
    ("ours: both, random in the pool", "ours: both"),
)
COMPARED = ("mean", *CHOSEN, "least complex", "official: both", *PRINTED, *OURS, "ours: faithfulness, strength 0")


def written(path: Path, model: str, photos: Sequence[Judged]) -> None:
    """The report; beside it ``values.csv`` and ``tradeoff.png`` of the same photographs."""
    values = Values(photos)
    robust = [measure for measure in values.measures if measure in ROBUST]
    faithful = [measure for measure in values.measures if measure not in ROBUST]
    sections = {
        f"{model}, {len(photos)} photographs": "",
        "Robustness": means(values, robust),
        "Faithfulness": means(values, faithful),
        "At least as good as the best single method, chosen for each photograph and measure in hindsight": wins(
            values, [SENSITIVITY, *faithful], values.best_alone
        ),
        "At least as good as the mean": wins(
            values, [SENSITIVITY, *faithful], lambda measure: values.badness("mean", measure)
        ),
        "Goals": goals(values),
        "Fewer observations": by_budget(photos),
        "Fewer methods": "\n".join(without(photos, name) for name in WITHOUT),
        "Cost": costs(photos, values),
        "Weights": weights_of(photos, values),
        "Asides": asides(photos, values),
    }
    report = "\n".join(f"## {title}\n\n{text}" for title, text in sections.items())
    path.write_text(report)
    with path.with_name(path.stem.replace("report", "values") + ".csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["photograph", "mixture", *values.measures, "weights in the basis"])
        for photo in photos:
            for name, row in photo.rows.items():
                weights = " ".join(f"{weight:.6g}" for weight in photo.found[name].tolist())
                table.writerow([photo.photo.name, name, *(f"{row[m]:.6g}" for m in values.measures), weights])
    drawn(values, path.with_name(path.stem.replace("report", "tradeoff") + ".png"))
    print(report)


def means(values: Values, measures: Sequence[str]) -> str:
    """Means with 95 % bootstrap intervals; the number of photographs where it is not all."""

    def cell(name: str, measure: str) -> str:
        known = values.of(name, measure)
        known = known[~np.isnan(known)]
        if not len(known):
            return "–"
        found = mean_interval(known)
        return _said(found) + (f" ({found.n})" if found.n < len(values.photos) else "")

    return _table(["", *measures], [[name, *(cell(name, m) for m in measures)] for name in values.names])


def wins(values: Values, measures: Sequence[str], other: Callable[[str], Array]) -> str:
    """Photographs, with Wilson's interval."""
    rows = [[name, *(_share(values.as_good(name, other(m), m)) for m in measures)] for name in COMPARED]
    return _table(["", *measures], rows)


def goals(values: Values) -> str:
    """What was wanted, as numbers."""
    lines = []
    for name in ("ours: robustness", "ours: both", *PRINTED[:2], values.best_on_average(SENSITIVITY)):
        ratio = _ratio(values.of(name, SENSITIVITY), values.of("mean", SENSITIVITY))
        lines.append(f"sensitivity of {name} over the mean's: {_said(ratio)}")
    ours = "ours: faithfulness"
    for measure in [m for m in values.measures if m.startswith(("infidelity", "sensitivity-n"))]:
        best, fixed = values.best_alone(measure), values.best_on_average(measure)
        gain = best - values.badness(ours, measure)
        lines.append(
            f"{measure}, {ours} at least as good as the best single method in hindsight on "
            f"{_share(values.as_good(ours, best, measure))} (mean gain {_said(_known_mean(gain))}), as the best where "
            f"weights are fitted on {_share(values.as_good(ours, values.badness(CHOSEN[1], measure), measure))}, as "
            f"the best on average, {fixed}, on {_share(values.as_good(ours, values.badness(fixed, measure), measure))}"
        )
    alone = [_least(values.alone, row) for row in values.rows]
    for name in (ours, "ours: faithfulness, strength 0", "mean", CHOSEN[1]):
        worse = [surely_worse(judged, name, best) for judged, best in zip(values.photos, alone, strict=True)]
        lines.append(
            f"{INFIDELITY}, {name} worse than the best single method in hindsight beyond the noise of the masks held "
            f"out on {_share(np.array(worse, float))}"
        )
    for name in ("ours: both, λ = 0.75", "ours: both", "ours: both, λ = 0.25", *PRINTED[1:2]):
        lines.append(dominance(values, name))
    for one, other in PAIRS:
        differences = [
            paired_comparison(values.badness(one, measure), values.badness(other, measure)).difference
            for measure in (SENSITIVITY, INFIDELITY)
        ]
        lines.append(
            f"{one} less {other}: sensitivity {_said(differences[0])}, infidelity {_said(differences[1])} (paired)"
        )
    return "".join(f"- {line}\n" for line in lines)


def _least(names: Iterable[str], row: Mapping[str, Mapping[str, float]]) -> str:
    """That of the least infidelity on one photograph."""
    return min(names, key=lambda name: row[name][INFIDELITY])


def dominance(values: Values, name: str) -> str:
    """Who is no worse in sensitivity and in infidelity, and better in one, on the means and on each photograph."""
    others = [*values.alone, "mean"]
    own, *rest = (
        np.stack([values.badness(which, SENSITIVITY), values.badness(which, INFIDELITY)]) for which in (name, *others)
    )
    usable = ~np.isnan(own).any(0)
    own, them = own[:, usable], np.stack(rest)[:, :, usable]

    def above(mine: Array, theirs: Array) -> NDArray[np.bool_]:
        return np.logical_and((theirs <= mine + TIE).all(1), (theirs < mine - TIE).any(1))

    n = own.shape[1]
    stream = np.random.default_rng(0)
    drawn_places = [stream.integers(0, n, n) for _ in range(1000)]
    resampled = np.mean([above(own[:, at].mean(1), them[:, :, at].mean(2)).any() for at in drawn_places])
    by = [other for other, is_above in zip(others, above(own.mean(1), them.mean(2)), strict=True) if is_above]
    each = above(own, them)
    shares = ", ".join(f"{other} {_share(row.astype(float))}" for other, row in zip(others, each, strict=True))
    return (
        f"{name}: its mean sensitivity and infidelity are dominated by {', '.join(by) or 'none'}, in {resampled:.1%} "
        f"of resamples by one; on single photographs by {shares}"
    )


def by_budget(photos: Sequence[Judged]) -> str:
    """Held-out quality of ours fitted to fewer observations."""
    found: dict[tuple[str, int | None, int | None], list[tuple[float, ...]]] = defaultdict(list)
    for judged in photos:
        for key, weights in judged.fitted.budgets.items():
            found[key].append(held_out(judged, weights))
    rows = [
        [name, *("–" if count is None else str(count) for count in counts), *_columns(losses)]
        for (name, *counts), losses in found.items()
    ]
    return _table(["", "nearby", "masks", SENSITIVITY, INFIDELITY, "E‖r‖²"], rows)


def without(photos: Sequence[Judged], left_out: str) -> str:
    """Of a pool without one method."""
    found: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    for judged in photos:
        for name, weights in judged.fitted.fewer[left_out].items():
            found[name].append(held_out(judged, weights))
    rows = [[name, *_columns(losses)] for name, losses in found.items()]
    return _table([f"without {left_out}", SENSITIVITY, INFIDELITY, "E‖r‖²"], rows)


def held_out(judged: Judged, weights: Tensor) -> tuple[float, float, float]:
    """Sensitivity, infidelity and E‖r‖² a pixel."""
    held, parts = judged.photo.changes("held"), judged.photo.hidings("held")
    moved = float(weights @ held.grams.mean(0) @ weights) / judged.photo.maps[0].numel()
    return float(lengths(held, weights[None]).mean()), infidelity(parts.sums @ weights, parts.drops), moved


def _columns(losses: Sequence[tuple[float, ...]]) -> list[str]:
    known = np.array([row for row in losses if not np.isnan(row).any()])
    return [_said(mean_interval(column)) for column in known.T]


def costs(photos: Sequence[Judged], values: Values) -> str:
    """Images through the network and processor seconds of one photograph, against the published algorithm.

    What that would take here is its passes times what a pass with a gradient takes here.
    """
    nearby, masks = len(photos[0].photo.near["fit"].centred), len(photos[0].photo.hidden["fit"][1])
    rows, total = [], np.zeros(3)
    for spec in values.alone:
        passes = float(np.mean([p.photo.passes[f"here {spec}"] for p in photos]))
        seconds = float(np.median([p.photo.seconds[f"fit {spec}"] / nearby for p in photos]))
        row = np.array([0, passes, seconds] if spec.startswith(FORWARD_ONLY) else [passes, 0, seconds])
        rows.append([f"one map by {spec}", *(f"{value:.3g}" for value in row), "", ""])
        total += row
    hiding = float(np.median([p.photo.seconds["hidden fit"] for p in photos]))
    gradients = [row for row in rows if float(row[1])]
    price = sum(float(row[3]) for row in gradients) / sum(float(row[1]) for row in gradients)
    rows.append(["as published", f"{OFFICIAL_PASSES}", "0", f"{OFFICIAL_PASSES * price:.3g}", "1", "1"])
    wanted = [("robustness", n, 0) for n in (nearby, DEFAULT)] + [("faithfulness", 0, masks), ("both", nearby, masks)]
    for name, near, hidden in [*wanted, ("both", DEFAULT, masks)]:
        row = total * (1 + near) + (np.array([0, hidden + 1, hiding]) if hidden else 0)
        less = [f"{OFFICIAL_PASSES / row[:2].sum():.1f}", f"{OFFICIAL_PASSES * price / row[2]:.1f}"]
        rows.append([f"ours: {name}, {near} nearby, {hidden} masks", *(f"{value:.3g}" for value in row), *less])
    head = ["", "passes with a gradient", "without", "processor seconds", "times fewer passes", "times less time"]
    return _table(head, rows)


def weights_of(photos: Sequence[Judged], values: Values) -> str:
    """Mean weights of the methods."""
    rows = []
    for name in (*OURS, *PRINTED, "official: both", "least complex"):
        start = values.photos[0].photo.k if name.startswith("official") else 0
        table = np.array([p.found[name][start : start + len(values.alone)].tolist() for p in photos])
        rows.append([name, *(_said(mean_interval(column)) for column in table.T)])
    return _table(["", *values.alone], rows)


def asides(photos: Sequence[Judged], values: Values) -> str:
    """Controls in the pool, no faithful method, twins, the weights, and the generalisation gap as printed."""
    n = len(photos)
    left = sum("uniform" in p.photo.left_out for p in photos)
    lines = [f"a uniform map in the pool is left out by `aggregate` on {left} of {n}"]
    given: dict[str, list[float]] = defaultdict(list)
    for judged in photos:
        for name, weight in judged.fitted.constant.items():
            given[f"uniform where it joins the pool, {name}"].append(weight)
        for name in values.names:
            if "in the pool" in name:
                control = name.split(", ")[1].split()[0]
                given[f"{control}, {name}"].append(float(judged.found[name][control_place(judged.photo, control)]))
    lines += [f"weight of {name}: {_said(mean_interval(weights))}" for name, weights in given.items()]
    none = np.array([not bool(p.found["ours: faithfulness"].any()) for p in photos], float)
    lines.append(f"no method is faithful: {_share(none)}")
    twins: dict[str, int] = defaultdict(int)
    ratios = []
    for judged in photos:
        k, places = judged.photo.k, Pool(judged.photo).places.numpy()
        alike = torch.corrcoef(judged.photo.maps[:k].double().flatten(1))
        for i, j in torch.triu_indices(k, k, 1).T.tolist():
            twins[f"{values.alone[i]} and {values.alone[j]}"] += bool(alike[i, j] >= 0.99)
        near = judged.photo.near
        difference = (near["fit"].centred.mean(0) - near["held"].centred.mean(0)).numpy()
        weights = judged.found[PRINTED[0]].numpy()
        ratios.append(abs(weights @ difference @ weights) / np.abs(difference[np.ix_(places, places)]).max())
    pairs = ", ".join(f"{pair} on {count}" for pair, count in twins.items() if count)
    lines.append(f"maps that correlate by 0.99 or more: {pairs or 'none'}")
    lines.append(
        f"as printed, robustness: |Q̂ − Q| is within max |Γ̂ᵢⱼ − Γᵢⱼ| on {sum(r <= 1 for r in ratios)} of {n}; their "
        f"ratio, median {np.median(ratios):.2g}, at most {max(ratios):.2g}"
    )
    return "".join(f"- {line}\n" for line in lines)


def _ratio(first: Array, second: Array) -> Interval:
    """Of means."""
    both = ~np.isnan(first) & ~np.isnan(second)
    one, other = first[both], second[both]
    return interval(lambda places: float(one[places].mean() / other[places].mean()), len(one))


def _known_mean(values: Array) -> Interval:
    return mean_interval(values[~np.isnan(values)])


def _share(good: Array) -> str:
    known = good[~np.isnan(good)]
    if not len(known):
        return "–"
    low, high = wilson(int(known.sum()), len(known))
    return f"{int(known.sum())}/{len(known)} [{low:.2f}, {high:.2f}]"


def _said(found: Interval) -> str:
    return f"{_short(found.value)} [{_short(found.low)}, {_short(found.high)}]"


def _short(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.2g}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
