from __future__ import annotations

import threading

import pytest

from unseen.app import jobs
from unseen.app.jobs import Job, Progress, Stopped
from unseen.system.progress import ProgressListener

LONG = 20.0
"""Seconds that a thread may take on a busy machine."""


def test_the_value_and_the_progress_arrive() -> None:
    looked = threading.Event()

    def work(listener: ProgressListener) -> str:
        listener("masks", 3, 10)
        assert looked.wait(LONG)
        return "done"

    job = Job(work)
    seen: list[Progress] = []
    for now in job.watch():
        seen.append(now)
        if now.done:
            looked.set()
    assert job.result() == "done"
    assert (seen[-1].stage, seen[-1].done, seen[-1].expected) == ("masks", 3, 10)


def test_an_error_is_raised_where_the_result_is_asked_for() -> None:
    def work(_: ProgressListener) -> str:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        Job(work).result()


def endless(listener: ProgressListener) -> None:
    for number in range(10**9):
        listener("masks", number, None)


def test_it_stops_at_the_next_report() -> None:
    job = Job(endless)
    job.stop()
    with pytest.raises(Stopped):
        job.result()


def test_it_stops_when_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "ABANDONED", 0.0)
    with pytest.raises(Stopped):
        Job(endless).result()


def test_nothing_is_promised_before_anything_is_known() -> None:
    assert Progress("masks", 250, 1000, 50.0).left == 15
    assert Progress("masks", 250, None, 5.0).left is None
    assert Progress("masks", 250, 1000, None).left is None
    assert Progress("masks", 250, 1000, 0.0).left is None
