from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from unseen.errors import OutputError
from unseen.evaluation.judging.measurements import Measurements
from unseen.evaluation.judging.outcomes import Row
from unseen.evaluation.judging.report import report
from unseen.evaluation.judging.report.figures import by_size, curves
from unseen.evaluation.judging.report.values import MethodValues

SIZES = {"ad": (0.3, 0.2), "black": (0.1, 0.1), "white": (0.2, 0.05)}
ROBUST = {"ad": (0.9, 0.8), "black": (0.3, 0.2), "white": (0.5, 0.6)}


def rows(photos: int = 6, method: str = "causal") -> list[Row]:
    """At γ = 0.9 and 0.5, the values above, a little larger on every further photograph."""
    found = []
    for number in range(photos):
        for removal in ("black", "ad", "white"):
            unit = (f"{number}.jpg", method, removal)
            found += [Row(*unit, "evaluations", None, 100.0), Row(*unit, "seconds", None, 2.0)]
            for place, gamma in enumerate((0.9, 0.5)):
                for metric, values in (("size", SIZES), ("robustness-colours", ROBUST)):
                    found.append(Row(*unit, metric, gamma, values[removal][place] + 0.01 * number, 20))
    return found


def cell(text: str, line: str, column: int) -> str:
    (found,) = [row for row in text.splitlines() if row.startswith(f"| {line} |")][:1]
    return found.split("|")[column + 1].strip()


def test_tables_show_means_of_the_reference_first() -> None:
    tables = {
        table.title: table for values in report.per_method(Measurements(rows())) for table in report.tables_of(values)
    }
    size = tables["causal: Size of the part, % of the pixels (form of Tables E1–E12)"]
    assert size.rows[0] == ["hidden by", "γ = 0.9", "γ = 0.5"]
    assert [row[0] for row in size.rows[1:]] == ["ad", "black", "white"]
    assert size.rows[1][1].startswith("32.5 [")
    assert "6 of 6 photographs" in size.note


def test_table_1_compares_with_the_most_robust_fill() -> None:
    """Not with the smallest: the paper's Table 1 keeps to one fill for a model and data set."""
    (table,) = [
        t
        for values in report.per_method(Measurements(rows()))
        for t in report.tables_of(values)
        if "Table 1" in t.title
    ]
    assert table.rows[1][0] == "white"
    assert table.rows[1][1] == "+10.0 [+10.0, +10.0]"
    assert table.rows[1][2] == "+15.0 [+15.0, +15.0]"


def test_the_ratio_is_that_to_the_best_other() -> None:
    (table,) = [
        t
        for v in report.per_method(Measurements(rows()))
        for t in report.tables_of(v)
        if "over the best other" in t.title
    ]
    assert table.rows[1][1].startswith(f"{0.925 / 0.525:.2f} [")


def test_differences_are_tested_on_the_photographs_that_both_have() -> None:
    some = [r for r in rows() if not (r.removal == "white" and r.photo in ("0.jpg", "1.jpg") and r.metric == "size")]
    some += [Row(f"{n}.jpg", "causal", "white", "size", g, None, 1, "no part") for n in (0, 1) for g in (0.9, 0.5)]
    (values,) = report.per_method(Measurements(some))
    comparison = values.compared("white", "size", 0.9)
    assert comparison is not None
    assert comparison.difference.n == 4
    assert values.missing("white", "size", 0.9) == 2
    assert values.mean("white", "size", 0.9).n == 4
    (table,) = [t for t in report.tables(Measurements(some)) if "Cost" in t.title]
    assert table.rows[3][-1] == "4"
    (sizes,) = [t for t in report.tables_of(values) if "E1–E12" in t.title]
    assert "Means over 4 to 6 of 6 photographs" in sizes.note


@pytest.mark.parametrize("photos", [1, 3])
def test_few_photographs_or_one_removal_make_a_report_too(photos: int, tmp_path: Path) -> None:
    few = [row for row in rows(photos) if row.removal == "ad"]
    assert "ad" in report.as_text(Measurements(few))
    assert all(path.stat().st_size > 0 for path in report.write(Measurements(few), tmp_path))
    assert report.as_text(Measurements([Row("a.jpg", "causal", "ad", "evaluations", None, None, 1, "damaged")]))


