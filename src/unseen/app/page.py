"""The page as a whole: the photograph and what the model says of it above, the tabs below."""

from __future__ import annotations

import re
from typing import Any

import gradio as gr

from unseen.app import choices, drawing
from unseen.app.comparing import comparing
from unseen.app.evaluation import evaluation
from unseen.app.explaining import explaining
from unseen.app.hiding import hiding
from unseen.app.service import Service, Shared, complaint
from unseen.classifier.decision import decide

WELCOME = (
    "# Why does the model say that?\n"
    "Drop a photograph, and see which parts of it make **{name}** decide as it does. Everything stays on the machine "
    "that runs this page."
)


def page(service: Service) -> Any:
    """The page, not yet served."""
    with gr.Blocks(title="unseen", analytics_enabled=False, delete_cache=(600, 7200)) as blocks:
        gr.Markdown(WELCOME.format(name=_name(service.classifier.name)))
        with gr.Row():
            with gr.Column(scale=2, min_width=260):
                photo = gr.Image(
                    type="filepath",
                    image_mode=None,
                    sources=["upload", "clipboard"],
                    label="Photograph",
                    elem_id="photo",
                    height=320,
                )
                photo.preprocess = _path  # whether it can be read is judged where everything else judges it
                gr.Examples([[str(path)] for path in choices.examples()], photo, label="Or one of these")
            with gr.Column(scale=1, min_width=260):
                said = gr.HTML(drawing.note("What the model says stands here."), elem_id="said")
                target = gr.Dropdown(
                    choices.classes(service.classifier), label="Ask about", elem_id="target", filterable=True
                )

        def looked(path: str | None) -> str:
            if path is None:
                return drawing.note("What the model says stands here.")
            try:
                decision = decide(path, service.classifier)
            except Exception as error:
                return complaint(error)
            return drawing.bars(decision.top, decision.classifier.outputs.unit, decision.target)

        given = photo.change(
            looked, photo, said, concurrency_id="look", concurrency_limit=1, show_progress="hidden",
            api_visibility="private",
        )  # fmt: skip

        shared = Shared(photo, target, given)
        with gr.Tabs():
            with gr.Tab("Explain", id="explain"):
                explaining(service, shared)
            with gr.Tab("Hide", id="hide"):
                hiding(service, shared)
            with gr.Tab("Compare", id="compare"):
                comparing(service, shared)
            if service.results is not None:
                with gr.Tab("Evaluation", id="evaluation"):
                    evaluation(service.results)

        def left(request: gr.Request) -> None:
            service.sessions.end(str(request.session_hash))

        blocks.unload(left)
    return blocks


def _path(payload: Any) -> str | None:
    """Where an upload lies."""
    return None if payload is None else str(payload.path)


def _name(model: str) -> str:
    """A model without the folder in which it lies: that is nobody's business."""
    return re.split(r"[/\\]", model.rstrip("/"))[-1]


def theme() -> Any:
    """Fonts of the reader's machine, so that none is loaded; blue and orange, which all eyes tell apart."""
    return gr.themes.Default(
        primary_hue="blue", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
    )
