from __future__ import annotations

import json

import pytest

from unseen.cli import main
from unseen.criteria import CRITERIA
from unseen.explainers.catalogue import METHODS


def check(*words: str) -> int:
    return main(["check", *words])


def test_people_get_marks_and_on_request_the_witness(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["saliency", "cam", "--criteria", "sensitivity-a,saturation"]
    assert check(*asked) == 0
    first, second, _, numbers, saliency, cam, _, legend = capsys.readouterr().out.splitlines()
    assert (first.split(), second.split()) == (["1", "sensitivity-a"], ["2", "saturation"])
    assert numbers.split() == ["1", "2"]
    assert saliency.split() == ["saliency", "✗", "✗"]
    assert cam.split() == ["cam", "✓", "–"]
    assert legend == "✓ holds   ✗ fails   – not applicable"
    assert check(*asked, "--witness") == 0
    told = capsys.readouterr().out.splitlines()[-4:]
    assert told[0].startswith("saliency, sensitivity-a: fails: 1 − ReLU(1 − x) at x = 2")
    assert told[3].startswith("cam, saturation: not applicable: cam needs a head that averages")


def test_options_belong_to_the_method_and_markdown_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("saliency,saliency:channels=sum", "--criteria", "linearity", "--markdown") == 0
    assert capsys.readouterr().out.splitlines() == [
        "| removal `black` | linearity |",
        "| --- | :-: |",
        "| `saliency` | ✗ |",
        "| `saliency:channels=sum` | ✓ |",
    ]


def test_json_is_one_object_per_verdict_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("uniform", "--criteria", "positivity,determinism", "--seed", "3", "--json", "--removal", "grey") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["method"], one["criterion"], one["status"]) for one in found] == [
        ("uniform", "positivity", "holds"),
        ("uniform", "determinism", "holds"),
    ]
    assert {(one["removal"], one["seed"]) for one in found} == {("grey", 3)}
    assert found[0]["numbers"] == {"lowest": 1.0}


def test_all_is_every_method_and_every_criterion(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from unseen.criteria import checks
    from unseen.criteria.verdict import Verdict

    monkeypatch.setattr(checks, "check", lambda *_: Verdict("holds", "always"))
    assert check("all", "--json") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["method"], one["criterion"]) for one in found] == [(m, c) for m in METHODS for c in CRITERIA]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["salience"], "did you mean 'saliency'"),
        (["saliency", "--criteria", "symetry"], "did you mean 'symmetry'"),
        (["saliency", "--removal", "blck"], "did you mean 'black'"),
        (["saliency", "--seed", "-1"], "seed must be in"),
        (["saliency:stride=3"], "has no option 'stride'"),
    ],
)
def test_errors_are_one_line(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(*words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert told in line
