"""The tab that compares: methods × removals, each cell as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from unseen.app import choices, drawing
from unseen.app.results import archived, forget_places, keep_photo, reported
from unseen.app.running import Result, Runner, Work
from unseen.app.service import Service, Shared, Update
from unseen.app.sessions import Session
from unseen.errors import ParameterError
from unseen.explanation.html import encoding
from unseen.explanation.plotting import pixels
from unseen.explanation.plotting.flat import centre_of, flat
from unseen.explanation.plotting.sparse import widened
from unseen.inputs.space import Space
from unseen.pipeline.compare import compare, draw
from unseen.pipeline.comparison import Cell
from unseen.system.progress import ProgressListener

WORDS = (
    "No method is best for every {kind}, and what stands in a hidden part decides, too. Each cell is a map: the "
    "darker a place, the more it counts. Each has a scale of its own: compare where maps are dark, not how dark. Click "
    "one to enlarge it; when all are done, sliders and values follow below."
)

MOST = 20
"""Cells at most."""

_METHODS, _REMOVALS = ["causal", "rise", "grad-cam"], ["ad", "grey"]


def comparing(service: Service, shared: Shared) -> None:
    """Build the tab, and connect it."""
    gr.Markdown(WORDS.format(kind=service.kind))
    asked = _controls(service)
    runner = Runner(service, "Compare", grid=True)

    def compared(
        photo: str | None, target: int, methods: list[str], removals: list[str], request: gr.Request
    ) -> Iterator[Update]:
        def begun(session: Session) -> tuple[Work, Callable[[], Update]]:
            path = service.needed(photo)
            _check(methods, removals)
            cells: list[Cell] = []
            drawn = _Grid(methods, removals)

            def work(listener: ProgressListener) -> Result:
                folder = session.new_folder("comparison")
                comparison = compare(
                    keep_photo(path, folder),
                    service.classifier,
                    methods=methods,
                    removals=removals,
                    target=choices.target_of(service.classifier, target),
                    folder=folder,
                    pictures=False,
                    progress=listener,
                    finished=cells.append,
                )

                def archive() -> Path:
                    draw(comparison, folder)
                    forget_places(folder, path)
                    return archived(folder, path)

                return reported(folder, path), archive

            return work, lambda: drawn.news(cells, runner.grid)

        yield from runner.worked(request, begun)

    runner.connect(compared, [shared.photo, shared.target, *asked])


def _controls(service: Service) -> list[Any]:
    """Methods and removals."""
    with gr.Row():
        return [
            _several("Methods", choices.methods(service.classifier), _METHODS),
            _several("Removals", choices.removals(service.classifier), _REMOVALS),
        ]


def _several(label: str, found: Sequence[choices.Choice], wanted: Sequence[str]) -> Any:
    """A list of which several can be chosen; those that are wanted and there are at the beginning."""
    known = [name for name in wanted if any(name == value for _, value in found)]
    return gr.Dropdown([*found], value=known, multiselect=True, label=label, elem_id=label.lower())


def _check(methods: Sequence[str], removals: Sequence[str]) -> None:
    """Refuse nothing to do, and too much of it.

    Raises:
        ParameterError: either.
    """
    count = len(methods) * len(removals)
    if not count:
        raise ParameterError("nothing to compare; choose at least one method and one removal")
    if count > MOST:
        raise ParameterError(f"{count} cells are too many for the page; choose at most {MOST}, or use unseen compare")


class _Grid:
    """The cells as a table that is drawn anew when one more is there."""

    def __init__(self, methods: Sequence[str], removals: Sequence[str]) -> None:
        self._methods, self._removals = methods, removals
        self._drawn: list[str] = []
        self._told = -1
        self._centre: Space | None = None

    def news(self, cells: Sequence[Cell], grid: gr.HTML | None) -> Update:
        """The table, if it has changed."""
        if len(cells) == self._told:
            return {}
        self._told = len(cells)
        if self._centre is None:
            first = next((cell.explanation for cell in cells if cell.explanation is not None), None)
            self._centre = None if first is None else centre_of(first)
        self._drawn += [_cell(cell, self._centre) for cell in cells[len(self._drawn) : self._told]]
        return {grid: self._table()}

    def _table(self) -> str:
        waiting = '<span class="waiting">waits</span>'
        heads = "".join(f'<th scope="col">{escape(method)}</th>' for method in self._methods)
        rows = []
        for row, removal in enumerate(self._removals):
            places = range(row * len(self._methods), (row + 1) * len(self._methods))
            cells = "".join(f"<td>{self._drawn[n] if n < len(self._drawn) else waiting}</td>" for n in places)
            rows.append(f'<tr><th scope="row">{escape(removal)}</th>{cells}</tr>')
        return (
            '<div class="unseen-grid" tabindex="0" role="region" aria-label="Maps">'
            f"<table><thead><tr><th>hidden by</th>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        )


def _cell(cell: Cell, centre: Space | None) -> str:
    """The map, which a click enlarges, with its values; or why there is none.

    Args:
        cell: of the comparison.
        centre: see :func:`unseen.explanation.plotting.flat.flat`.
    """
    found = cell.explanation
    if found is None:
        return drawing.refusal(cell.error or ParameterError("failed"))
    drawn = flat(found, centre)
    shown, _ = widened(drawn.saliency)
    source = encoding.photograph(pixels.overlay(drawn.image, shown, bands=pixels.bands_of(found.provenance)))
    name = escape(f"{cell.method}, hidden by {cell.removal}")
    curve, about = found.curve, found.provenance
    areas = f"insertion {curve.insertion_area:.3f}, deletion {curve.deletion_area:.3f}<br>" if curve else ""
    return (
        f'<button type="button" data-enlarge><img src="{source}" alt="{name}"></button>'
        f"<small>{areas}{about['evaluations']:,} evaluations, {about['seconds']:.1f} s</small>"
    )
