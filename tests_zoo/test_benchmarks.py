"""The measurements that need torchvision, timm or transformers run on next to nothing; others in tests/project."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest


def run(name: str, words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", [name, *words])
    monkeypatch.setattr(module, "tune_allocator", lambda: False)  # it lasts as long as the process
    module.main()


def test_the_matrix_of_architectures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["tv:mobilenet_v3_small", "own:ResNet1d", "own:WaveNet", "monai:UNet encoder, 3-D"]
    run("tables.architectures", ["--names", *names, "--rounds", "1", "--out", "table.md"], tmp_path, monkeypatch)
    assert "mobilenet_v3_small" in capsys.readouterr().out
    table = (tmp_path / "table.md").read_text()
    assert "| `tv:mobilenet_v3_small` | yes | yes | " in table
    assert "## Signals" in table
    assert "| `own:ResNet1d` | 256 | yes | yes | yes | " in table
    assert "| `own:WaveNet` | 256 | yes | yes | |" in table.replace("  ", " ")
    assert "| `monai:UNet encoder, 3-D` | 32 × 32 × 32 | yes | yes | yes | " in table


def test_the_matrix_of_attribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--names", "tv:mobilenet_v3_small", "--out", "table.md"]
    run("tables.attribution_by_architecture", words, tmp_path, monkeypatch)
    assert "gradients: right" in capsys.readouterr().out
    assert "| `tv:mobilenet_v3_small` | right |" in (tmp_path / "table.md").read_text()


@pytest.mark.usefixtures("quiet_peers")
def test_peers_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = str(Path(__file__).parents[1] / "examples" / "espresso.jpg")
    rows = ["pytorch-grad-cam, GradCAM", "captum, LRP"]
    monkeypatch.setattr("torch.set_num_threads", lambda _: None)
    run("peers.side_by_side", [photo, "--limit", "1", "--rows", *rows, "--table", "table.md"], tmp_path, monkeypatch)
    same, refused = (tmp_path / "table.md").read_text().splitlines()[2:]
    cells = [cell.strip() for cell in same.split("|")[1:-1]]
    assert float(cells[3]) > 0.99
    assert float(cells[4]) == pytest.approx(float(cells[5]), abs=0.02)
    assert "has no rule defined" in refused
