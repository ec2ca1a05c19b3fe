from __future__ import annotations

import io
import re

import pytest

from unseen.errors import ParameterError
from unseen.system.progress import listening, progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """In a test's own call: pytest puts its stderr back between a fixture and the test."""
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    return screen


def shown(screen: Terminal) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())


def test_a_terminal_sees_evaluations_done_and_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with progress_bar("[1/2] cat.jpg") as listener:
        listener("searching", 0, None)
        listener("searching", 1200, 4000)
        listener("searching", 4000, 4000)
    assert "[1/2] cat.jpg: searching" in shown(screen)
    assert "4,000 of 4,000 evaluations" in shown(screen)


def test_a_total_that_is_not_known_any_more_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with progress_bar("cat.jpg") as listener:
        listener("masks", 10, 20)
        listener("parts", 21, None)
    last = shown(screen).rpartition("cat.jpg: ")[2]
    assert last.startswith("parts")
    assert "21 evaluations" in last


def test_nothing_is_written_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("cat.jpg") as listener:
        listener("searching", 1, 10)
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


def test_the_users_error_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with pytest.raises(KeyboardInterrupt), progress_bar("cat.jpg"):
        raise KeyboardInterrupt
    assert screen.getvalue()


def test_true_draws_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with listening(True, "cat.jpg", unit="checks") as listener:
        assert listener is not None
        listener("softmax", 3, 7)
    assert "cat.jpg: softmax" in shown(screen)
    assert "3 of 7 checks" in shown(screen)


@pytest.mark.parametrize("nobody", [None, False])
def test_nobody_listens_unless_asked(nobody: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    with listening(nobody, "cat.jpg") as listener:
        assert listener is None
    assert screen.getvalue() == ""


def test_a_listener_hears_the_stage_and_with_several_works_also_which() -> None:
    heard: list[tuple[str, int, int | None]] = []

    def hear(*event: object) -> None:
        heard.append(event)  # type: ignore[arg-type]

    for named in (False, True):
        with listening(hear, "rise × grey", named=named) as listener:
            assert listener is not None
            listener("masks", 1, None)
    assert heard == [("masks", 1, None), ("rise × grey: masks", 1, None)]


@pytest.mark.usefixtures("unchecked_types")
def test_what_cannot_listen_is_refused() -> None:
    with (
        pytest.raises(ParameterError, match="progress is a str; give True for a bar, or a function"),
        listening(
            "yes",  # type: ignore[arg-type]
            "cat.jpg",
        ),
    ):
        pass
