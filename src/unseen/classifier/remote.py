"""A model behind an address, asked by a small JSON protocol over HTTP.

``GET`` describes the model; the answer is a JSON object (further keys are let through)::

    {"preprocessing": {"size": [224, 224], "resize": 256, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
     "labels": ["cat", "dog"], "outputs": "logits", "batch": 32, "version": "2026-11-30"}

Only the size is needed. The fields of ``preprocessing`` are those of :class:`unseen.Preprocessing`; where they are
left out, photographs are squashed to the size and pixels are handed over in [0, 1]. ``outputs`` says what the numbers
mean, as ``unseen list outputs`` has it, ``batch`` is the largest number of images in a request, and ``version`` is
another one when the answers are.

``POST`` asks about a batch of normalised images, as base64 of float32, little-endian, the last axis fastest::

    {"shape": [N, C, H, W], "dtype": "float32", "data": "…"}

and is answered by one row of finite numbers an image, ``{"outputs": [[…], …]}``. Whatever fails is answered by a
status of 400 or more, and ``{"error": "one line"}`` if there is a reason to tell. Asking twice must be the same as
asking once: a request that meets no server, no answer in time, or one of the statuses 429, 502, 503 and 504 is sent
again.
"""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, NotRequired, TypedDict
from urllib.parse import urlsplit

import torch
from torch import Tensor

from unseen.classifier.black_box import BlackBox
from unseen.errors import ModelError, ParameterError
from unseen.system.names import printable
from unseen.system.schema import MalformedError, parse_json

TIMEOUT = 60.0
"""Seconds for which a request may take."""
PAUSES = (0.5, 2.0)
"""Seconds before a request is sent again."""
LARGEST = 2**28
"""Bytes of an answer at most."""
_BUSY = (429, 502, 503, 504)


class Description(TypedDict):
    """What a server says of its model."""

    preprocessing: dict[str, Any]
    labels: NotRequired[list[str]]
    outputs: NotRequired[str]
    batch: NotRequired[int]
    version: NotRequired[str]


class _Answers(TypedDict):
    outputs: list[list[float]]


class _Reason(TypedDict):
    error: str


@dataclass(eq=False)
class Connection:
    """An address, and what was sent there.

    Attributes:
        address: ``http://…`` or ``https://…``, without a user's name or password, which records would show.
        requests: how many were sent.
        repeated: how many of them because one before did not succeed.
        reason: why the last of these did not.

    Raises:
        ParameterError: another form of address.
    """

    address: str
    requests: int = 0
    repeated: int = 0
    reason: str = ""

    def __post_init__(self) -> None:
        _check_address(self.address)

    def asked(self, body: bytes | None, kind: Any) -> Any:
        """The answer to a request, which is sent again where that may help.

        Raises:
            ModelError: there is none, or one of another form.
        """
        for pause in (*PAUSES, None):
            self.requests += 1
            try:
                content = _sent(self.address, body)
                break
            except _MayHelp as error:
                if pause is None:
                    raise ModelError(
                        f"{self.address} does not answer: {error} ({len(PAUSES) + 1} tries); check that its server "
                        "runs and is reached from here"
                    ) from None
                self.repeated, self.reason = self.repeated + 1, str(error)
                time.sleep(pause)
        try:
            return parse_json(content, kind)
        except MalformedError as error:
            method = "GET" if body is None else "POST"
            raise ModelError(
                f"{self.address} answers {method} with another form than the manual describes: {error}"
            ) from None


