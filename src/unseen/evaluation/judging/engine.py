"""Works a plan off: what is not in the ledger yet is evaluated by an engine, and written by this process alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from unseen.classifier.borrowing import own_precision
from unseen.evaluation.judging.identity import identity_of
from unseen.evaluation.judging.judging import EvaluationCell, Judge
from unseen.evaluation.judging.ledger import Ledger
from unseen.evaluation.judging.local import LocalProcesses
from unseen.evaluation.judging.outcomes import Row
from unseen.evaluation.judging.plan import Plan
from unseen.evaluation.judging.work import Engine, Work

Listener = Callable[[str, int, "int | None"], None]

IN_THIS_PROCESS = LocalProcesses()


def _warned(text: str) -> None:
    warnings.warn(text, stacklevel=3)


@own_precision()
def run(
    plan: Plan,
    folder: Path,
    *,
    engine: Engine = IN_THIS_PROCESS,
    progress: Listener | None = None,
    note: Callable[[str], None] = _warned,
) -> list[Row]:
    """Evaluate what ``folder`` lacks of the plan and return all that it then holds.

    Args:
        plan: what to evaluate.
        folder: keeps the results; see :class:`Ledger`.
        engine: where cells are evaluated; results do not depend on it beyond rounding.
        progress: told of every finished photograph × method × removal, and of what is under way: (stage, done, in all).
        note: told what must be known of where the model comes from, in plain sentences; by default they are warnings.

    Raises:
        OutputError: see :class:`Ledger`.
        ModelError: the model cannot be loaded.
        ParameterError: see :attr:`Judge.annotations`.
    """
    plan = replace(plan)  # its photographs are those that lie there now
    names = [(subject, m, r) for subject in plan.subjects for m in plan.explainers for r in plan.removals]
    done = 0

    def told(cell: EvaluationCell, stage: str) -> None:
        if progress is not None:
            progress(f"{cell}: {stage}", done, len(names))

    judge = Judge(plan, folder, told)
    for text in judge.plain.notes:
        note(text)
    ledger = Ledger(folder, plan, identity_of(plan, judge.classifier, judge.annotations))
    try:
        cells = (EvaluationCell(subject, m, r, ledger.outcome(subject, m, r)) for subject, m, r in names)
        waiting = [cell for cell in cells if cell.lacks(plan)]
        done = len(names) - len(waiting)
        if waiting and plan.backend == "onnxruntime":
            judge.black_box  # exported once, before the workers look for it  # noqa: B018
        with closing(engine.outcomes(Work(plan, folder, waiting, judge, told, note))) as outcomes:
            for some in outcomes:
                ledger.write(*some)
                done += len(some)
                if progress is not None:
                    last = some[-1]
                    progress(f"{last.subject.name}, {last.method}, {last.removal}: done", done, len(names))
        return ledger.rows()
    finally:
        ledger.close()
