"""The page, served: on this machine or to whoever has the password, and without a request to anybody else."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unseen.app.access import USER, Access
from unseen.app.guarding import LARGEST, Guard
from unseen.app.service import Service
from unseen.app.sessions import Sessions
from unseen.classifier import Classifier
from unseen.errors import NotApplicableError, ParameterError
from unseen.inputs.space import described
from unseen.system.optional import require

_QUEUE = 200
"""Requests that wait at most; further ones are refused."""


def serve(
    classifier: Classifier,
    access: Access,
    listener: socket.socket,
    results: str | None = None,
    ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve the page until it is interrupted.

    Args:
        classifier: the model, the same for all visitors.
        access: for whom.
        listener: see :func:`listening`.
        results: the page of an evaluation; see :func:`unseen.explanation.html.rendering.rendered`.
        ready: told the page's address once it can be opened.

    Raises:
        NotApplicableError: the model is not one of photographs.
    """
    if classifier.preprocessing.axes != 2:
        raise NotApplicableError(
            f"the page is for photographs, and {classifier.name} takes a {described(classifier.preprocessing.size)}; "
            "use unseen explain"
        )
    with tempfile.TemporaryDirectory(prefix="unseen-app-") as folder:
        host, port = listener.getsockname()[:2]
        app = application(classifier, access, Path(folder), results)
        uvicorn = require("uvicorn", "app")
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        ready(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
        server.run(sockets=[listener])


def application(classifier: Classifier, access: Access, folder: Path, results: str | None = None) -> Any:
    """The page as an ASGI application.

    Args:
        classifier: the model.
        access: for whom.
        folder: where uploads and results of visitors are put.
        results: the page of an evaluation; see :func:`unseen.explanation.html.rendering.rendered`.
    """
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "uploads")
    gradio, fastapi = require("gradio", "app"), require("fastapi", "app")
    from unseen.app.page import page, theme
    from unseen.app.resources import text_of

    visitors = folder / "visitors"
    visitors.mkdir()
    blocks = page(Service(classifier, Sessions(visitors), results))
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


@contextmanager
def listening(access: Access) -> Iterator[socket.socket]:
    """A socket at the address, before anything else is begun.

    Raises:
        ParameterError: it is taken, or not this machine's.
        ModelError: Gradio is not installed.
    """
    # Gradio asks nobody for newer versions, and counts nothing.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
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
