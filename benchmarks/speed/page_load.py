"""Many visitors of the page at once: nothing of theirs may be lost or mixed, and memory must stay flat.

    python -m benchmarks.speed.page_load PHOTO [--users 50] [--rounds 3] [--model efficientnet-lite0]

The page is served by ``unseen app`` in a process of its own. In every round, all users at once give a photograph under
a name that nobody else has, are told what the model sees, and have it explained (Grad-CAM under grey). Each must
be told of its own photograph, and never read another's name. Printed a round: how many were served, how many read
what was another's, the seconds until the last was served, and the server's memory.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 900.0
"""Seconds that one user waits for one answer."""


class Limited(Exception):
    """An address may upload so many photographs in a minute."""


@dataclass(frozen=True)
class Served:
    """What one user saw.

    Attributes:
        own: whether the explanation of their own photograph arrived.
        foreign: names of others that they read.
    """

    own: bool
    foreign: frozenset[str]


class Visitor:
    """One user, as their browser speaks to the page."""

    def __init__(self, address: tuple[str, int], config: dict[str, Any], number: int) -> None:
        self.address, self.config, self.name = address, config, f"visitor-{number}-{uuid.uuid4().hex[:6]}.jpg"
        self.session = uuid.uuid4().hex

    def visit(self, photo: bytes) -> Served:
        """Open the page, give the photograph, look, have it explained, and leave."""
        here = http.client.HTTPConnection(*self.address, timeout=PATIENCE)
        here.request("GET", f"/gradio_api/heartbeat/{self.session}")
        here.getresponse()
        try:
            return self._visited(photo)
        finally:
            here.close()  # by which the server knows that the visitor has left

    def _visited(self, photo: bytes) -> Served:
        given = {"path": self._upload(photo), "orig_name": self.name, "meta": {"_type": "gradio.FileData"}}
        read = self._ask(self._listener("photo", "change", "said"), [given])
        heard = self._listener("explain", "click", "explain-report")
        read += self._ask(heard, [])
        explained = next(one for one in self.config["dependencies"] if one["trigger_after"] == heard["id"])
        chosen: dict[str, Any] = {"method": "grad-cam", "removal": "grey"}
        values = []
        for component in explained["inputs"]:
            about = next(one for one in self.config["components"] if one["id"] == component)["props"]
            name = about.get("elem_id")
            values.append(given if name == "photo" else chosen.get(name, about.get("value")))
        read += self._ask(explained, values)
        names = frozenset(re.findall(r"visitor-\d+-[0-9a-f]{6}\.jpg", read))
        return Served(f"{self.name}: why " in read, names - {self.name})

    def _listener(self, what: str, event: str, output: str) -> dict[str, Any]:
        """What the page does at an event of a component that fills another."""
        ids = {one["props"].get("elem_id"): one["id"] for one in self.config["components"]}
        return next(
            one
            for one in self.config["dependencies"]
            if [ids[what], event] in [[*target] for target in one["targets"]] and ids[output] in one["outputs"]
        )

    def _upload(self, photo: bytes) -> str:
        edge = uuid.uuid4().hex
        head = f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{self.name}"\r\n'
        body = f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + photo + f"\r\n--{edge}--\r\n".encode()
        kind = f"multipart/form-data; boundary={edge}"
        while True:
            try:
                path: str = json.loads(b"".join(self._request("POST", "/gradio_api/upload", body, kind)))[0]
                return path
            except Limited:  # all users here have one address
                time.sleep(5)

    def _ask(self, listener: dict[str, Any], values: Sequence[Any]) -> str:
        """All that the server says until the request is over."""
        asked = {"data": values, "fn_index": listener["id"], "session_hash": self.session, "trigger_id": None}
        joined = b"".join(self._request("POST", "/gradio_api/queue/join", json.dumps(asked).encode()))
        event, told = json.loads(joined)["event_id"], []
        for line in self._request("GET", f"/gradio_api/queue/data?session_hash={self.session}"):
            if line.startswith(b"data:"):
                told.append(line.decode())
                message = json.loads(line.removeprefix(b"data:"))
                if message["msg"] == "close_stream" or (
                    message["msg"] == "process_completed" and message.get("event_id") == event
                ):
                    break
        return "".join(told)

    def _request(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> Iterator[bytes]:
        connection = http.client.HTTPConnection(*self.address, timeout=PATIENCE)
        try:
            connection.request(method, path, body or None, {"Content-Type": kind})
            answer = connection.getresponse()
            if answer.status == 429:
                raise Limited
            if answer.status != 200:
                raise RuntimeError(f"{path}: {answer.status} {answer.read(200)!r}")
            yield from answer
        finally:
            connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="efficientnet-lite0")
    options = parser.parse_args()
    command = [sys.executable, "-m", "unseen", "app", "--port", "0", "--model", options.model]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = served_at(process)
            config = json.loads(b"".join(Visitor(address, {}, 0)._request("GET", "/config")))
            for number in range(1, options.rounds + 1):
                print(f"round {number}: {round_of(options.users, address, config, options.photo.read_bytes())}, "
                      f"{memory(process.pid):.0f} MB", flush=True)  # fmt: skip
        finally:
            process.terminate()


def served_at(process: subprocess.Popen[str]) -> tuple[str, int]:
    """Host and port, once the page can be opened."""
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"page: http://([\d.]+):(\d+)/", line):
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return found[1], int(found[2])
    raise SystemExit("the page was not served")


def round_of(users: int, address: tuple[str, int], config: dict[str, Any], photo: bytes) -> str:
    """All users at once, in words."""
    began = time.monotonic()
    with ThreadPoolExecutor(users) as pool:
        visits = [pool.submit(Visitor(address, config, number).visit, photo) for number in range(users)]
        seen = [visit.result() for visit in visits]
    own, mixed = sum(one.own for one in seen), sum(bool(one.foreign) for one in seen)
    return f"{own} of {users} served, {mixed} mixed, {time.monotonic() - began:.0f} s"


def memory(pid: int) -> float:
    """Megabytes that a process has in memory; NaN where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return float("nan")
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
