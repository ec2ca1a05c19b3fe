"""Every script of the page *Explain your own model* runs, in the page's order, and finds what was put there."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from helpers.unchecked import unchecked
from unseen import Explanation
from unseen.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "own-model.md"

pytestmark = pytest.mark.usefixtures("unchecked_types")  # the scripts are written as users write them


def scripts() -> dict[str, str]:
    """The code of each, by its name, in the order of the page."""
    found = re.findall(r"```python\n(# (\w+)\.py\n.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return {name: code for code, name in found}


def commands() -> list[list[str]]:
    return [shlex.split(line)[1:] for line in re.findall(r"^\$ (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    for name, code in scripts().items():
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def trained(place: Path) -> dict[str, Any]:
    """The first script, on whose files the others build; what it left."""
    with unchecked(), pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.syspath_prepend(str(place))
        return runpy.run_path("three_classes.py")


@pytest.fixture
def there(place: Path, trained: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    del trained
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(str(place))
    return place


def test_the_page_has_each_kind() -> None:
    assert list(scripts()) == [
        "leaves", "three_classes", "my_model", "a_transform", "three_findings", "one_channel", "a_function", "an_onnx_file",
    ]  # fmt: skip
    assert len(commands()) == 2


def test_three_classes(trained: dict[str, Any], place: Path) -> None:
    found = trained["explanation"]
    assert found.label == "rust"
    assert found.probability > 0.9
    assert found.parts[0].verified
    assert found.original_size == (480, 640)
    laid = found.on_photo()
    with Image.open(place / "rust.png") as photo:
        red, green, _ = torch.from_numpy(np.array(photo)).permute(2, 0, 1).int()
    spot = red - green > 100
    assert 0 < laid.parts[0].float().mean() < 0.2
    assert (laid.parts[0] & spot).sum() > 0.3 * laid.parts[0].sum()
    assert laid.saliency[spot].mean() > 2 * laid.saliency[~spot].mean()
    assert Explanation.load(place / "explanations" / "rust") == found


def printed(name: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    runpy.run_path(f"{name}.py")
    return capsys.readouterr().out.splitlines()


def test_a_transform(there: Path, trained: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert there.is_dir()
    first, second, _, box = printed("a_transform", capsys)
    assert first.startswith(("rust 9", "rust 100", "rust >"))
    assert "of the pixels suffice" in second
    left, top, width, height = (int(number) for number in re.findall(r"\d+", box))
    other = trained["explanation"].on_photo().regions[0].box  # found with the preprocessing that says the same
    assert abs(left + width / 2 - other[0] - other[2] / 2) < 40
    assert abs(top + height / 2 - other[1] - other[3] / 2) < 40


@pytest.mark.usefixtures("there")
def test_three_findings(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed("three_findings", capsys)
    said = [re.fullmatch(r"(.*?) (?:> )?([\d.]+) %, causal under black", line) for line in lines[::3]]
    assert [one and one[1] for one in said] == ["rust", "mildew", "no mould"]
    assert all(one and float(one[2]) > 80 for one in said)
    assert all("of the pixels suffice (γ = 0.9)" in line for line in lines[1::3])


@pytest.mark.usefixtures("there")
def test_one_channel(capsys: pytest.CaptureFixture[str]) -> None:
    first, second, _ = printed("one_channel", capsys)
    assert first.startswith(("nodule 9", "nodule 100", "nodule >"))
    assert "of the pixels suffice" in second


@pytest.mark.usefixtures("there")
def test_a_function(capsys: pytest.CaptureFixture[str]) -> None:
    first, second, _ = printed("a_function", capsys)
    assert first.startswith("rusty > 99")
    assert "of the pixels suffice" in second


@pytest.mark.filterwarnings("ignore:.*LeafSpec")  # of torch's exporter, whose code this is
@pytest.mark.usefixtures("there")
def test_an_onnx_file(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    first, *_ = printed("an_onnx_file", capsys)
    assert first.startswith(("rust 9", "rust 100", "rust >"))
    assert main([*commands()[1]]) == 0
    assert Explanation.load("from-onnx/rust").target == 0


def test_the_command_of_the_first(there: Path, trained: dict[str, Any]) -> None:
    assert main(commands()[0]) == 0
    again = Explanation.load(there / "from-the-shell" / "rust")
    assert again.label == "rust"
    assert (again.saliency - trained["explanation"].saliency).abs().max() < 1e-4
