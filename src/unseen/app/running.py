"""What tabs that work for a while have in common: a button, a stop, progress, a report, and results to take home."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from unseen.app import drawing
from unseen.app.service import Service, Update, busy, complaint, stopping, watched
from unseen.app.sessions import Session
from unseen.errors import ParameterError
from unseen.system.progress import ProgressListener

Result = tuple[str, Callable[[], Path]]
"""The report as a frame, and what makes an archive of the results: most visitors look and take nothing home."""

Work = Callable[[ProgressListener], Result]
"""Does the work."""

_TAKE = """(file) => {
  if (!file) return;
  const link = document.createElement("a");
  [link.href, link.download] = [file.url, file.orig_name ?? "results.zip"];
  document.body.append(link);
  link.click();
  link.remove();
}"""
"""Saves what was made for the visitor, as a click on a link does."""


class Runner:
    """A button that starts work, and what is told of it.

    Args:
        service: the model and its visitors.
        label: of the button; its name in the page is the same in small letters.
        grid: whether a table fills while the work goes on.
    """

    def __init__(self, service: Service, label: str, *, grid: bool = False) -> None:
        self._name = name = label.lower()
        self._service = service
        with gr.Row():
            self._run = gr.Button(label, variant="primary", elem_id=name)
            self._stop = gr.Button("Stop", interactive=False, elem_id=f"stop-{name}")
        self._status = gr.HTML(elem_id=f"{name}-status")
        self.grid = gr.HTML(elem_id=f"{name}-grid") if grid else None
        self._report = gr.HTML(elem_id=f"{name}-report")
        self._download = gr.Button("Download the results", visible=False, elem_id=f"{name}-download")
        self._archive = gr.File(visible="hidden")

    def worked(
        self, request: gr.Request, begun: Callable[[Session], tuple[Work, Callable[[], Update]]]
    ) -> Iterator[Update]:
        """Work for a visitor, and tell of it.

        Args:
            request: theirs.
            begun: gives the work, and further news each time that is told of it; raises a ``ParameterError`` where
                there is nothing to be done.
        """
        yield busy(self._run, self._stop, True)
        session = self._service.session(request)
        try:
            work, every = begun(session)
        except ParameterError as error:
            yield {**busy(self._run, self._stop, False), self._status: complaint(error)}
            return
        result = yield from watched(session, work, self._status, every)
        if result is not None:
            page, session.archives[self._name] = result
            yield {self._status: "", self._report: page, self._download: gr.update(visible=True)}
        yield busy(self._run, self._stop, False)

    def connect(self, started: Callable[..., Iterator[Update]], asked: Sequence[Any]) -> None:
        """Start at a click of the button with the values of these components; one visitor's work at a time."""
        filled = [one for one in (self._status, self.grid, self._report, self._download) if one is not None]
        told = [*filled, self._run, self._stop]
        quietly: Any = {"show_progress": "hidden", "api_visibility": "private"}
        one = {"concurrency_id": "work", "concurrency_limit": 1}
        heard = self._run.click(self._waiting, None, told, queue=False, **quietly)
        heard.then(started, [*asked], told, **one, **quietly)
        taken = self._download.click(
            self._taken, None, [self._status, self._archive], concurrency_id="take", concurrency_limit=1, **quietly
        )
        taken.then(None, self._archive, None, js=_TAKE, **quietly)
        self._stop.click(stopping(self._service), queue=False, api_visibility="private")

    def _waiting(self) -> Update:
        """What is told at once, before others' work is over: that it was heard."""
        cleared = {} if self.grid is None else {self.grid: ""}
        hidden = {self._report: "", self._download: gr.update(visible=False)}
        return {self._run: gr.update(interactive=False), self._status: drawing.WAITING, **hidden, **cleared}

    def _taken(self, request: gr.Request) -> Update:
        """The archive of what is shown."""
        try:
            return {self._status: "", self._archive: str(self._service.session(request).archives[self._name]())}
        except Exception as error:
            return {self._status: complaint(error), self._archive: None}
