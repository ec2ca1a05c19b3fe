"""Tables of papers and of what was measured against them, from numbers whose means are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.studies import zero_information_maps
from benchmarks.tables import activation_deactivation
from unseen.evaluation.judging.outcomes import Row


def test_maps_of_points_are_compared_with_the_control_that_is_best_under_each_judge() -> None:
    of_controls = {"random": (0.0, 0.1), "uniform": (-0.1, 0.0), "edges": (0.2, 0.0)}
    rows = [
        {
            "zipo": {"grey": 0.5 + shift, "blur": 0.0},
            **{name: {"grey": grey, "blur": blur} for name, (grey, blur) in of_controls.items()},
        }
        for shift in (0.0, 0.1)
    ]
    lines = zero_information_maps.table(rows)
    assert "| `zipo` | 0.550 | +0.350 [+0.300, +0.400] | 0.000 | -0.100 [-0.100, -0.100] |" in lines
    assert "| `edges` | 0.200 |  | 0.000 | -0.100 [-0.100, -0.100] |" in lines


def test_the_published_tables_are_means_and_their_differences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two photographs; white is the best masking value, whose parts are the most robust, though black's are smaller."""
    found = {
        "ad": {"size": (0.25, 0.35), "robustness-colours": (1.0, 0.5), "confidence": (0.9, 0.7)},
        "min": {"size": (0.05, 0.10), "robustness-colours": (0.1, 0.2), "confidence": (0.8, 0.8)},
        "max": {"size": (0.20, 0.10), "robustness-colours": (0.4, 0.4), "confidence": (0.9, 0.8)},
    }
    rows = [
        Row(photo, "causal", removal, metric, 0.9, values[place], digest=photo)
        for place, photo in enumerate(("a.jpg", "b.jpg"))
        for removal, metrics in found.items()
        for metric, values in (*metrics.items(), ("confidence-colours", (0.5, 0.25)))
    ]
    rows += [
        Row(photo, "causal", "ad", "accuracy", None, float(photo == "a.jpg"), digest=photo)
        for photo in ("a.jpg", "b.jpg")
    ]
    monkeypatch.setattr(activation_deactivation, "stream", lambda _: iter(rows))
    monkeypatch.setattr("sys.argv", ["", str(tmp_path), "--form", "published", "--table", str(tmp_path / "table.md")])
    activation_deactivation.main()
    lines = capsys.readouterr().out.splitlines()
    assert "| 2 | 50.0 |" in lines
    assert "| masking value | 0.9 |" in lines
    assert [line for line in lines if line.startswith("| AD")] == [
        "| AD | 30.00% |", "| AD | 75.00% |", "| AD | 80.00% |", "| AD | -42.50 |"
    ]  # fmt: skip
    assert "| Min | 7.50% |" in lines
    assert lines[
        lines.index("### causal: Table 1: average size difference to the best-performing masking value") + 4
    ] == ("| Max | 15.00 |")
    assert (tmp_path / "table.md").read_text("utf-8").splitlines() == lines[:-1]
