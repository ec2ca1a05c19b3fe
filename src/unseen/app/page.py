"""The page as a whole: the photograph, signal or volume and what the model says of it above, the tabs below."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from unseen.app import choices, drawing
from unseen.app.comparing import comparing
from unseen.app.evaluation import evaluation
from unseen.app.explaining import explaining
from unseen.app.hiding import hiding
from unseen.app.service import Service, Shared, complaint

WELCOME = (
    "# Why does the model say that?\n"
    "Drop a {kind}, and see which parts of it make **{name}** decide as it does. Everything stays on the machine "
    "that runs this page."
)

REMEMBERED = 500
"""Visitors whose state Gradio keeps at most, with those who left without a word."""

FILES = {1: "CSV, WAV or NumPy", 3: "NIfTI or NumPy"}
"""What files there are of a signal and of a volume."""


def page(service: Service) -> Any:
    """The page, not yet served."""
    with gr.Blocks(title="unseen", analytics_enabled=False, delete_cache=(600, 7200)) as blocks:
        blocks.state_session_capacity = REMEMBERED
        gr.Markdown(WELCOME.format(name=_name(service.classifier.name), kind=service.kind))
        with gr.Row():
            with gr.Column(scale=2, min_width=260):
                photo = _upload(service)
            with gr.Column(scale=1, min_width=260):
                said = gr.HTML(drawing.note("What the model says appears here."), elem_id="said")
                target = gr.Dropdown(
                    choices.classes(service.classifier), label="Ask about", elem_id="target", filterable=True
                )

        def looked(path: str | None, request: gr.Request) -> str:
            if path is None:
                return drawing.note("What the model says appears here.")
            try:
                decision = service.decision(service.session(request), Path(path), choices.TOP)
            except Exception as error:
                return complaint(error)
            seen = drawing.bars(decision.top, decision.classifier.outputs.unit, decision.target)
            return seen if service.pictures else drawing.seen(decision) + seen

        given = photo.change(
            looked, photo, said, concurrency_id="look", concurrency_limit=1, show_progress="hidden",
            api_visibility="private",
        )  # fmt: skip

        shared = Shared(photo, target, given)
        with gr.Tabs():
            with gr.Tab("Explain", id="explain"):
                explaining(service, shared)
            if service.pictures:
                with gr.Tab("Hide", id="hide"):
                    hiding(service, shared)
            with gr.Tab("Compare", id="compare"):
                comparing(service, shared)
            if service.results is not None:
                with gr.Tab("Evaluation", id="evaluation") as tab:
                    evaluation(service.results, tab)

        def left(request: gr.Request) -> None:
            service.sessions.end(str(request.session_hash))

        blocks.unload(left)
        service.sessions.forgotten = partial(_forget, blocks)
    return blocks


def _forget(blocks: Any, key: str) -> None:
    """Drop what Gradio keeps of a visitor: all that the page showed them, with reports and photographs."""
    holder = blocks.state_holder
    with holder.lock:
        holder.session_data.pop(key, None)
        holder.time_last_used.pop(key, None)


def _upload(service: Service) -> Any:
    """Where a file is dropped."""
    if service.pictures:
        given = gr.Image(
            type="filepath",
            image_mode=None,
            sources=["upload", "clipboard"],
            label="Photograph",
            elem_id="photo",
            height=320,
        )
        gr.Examples([[str(path)] for path in choices.examples()], given, label="Or one of these")
    else:
        given = gr.File(label=f"{service.kind.capitalize()}: {FILES[service.axes]}", elem_id="photo", height=160)
    given.preprocess = _path  # whether it can be read is judged where everything else judges it
    return given


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