class Remote(BlackBox):
    """The model of a server.

    Args:
        address: see :class:`Connection`.

    Attributes:
        description: what the server says of it.
        connection: what was sent.

    Raises:
        ParameterError: another form of address.
        ModelError: nobody answers there, or in another form.
    """

    def __init__(self, address: str) -> None:
        connection = Connection(address)
        description: Description = connection.asked(None, Description)
        if description.get("batch", 1) < 1:
            batch = description["batch"]
            raise ModelError(f"{address} takes batches of {batch} images; let it say a number from 1 on")
        identity = f"{address} {description.get('version', '')}".rstrip()
        super().__init__(urlsplit(address).netloc, "a model behind an address", identity, complete=False)
        self.connection, self.description = connection, description

    def __reduce__(self) -> tuple[Any, ...]:
        """Asked anew in another process."""
        return type(self), (self.connection.address,)

    @property
    def record(self) -> dict[str, Any]:
        """See :attr:`BlackBox.record`."""
        about = self.connection
        sent = {"requests": about.requests, "repeated": about.repeated}
        return {**super().record, "address": about.address, "version": self.description.get("version"), **sent}

    @property
    def notes(self) -> tuple[str, ...]:
        """That requests were sent again."""
        about = self.connection
        if not about.repeated:
            return ()
        return (f"{about.repeated} requests were sent to {about.address} again, the last because of: {about.reason}",)

    def ask(self, images: Tensor) -> Tensor:
        """See :meth:`BlackBox.ask`.

        Raises:
            ModelError: the server cannot be reached, refuses, or answers in another form.
        """
        parts = torch.split(images.float().cpu(), self.description.get("batch", len(images)))
        return torch.cat([self._rows(part) for part in parts])

    def _rows(self, images: Tensor) -> Tensor:
        data = base64.b64encode(images.contiguous().numpy().astype("<f4").tobytes()).decode()
        body = json.dumps({"shape": list(images.shape), "dtype": "float32", "data": data}).encode()
        answers: _Answers = self.connection.asked(body, _Answers)
        rows = answers["outputs"]
        if len(rows) != len(images) or len({len(row) for row in rows}) != 1 or not rows[0]:
            raise ModelError(
                f"{self.connection.address} answers {len(images)} images with {len(rows)} rows of "
                f"{sorted({len(row) for row in rows})} numbers; it must answer one row an image, all of one length"
            )
        return torch.tensor(rows, dtype=torch.float32)


def _check_address(address: str) -> None:
    try:
        parts = urlsplit(address)
        host, user = parts.hostname, parts.username
        _ = parts.port
    except ValueError as error:
        raise ParameterError(f"{address!r} is no address ({error}); write http://HOST:PORT/PATH") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ParameterError(f"{address!r} is no address; write http://HOST:PORT/PATH")
    if user is not None:
        raise ParameterError(
            f"the address of {host} has a user's name in it, which records would show; leave it out, and let a proxy "
            "on this machine add it"
        )


class _MayHelp(Exception):
    """A request failed in a way in which it need not fail again."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Photographs go to the address that was named, and to no other."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _sent(address: str, body: bytes | None) -> bytes:
    """The body of the answer to one request."""
    headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if body is not None else {})}
    request = urllib.request.Request(address, data=body, headers=headers)
    until = time.monotonic() + TIMEOUT
    try:
        opener = urllib.request.build_opener(_NoRedirects)
        with opener.open(request, timeout=TIMEOUT) as answer:
            content = b""
            while block := answer.read1(2**16):
                content += block
                if len(content) > LARGEST:
                    raise ModelError(f"{address} answers with more than {LARGEST >> 20} MiB; let it take fewer images")
                if time.monotonic() > until:
                    raise TimeoutError
            return content
    except urllib.error.HTTPError as error:
        with error:
            raise _refused(address, error) from None
    except TimeoutError:
        raise _MayHelp(f"no answer within {TIMEOUT:g} s") from None
    except (OSError, HTTPException) as error:
        inner = getattr(error, "reason", error)
        if isinstance(inner, TimeoutError):
            raise _MayHelp(f"no answer within {TIMEOUT:g} s") from None
        raise _MayHelp(getattr(inner, "strerror", None) or str(inner) or type(inner).__name__) from None


def _refused(address: str, error: urllib.error.HTTPError) -> Exception:
    if error.code in _BUSY:
        return _MayHelp(f"status {error.code}")
    if 300 <= error.code < 400:
        place = printable(error.headers.get("Location") or "another address")
        return ModelError(f"{address} redirects to {place}; name that address if photographs may go there")
    try:
        told: str = parse_json(error.read(2**16), _Reason)["error"]
    except (MalformedError, OSError, HTTPException):
        told = str(error.reason)
    return ModelError(f"{address} refuses with status {error.code} ({printable(told)[:300]}); see the server's log")
