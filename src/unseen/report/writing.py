"""From a folder of results to ``report.html``: one file that opens offline, in any browser, and asks for nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from unseen.errors import OutputError
from unseen.evaluation.classes.view import RECORD as CLASSES
from unseen.evaluation.judging.ledger import FILE as LEDGER
from unseen.explanation.html.blocks import Report
from unseen.explanation.html.rendering import rendered
from unseen.explanation.storage import FILES
from unseen.pipeline.compare import RECORD as COMPARISON
from unseen.report import by_class, compared, evaluated, explained, listed, measured, tried
from unseen.system.files import check_writable, replace_file
from unseen.trials.trials import RECORD as TRIALS

REPORT = "report.html"

_KINDS: dict[str, tuple[str, Callable[[Path], Report]]] = {
    COMPARISON: ("unseen compare", compared.report_of),
    LEDGER: ("unseen evaluate", evaluated.report_of),
    CLASSES: ("unseen classes", by_class.report_of),
    TRIALS: ("unseen hide", tried.report_of),
    FILES["record"]: ("unseen explain", explained.report_of),
}
"""By the record that a folder holds: the command that wrote it, and what reads it."""


def report_of(folder: str | Path) -> Report:
    """What the results in a folder say.

    Args:
        folder: one that ``unseen explain``, ``compare``, ``evaluate``, ``classes``, ``hide``, ``distance`` or
            ``retrain`` wrote.

    Raises:
        OutputError: it holds none of these, or what it holds is damaged.

    Example:
        >>> from unseen import explain
        >>> from unseen.report import report_of
        >>> _ = explain(photo, classifier, method="occlusion", removal="black").save("red")
        >>> report_of("red").answer[0]
        'Of the full photograph the model says: red, 70.5 %.'
    """
    place = Path(folder)
    for record, (_, read) in _KINDS.items():
        if (place / record).is_file():
            return read(place)
    if measured.files_in(place):
        return measured.report_of(place)
    if listed.folders_in(place):
        return listed.report_of(place)
    written = [command for command, _ in _KINDS.values()]
    commands = ", ".join(dict.fromkeys([*written, "unseen distance", "unseen retrain"]))
    what = "holds no results" if place.is_dir() else "is no folder"
    raise OutputError(f"{place} {what}; name a folder that one of these wrote (--out): {commands}")


def write_report(folder: str | Path) -> Path:
    """Write ``report.html`` into a folder of results, from what lies there; return it.

    Raises:
        OutputError: there are no results, or the folder cannot be written.

    Example:
        >>> from unseen import explain
        >>> from unseen.report import write_report
        >>> _ = explain(photo, classifier, method="occlusion", removal="black").save("red")
        >>> write_report("red").name
        'report.html'
    """
    place = Path(folder)
    page = rendered(report_of(place))
    check_writable(place)
    replace_file(place / REPORT, page.encode(errors="backslashreplace"))
    return place / REPORT
