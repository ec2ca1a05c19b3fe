"""Works a plan off: what is not in the ledger yet is evaluated by an engine, and written by this process alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

from unseen.classifier.borrowing import own_precision
from unseen.evaluation.judging.identity import identity_of
from unseen.evaluation.judging.judging import EvaluationCell, Judge, failed
from unseen.evaluation.judging.ledger import Ledger, read
from unseen.evaluation.judging.outcomes import Outcome, Row
from unseen.evaluation.judging.plan import Plan
from unseen.system.engines.local import IN_THIS_PROCESS
from unseen.system.engines.work import Engine, Work, warned

Listener = Callable[[str, int, "int | None"], None]


def run(
    plan: Plan,
    folder: Path,
    *,
    engine: Engine = IN_THIS_PROCESS,
    progress: Listener | None = None,
    note: Callable[[str], None] = warned,
) -> list[Row]:
    """Evaluate what ``folder`` lacks of the plan and return all that it then holds; see :func:`complete`."""
    complete(plan, folder, engine=engine, progress=progress, note=note)
    return read(folder)


@own_precision()
def complete(
    plan: Plan,
    folder: Path,
    *,
    engine: Engine = IN_THIS_PROCESS,
    progress: Listener | None = None,
    note: Callable[[str], None] = warned,
) -> None:
    """Evaluate what ``folder`` lacks of the plan; :func:`~unseen.evaluation.judging.ledger.stream` reads what it holds.

    Args:
        plan: what to evaluate.
        folder: keeps the results; see :class:`Ledger`.
        engine: where cells are evaluated; results do not depend on it beyond rounding.
        progress: told of every finished photograph × method × removal, and of what is under way: (stage, done, in all).
        note: told what must be known of where the model comes from, in plain sentences; by default they are warnings.

    Raises:
        OutputError: see :class:`Ledger`.
        ModelError: the model cannot be loaded.
        ParameterError: see :attr:`Judge.annotations` and :attr:`Judge.given`.
    """
    plan = replace(plan)  # its photographs are those that lie there now
    names = product(plan.subjects, plan.explainers, plan.removals)
    done = 0

    def told(cell: EvaluationCell, stage: str) -> None:
        if progress is not None:
            progress(f"{cell}: {stage}", done, plan.cells)

    judge = Judge(plan, folder, told)
    for text in judge.plain.notes:
        note(text)
    ledger = Ledger(folder, plan, identity_of(plan, judge.classifier, judge.annotations))
    try:
        if judge.given is not None:
            outdated = ledger.forget_others(judge.given.targets(plan.subjects, judge.plain))
            if outdated:
                note(f"another class is given now, so earlier explanations are done again or left out: {outdated:,}")
        cells = (EvaluationCell(subject, m, r, ledger.outcome(subject, m, r)) for subject, m, r in names)
        waiting = [cell for cell in cells if cell.lacks(plan)]
        done = plan.cells - len(waiting)
        if waiting and plan.backend == "onnxruntime":
            judge.black_box  # exported once, before the workers look for it  # noqa: B018
        work: Work[EvaluationCell, Outcome] = Work(
            waiting,
            judge,
            partial(Judge, plan, folder),
            lambda cell, reason: failed(cell, plan, reason),
            told,
            note,
        )
        with closing(engine.results(work)) as outcomes:
            for some in outcomes:
                ledger.write(*some)
                done += len(some)
                if progress is not None:
                    last = some[-1]
                    progress(f"{last.subject.name}, {last.method}, {last.removal}: done", done, plan.cells)
        ledger.check()
    finally:
        ledger.close()
