"""The tab that compares: methods × removals, each cell as soon as it is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from unseen.app import choices, drawing
from unseen.app.results import finished, keep_photo
from unseen.app.service import Service, Shared, Update, busy, complaint, needed, stopping, watched
from unseen.errors import ParameterError
from unseen.explanation.html import encoding
from unseen.explanation.plotting import pixels
from unseen.explanation.plotting.flat import flat
from unseen.explanation.plotting.sparse import widened
from unseen.pipeline.compare import compare
from unseen.pipeline.comparison import Cell
from unseen.system.progress import ProgressListener

WORDS = (
    "No method is best for every photograph, and what stands in a hidden part decides, too. Each cell is a map: the "
    "darker a place, the more it counts. Click one to enlarge it; when all are done, sliders and values follow below."
)

MOST = 20
"""Cells at most."""

_METHODS, _REMOVALS = ["causal", "rise", "grad-cam"], ["ad", "grey"]


def comparing(service: Service, shared: Shared) -> None:
    """Build the tab, and connect it."""
    gr.Markdown(WORDS)
    asked = _controls(service)
    with gr.Row():
        run = gr.Button("Compare", variant="primary", elem_id="compare")
        stop = gr.Button("Stop", interactive=False, elem_id="stop-compare")
    status = gr.HTML(elem_id="compare-status")
    grid = gr.HTML(elem_id="compare-grid")
    report = gr.HTML(elem_id="compare-report")
    download = gr.DownloadButton("Download the results", visible=False, elem_id="compare-download")

    def compared(
        photo: str | None, target: int, methods: list[str], removals: list[str], request: gr.Request
    ) -> Iterator[Update]:
        yield {
            **busy(run, stop, True),
            status: drawing.WAITING,
            report: "",
            grid: "",
            download: gr.update(visible=False),
        }
        session = service.session(request)
        try:
            path = needed(photo)
            _check(methods, removals)
        except ParameterError as error:
            yield {**busy(run, stop, False), status: complaint(error)}
            return
        cells: list[Cell] = []
        drawn = _Grid(methods, removals)

        def work(listener: ProgressListener) -> tuple[str, Path]:
            folder = session.new_folder("comparison")
            compare(
                keep_photo(path, folder),
                service.classifier,
                methods=methods,
                removals=removals,
                target=choices.target_of(service.classifier, target),
                folder=folder,
                progress=listener,
                finished=cells.append,
            )
            return finished(folder, path)

        result = yield from watched(session, work, status, lambda: drawn.news(cells, grid))
        if result is not None:
            page, archive = result
            yield {status: "", report: page, download: gr.update(value=str(archive), visible=True)}
        yield busy(run, stop, False)

    run.click(
        compared,
        [shared.photo, shared.target, *asked],
        [status, grid, report, download, run, stop],
        concurrency_id="work",
        concurrency_limit=1,
        show_progress="hidden",
        api_visibility="private",
    )
    stop.click(stopping(service), queue=False, api_visibility="private")


def _controls(service: Service) -> list[Any]:
    """Methods and removals."""
    with gr.Row():
        methods = gr.Dropdown(
            found := choices.methods(service.classifier),
            value=_known(_METHODS, found),
            multiselect=True,
            label="Methods",
            elem_id="methods",
        )
        removals = gr.Dropdown(
            found := choices.removals(service.classifier),
            value=_known(_REMOVALS, found),
            multiselect=True,
            label="Removals",
            elem_id="removals",
        )
    return [methods, removals]


def _known(wanted: Sequence[str], found: Sequence[choices.Choice]) -> list[str]:
    return [name for name in wanted if any(name == value for _, value in found)]


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

    def news(self, cells: Sequence[Cell], grid: gr.HTML) -> Update:
        """The table, if it has changed."""
        if len(cells) == self._told:
            return {}
        self._told = len(cells)
        self._drawn += [_cell(cell) for cell in cells[len(self._drawn) : self._told]]
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


def _cell(cell: Cell) -> str:
    """The map, which a click enlarges, with its values; or why there is none."""
    found = cell.explanation
    if found is None:
        return drawing.refusal(cell.error or ParameterError("failed"))
    drawn = flat(found)
    shown, _ = widened(drawn.saliency)
    source = encoding.photograph(pixels.overlay(drawn.image, shown, bands=pixels.bands_of(found.provenance)))
    name = escape(f"{cell.method}, hidden by {cell.removal}")
    curve, about = found.curve, found.provenance
    areas = f"insertion {curve.insertion_area:.3f}, deletion {curve.deletion_area:.3f}<br>" if curve else ""
    return (
        f'<button type="button" data-enlarge><img src="{source}" alt="{name}"></button>'
        f"<small>{areas}{about['evaluations']:,} evaluations, {about['seconds']:.1f} s</small>"
    )
