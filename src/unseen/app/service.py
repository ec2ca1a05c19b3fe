"""What the page works with, one for all visitors; and how a visitor's work is run and told of."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr

from unseen.app import drawing
from unseen.app.choices import target_of
from unseen.app.evaluated import Evaluated
from unseen.app.jobs import Stopped
from unseen.app.sessions import Session, Sessions
from unseen.classifier import Classifier
from unseen.classifier.decision import Decision, decide
from unseen.errors import ParameterError, UnseenError
from unseen.inputs.space import CALLED
from unseen.system.progress import ProgressListener

T = TypeVar("T")
Update = dict[Any, Any]
"""New values of components."""

FAULT = "internal error; what happened stands in the terminal of the server: please report it"


@dataclass(frozen=True, eq=False)
class Service:
    """What the page works with.

    Attributes:
        classifier: the model, the same for all visitors.
        sessions: the visitors.
        results: an evaluation, or ``None``.
    """

    classifier: Classifier
    sessions: Sessions
    results: Evaluated | None = None

    @property
    def axes(self) -> int:
        """Along how many the model's input extends."""
        return self.classifier.preprocessing.axes

    @property
    def pictures(self) -> bool:
        """Whether the model looks at pictures, which can be painted on."""
        return self.axes == 2

    @property
    def kind(self) -> str:
        """What a visitor calls an input."""
        return CALLED[self.axes]

    def needed(self, photo: str | None) -> Path:
        """The photograph, signal or volume.

        Raises:
            ParameterError: there is none yet.
        """
        if photo is None:
            example = ", or pick an example" if self.pictures else ""
            raise ParameterError(f"there is no {self.kind} yet; drop one above{example}")
        return Path(photo)

    def session(self, request: Any) -> Session:
        """Whoever asks."""
        return self.sessions.of(str(request.session_hash))

    def decision(self, session: Session, photo: Path, chosen: int) -> Decision:
        """What the model says of a visitor's photograph; it is asked again only about another photograph or class.

        Args:
            session: the visitor.
            photo: an upload, whose content does not change.
            chosen: the class; see :func:`unseen.app.choices.classes`.

        Raises:
            UnseenError: as :func:`~unseen.classifier.decision.decide`.
        """
        asked, known = (photo, chosen), session.decided
        if known is None or known[0] != asked:
            known = session.decided = asked, decide(photo, self.classifier, target_of(self.classifier, chosen))
        return known[1]  # another listener of the page may have put its own decision there meanwhile


@dataclass(frozen=True, eq=False)
class Shared:
    """Components that several tabs look at.

    Attributes:
        photo: path of the photograph, signal or volume.
        target: the class, or :data:`unseen.app.choices.TOP`.
        given: the event after which the model has looked at a new photograph. What follows it follows one after the
            other: Gradio loses an answer now and then where several listen to one change.
    """

    photo: Any
    target: Any
    given: Any


def watched(
    session: Session, work: Callable[[ProgressListener], T], status: Any, every: Callable[[], Update] = dict
) -> Generator[Update, None, T | None]:
    """Run a visitor's work, and tell of it; ``None`` comes of it if it fails or is stopped, which is told, too.

    Args:
        session: the visitor.
        work: see :class:`unseen.app.jobs.Job`.
        status: the component in which it is told.
        every: further news each time.
    """
    with session.working(work) as job:
        for now in job.watch():
            yield {status: drawing.progress(now), **every()}
        result = None
        try:
            result = job.result()
            told = ""
        except Stopped:
            told = drawing.note("Stopped.")
        except Exception as error:
            told = complaint(error)
        yield {status: told, **every()}  # and what is new since the last look
    return result


def busy(run: Any, stop: Any, working: bool) -> Update:
    """The buttons while there is work, or when it is over."""
    return {run: gr.update(interactive=not working), stop: gr.update(interactive=working)}


def stopping(service: Service) -> Callable[..., None]:
    """What a stop button does: it stops all that its visitor has in progress."""

    def stop(request: gr.Request) -> None:
        service.session(request).stop()

    return stop


def complaint(error: Exception) -> str:
    """What a visitor is told of an error: its one line, or of a fault of ours that there was one."""
    if isinstance(error, UnseenError):
        return drawing.refusal(error)
    logging.getLogger("unseen.app").error("a request failed", exc_info=error)
    return drawing.refusal(RuntimeError(FAULT))
