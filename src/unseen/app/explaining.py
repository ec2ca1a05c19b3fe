"""The tab that explains: a method, a removal and a goal in; the map, the parts and the words out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from unseen.app import choices, drawing
from unseen.app.choices import GOALS
from unseen.app.results import archived, keep_photo, reported
from unseen.app.running import Result, Runner, Work
from unseen.app.service import Service, Shared, Update
from unseen.app.sessions import Session
from unseen.explainers.catalogue import METHODS
from unseen.explanation import Explanation
from unseen.pipeline.explain import explain
from unseen.system.progress import ProgressListener

WORDS = (
    "Which parts of the {kind} make the model decide as it does? The method hides parts, and asks the model again; "
    "the removal says how a hidden part is taken away from it."
)


def explaining(service: Service, shared: Shared) -> None:
    """Build the tab, and connect it."""
    gr.Markdown(WORDS.format(kind=service.kind))
    asked = _controls(service)
    runner = Runner(service, "Explain")

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

        def begun(session: Session) -> tuple[Work, Callable[[], Update]]:
            path = service.needed(photo)

            def work(listener: ProgressListener) -> Result:
                return _explanation(service, path, session.new_folder("explanation"), rest, listener)

            return work, dict

        yield from runner.worked(request, begun)

    runner.connect(explained, [shared.photo, shared.target, *asked])


def _controls(service: Service) -> list[Any]:
    """Method, removal, goal, confidence, parts and seed."""
    with gr.Row():
        method = gr.Dropdown(choices.methods(service.classifier), label="Method", elem_id="method")
        removal = gr.Dropdown(choices.removals(service.classifier), label="Removal", elem_id="removal")
        goal = gr.Dropdown([*GOALS], label="Look for", elem_id="goal")
    chosen = gr.HTML(_chosen(method.value, removal.value, goal.value), elem_id="chosen")
    told: Any = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    gr.on([one.change for one in (method, removal, goal)], _chosen, [method, removal, goal], chosen, **told)
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


def _chosen(method: str, removal: str, goal: str) -> str:
    """What was chosen in full: the lists are too narrow for it."""
    return drawing.listed(
        {method: METHODS.entries[method].summary, removal: choices.meaning(removal), "looked for": goal}
    )


def _explanation(service: Service, photo: Path, folder: Path, asked: list[Any], listener: ProgressListener) -> Result:
    target, method, removal, goal, confidence, parts, seed = asked
    wanted = GOALS[goal]
    explanation = explain(
        keep_photo(photo, folder),
        service.classifier,
        method=method,
        removal=removal,
        target=choices.target_of(service.classifier, target),
        confidence=(float(confidence),),
        parts=int(parts),
        seed=int(seed or 0),
        part=wanted.part,
        robustness=wanted.robustness,
        progress=listener,
    )
    explanation.save(folder, pictures=False)

    def archive() -> Path:
        Explanation.load(folder).save(folder)
        return archived(folder, photo)

    return reported(folder, photo), archive
