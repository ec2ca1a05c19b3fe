from __future__ import annotations

import io
import re

import pytest

from unseen.errors import ParameterError
from unseen.system.progress import after, listening, progress_bar


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
            listener("masks", 1, 1)
    assert heard == [("masks", 1, 1), ("rise × grey: masks", 1, 1)]


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


@pytest.mark.parametrize(
    ("told", "last"),
    [
        ([("masks", 5, 20), ("parts", 12, None)], ("parts", 12, 12)),
        ([("masks", 5, 20)], ("masks", 5, 5)),
        ([("masks", 20, 20)], None),
        ([], None),
    ],
)
def test_a_listener_hears_at_the_end_how_much_it_was(
    told: list[tuple[str, int, int | None]], last: tuple[str, int, int] | None
) -> None:
    heard: list[tuple[str, int, int | None]] = []
    with listening(lambda *event: heard.append(event), "cat.jpg") as listener:
        assert listener is not None
        for event in told:
            listener(*event)
    assert heard == [*told, *([last] if last else [])]


def test_what_is_interrupted_has_no_total() -> None:
    heard: list[tuple[str, int, int | None]] = []

    def interrupted() -> None:
        with listening(lambda *event: heard.append(event), "cat.jpg") as listener:
            assert listener is not None
            listener("masks", 5, None)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert heard == [("masks", 5, None)]


def test_work_that_follows_other_work_is_counted_after_it() -> None:
    heard: list[tuple[str, int, int | None]] = []
    listener = after(3, lambda *event: heard.append(event))
    assert listener is not None
    listener("masks", 1, 10)
    listener("parts", 2, None)
    assert heard == [("masks", 4, 13), ("parts", 5, None)]
    assert after(3, None) is None
