"""The tab that explains: a method, a removal and a goal in; the map, the parts and the words out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from unseen.app import choices, drawing
from unseen.app.choices import GOALS
from unseen.app.results import finished, keep_photo
from unseen.app.service import Service, Shared, Update, busy, complaint, needed, stopping, watched
from unseen.errors import ParameterError
from unseen.pipeline.explain import explain
from unseen.system.progress import ProgressListener

WORDS = (
    "Which parts of the photograph make the model decide as it does? The method hides parts, and asks the model again; "
    "the removal says how a hidden part is taken away from it."
)


def explaining(service: Service, shared: Shared) -> None:
    """Build the tab, and connect it."""
    gr.Markdown(WORDS)
    asked = _controls(service)
    with gr.Row():
        run = gr.Button("Explain", variant="primary", elem_id="explain")
        stop = gr.Button("Stop", interactive=False, elem_id="stop-explain")
    status = gr.HTML(elem_id="explain-status")
    report = gr.HTML(elem_id="explain-report")
    download = gr.DownloadButton("Download the results", visible=False, elem_id="explain-download")

    def explained(
        photo: str | None,
        target: int,
        method: str,
        removal: str,
        goal: str,
        confidence: float,
        parts: int,
        seed: int | None,
        request: gr.Request,
    ) -> Iterator[Update]:
        rest = [target, method, removal, goal, confidence, parts, seed]
        yield {**busy(run, stop, True), status: drawing.WAITING, report: "", download: gr.update(visible=False)}
        session = service.session(request)
        try:
            path = needed(photo)
        except ParameterError as error:
            yield {**busy(run, stop, False), status: complaint(error)}
            return

        def work(listener: ProgressListener) -> tuple[str, Path]:
            return _explanation(service, path, session.new_folder("explanation"), rest, listener)

        result = yield from watched(session, work, status)
        if result is not None:
            page, archive = result
            yield {status: "", report: page, download: gr.update(value=str(archive), visible=True)}
        yield busy(run, stop, False)

    run.click(
        explained,
        [shared.photo, shared.target, *asked],
        [status, report, download, run, stop],
        concurrency_id="work",
        concurrency_limit=1,
        show_progress="hidden",
        api_visibility="private",
    )
    stop.click(stopping(service), queue=False, api_visibility="private")


def _controls(service: Service) -> list[Any]:
    """Method, removal, goal, confidence, parts and seed."""
    with gr.Row():
        method = gr.Dropdown(choices.methods(service.classifier), label="Method", elem_id="method")
        removal = gr.Dropdown(choices.removals(service.classifier), label="Removal", elem_id="removal")
        goal = gr.Dropdown([*GOALS], label="Look for", elem_id="goal")
    with gr.Accordion("More", open=False):
        confidence = gr.Slider(
            0.05,
            0.99,
            0.5,
            step=0.01,
            label="Confidence γ",
            info="The share of the rise from nothing to the whole photograph that a part must keep, or take away.",
        )
        parts = gr.Slider(1, 4, 1, step=1, label="Parts", info="How many parts that do not overlap.")
        seed = gr.Number(0, precision=0, minimum=0, label="Random seed")
    return [method, removal, goal, confidence, parts, seed]


def _explanation(
    service: Service, photo: Path, folder: Path, asked: list[Any], listener: ProgressListener
) -> tuple[str, Path]:
    target, method, removal, goal, confidence, parts, seed = asked
    wanted = GOALS[goal]
    explanation = explain(
        keep_photo(photo, folder),
        service.classifier,
        method=method,
        removal=removal,
        target=choices.target_of(service.classifier, target),
        confidence=confidence,
        parts=int(parts),
        seed=int(seed or 0),
        part=wanted.part,
        robustness=wanted.robustness,
        progress=listener,
    )
    spent = explanation.provenance["evaluations"]
    listener("drawing pictures", spent, spent)
    explanation.save(folder)
    return finished(folder, photo)
