from __future__ import annotations

import socket
from pathlib import Path

import pytest

from unseen.app.access import VARIABLE
from unseen.cli import main

pytest.importorskip("gradio")


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What one reads on stderr: one line."""
    assert main(["app", *words]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    return told


def test_another_address_without_a_password_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert "--password-file" in refused(capsys, "--host", "0.0.0.0")


def test_a_taken_port_and_a_foreign_address_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "give another --port" in refused(capsys, "--port", str(taken.getsockname()[1]))


def test_a_folder_without_an_evaluation_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "holds no results" in refused(capsys, "--results", str(tmp_path))
