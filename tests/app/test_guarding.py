from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

from unseen.app.guarding import Guard

NAMES = frozenset(("localhost", "127.0.0.1", "::1"))


async def plain(_: Any, receive: Any, send: Any) -> None:
    """Read all of a request, and answer."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"fine"})


def ask(guard: Guard, host: str = "localhost:7860", path: str = "/", pieces: int = 1, **more: str) -> list[Any]:
    """What is answered to a request of so many pieces of 10 bytes."""
    headers = {"host": host, **more}
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "client": ("10.0.0.1", 5),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    left = iter(
        [{"type": "http.request", "body": b"0123456789", "more_body": n < pieces} for n in range(1, pieces + 1)]
    )
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return next(left)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(guard(scope, receive, send))
    return sent


def test_every_answer_forbids_the_browser_to_go_elsewhere() -> None:
    start, body = ask(Guard(plain, NAMES))
    assert (start["status"], body["body"]) == (200, b"fine")
    policy = dict(start["headers"])[b"content-security-policy"].decode()
    assert policy.startswith("default-src 'self';")
    assert "http:" not in policy
    assert "https:" not in policy


def test_another_name_is_refused() -> None:
    guard = Guard(plain, NAMES)
    for host in ("evil.example", "evil.example:7860", "", "localhost.evil.example"):
        assert ask(guard, host)[0]["status"] == 421
    for host in ("127.0.0.1", "[::1]:7860", "LOCALHOST:7860"):
        assert ask(guard, host)[0]["status"] == 200
    assert ask(Guard(plain, None), "any.example")[0]["status"] == 200


def test_what_is_too_large_is_refused_announced_or_not() -> None:
    guard = Guard(plain, NAMES, largest=35)
    start, body = ask(guard, content_length="36")
    assert start["status"] == 413
    assert b"\n" not in body["body"]
    assert ask(guard, content_length="-5")[0]["status"] == 413
    assert ask(guard, pieces=3)[0]["status"] == 200
    assert ask(guard, pieces=4) == []


def test_uploads_are_counted_and_pages_are_not() -> None:
    guard = Guard(plain, NAMES, uploads=2)
    path = "/gradio_api/upload"
    assert [ask(guard, path=path)[0]["status"] for _ in range(3)] == [200, 200, 429]
    assert ask(guard, path="/config")[0]["status"] == 200
