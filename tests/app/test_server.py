from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.speed.page_load import Served, Visitor
from helpers import colour_model
from helpers.serving import ESPRESSO
from unseen.app.access import Access

pytest.importorskip("gradio")


def test_whoever_comes_before_the_page_is_ready_is_not_turned_away() -> None:
    from unseen.app.server import listening

    with listening(Access("127.0.0.1", 0)) as listener:
        socket.create_connection(listener.getsockname(), timeout=20).close()


@contextmanager
def served(app: Any, listener: socket.socket) -> Iterator[None]:
    """The page from a thread of this process, whose memory can be looked into."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def swept() -> Iterator[None]:
    """What Gradio leaves open is collected where it is forgiven, and not in the middle of another test."""
    yield
    gc.collect()


@pytest.mark.usefixtures("swept")
@pytest.mark.filterwarnings("ignore")  # of Gradio, whose server runs in this process
def test_nothing_is_kept_of_who_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from unseen.app import page, server

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))  # which the application sets for good
    pages, made = [], page.page
    monkeypatch.setattr(page, "page", lambda service: pages.append(made(service)) or pages[0])
    with server.listening(Access("127.0.0.1", 0)) as listener:
        app = server.application(colour_model.build(), Access("127.0.0.1", 0), tmp_path)
        with served(app, listener):
            visitor = Visitor(listener.getsockname(), pages[0].config, 0)
            assert visitor.visit(ESPRESSO.read_bytes()) == Served(own=True, foreign=frozenset())
            patience = time.monotonic() + 30
            while kept := [*pages[0].state_holder.session_data, *(tmp_path / "visitors").iterdir()]:
                assert time.monotonic() < patience, kept
                time.sleep(0.05)
