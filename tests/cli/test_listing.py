from __future__ import annotations

import json

import pytest

from unseen.classifier.zoo import MODELS
from unseen.cli import main
from unseen.criteria import CRITERIA
from unseen.explainers.catalogue import METHODS
from unseen.metrics import METRICS
from unseen.removal import REMOVALS

REGISTRIES = {"models": MODELS, "methods": METHODS, "removals": REMOVALS, "metrics": METRICS, "criteria": CRITERIA}


@pytest.mark.parametrize("what", REGISTRIES)
def test_json_lists_every_entry(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", what, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in listed] == list(REGISTRIES[what])
    more = {"judges", "better", "reversed_if_necessary", "range", "needs", "weakness"} if what == "metrics" else set()
    assert all(set(entry) == {"name", "summary", "cost", "citation"} | more and entry["summary"] for entry in listed)


@pytest.mark.parametrize("what", REGISTRIES)
def test_people_read_names_in_a_column(
    what: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    assert main(["list", what]) == 0
    lines = capsys.readouterr().out.splitlines()
    hint = [] if what in ("models", "criteria") else ["", f"Options of one: unseen list {what} NAME"]
    assert lines[len(lines) - len(hint) :] == hint
    entries = lines[: len(lines) - len(hint)]
    assert [line.split()[0] for line in entries if line[0] != " "] == list(REGISTRIES[what])
    assert max(map(len, lines)) <= 70


def test_one_name_comes_with_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "removals", "ad"]) == 0
    text = capsys.readouterr().out
    assert "  travel=dilating|pooled (default dilating)\n" in text
    assert "  threshold=a number, in [0, 1) (default 0.0)\n" in text
    assert main(["list", "methods", "causal", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["name"] == "causal"
    iterations = described["options"][0]
    assert iterations.pop("meaning").startswith("how many random refinements")
    assert iterations == {"name": "iterations", "values": "an integer", "default": "12", "range": "at least 1"}
    assert main(["list", "removals", "black"]) == 0
    assert "It takes no options." in capsys.readouterr().out
    assert main(["list", "removals", "blck"]) == 2
    assert "did you mean 'black'" in capsys.readouterr().err


def test_something_else_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "judges"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert '"methods"' in line
