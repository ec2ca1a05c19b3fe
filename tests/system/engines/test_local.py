"""Processes of this machine: what another one cannot open is told before there is any work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from unseen.system.engines.local import _obstacle


def nothing(given: object) -> object:
    return given


def test_what_another_process_cannot_open_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class of a notebook is written by its name, which nobody else knows."""
    mine = type("Mine", (), {"__module__": "__main__"})
    monkeypatch.setattr(sys.modules["__main__"], "Mine", mine, raising=False)
    here: Callable[[], object] = lambda: None  # noqa: E731
    for given, name in ((mine(), "Mine"), (here, "lambda")):
        obstacle = _obstacle(partial(nothing, given))
        assert obstacle is not None
        assert name in obstacle[0]
        assert "define it in a module" in obstacle[1]


SCRIPT = """
from functools import partial
from pathlib import Path
from unseen.system.engines.local import LocalProcesses
from unseen.system.engines.work import Work

class Echo:
    same = {}
    def __call__(self, task):
        return task

work = Work([1, 2], Echo(), Path, lambda task, reason: (task, reason), note=print)
print(sorted(one for some in LocalProcesses(2).results(work) for one in some))
"""


def test_a_script_that_would_start_itself_again_is_told_what_it_lacks(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, "utf-8")
    command = [sys.executable, "-W", "ignore", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    note, results = done.stdout.splitlines()[-2:]
    assert "under if __name__ == '__main__':" in note
    assert results == "[1, 2]"
