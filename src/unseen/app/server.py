"""The page, served: on this machine or to whoever has the password, and without a request to anybody else."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

from unseen.app import choices
from unseen.app.access import USER, Access
from unseen.app.evaluated import Evaluated
from unseen.app.guarding import LARGEST, Guard
from unseen.app.service import Service
from unseen.app.sessions import Sessions
from unseen.classifier import Classifier
from unseen.errors import ParameterError, UnseenError
from unseen.system.optional import require
from unseen.trials.hiding import hide

_QUEUE = 200
"""Requests that wait at most; further ones are refused."""


def serve(
    classifier: Classifier,
    access: Access,
    listener: socket.socket,
    results: Evaluated | None = None,
    ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve the page until it is interrupted.

    Args:
        classifier: the model, the same for all visitors.
        access: for whom.
        listener: see :func:`listening`.
        results: an evaluation that is shown.
        ready: told the page's address once it can be opened.
    """
    with tempfile.TemporaryDirectory(prefix="unseen-app-") as folder:
        host, port = listener.getsockname()[:2]
        app = application(classifier, access, Path(folder), results)
        uvicorn = require("uvicorn", "app")
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        ready(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
        server.run(sockets=[listener])


def application(classifier: Classifier, access: Access, folder: Path, results: Evaluated | None = None) -> Any:
    """The page as an ASGI application.

    Args:
        classifier: the model.
        access: for whom.
        folder: where uploads and results of visitors are put.
        results: likewise.
    """
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "uploads")
    gradio, fastapi = require("gradio", "app"), require("fastapi", "app")
    from unseen.app.page import page, theme
    from unseen.app.resources import text_of

    visitors = folder / "visitors"
    visitors.mkdir()
    blocks = page(Service(classifier, Sessions(visitors), results))
    Thread(target=_warmed_up, args=(classifier,), name="unseen warming up", daemon=True).start()
    blocks.queue(max_size=_QUEUE, api_open=False)
    mounted = gradio.mount_gradio_app(
        fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        blocks,
        path="/",
        footer_links=[],
        auth=access.lets_in if access.password is not None else None,
        auth_message=f"Log in as {USER}.",
        show_error=False,
        max_file_size=LARGEST,
        ssr_mode=False,
        theme=theme(),
        css=text_of("page.css"),
        head=f"<script>{text_of('page.js')}</script>",
    )
    return Guard(mounted, access.names)


def _warmed_up(classifier: Classifier) -> None:
    """Hide a part of an example, so that what a model does once is done before the first visitor waits for it."""
    example = next(iter(choices.examples()), None)
    if example is None or classifier.preprocessing.axes != 2 or classifier.box is not None:  # whose answers may cost
        return
    with suppress(UnseenError):  # which visitors are told in their turn
        hide(example, classifier, part="box:100,100,100,100")


@contextmanager
def listening(access: Access) -> Iterator[socket.socket]:
    """A socket at the address, before anything else is begun.

    Raises:
        ParameterError: it is taken, or not this machine's.
        ModelError: Gradio is not installed.
    """
    # Gradio asks nobody for newer versions, counts nothing, and offers no page that keeps what was asked.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = os.environ["GRADIO_RUN_HISTORY"] = "False"
    os.environ["HF_HUB_OFFLINE"] = os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    require("gradio", "app")
    family = socket.AF_INET6 if ":" in access.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        if os.name != "nt":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((access.host, access.port))
            listener.listen(_QUEUE)  # whoever comes before the page is ready waits for it
        except OSError as error:
            raise ParameterError(
                f"{access.host} port {access.port} cannot be had ({error.strerror}); give another --port, or another "
                "--host of this machine"
            ) from None
        yield listener
