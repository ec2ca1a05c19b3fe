"""What stands before the page: who may speak to it, how much and how often, and what a browser may load."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MEGABYTE = 1_000_000
LARGEST = 30 * MEGABYTE
"""Bytes of one request."""
UPLOADS, WINDOW = 120, 60.0
"""Uploads that one address may send in so many seconds."""

_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob: data:; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; frame-src 'self'; object-src 'none'; base-uri 'self'; frame-ancestors 'self'"
)
HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
"""Added to every answer: a browser then loads nothing from elsewhere, and sends nothing there."""


class Guard:
    """Refuse, in one line, what should not reach the page.

    Args:
        app: what is guarded.
        names: what a browser may call this server; ``None`` for any name.
        largest: bytes of a request.
        uploads: that one address may send in :data:`WINDOW` seconds.
    """

    def __init__(self, app: Any, names: frozenset[str] | None, largest: int = LARGEST, uploads: int = UPLOADS) -> None:
        self._app, self._names, self._largest, self._most = app, names, largest, uploads
        self._sent: dict[str, deque[float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._refused(scope)
        if refused is not None:
            await _answer(send, *refused)
            return

        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        await self._app(scope, _limited(receive, self._largest), guarded)

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        """Status and reason, or ``None``."""
        headers = {name.lower(): value for name, value in scope["headers"]}
        if self._names is not None and _host(headers.get(b"host", b"")) not in self._names:
            return 421, "this server goes by another name; open the address that it printed when it started"
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self._largest:
            return 413, f"the request is larger than {self._largest // MEGABYTE} MB; send a smaller file"
        if scope["method"] == "POST" and scope["path"].endswith("/upload") and self._too_often(scope):
            return 429, f"more than {self._most} uploads in {WINDOW:g} seconds; wait a moment"
        return None

    def _too_often(self, scope: Scope) -> bool:
        now, client = time.monotonic(), (scope.get("client") or ("", 0))[0]
        for known in [name for name, times in self._sent.items() if now - times[-1] > WINDOW]:
            del self._sent[known]
        times = self._sent.setdefault(client, deque(maxlen=self._most))
        if len(times) == self._most and now - times[0] < WINDOW:
            return True
        times.append(now)
        return False


def _limited(receive: Receive, largest: int) -> Receive:
    """What is received, until it is too much: a body that comes in pieces says no length before."""
    got = 0

    async def limited() -> MutableMapping[str, Any]:
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > largest:
            return {"type": "http.disconnect"}
        return message

    return limited


def _host(header: bytes) -> str:
    """The name in a Host header, without the port."""
    text = header.decode("latin-1").strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.rpartition(":")[0] if ":" in text else text


async def _answer(send: Send, status: int, reason: str) -> None:
    body = reason.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode()), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
