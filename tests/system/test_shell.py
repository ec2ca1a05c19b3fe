"""Command lines that the shell of their system understands, and pipes that nobody reads."""

from __future__ import annotations

import errno
import shlex
import sys

import pytest

from unseen.system.shell import command_line, is_closed_pipe

WORDS = ["unseen", "explain", "my photos/it's a cat.jpg", "--removal", "ad:pooled,fill=neighbour"]


@pytest.mark.skipif(sys.platform == "win32", reason="the other shell")
def test_a_posix_shell_finds_the_words_again() -> None:
    assert shlex.split(command_line(WORDS)) == WORDS


def test_windows_has_no_single_quotes_and_separates_paths_by_backslashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    line = command_line(["unseen", "explain", r"C:\my photos\cat.jpg", "--seed", "0"])
    assert line == r'unseen explain "C:\my photos\cat.jpg" --seed 0'
    assert command_line(["unseen", "explain", r"C:\photos\cat.jpg"]) == r"unseen explain C:\photos\cat.jpg"


def test_windows_tells_a_closed_pipe_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    invalid, full = OSError(errno.EINVAL, "Invalid argument"), OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(sys, "platform", "linux")
    assert [is_closed_pipe(error) for error in (BrokenPipeError(), invalid, full)] == [True, False, False]
    monkeypatch.setattr(sys, "platform", "win32")
    assert [is_closed_pipe(error) for error in (BrokenPipeError(), invalid, full)] == [True, True, False]
