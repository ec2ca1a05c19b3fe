from __future__ import annotations

from pathlib import Path

from unseen.cli.distance import distance
from unseen.cli.options import ModelChoice
from unseen.cli.repeating import repeated
from unseen.system.engines.local import IN_THIS_PROCESS

GIVEN = {
    "photos": [Path("a b.jpg"), Path("photos")],
    "removals": ["black,grey"],
    "fractions": None,
    "form": "window",
    "cells": 7,
    "reference": Path("others"),
    "limit": 5,
    "neighbour": 10,
    "chosen": ModelChoice(model="python:my.py:build", labels=Path("names.txt")),
    "seed": 0,
    "out": Path("elsewhere"),
    "json": True,
    "engine": IN_THIS_PROCESS,
}


def test_what_was_chosen_is_repeated_and_nothing_else() -> None:
    line = repeated(distance, GIVEN).replace('"', "'")
    assert line.startswith("unseen distance 'a b.jpg' photos ")
    words = (
        "--removals black,grey --form window --reference others --limit 5 --model python:my.py:build --labels names.txt"
    )
    for option in words.split(" --"):
        assert option.removeprefix("--") in line
    for left_out in ("--cells", "--out", "--json", "--device", "--seed"):
        assert left_out not in line
