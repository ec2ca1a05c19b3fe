from __future__ import annotations

from pathlib import Path

import pytest

from unseen.app.sessions import Sessions

pytest.importorskip("gradio")


def test_what_comes_with_the_end_of_the_work_is_told(tmp_path: Path) -> None:
    from unseen.app.service import watched

    session, cells = Sessions(tmp_path).of("a"), [1]
    told = [*watched(session, lambda _: cells.append(2), "status", lambda: {"grid": [*cells]})]
    assert told[-1] == {"status": "", "grid": [1, 2]}, "the last cell comes just before the end"


def test_what_there_is_stays_where_the_work_fails(tmp_path: Path) -> None:
    from unseen.app.service import watched

    def failing(_: object) -> None:
        raise MemoryError

    (*_, last) = watched(Sessions(tmp_path).of("a"), failing, "status", lambda: {"grid": "one cell"})
    assert "internal error" in last["status"]
    assert last["grid"] == "one cell"
