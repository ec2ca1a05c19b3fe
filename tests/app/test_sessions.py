from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest

from unseen.app import sessions
from unseen.app.jobs import Stopped
from unseen.app.sessions import Sessions
from unseen.system.progress import ProgressListener
from unseen.trials.trials import Trials


def endless(listener: ProgressListener) -> None:
    for number in range(10**9):
        listener("masks", number, None)


def test_each_visitor_has_a_folder_of_their_own(tmp_path: Path) -> None:
    visitors = Sessions(tmp_path)
    one, other = visitors.of("../../etc"), visitors.of("b")
    assert one is visitors.of("../../etc")
    assert one.folder.parent == other.folder.parent == tmp_path
    assert one.folder != other.folder
    assert one.new_folder("trial").parent == one.folder


def test_who_leaves_takes_the_work_and_the_folder_along(tmp_path: Path) -> None:
    visitors = Sessions(tmp_path)
    session = visitors.of("a")
    with session.working(endless) as job:
        visitors.end("a")
        with pytest.raises(Stopped):
            job.result()
    assert not session.folder.exists()
    visitors.end("a")
    assert len(visitors) == 0


def test_of_what_was_painted_and_not_kept_nothing_is_left(tmp_path: Path) -> None:
    session = Sessions(tmp_path).of("a")
    session.forget_trial()
    folder = session.new_folder("trial")
    session.tried = Mock(Trials), folder
    session.forget_trial()
    assert session.tried is None
    assert not folder.exists()


def test_work_ends_with_its_block(tmp_path: Path) -> None:
    session = Sessions(tmp_path).of("a")
    with session.working(endless) as job:
        pass
    with pytest.raises(Stopped):
        job.result()


def test_who_leaves_without_a_word_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    visitors = Sessions(tmp_path)
    forgotten: list[str] = []
    visitors.forgotten = forgotten.append
    gone = visitors.of("gone")
    monkeypatch.setattr(sessions, "IDLE", -1.0)
    visitors.of("here")
    assert len(visitors) == 1
    assert forgotten == ["gone"]
    assert not gone.folder.exists()
