"""A detector's box, a likeness and texts in the commands: what the network returns is no score of a class."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from helpers.fields import Detector, per_pixel
from helpers.trained import pictures, spots
from unseen.cli import main

SETTINGS = "size=48,resize=none,mean=0.3,0.3,0.3,std=0.2,0.2,0.2"
ASKED = {
    "box": "python:{place}/nets.py:detector --labels {place}/one.txt --outputs box:{box},label=1",
    "embedding": "python:{place}/nets.py:embedder --labels {place}/one.txt --outputs embedding:{place}/red.npy",
    "zero-shot": "python:{place}/nets.py:embedder --labels {place}/two.txt --outputs zero-shot:{place}/both.npy",
}
THERE = torch.tensor([[True, True, False]])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a picture of a red and a green spot, networks, and what is asked of them."""
    folder = tmp_path_factory.mktemp("outputs")
    images, _, where = pictures(1, 5, THERE)
    Image.fromarray((images[0].permute(1, 2, 0) * 255).round().byte().numpy()).save(folder / "spots.png")
    Image.fromarray(255 * where[0, 0].byte().numpy()).save(folder / "region.png")
    embedder = torch.nn.Sequential(spots().features, torch.nn.Flatten())
    for name, one in {"detector": Detector(per_pixel()), "embedder": embedder}.items():
        torch.save(one, folder / f"{name}.pt")
    load = "def {0}():\n    return torch.load(r'{1}/{0}.pt', weights_only=False)\n\n\n"
    code = "import torch\n\n\n" + "".join(load.format(name, folder) for name in ("detector", "embedder"))
    (folder / "nets.py").write_text(code, encoding="utf-8")
    for name, labels in {"one": ["red"], "two": ["red", "green"]}.items():
        (folder / f"{name}.txt").write_text("\n".join(labels), encoding="utf-8")
    colours = [pictures(20, 11, torch.tensor([there]).bool())[0] for there in ([1, 0, 0], [0, 1, 0])]
    red, green = (embedder((images - 0.3) / 0.2).mean(0).numpy() for images in colours)
    np.save(folder / "both.npy", np.stack([red, green]))
    np.save(folder / "red.npy", red)
    (folder / "usual").mkdir()
    for number, one in enumerate(colours[1]):
        Image.fromarray((one.permute(1, 2, 0) * 255).round().byte().numpy()).save(folder / "usual" / f"{number}.png")
    return folder


def words(kind: str, place: Path) -> list[str]:
    (found,) = Detector(per_pixel())((pictures(1, 5, THERE)[0] - 0.3) / 0.2)
    red = found["labels"] == 1
    box = found["boxes"][red][found["scores"][red].argmax()].tolist()
    told = ASKED[kind].format(place=place, box="/".join(f"{edge:g}" for edge in box))
    return ["--model", *told.split(), "--preprocessing", SETTINGS]


@pytest.mark.parametrize("kind", ASKED)
def test_every_command_takes_them(kind: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo, model = str(place / "spots.png"), words(kind, place)
    few = ["--removals", "zero", "--methods", "occlusion:window=0.2,stride=0.2"]
    checked = main(["check-model", photo, *model])
    assert checked == int(kind == "box")  # ad cannot follow what keeps positions
    assert "ad: followed" in capsys.readouterr().out
    assert main(["compare", photo, *model, *few, "--target", "red", "--out", str(tmp_path / "compared")]) == 0
    record = json.loads((tmp_path / "compared" / "comparison.json").read_text(encoding="utf-8"))
    assert not any(cell["error"] for cell in record["cells"])
    metrics = ["--metrics", "insertion:steps=4,deletion:steps=4", "--confidence", "0.5", "--no-controls"]
    assert main(["evaluate", photo, *model, *few, "--target", "red", *metrics, "--out", str(tmp_path / "judged")]) == 0
    (ledger,) = (tmp_path / "judged").glob("*.sqlite*")
    with closing(sqlite3.connect(ledger)) as read:
        values = dict(read.execute("SELECT metric, value FROM measurements"))
    assert values["insertion:steps=4"] > values["deletion:steps=4"]
    hidden = ["--part", f"{place / 'region.png'}", "--removals", "zero", "--target", "red"]
    assert main(["hide", photo, *model, *hidden, "--out", str(tmp_path / "hidden")]) == 0
    (trial,) = json.loads((tmp_path / "hidden" / "hide.json").read_text(encoding="utf-8"))["trials"]
    assert trial["hidden"]["change"] < 0


@pytest.mark.parametrize("kind", ["embedding", "zero-shot"])
def test_an_embedding_says_how_far_a_photograph_is_from_others(
    kind: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, usual = words(kind, place), ["--reference", f"{place / 'usual'}", "--removals", "zero"]
    hidden = ["--part", f"{place / 'region.png'}", "--target", "red", "--out", str(tmp_path / "hidden")]
    assert main(["hide", f"{place / 'spots.png'}", *model, *usual, *hidden]) == 0
    (trial,) = json.loads((tmp_path / "hidden" / "hide.json").read_text(encoding="utf-8"))["trials"]
    assert trial["hidden"]["distance"] > 0
    photos = [f"{place / 'spots.png'}", f"{place / 'region.png'}"]
    asked = ["--fractions", "0.5", "--out", str(tmp_path / "far"), "--json"]
    capsys.readouterr()
    assert main(["distance", *photos, *model, *usual, *asked]) == 0
    assert all(json.loads(line)["removal"] == "zero" for line in capsys.readouterr().out.splitlines())
