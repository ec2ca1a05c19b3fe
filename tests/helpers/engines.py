"""An engine that does all that another process would see of the work, in this one."""

from __future__ import annotations

import pickle
from collections.abc import Generator

from unseen.system.engines.work import R, T, Work


class Elsewhere:
    """Worker, tasks and results travel as bytes; the last task is done first."""

    def results(self, work: Work[T, R]) -> Generator[list[R], None, None]:
        """See :class:`~unseen.system.engines.work.Engine`."""
        worker = pickle.loads(pickle.dumps(work.elsewhere))()
        assert worker.same == work.here.same
        for task in reversed(work.tasks):
            yield [pickle.loads(pickle.dumps(worker(pickle.loads(pickle.dumps(task)))))]
