from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from unseen.evaluation.judging import rows as module
from unseen.evaluation.judging.ledger import Ledger, read, stream
from unseen.evaluation.judging.measurements import Key, Measurements
from unseen.evaluation.judging.outcomes import Measurement, Outcome, Row
from unseen.evaluation.judging.plan import Plan
from unseen.evaluation.judging.subject import Subject


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Forty explanations of two measurements each."""
    ledger = Ledger(tmp_path, Plan((Path("0.jpg"),)), {"seed": 0, "files": {}})
    measured = {"deletion": Measurement(0.25, 5), "insertion": Measurement(None, reason="none")}
    subjects = [Subject(f"{number:02}", Path(f"{number}.jpg")) for number in range(40)]
    ledger.write(*(Outcome(one, "rise", "ad", target=3, measurements=measured, notes=("7 odd",)) for one in subjects))
    ledger.close()
    return tmp_path


def test_rows_are_read_while_they_are_asked_for(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    monkeypatch.setattr(module, "check_row", lambda _row, kinds: checked.append(kinds))
    rows = stream(results)
    assert [next(rows).metric for _ in range(5)] == ["evaluations", "seconds", "deletion", "insertion", "evaluations"]
    assert len(checked) == 4  # two explanations, and two measurements of the first
    assert len([*rows]) == 40 * 4 - 5


def test_what_is_kept_of_rows_are_their_numbers(results: Path) -> None:
    seen: list[weakref.ref[Row]] = []

    def watched(rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            seen.append(weakref.ref(row))
            yield row

    found = Measurements(watched(stream(results)))
    assert len(seen) == 40 * 4
    assert [one() for one in seen[:-1]] == [None] * (40 * 4 - 1)  # the last is still in a variable of the generator
    key = Key("rise", "ad", "deletion")
    assert found.values[key] == {f"{number:02}": 0.25 for number in range(40)}
    assert (set(found.counts[key].values()), set(found.targets[key].values())) == ({5}, {3})
    assert found.values[Key("rise", "ad", "insertion")] == {}
    assert set(found.reasons[Key("rise", "ad", "insertion")].values()) == {"none"}
    assert (found.noted, found.sentences) == ({("rise", "ad"): 40}, {"… odd": "7 odd"})
    assert len(read(results)) == len(seen)
