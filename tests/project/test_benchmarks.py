"""Measurements run on next to nothing and say what they found.

Those that need torchvision, timm or transformers are tried in tests_zoo.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
PHOTO = str(ROOT / "examples" / "espresso.jpg")
ELSEWHERE = {  # tests_zoo/test_benchmarks.py
    "architectures",
    "attribution_by_architecture",
    "chapter_twelve",
    "leak",
    "side_by_side",
}
FOREIGN = {"rex_peer", "rex_spaces"}  # in an environment of its own
ONE = [PHOTO, "--limit", "1"]
RUNS = {
    "speed.masked_forward": (
        ["--models", "efficientnet-lite0", "--removals", "zero", "--batch", "1", "--rounds", "1"],
        r"efficientnet-lite0 +torch +zero +\d",
    ),
    "speed.metric_cost": ([*ONE, "--steps", "2", "--removals", "zero"], r"\| `zero` \| \d+ \| \d+ \| \d"),
    "speed.attribution_cost": ([*ONE, "--methods", "saliency"], r"\| `saliency` \| 1 \| 1 \| \d"),
    "speed.gpu": (
        [
            PHOTO,
            "--device",
            "cpu",
            "--batches",
            "1",
            "--rounds",
            "1",
            "--removals",
            "zero",
            "--methods",
            "saliency",
            "--without-tests",
        ],
        r"\| `saliency` \| 1 \| \d",
    ),
    "speed.fills_cost": ([*ONE, "--rounds", "1", "--removals", "zero", "marginal"], r"\| `zero` \| \d.*\n\| `marginal"),
    "speed.imputation_cost": (ONE, r"espresso.jpg +Edges +ours \d"),
    "speed.spaces_cost": (
        ["--places", "4096", "--removals", "zero", "--rounds", "1"],
        r"volume, 16 × 16 × 16 \| `zero` \| \d",
    ),
    "speed.spaces_memory": (
        ["--spaces", "8x8x8", "64", "--method", "occlusion"],
        r"\| 8 × 8 × 8 \| \d+ \| [\d,]+ \| \d+ \|\n\| 64 ",
    ),
    "speed.ledger_cost": (["--rows", "800"], r"800 +\d+\.\d .*\n(.*\n)*exported: 800 rows"),
    "speed.cluster_simulation": (
        ["--workers", "2", "8", "--cells", "400", "--seconds", "0.5", "--deaths", "100"],
        r"\| 2 \| 0\.\d+ \|\n\| 8 \| 0\.\d+ \|",
    ),
    "speed.report_size": (
        [*ONE, "--methods", "saliency", "--model", f"python:{ROOT / 'tests' / 'helpers' / 'colour_model.py'}:build"],
        r"\| `unseen evaluate` \| 1 \| 0\.\d \|\n\| `unseen explain` \| 1 \| 0",
    ),
    "speed.run_cost": (
        [PHOTO, "--methods", "saliency", "--removals", "zero", "--metrics", "average-drop", "--rates", "100"],
        r"evaluations a photograph: \d.*\n(.*\n)*\| 100 \| \d",
    ),
    "studies.causal_defaults": (
        [str(ROOT / "examples"), "--limit", "1", "--method", "causal:iterations=1", "--confidence", "0.5"],
        r"\d",
    ),
    "studies.reuse_nearby": ([*ONE, "--radii", "0.02"], r"\d"),
    "studies.robust_promise": (["--photographs", "3"], r"broken: \d of 3 photographs"),
    "studies.zero_information": ([*ONE, "--forms", "zipo"], r"zipo"),
    "tables.quality": (
        [*ONE, "--methods", "saliency", "grad-cam", "--judges", "grey", "--workers", "1"],
        r"\| mean rank \| `grey` \|\n(\|.*\n){6}\n5 methods and controls on 1 photographs",
    ),
    "tables.policies": (
        [*ONE, "--models", "efficientnet-lite0", "--forms", "zero", "early", "constant-area", "--out", "out"],
        r"constant-area|prototype",
    ),
}
LONG = (
    "speed.checkouts",
    "speed.cluster_cost",
    "speed.method_cost",
    "speed.page_brush",
    "speed.page_load",
    "studies.iassa_levers",
    "studies.planted_parts",
    "studies.rise_and_chance",
    "studies.robust_rankings",
    "studies.visible_fraction",
    "studies.zero_information_maps",
    "tables.activation_deactivation",
    "tables.aggregation",
    "tables.iassa_by_iteration",
)
"""Too long for a trial: they are imported, and say what they take."""


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def run(name: str, words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", [name, *words])
    monkeypatch.setattr(module, "tune_allocator", lambda: False, raising=False)  # it lasts as long as the process
    module.main()


def test_every_measurement_is_tried() -> None:
    folders = ("speed", "studies", "tables", "peers")
    found = {path for folder in folders for path in (ROOT / "benchmarks" / folder).glob("*.py")}
    scripts = {path.stem for path in found if '__name__ == "__main__"' in path.read_text(encoding="utf-8")}
    assert scripts == {name.partition(".")[2] for name in (*RUNS, *LONG)} | ELSEWHERE | FOREIGN | {
        "against_rex",
        "against_rex_spaces",
    }


@pytest.mark.parametrize("name", RUNS)
def test_it_says_what_it_found(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words, expected = RUNS[name]
    run(name, words, tmp_path, monkeypatch)
    assert re.search(expected, capsys.readouterr().out)


@pytest.mark.parametrize("name", [*LONG, "tables.chapter_twelve", "tables.leak", "peers.against_rex"])
def test_it_says_what_it_takes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(name, ["--help"], tmp_path, monkeypatch)
    assert ended.value.code == 0
    assert f"python -m benchmarks.{name}" in capsys.readouterr().out
