"""A model behind an address: a real server answers, fails, redirects, and keeps one waiting."""

from __future__ import annotations

import json
import pickle
import socket
from collections.abc import Iterator

import pytest
import torch

from helpers.server import EXAMPLE, Serving, serving
from unseen import Classifier, Preprocessing
from unseen.classifier import remote
from unseen.classifier.remote import Remote
from unseen.errors import ModelError, ParameterError

IMAGES = torch.rand(5, 3, 64, 64, generator=torch.Generator().manual_seed(0))
EXPECTED = 10 * IMAGES.mean((2, 3))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses, and no proxy between a test and this machine."""
    monkeypatch.setattr(remote, "PAUSES", (0.0, 0.0))
    monkeypatch.setattr(remote, "TIMEOUT", 5.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[Serving]:
    with serving() as one:
        yield one


def reply(content: object, status: int = 200, **headers: str) -> tuple[int, dict[str, str], bytes]:
    return status, headers, json.dumps(content).encode()


def test_it_says_what_the_server_computes(server: Serving) -> None:
    model = Remote(server.address)
    torch.testing.assert_close(model.ask(IMAGES), EXPECTED)
    assert model.description["labels"] == ["red", "green", "blue"]
    record = model.record
    assert (record["address"], record["version"], record["requests"], record["repeated"]) == (server.address, "1", 2, 0)
    assert model.notes == ()


def test_batches_are_no_larger_than_the_server_takes(server: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXAMPLE["DESCRIPTION"], "batch", 2)
    model = Remote(server.address)
    torch.testing.assert_close(model.ask(IMAGES), EXPECTED)
    assert server.seen == ["GET /", "POST /", "POST /", "POST /"]


def test_requests_are_sent_again_where_that_may_help_and_that_is_told(server: Serving) -> None:
    model = Remote(server.address)
    server.faults = [reply({}, 503), reply({}, 429)]
    torch.testing.assert_close(model.ask(IMAGES), EXPECTED)
    assert model.notes == (f"2 requests were sent to {server.address} again, the last because of: status 429",)
    server.faults = [reply({}, 502)] * 3
    with pytest.raises(ModelError, match=r"does not answer: status 502 \(3 tries\); check that its server runs"):
        model.ask(IMAGES)
    assert not server.faults


def test_an_answer_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ModelError, match=r"no answer within 0.2 s \(3 tries\)"):
            Remote(address)
    with pytest.raises(ModelError, match=r"does not answer: Connection refused \(3 tries\)"):
        Remote(address)


def test_redirects_are_not_followed(server: Serving) -> None:
    with serving() as other:
        server.faults = [(302, {"Location": f"{other.address}/model"}, b"")]
        with pytest.raises(ModelError, match=rf"redirects to {other.address}/model; name that address"):
            Remote(server.address)
        assert other.seen == []
        assert Remote(f"{other.address}/model").description["batch"] == 32  # as advised


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (reply({"error": "no\x1b[2J room"}, 413), r"refuses with status 413 \(no.x1b\[2J room\)"),
        ((500, {}, b"<html>"), r"refuses with status 500 \(Internal Server Error\)"),
        ((200, {}, b"<html>"), "answers POST with another form .* no JSON"),
        (reply({"scores": []}), "lacks 'outputs'"),
        (reply({"outputs": [["cat"]]}), r"outputs\[0\]\[0\] is text, not a number"),
        ((200, {}, b'{"outputs": [[NaN]]}'), "NaN is no JSON number"),
        (reply({"outputs": [[1, 2]]}), "answers 5 images with 1 rows"),
        (reply({"outputs": [[1, 2]] * 4 + [[1]]}), r"5 rows of \[1, 2\] numbers"),
    ],
)
def test_wrong_answers_are_told(server: Serving, answer: tuple[int, dict[str, str], bytes], message: str) -> None:
    model = Remote(server.address)
    server.faults = [answer]
    with pytest.raises(ModelError, match=message) as told:
        model.ask(IMAGES)
    assert str(told.value).isprintable()
    torch.testing.assert_close(model.ask(IMAGES), EXPECTED)


def test_answers_without_end_are_refused(server: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "LARGEST", 2**20)
    server.faults = [(200, {}, b" " * 2**21)]
    with pytest.raises(ModelError, match="more than 1 MiB"):
        Remote(server.address)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http:8000", "is no address; write http://HOST:PORT/PATH"),
        ("http://[1", "is no address"),
        ("http://a:port/", "is no address"),
        ("file:///etc/passwd", "is no address"),
        ("http://me:secret@host/", "has a user's name in it"),
    ],
)
def test_other_addresses_are_refused_without_a_request(address: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message) as told:
        Remote(address)
    assert "secret" not in str(told.value)


def test_a_batch_of_none_is_refused(server: Serving) -> None:
    server.faults = [reply({"preprocessing": {"size": [8, 8]}, "batch": 0})]
    with pytest.raises(ModelError, match="takes batches of 0 images"):
        Remote(server.address)


def test_the_fingerprint_knows_address_version_and_answers(server: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    def printed() -> str:
        preprocessing = Preprocessing((64, 64), None, mean=(0, 0, 0), std=(1, 1, 1))
        return Classifier(Remote(server.address), preprocessing).fingerprint

    first = printed()
    assert first == printed()
    monkeypatch.setitem(EXAMPLE["Handler"].do_POST.__globals__, "answer", lambda images: 3 * images.mean((2, 3)))
    other = printed()
    monkeypatch.setitem(EXAMPLE["DESCRIPTION"], "version", "2")
    assert len({first, other, printed()}) == 3


def test_it_travels_to_another_process_as_its_address(server: Serving) -> None:
    there = pickle.loads(pickle.dumps(Remote(server.address)))
    torch.testing.assert_close(there.ask(IMAGES), EXPECTED)
