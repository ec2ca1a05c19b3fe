from __future__ import annotations

import numpy as np
import pytest

from unseen.errors import ParameterError
from unseen.evaluation.judging.agreement import agreement
from unseen.evaluation.judging.judgements import Judgements
from unseen.evaluation.judging.measurements import Key, Measurements
from unseen.evaluation.judging.outcomes import Row
from unseen.evaluation.judging.report import report
from unseen.evaluation.judging.report.maps import as_interval
from unseen.evaluation.judging.separation import separation
from unseen.evaluation.statistics import Interval
from unseen.metrics import METRICS, MetricEntry

METHODS = ("good", "fair", "poor")


@pytest.fixture(autouse=True)
def toy_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, better in (("gain", "higher"), ("loss", "lower"), ("look", "")):
        entry = MetricEntry(
            "helpers.toys:Toy", f"a toy {name}", "nobody", "1", better=better, range="any", weakness="a toy"
        )  # type: ignore[arg-type]
        monkeypatch.setitem(METRICS.entries, name, entry)


def rows(photos: int = 12, *, noise: float = 0.1) -> list[Row]:
    """Three methods and the controls; loss is minus gain under black, and tells nothing under grey."""
    stream = np.random.default_rng(0)
    level = {"good": 2.0, "fair": 1.0, "poor": 0.0, "random": 0.0, "uniform": 0.0}
    found = []
    for number in range(photos):
        for method, height in level.items():
            for removal in ("black", "grey"):
                unit = (f"{number}.jpg", method, removal)
                gain = height + noise * stream.normal()
                found += [Row(*unit, "evaluations", None, 10.0), Row(*unit, "seconds", None, 1.0)]
                found += [Row(*unit, "gain", None, gain)]
                found += [Row(*unit, "loss", None, -gain if removal == "black" else float(stream.normal()))]
                found += [
                    Row(*unit, "look", None, None, 1, "it cannot look")
                    if method == "poor"
                    else Row(*unit, "look", None, 1.0)
                ]
    return found


def test_a_metric_separates_what_is_better_than_every_control() -> None:
    judgements = Judgements(Measurements(rows()))
    for metric in ("gain", "loss"):
        found = separation(judgements, metric, "black")
        assert found is not None
        assert found.better == ("good", "fair")
        assert found.compared == METHODS
        assert found.comparisons["good", "random"][0].difference.value == pytest.approx(2, abs=0.1)
    blind = separation(judgements, "loss", "grey")
    assert blind is not None
    assert not blind.separates
    assert separation(judgements, "look", "black") is None


def test_one_control_that_is_as_good_is_enough_to_be_blind() -> None:
    some = [r for r in rows() if not (r.method == "uniform" and r.metric == "gain")]
    some += [
        Row(r.photo, "uniform", r.removal, "gain", None, 9.0)
        for r in rows()
        if (r.method, r.metric) == ("good", "gain")
    ]
    found = separation(Judgements(Measurements(some)), "gain", "black")
    assert found is not None
    assert not found.separates


def test_metrics_that_say_the_same_agree_and_noise_does_not() -> None:
    same = agreement(Judgements(Measurements(rows())), "metrics", "black")
    assert same.judges == ("gain", "loss")
    assert same.methods == METHODS
    assert same.correlations["gain", "loss"].value == 1
    assert (
        abs(agreement(Judgements(Measurements(rows(60))), "metrics", "grey").correlations["gain", "loss"].value) < 0.4
    )
    between = agreement(Judgements(Measurements(rows())), "removals", "gain")
    assert between.judges == ("black", "grey")
    assert between.correlations["black", "grey"].value > 0.8
    assert len(agreement(Judgements(Measurements(rows())), "removals", "gain", controls=True).methods) == 5
    with pytest.raises(ParameterError, match="nothing was measured with 'white'"):
        agreement(Judgements(Measurements(rows())), "metrics", "white")


def test_ranks_agree_with_scipy_and_ties_count_as_nothing() -> None:
    from scipy.stats import spearmanr

    stream = np.random.default_rng(1)
    one, other = stream.integers(0, 3, 3), stream.normal(size=3)
    some = [
        Row("a.jpg", method, "black", metric, None, float(value))
        for metric, values in (("gain", one), ("look", other))
        for method, value in zip(METHODS, values, strict=True)
    ]
    some += [
        Row("a.jpg", method, "grey", "gain", None, float(value)) for method, value in zip(METHODS, other, strict=True)
    ]
    found = agreement(Judgements(Measurements(some)), "removals", "gain").correlations["black", "grey"]
    assert found.value == pytest.approx(spearmanr(one, other).statistic)
    flat = [Row("a.jpg", m, r, "gain", None, 1.0) for m in METHODS for r in ("black", "grey")]
    assert agreement(Judgements(Measurements(flat)), "removals", "gain").correlations["black", "grey"].value == 0


def test_tables_name_what_is_better_and_what_is_blind() -> None:
    tables = {table.title: table for table in report.tables(Measurements(rows()))}
    gain = tables["gain (higher is better)"]
    assert gain.rows[0] == ["map", "black", "grey"]
    assert [row[0] for row in gain.rows[1:]] == ["good", "fair", "poor", "random (control)", "uniform (control)"]
    assert gain.rows[1][1].endswith("*")
    assert not gain.rows[3][1].endswith("*")
    assert "12 photographs" in gain.note
    loss = tables["loss (lower is better)"]
    assert "**Under grey it cannot tell any method from the controls" in loss.note
    assert "poor under black (12)" in tables["look (not for ranking)"].note
    assert tables["Do the metrics rank the methods alike? Under black"].rows[1][1].startswith("1.00 [")
    assert "Do the removals rank the methods alike?" in tables
    assert "Cost" in list(tables)[-1]


