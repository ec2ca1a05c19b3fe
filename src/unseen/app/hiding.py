"""The tab in which a visitor hides a part: what the model says without it and of it alone, once it is painted."""

from __future__ import annotations

import shutil
from html import escape
from pathlib import Path

import gradio as gr

from unseen.app import painting
from unseen.app.choices import TOP
from unseen.app.resources import text_of
from unseen.app.results import keep_photo, reported
from unseen.app.service import Service, Shared, Update, complaint
from unseen.app.sessions import Session
from unseen.app.trial_cards import cards, summary
from unseen.errors import ParameterError, UnseenError
from unseen.trials.hiding import hide_decided
from unseen.trials.trials import Trials

WORDS = (
    "Paint over a part. The model is then asked about the photograph *without* it, and about it *alone*, under four "
    "removals: what stands in the hidden part decides, too."
)

KEPT = 12
"""Trials that a visitor keeps beside each other at most."""


def hiding(service: Service, shared: Shared) -> None:
    """Build the tab, and connect it."""
    gr.Markdown(WORDS)
    with gr.Row():
        with gr.Column(scale=2, min_width=260):
            canvas = gr.HTML(painting.EMPTY, js_on_load=text_of("paint.js"), elem_id="paint")
            invert = gr.Checkbox(label="Invert: hide everything but what I paint", elem_id="invert")
        with gr.Column(scale=3, min_width=260):
            status = gr.HTML(elem_id="hide-status")
            answer = gr.HTML(elem_id="hide-answer")
    keep = gr.Button("Keep this trial", interactive=False, elem_id="keep")
    kept = gr.HTML(elem_id="kept")
    download = gr.DownloadButton("Download what you kept", visible=False, elem_id="hide-download")
    painted = gr.State("")

    def tried(photo: str | None, target: int, invert: bool, mask: str, request: gr.Request) -> Update:
        session = service.session(request)
        session.forget_trial()
        told = {status: "", answer: "", keep: gr.update(interactive=False)}
        if not mask:
            return told
        try:
            session.tried = _trials(service, session, service.needed(photo), target, invert, mask)
        except Exception as error:
            return {**told, status: complaint(error)}
        trials, _ = session.tried
        words = "".join(f"<p>{escape(sentence)}</p>" for sentence in trials.words)
        return {status: "", answer: words + cards(trials), keep: gr.update(interactive=True)}

    def lifted(photo: str | None, target: int, invert: bool, request: gr.Request, event: gr.EventData) -> Update:
        return {painted: str(event.mask), **tried(photo, target, invert, str(event.mask), request)}

    def changed(photo: str | None, request: gr.Request) -> Update:
        try:
            ground = painting.EMPTY if photo is None else painting.painting(Path(photo))
        except UnseenError:  # told beside the photograph
            ground = painting.EMPTY
        return {canvas: ground, painted: "", **tried(photo, TOP, False, "", request)}

    def kept_one(photo: str | None, request: gr.Request) -> Update:
        session = service.session(request)
        try:
            archive = _keep(session, service.needed(photo))
        except UnseenError as error:
            return {status: complaint(error)}
        beside = "".join(summary(number, trials) for number, trials in enumerate(session.kept, 1))
        return {
            kept: f'<div class="unseen-cards unseen-kept">{beside}</div>',
            download: gr.update(value=str(archive), visible=True),
            keep: gr.update(interactive=False),
        }

    asked, told = [shared.photo, shared.target, invert], [status, answer, keep]
    quietly = {"concurrency_id": "hide", "concurrency_limit": 1, "show_progress": "hidden", "api_visibility": "private"}
    canvas.submit(lifted, asked, [painted, *told], trigger_mode="always_last", **quietly)
    gr.on([invert.change, shared.target.change], tried, [*asked, painted], told, **quietly)
    shared.given.then(changed, shared.photo, [canvas, painted, *told], **quietly)
    keep.click(kept_one, shared.photo, [status, kept, download, keep], **quietly)


def _trials(
    service: Service, session: Session, photo: Path, target: int, invert: bool, mask: str
) -> tuple[Trials, Path]:
    """What the model says of what was painted, and the folder in which that lies."""
    decision = service.decision(session, photo, target)
    folder = session.new_folder("trial")
    return hide_decided(decision, part=painting.mask_of(mask, photo, folder), invert=invert), folder


def _keep(session: Session, photo: Path) -> Path:
    """Put the last trial to those that are kept, and give all of them as an archive.

    Raises:
        ParameterError: there is none, or there are too many.
    """
    if session.tried is None:
        raise ParameterError("there is nothing to keep yet; paint over a part")
    if len(session.kept) == KEPT:
        raise ParameterError(f"{KEPT} trials are kept already; download them, and open the page again")
    trials, folder = session.tried
    keep_photo(photo, folder)
    trials.save(folder)
    reported(folder, photo)
    session.kept.append(trials)
    together = session.folder / "kept"
    shutil.copytree(folder, together / str(len(session.kept)))
    session.forget_trial()
    return Path(shutil.make_archive(str(session.folder / f"unseen-{photo.stem}-hidden"), "zip", together))
