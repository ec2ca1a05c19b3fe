from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import torch

from helpers.synthetic import make_explanation, make_mixed, make_mixture
from unseen import Explanation
from unseen.cli import main
from unseen.cli.mixing import mixed
from unseen.cli.report import as_object, as_table
from unseen.errors import ParameterError, UnknownNameError
from unseen.explainers.catalogue import METHODS

FILES = {"panel": Path("out/panel.png")}
MIXED = ["--model", "toy:sides", "--removal", "black", "--method", "aggregate:nearby=2,hidden=8,segments=9"]


def table(explanation: Explanation) -> list[str]:
    return as_table(Path("photo.jpg"), explanation, FILES).splitlines()


@pytest.mark.parametrize(
    ("method", "of", "goal", "balance", "spec"),
    [
        ("causal", None, None, None, "causal"),
        ("aggregate", None, None, None, "aggregate"),
        ("aggregate", ["grad-cam,rise"], None, None, "aggregate:of=grad-cam/rise"),
        ("aggregate", ["grad-cam", "rise"], "both", 0.25, "aggregate:of=grad-cam/rise,goal=both,balance=0.25"),
        ("aggregate:nearby=2", None, "robustness", None, "aggregate:nearby=2,goal=robustness"),
        (
            "aggregate",
            ["rise:masks=9,grid=3,integrated-gradients:baseline=white"],
            "faithfulness",
            None,
            "aggregate:of=rise:masks=9;grid=3/integrated-gradients:baseline=white,goal=faithfulness",
        ),
        ("aggregate:goal=both", None, None, 0.1, "aggregate:goal=both,balance=0.1"),
        ("aggregate:", ["rise"], None, None, "aggregate:of=rise"),
        (
            "aggregate",
            ["expected-gradients:photos=/data/dogs,rise"],
            None,
            None,
            "aggregate:of=expected-gradients:photos=/data/dogs/rise",
        ),
    ],
)
def test_flags_become_a_spec(
    method: str, of: list[str] | None, goal: str | None, balance: float | None, spec: str
) -> None:
    assert mixed(method, of, goal, balance) == spec
    METHODS.create(spec)