def test_too_few_photographs_are_said_to_be_too_few() -> None:
    """Six pairs: 6 × 2 / 2⁷ is not below 0.05, 6 × 2 / 2⁸ is."""
    for photos, enough in ((7, False), (8, True)):
        found = separation(Judgements(Measurements(rows(photos))), "gain", "black")
        assert found is not None
        assert (found.photographs, found.needed, found.separates) == (photos, 8, enough)
        (table,) = [table for table in report.tables(Measurements(rows(photos))) if table.title.startswith("gain")]
        assert ("too few photographs (7)" in table.note) is not enough
        assert "cannot tell" not in table.note
        assert ("takes at least 8" in table.note) is not enough


def test_wide_tables_are_split_and_long_numbers_shortened() -> None:
    specs = [f"gain:much={number},of=something" for number in range(7)]
    found = [
        Row(r.photo, r.method, r.removal, spec, None, r.value) for r in rows(9) if r.metric == "gain" for spec in specs
    ]
    text = report.as_text(Measurements(found), 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "(1) gain:much=0,of=something" in text
    lines = [line for line in report.as_markdown(Measurements(found)).splitlines() if line.startswith("| ")]
    assert max(map(len, lines)) <= 170
    (agreed,) = [t for t in report.tables(Measurements(found)) if "Under black" in t.title]
    assert agreed.rows[0] == ["", *(f"({number})" for number in range(2, 8))]
    assert [row[0] for row in agreed.rows[1:]] == [f"({n}) {spec}" for n, spec in enumerate(specs, 1)]


@pytest.mark.parametrize(
    ("value", "low", "high", "shown"),
    [
        (0.5571, 0.3771, 0.7381, "0.56 [0.38, 0.74]"),
        (0.2541, 0.2529, 0.2552, "0.254 [0.253, 0.255]"),
        (1234.5, 1100.4, 1300.2, "1234 [1100, 1300]"),
        (1.0, 1.0 - 1e-16, 1.0 + 2e-16, "1.00 [1.00, 1.00]"),
        (0.0, 0.0, 0.0, "0.00 [0.00, 0.00]"),
        (0.000054, 0.0, 0.00011, "5.4e-05 [0, 0.00011]"),
    ],
)
def test_numbers_have_the_decimals_that_their_interval_leaves(
    value: float, low: float, high: float, shown: str
) -> None:
    assert as_interval(Interval(value, low, high, 5)) == shown


def hits(values: list[float], targets: list[int]) -> float:
    return sum(int(v == t) for v, t in zip(values, targets, strict=True)) ** 2 / len(values) ** 2


def test_a_number_of_the_set_is_no_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = MetricEntry(
        "helpers.toys:Toy",
        "the class named",
        "nobody",
        "1",
        better="higher",
        range="0 to 1",
        weakness="a toy",
        over=f"{__name__}:hits",
    )
    monkeypatch.setitem(METRICS.entries, "named", entry)
    some = [
        Row(f"{i}.jpg", method, "black", "named", None, float(3 if i < right else 0), target=3)
        for method, right in (("good", 18), ("random", 5))
        for i in range(20)
    ]
    judgements = Judgements(Measurements(some))
    found = judgements.over_set(Key("good", "black", "named"))
    assert found is not None
    assert found.value == pytest.approx(0.81)
    assert found.low < 0.81 < found.high <= 1
    assert sum(judgements.of("good", "black", "named").values()) == 18
    apart = separation(judgements, "named", "black")
    assert apart is not None
    assert apart.better == ("good",)
    (table,) = [table for table in report.tables(Measurements(some)) if table.title.startswith("named")]
    assert table.rows[1][1].startswith("0.81 [")
    assert "Hits over 20 photographs" in table.note
    (line,) = [line for line in report.as_csv(Measurements(some)).splitlines() if line.startswith("good,black,named")]
    assert line.startswith("good,black,named,,0.81")  # not the mean of the classes


def test_each_photograph_counts_with_the_methods_that_both_judges_have_values_of() -> None:
    from scipy.stats import spearmanr

    stream = np.random.default_rng(2)
    methods, removals, photos = ("good", "fair", "poor", "random", "uniform"), ("black", "grey"), range(30)
    values = stream.integers(0, 6, (len(photos), len(methods), len(removals))).astype(float)
    present = stream.random(values.shape) < 0.75
    some = [
        Row(f"{photo}.jpg", method, removal, "gain", None, values[photo, m, r])
        for photo in photos
        for m, method in enumerate(methods)
        for r, removal in enumerate(removals)
        if present[photo, m, r]
    ]
    expected = []
    for photo in photos:
        both = present[photo].all(1)
        if both.sum() >= 3:
            one, other = values[photo][both].T
            flat = np.ptp(one) == 0 or np.ptp(other) == 0
            expected.append(0.0 if flat else spearmanr(one, other).statistic)
    assert 5 < len(expected) < 30
    (found,) = agreement(Judgements(Measurements(some)), "removals", "gain", controls=True).correlations.values()
    assert found.n == len(expected)
    assert found.value == pytest.approx(np.mean(expected))
