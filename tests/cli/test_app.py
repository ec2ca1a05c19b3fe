"""The command as a process of its own: start-up, streams, exit codes and signals."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unseen import Explanation, __version__, cli
from unseen.cli import main

TESTS = Path(__file__).parents[1]


def unseen(*words: str | Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "unseen", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "explain --help",
        "list models",
        "list methods",
        "list removals",
        "list metrics",
        "evaluate --help",
        "compare --help",
        "distance --help",
        "app --help",
    ],
)
def test_help_and_lists_start_without_torch(words: str) -> None:
    code = "import sys; from unseen.cli import main; main(sys.argv[1:]); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, *words.split()], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_teaches_with_examples() -> None:
    done = unseen("explain", "--help")
    assert done.returncode == 0
    shown = " ".join(done.stdout.replace("│", " ").split())
    for text in ("PHOTO...", "unseen explain cat.jpg --target", "panel.png", "--confidence FLOAT ", "Exit codes"):
        assert text in shown
    for what in ("methods", "removals"):
        assert f'"unseen list {what} NAME" shows them' in shown


@pytest.mark.parametrize("module", [name for _, name, _ in pkgutil.iter_modules(cli.__path__)])
def test_help_fits_a_terminal_of_eighty_columns(module: str) -> None:
    told = vars(importlib.import_module(f"unseen.cli.{module}"))
    assert not [
        line for name in ("HELP", "EXIT_CODES") for line in str(told.get(name, "")).splitlines() if len(line) > 80
    ]


def test_help_wraps_what_options_do_at_the_width_of_the_terminal() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "unseen", "list", "--help"],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "60"},
        check=True,
    )
    told = [line.strip("│ ") for line in done.stdout.splitlines() if line.startswith("│")]
    assert min(len(line) for line in told if not line.endswith((".", "]"))) > 30


def test_version() -> None:
    done = unseen("--version")
    assert (done.returncode, done.stdout.strip()) == (0, f"unseen {__version__}")


def test_a_misspelt_command_is_one_line() -> None:
    done = unseen("explian", "cat.jpg")
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith('unseen: error: Unknown command "explian". Did you mean "explain"?')


def test_values_that_no_comma_separates_are_told_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "scan.nii.gz", "--methods", "occlusion", "rise", "--removals", "zero"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("unseen: error: 'rise' belongs to no option; separate several values by commas")
    assert told.count("\n") == 1


@pytest.mark.slow
def test_a_real_photograph_is_explained(tmp_path: Path, photo_path: Path) -> None:
    words = [photo_path, "--out", tmp_path, "--confidence", "0.9", "--method", "causal:iterations=2", "--json"]
    done = unseen("explain", *words, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    record = json.loads(done.stdout)
    assert record["target"]["label"] == "espresso"
    part, needed = record["parts"]
    assert part["verified"]
    assert part["confidence"] >= part["asked"] > 0.85 * record["target"]["probability"]
    assert needed["instead"]["label"] != "espresso"
    assert part["by_chance"]["tried"] == 16
    assert part["robustness"]["contexts"] == 20
    assert 0 < part["fraction"] < 0.6
    explanation = Explanation.load(tmp_path / "coffee")
    assert explanation.curve is not None
    assert explanation.provenance["evaluations"] == record["evaluations"]


def test_a_reader_that_leaves_early_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "unseen", "list", "removals"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as stream:
        assert stream.read() == b""
    assert process.wait() in (0, 1)


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_leaves_nothing(tmp_path: Path, photo_path: Path) -> None:
    third_party = tmp_path / "site" / "toys-1.dist-info"
    third_party.mkdir(parents=True)
    (third_party / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1\n")
    (third_party / "entry_points.txt").write_text(
        "[unseen.methods]\ntoy = helpers.toys:METHOD\n[unseen.models]\ntoy = helpers.toys:MODELS\n"
    )
    waiting, out = tmp_path / "waiting", tmp_path / "out"
    paths = [str(tmp_path / "site"), str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    options = ["--model", "toy:sides", "--method", "toy:wait=true", "--removal", "black", "--out", out]
    process = subprocess.Popen(
        [sys.executable, "-m", "unseen", "explain", photo_path, *options],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TOY_IS_WAITING": str(waiting)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while not waiting.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    printed, complaint = process.communicate(timeout=30)
    assert process.returncode == 130
    assert printed == ""
    assert complaint == "unseen: interrupted; nothing half-written was left\n"
    assert not out.exists()