@pytest.mark.parametrize(
    ("method", "of", "goal", "balance", "message"),
    [
        (
            "causal",
            ["grad-cam,rise"],
            "both",
            None,
            "causal is none: write --method aggregate --of grad-cam,rise --for",
        ),
        ("rise:masks=9", ["x y"], None, None, "rise is none: write --method aggregate --of 'x y'"),
        ("rise", None, None, 0.3, "rise is none: write --method aggregate --lambda 0.3"),
        ("aggregate:goal=both", None, "robustness", None, "'goal' is given twice in 'goal=both,goal=robustness'"),
        ("aggregate:grad-cam/rise", ["rise"], None, None, "'of' is given twice"),
        ("aggregate:balance=0.1", None, None, 0.2, "'balance' is given twice"),
        ("aggregate", None, "robustness", 0.3, "for robustness alone drop it"),
        ("aggregate:goal=faithfulness", None, None, 0.3, "for faithfulness alone drop it"),
        ("aggregate", None, "robustnes", None, "did you mean 'robustness'"),
        ("aggregate", None, None, 1.5, "balance must be in [0, 1], got 1.5"),
        ("aggregate", [""], None, None, "option 'of' has no value"),
        ("aggregate", ["rise,aggregate"], None, None, "cannot be aggregated"),
        ("aggregate", ["expected-gradients:photos=/data/rise"], None, None, "a method's name follows a '/'"),
    ],
)
def test_flags_that_cannot_be_obeyed_are_refused(
    method: str, of: list[str] | None, goal: str | None, balance: float | None, message: str
) -> None:
    with pytest.raises(ParameterError) as caught:
        mixed(method, of, goal, balance)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("method", "of", "message"),
    [("agregate", "rise", "'aggregate'"), ("aggregate", "rise,oclusion", "'occlusion'")],
)
def test_misspelt_methods_are_told(method: str, of: str, message: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        mixed(method, [of], None, None)
    assert message in str(caught.value)


def test_refusals_come_before_the_work(tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["explain", str(bright_left), "--model", "toy:sides", "--of", "rise", "--out", str(tmp_path / "out")]
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "unseen: error: only a mixture of methods takes --of; causal is none: write --method aggregate --of rise"
    )
    assert not (tmp_path / "out").exists()


def test_a_mixture_is_asked_for_shown_and_repeated_by_its_command(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--of", "occlusion:window=0.4,stride=0.2,edges,toy", "--for", "both", "--lambda", "0.3"]
    assert main(["explain", str(bright_left), *MIXED, *flags, "--out", str(tmp_path / "out"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    first = Explanation.load(tmp_path / "out" / "half")
    assert (
        said["method"]
        == first.method
        == ("aggregate:of=occlusion:window=0.4;stride=0.2/edges/toy,balance=0.3,nearby=2,hidden=8,segments=9")
    )
    assert said["mixture"] == first.provenance["search"]["map"]
    assert [one["method"] for one in said["mixture"]["methods"]] == ["occlusion:window=0.4;stride=0.2", "edges"]
    assert sum(one["weight"] for one in said["mixture"]["methods"]) == pytest.approx(1)
    assert (said["mixture"]["goal"], said["mixture"]["lambda"]) == ("both", 0.3)
    assert "toy is left out" in said["notes"][0]
    program, *again = shlex.split(first.provenance["command"])
    assert program == "unseen"
    assert main([*again, "--out", str(tmp_path / "again")]) == 0
    second = Explanation.load(tmp_path / "again" / "half")
    assert torch.equal(second.saliency, first.saliency)
    assert second.provenance["command"] == first.provenance["command"]
    assert "  gain: " in capsys.readouterr().out


def test_people_get_the_weights_as_a_table() -> None:
    lines = table(make_mixed())
    start = next(number for number, line in enumerate(lines) if line.startswith("  mixed "))
    head, *rows = lines[start : start + 6]
    assert [cell.strip() for cell in head.split("  ") if cell] == [
        *("mixed", "weight", "95 % interval", "contribution", "sensitivity", "infidelity")
    ]
    assert [[cell.strip() for cell in row.split("  ") if cell] for row in rows] == [
        ["occlusion", "60.0 %", "50.0 – 80.0 %", "70.0 %", "0.40", "0.50"],
        ["grad-cam", "40.0 %", "20.0 – 50.0 %", "35.0 %", "0.10", "0.90"],
        [*("integrated-gradients:baseline=white;tolerance=0.2", "0.0 %", "0.0 – 10.0 %", "-5.0 %", "0.80", "1.2")],
        ["equal weights", "0.30", "0.70"],
        ["mixture", "0.20", "0.60"],
    ]
    assert len({len(line) for line in [head, *rows]}) == 1
    assert lines[start + 6].startswith("  held out from the fit, less is better; sensitivity: ")
    assert lines[start + 7].startswith("  gain: nothing is better at both than the mixture; grad-cam alone is")


def test_the_line_on_the_map_stays_readable() -> None:
    (line,) = [line for line in table(make_mixed()) if line.startswith("  map: ")]
    assert line.startswith("  map: mixed for robustness and faithfulness, λ 0.5, 4 photographs nearby")
    assert "certificate" not in line


def test_scripts_get_the_record_of_a_mixture_and_nothing_of_one_elsewhere() -> None:
    assert as_object(Path("photo.jpg"), make_mixed(), FILES)["mixture"] == make_mixture()
    assert "mixture" not in as_object(Path("photo.jpg"), make_explanation(), FILES)
    assert not [line for line in table(make_explanation()) if "mixed" in line or "gain" in line]
