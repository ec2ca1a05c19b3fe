from __future__ import annotations

import io
import re

import pytest

from unseen.cli.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_evaluations_done_and_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    with progress("[1/2] cat.jpg") as listener:
        listener("searching", 0, None)
        listener("searching", 1200, 4000)
        listener("searching", 4100, 4000)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    assert "[1/2] cat.jpg: searching" in shown
    assert "4,100 of 4,100 evaluations" in shown


def test_nothing_is_written_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("cat.jpg") as listener:
        listener("searching", 1, 10)
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


def test_the_users_error_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", Terminal())
    with pytest.raises(KeyboardInterrupt), progress("cat.jpg"):
        raise KeyboardInterrupt
