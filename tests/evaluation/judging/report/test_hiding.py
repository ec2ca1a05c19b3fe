"""Removals side by side, in the form of the thesis' tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from unseen.evaluation.judging.judgements import Judgements
from unseen.evaluation.judging.measurements import Measurements
from unseen.evaluation.judging.outcomes import Row
from unseen.evaluation.judging.report.hiding import of_all_maps, tables_of_hiding
from unseen.evaluation.judging.report.report import as_markdown

REMOVALS = {"black": (0.4, 0.0), "mae": (0.2, 1.0)}


def rows(photos: int = 8, metrics: tuple[str, ...] = ("attmask", "accuracy-preservation")) -> list[Row]:
    """Layer-CAM's map moves 0.1 more than Grad-CAM's, and a control's most; further photographs move more."""
    return [
        Row(f"{number}.jpg", method, removal, metric, None, values[place] + (more + 0.01 * number) * (place == 0), 20)
        for number in range(photos)
        for method, more in (("grad-cam", 0.0), ("layer-cam", 0.1), ("random", 0.5))
        for removal, values in REMOVALS.items()
        for place, metric in enumerate(metrics)
    ]


def test_every_way_of_hiding_has_a_row_and_every_map_two_columns() -> None:
    table = next(iter(tables_of_hiding(Judgements(Measurements(rows())))))
    names = [f"{map_} {short}" for map_ in ("grad-cam", "layer-cam", "all maps") for short in ("AM ↓", "AP ↑")]
    assert table.rows[0] == ["hidden by", *names]
    assert [row[0] for row in table.rows[1:]] == ["black", "mae"]
    means = [float(cell.split()[0]) for cell in table.rows[1][1:]]
    assert means == pytest.approx([0.435, 0, 0.535, 0, 0.485, 0])
    assert "over 8 photographs" in table.note


def test_all_maps_are_one_value_a_photograph_where_all_have_one() -> None:
    some = [row for row in rows() if (row.photo, row.method) != ("3.jpg", "layer-cam")]
    (found,) = of_all_maps(Judgements(Measurements(some)), ["mae"], "attmask")
    assert found == pytest.approx({f"{n}.jpg": 0.25 + 0.01 * n for n in range(8) if n != 3})
    assert of_all_maps(Judgements(Measurements([r for r in some if r.removal == "mae"])), ["black"], "attmask") == [{}]


def test_means_over_different_maps_are_not_compared() -> None:
    """Layer-CAM, whose map moves more, is refused under one removal: that does not make it the better one."""
    equal = [replace(row, removal=removal) for row in rows() if row.removal == "black" for removal in ("black", "mae")]
    some = [row for row in equal if (row.method, row.removal) != ("layer-cam", "mae")]
    side, order, _ = tables_of_hiding(Judgements(Measurements(some)))
    assert side.rows[1][-2] == side.rows[2][-2] == side.rows[1][1]
    assert side.rows[2][3] == "–"
    assert order.rows[1][1].startswith("0.00 ")
    assert order.rows[1][2] == "0 / 8 / 0"


def test_a_metric_that_hides_by_another_removal_says_nothing_of_the_maps_own() -> None:
    assert not list(tables_of_hiding(Judgements(Measurements(rows(metrics=("attmask@grey", "accuracy-preservation"))))))
    both = [row for metrics in (("attmask", "accuracy-preservation"), ("attmask@grey",)) for row in rows(8, metrics)]
    assert "grey" not in "".join(table.as_text() for table in tables_of_hiding(Judgements(Measurements(both))))


def test_better_is_less_of_one_metric_and_more_of_the_other() -> None:
    _, moved, kept = tables_of_hiding(Judgements(Measurements(rows())))
    for table, short, more in ((moved, "AM ↓", "-0.20"), (kept, "AP ↑", "1.00")):
        assert f"by {short}, each against" in table.title
        header, line = table.rows
        assert header == ["hidden by, against", "more", "better / equal / worse", "p (Holm)"]
        assert line[0] == "mae, black"
        assert line[1].startswith(more)
        assert line[2] == "8 / 0 / 0"
        assert float(line[3]) == pytest.approx(2 / 2**8, abs=5e-4)


def test_nothing_is_told_without_both_metrics_or_several_removals() -> None:
    assert not list(tables_of_hiding(Judgements(Measurements(rows(metrics=("attmask",))))))
    assert not list(tables_of_hiding(Judgements(Measurements([row for row in rows() if row.removal == "mae"]))))
    assert not list(tables_of_hiding(Judgements(Measurements([row for row in rows() if row.method == "random"]))))
    assert "Removals" in as_markdown(Measurements(rows()))
    gone = [row for row in rows() if (row.removal, row.metric) != ("mae", "attmask")]
    side, order, _ = tables_of_hiding(Judgements(Measurements(gone)))
    assert side.rows[2][1] == order.rows[1][1] == "–"


def test_options_of_a_metric_are_named() -> None:
    table = next(
        iter(tables_of_hiding(Judgements(Measurements(rows(metrics=("attmask:keep=0.5", "accuracy-preservation"))))))
    )
    assert table.rows[0][1] == "grad-cam AM:keep=0.5 ↓"
