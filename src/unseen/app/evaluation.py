"""The tab that shows an evaluation: its tables, and each photograph × method × removal as a picture with its values."""

from __future__ import annotations

from typing import Any

import gradio as gr

from unseen.app import drawing
from unseen.app.evaluated import PAGE, Evaluated
from unseen.app.results import frame
from unseen.app.service import Update
from unseen.evaluation.judging.gallery import Offered, Selection
from unseen.evaluation.judging.report.tables import labelled

WORDS = "What was measured over many photographs. Tables sort by a click on a column's head, and filter by words."

PICTURES = (
    "The map over each photograph, the darker a place the more it counts, and what was measured of it; a click "
    "enlarges it. Each map has a scale of its own: compare where they are dark, not how dark."
)

_BEST, _WORST = "best first", "worst first"


def evaluation(results: Evaluated, tab: Any) -> None:
    """Build the tab, and connect it: nothing of it is sent before it is opened.

    Args:
        results: what is shown.
        tab: where it is.
    """
    gr.Markdown(WORDS)
    if results.offered is None:
        _tables(results, tab)
        return
    with gr.Tabs():
        with gr.Tab("Tables"):
            _tables(results, tab)
        with gr.Tab("Pictures", id="pictures") as inner:
            _pictures(results, results.offered, inner)


def _tables(results: Evaluated, tab: Any) -> None:
    report, sent = gr.HTML(elem_id="evaluation-report"), gr.State(False)

    def opened(before: bool) -> Update:
        return {sent: True} if before else {report: frame(results.report, "Evaluation"), sent: True}

    tab.select(opened, sent, [report, sent], show_progress="hidden", api_visibility="private")


def _pictures(results: Evaluated, offered: Offered, tab: Any) -> None:
    """Filters, an order, and so many pictures at a time."""
    gr.Markdown(PICTURES)
    with gr.Row():
        named = gr.Textbox(label="Photograph or class", placeholder="a part of its name", elem_id="pictures-named")
        methods = gr.Dropdown(
            [(labelled(name), name) for name in offered.methods],
            multiselect=True,
            label="Only these methods",
            elem_id="pictures-methods",
        )
        removals = gr.Dropdown(
            [*offered.removals], multiselect=True, label="Only these removals", elem_id="pictures-removals"
        )
    with gr.Row():
        orders = [
            ("name", ""),
            *(_order(number, offered, how) for number in range(len(offered.measures)) for how in (_BEST, _WORST)),
        ]
        order = gr.Dropdown(orders, value="", label="Sort by", elem_id="pictures-order")
        gammas = [("none", None), *((f"γ = {gamma:g}", gamma) for gamma in offered.gammas)]
        gamma = gr.Dropdown(
            gammas,
            value=next((value for _, value in gammas[::-1]), None),
            label="Border of the part for",
            visible=len(gammas) > 1,
        )
    start = gr.State(0)
    place = gr.HTML(elem_id="pictures-place")
    cards = gr.HTML(elem_id="pictures")
    with gr.Row():
        before = gr.Button("Previous", interactive=False, elem_id="pictures-before")
        after = gr.Button("Next", interactive=False, elem_id="pictures-after")

    def shown(
        first: int, named: str, methods: list[str], removals: list[str], order: str, gamma: float | None
    ) -> Update:
        number, _, how = order.partition(" ")
        measure = offered.measures[int(number)] if order else None
        selection = Selection(named or "", tuple(methods), tuple(removals), measure, how == _WORST)
        drawn, count = results.cards(selection, gamma, first)
        last = min(first + PAGE, count)
        return {
            start: first,
            place: drawing.note(f"{first + 1:,} to {last:,} of {count:,}" if count else "There are none of these."),
            cards: drawn,
            before: gr.update(interactive=first > 0),
            after: gr.update(interactive=last < count),
        }

    asked, told = [named, methods, removals, order, gamma], [start, place, cards, before, after]
    quietly = {"show_progress": "hidden", "api_visibility": "private", "concurrency_id": "pictures"}
    changes = [named.submit, named.blur, *(one.input for one in (methods, removals, order, gamma)), tab.select]
    # What is asked for while pictures are drawn is drawn after them, not forgotten.
    gr.on(changes, lambda *given: shown(0, *given), asked, told, trigger_mode="always_last", **quietly)
    before.click(lambda first, *given: shown(max(0, first - PAGE), *given), [start, *asked], told, **quietly)
    after.click(lambda first, *given: shown(first + PAGE, *given), [start, *asked], told, **quietly)


def _order(number: int, offered: Offered, how: str) -> tuple[str, str]:
    """An order by what is measured, as it is shown, and what stands for it."""
    metric, gamma = offered.measures[number]
    return f"{metric}{'' if gamma is None else f', γ = {gamma:g}'}: {how}", f"{number} {how}"
