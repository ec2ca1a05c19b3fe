from __future__ import annotations

import socket

import pytest

from unseen.app.access import Access

pytest.importorskip("gradio")


def test_whoever_comes_before_the_page_is_ready_is_not_turned_away() -> None:
    from unseen.app.server import listening

    with listening(Access("127.0.0.1", 0)) as listener:
        socket.create_connection(listener.getsockname(), timeout=20).close()
