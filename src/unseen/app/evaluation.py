"""The tab that shows an evaluation: of the folder that was named when the server started, and of no other."""

from __future__ import annotations

import gradio as gr

from unseen.app.results import frame

WORDS = "What was measured over many photographs. Tables sort by a click on a column's head, and filter by words."


def evaluation(report: str) -> None:
    """Build the tab.

    Args:
        report: see :func:`unseen.explanation.html.rendering.rendered`.
    """
    gr.Markdown(WORDS)
    gr.HTML(frame(report, "Evaluation"), elem_id="evaluation-report")
