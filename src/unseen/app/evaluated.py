"""The evaluation that the page shows: of the folder that was named when the server started, and of no other."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from unseen.app import drawing
from unseen.errors import OutputError
from unseen.evaluation.judging.gallery import Judged, Offered, Selection, counted, judged, offered
from unseen.evaluation.judging.ledger import FILE
from unseen.evaluation.judging.report.tables import labelled
from unseen.explanation.html.rendering import rendered
from unseen.report import evaluated, report_of
from unseen.report.gallery import alternative, pictured, values_of

PAGE = 24
"""Pictures that are shown at a time."""


@dataclass(frozen=True)
class Evaluated:
    """A folder of results.

    Attributes:
        folder: what ``unseen evaluate`` wrote, or another command.
        report: its page.
        offered: what can be selected among its pictures; ``None`` of another command's folder.
    """

    folder: Path
    report: str
    offered: Offered | None

    @classmethod
    def of(cls, folder: Path) -> Evaluated:
        """That of a folder.

        Raises:
            OutputError: it holds no results, or damaged ones.
        """
        if not (folder / FILE).is_file():
            return cls(folder, rendered(report_of(folder)), None)
        return cls(folder, rendered(evaluated.report_of(folder, maps=False)), offered(folder))

    def cards(self, selection: Selection, gamma: float | None, start: int) -> tuple[str, int]:
        """The pictures from one place on, and how many are selected in all; of results that are gone the reason."""
        try:
            found = judged(self.folder, selection, start, PAGE)
            drawn = "".join(_card(one, gamma) for one in found)
            return f'<div class="unseen-cards unseen-small">{drawn}</div>', counted(self.folder, selection)
        except OutputError as error:
            return drawing.refusal(error), 0


def _card(one: Judged, gamma: float | None) -> str:
    """A picture, which a click enlarges, with its values; or why there is none."""
    head = (
        f"<article><h4>{escape(one.photo)}</h4><p>{escape(one.label)}<br>"
        f"<b>{escape(labelled(one.method))}</b>, hidden by {escape(one.removal)}</p>"
    )
    if one.reason:
        return f"{head}{drawing.refusal(OutputError(one.reason))}</article>"
    source, name = pictured(one, gamma), escape(alternative(one))
    shown = (
        f'<button type="button" data-enlarge><img src="{source}" alt="{name}"></button>'
        if source
        else drawing.note("No picture was kept: signals and volumes have none, nor has what an older version wrote.")
    )
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{value}</td></tr>" for name, value in values_of(one, gamma))
    missing = "" if gamma is None or gamma in one.parts else drawing.note(f"There is no part for γ = {gamma:g}.")
    return f"{head}{shown}{missing}<table><tbody>{rows}</tbody></table></article>"
