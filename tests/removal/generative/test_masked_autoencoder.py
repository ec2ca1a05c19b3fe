"""What can be said without transformers; the rest is in tests_zoo."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from helpers.networks import Network, bound
from unseen.cli import main
from unseen.errors import ModelError, ParameterError
from unseen.removal import REMOVALS


@pytest.mark.parametrize("name", ["mae", "mae-zip"])
def test_a_missing_package_is_said_in_one_line(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ModelError, match=r"transformers is not installed: pip install 'unseen\[transformers\]'"):
        bound(Network(), removal=f"{name}:{tmp_path}")
    assert main(["train-mae", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "unseen[transformers]" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["mae", "mae-zip"])
def test_a_model_must_be_named(name: str) -> None:
    with pytest.raises(ParameterError, match=f"removal '{name}' needs its model"):
        REMOVALS.create(name)
    with pytest.raises(ParameterError, match="threshold"):
        REMOVALS.create(f"{name}:a/b,threshold=0")
