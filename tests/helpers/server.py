"""A real server of the protocol, in a thread, whose every answer a test can change."""

from __future__ import annotations

import runpy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

EXAMPLE = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "serve_model.py"))
"""The server of the manual."""


class Serving(ThreadingHTTPServer):
    """The manual's server; ``faults`` are answered first, one a request: (status, headers, body)."""

    def __init__(self) -> None:
        self.faults: list[tuple[int, dict[str, str], bytes]] = []
        self.seen: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(EXAMPLE["Handler"]):  # type: ignore[misc]
    def do_GET(self) -> None:
        if not self.failed():
            super().do_GET()

    def do_POST(self) -> None:
        if not self.failed():
            super().do_POST()

    def failed(self) -> bool:
        self.server.seen.append(f"{self.command} {self.path}")
        if not self.server.faults:
            return False
        status, headers, body = self.server.faults.pop(0)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        return True

    def log_message(self, *_: Any) -> None:
        """Nothing on a test's terminal."""


@contextmanager
def serving() -> Iterator[Serving]:
    with Serving() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)