def printed(found: list[Row], folder: Path) -> str:
    report.write(Measurements(found), folder)
    return (
        report.as_text(Measurements(found))
        + (folder / "report.md").read_text("utf-8")
        + (folder / "tables.csv").read_text("utf-8")
    )


@pytest.mark.parametrize("photos", [1, 2, 3])
@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_three_photographs_are_told_in_words_and_not_in_infinities(photos: int, kept: float, tmp_path: Path) -> None:
    """Parts of the fills keep their class on nothing, or those of one photograph do; one fill finds no part at all."""
    few = [
        replace(row, value=kept * row.photo.startswith("0"))
        if "robustness" in row.metric and row.removal != "ad"
        else row
        for row in rows(photos)
    ]
    few = [
        replace(row, value=None, detail="no part was found") if row.confidence and row.removal == "white" else row
        for row in few
    ]
    text = printed(few, tmp_path)
    assert "nan" not in text.lower()
    assert "inf" not in text.lower()
    assert "No ratio (–) where no photograph has a part under every removal" in text


def test_a_ratio_without_a_bound_is_a_dash_and_a_sentence() -> None:
    none = [replace(row, value=0.0) if "robustness" in row.metric and row.removal != "ad" else row for row in rows(3)]
    (table,) = [
        t
        for v in report.per_method(Measurements(none))
        for t in report.tables_of(v)
        if "over the best other" in t.title
    ]
    assert table.rows[1] == ["ratio", "–", "–"]
    assert "keeps its class on these 3 photographs" in table.note
    assert all("No ratio" not in t.note for v in report.per_method(Measurements(rows())) for t in report.tables_of(v))


def test_everything_is_written(tmp_path: Path) -> None:
    files = report.write(Measurements(rows()), tmp_path)
    names = ["report.md", "tables.csv", "robustness-colours.png", "robustness-colours-by-size.png", "size.png"]
    assert [path.name for path in files] == names
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    lines = list(csv.DictReader(io.StringIO((tmp_path / "tables.csv").read_text())))
    found = {(line["removal"], line["metric"], line["confidence"]): line for line in lines}
    assert float(found["ad", "size", "0.9"]["mean"]) == pytest.approx(0.325)
    assert found["ad", "size", "0.9"]["photographs"] == "6"
    assert len(report.write(Measurements(rows() + rows(method="other")), tmp_path)) == 8


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="choose another folder"):
        report.write(Measurements(rows()), tmp_path / "file" / "nowhere")


def test_a_figure_has_one_line_per_removal_with_its_interval() -> None:
    (values,) = report.per_method(Measurements(rows()))
    axes = curves(values, "robustness-colours").axes[0]
    containers = axes.containers
    assert [container.get_label() for container in containers] == ["ad", "black", "white"]
    assert list(containers[0].lines[0].get_ydata()) == pytest.approx([0.825, 0.925])
    assert axes.get_ylim()[0] == 0


def test_robustness_is_drawn_over_the_size_of_the_parts_too() -> None:
    (values,) = report.per_method(Measurements(rows()))
    line = by_size(values, "robustness-colours").axes[0].containers[0].lines[0]
    sizes = [values.mean("ad", "size", gamma).value for gamma in (0.5, 0.9)]
    assert list(line.get_xdata()) == pytest.approx(sizes)
    assert list(line.get_ydata()) == pytest.approx([0.825, 0.925])


def test_values_of_one_method_leave_the_others_out() -> None:
    values = MethodValues("b", Measurements(rows(2, "a") + rows(3, "b")))
    assert values.photos == 3
    assert values.thresholds == [0.9, 0.5]
    assert values.reference == "ad"
    assert MethodValues("c", Measurements([row for row in rows(2, "c") if row.removal != "ad"])).reference == "black"


def test_what_was_noted_is_told_once_whatever_its_numbers() -> None:
    found = []
    for row in rows(3):
        noted = f"a gap of {row.photo[0]}.5 %\nthe same everywhere" if row.metric == "evaluations" else ""
        found.append(replace(row, detail=noted if row.removal == "ad" else ""))
    (table,) = [one for one in report.tables(Measurements(found)) if one.title.startswith("Notes")]
    assert table.rows == [["method", "hidden by", "photographs with notes"], ["causal", "ad", "3"]]
    assert table.note == "For example: a gap of 0.5 % · the same everywhere"
    assert not any(one.title.startswith("Notes") for one in report.tables(Measurements(rows(3))))
