"""Names, labels and plug-ins that mean no good: nothing leaves the folder, commands the terminal or ends a command."""

from __future__ import annotations

import json
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import NoReturn

import pytest

from unseen import registry
from unseen.classifier.zoo import load_classifier
from unseen.cli import main
from unseen.errors import ParameterError, PluginError, UnseenError
from unseen.inputs.finding import find_photos
from unseen.registry import Entry, Registry
from unseen.removal import REMOVALS

TOY = ["--model", "toy:sides", "--method", "toy", "--removal", "black"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
@pytest.mark.parametrize("name", ["...jpg", "..jpg", ".jpg", "a\nb.jpg", "\x1b[2Jx.jpg", "con.jpg", f"{'n' * 240}.jpg"])
def test_no_name_of_a_photograph_decides_a_path(tmp_path: Path, bright_left: Path, name: str) -> None:
    photo = tmp_path / "photos" / name
    photo.parent.mkdir()
    photo.write_bytes(bright_left.read_bytes())
    before = set(tmp_path.iterdir()) | set(photo.parent.iterdir())
    out = tmp_path / "deep" / "out"
    assert main(["explain", str(photo), *TOY, "--out", str(out)]) == 0
    assert set(tmp_path.iterdir()) | set(photo.parent.iterdir()) == before | {tmp_path / "deep"}
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    (folder,) = out.iterdir()
    assert (folder / "explanation.json").is_file()
    assert folder.name.isprintable()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_what_is_printed_commands_no_terminal(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = tmp_path / "\x1b[2J\nunseen: all is well\x9b.png"
    photo.write_bytes(bright_left.read_bytes())
    labels = tmp_path / "labels"
    labels.write_text("le\x1b[31mft\nright\nneither\n")
    assert main(["explain", str(photo), *TOY, "--labels", str(labels), "--out", str(tmp_path / "out")]) == 0
    assert main(["explain", str(tmp_path / "no\x1b[2J\nsuch.png"), *TOY, "--out", str(tmp_path / "out")]) == 2
    assert main(["evaluate", str(bright_left), "--methods", "to\x1b[2Jy", "--out", str(tmp_path / "e")]) == 2
    printed = capsys.readouterr()
    for text in (printed.out, printed.err):
        assert all(character.isprintable() for character in text.replace("\n", ""))
        assert not any(line.startswith("unseen: all is well") for line in text.splitlines())
    assert "\\x1b[2J\\nunseen: all is well" in printed.out


@pytest.mark.parametrize(
    "words",
    [
        ["explain", ""],
        ["explain", "photo.jpg", "--out", ""],
        ["explain", "photo.jpg", "--labels="],
        ["evaluate", "photos/", "--backgrounds-from", "  "],
        ["train-mae", "photos/", "--out", ""],
        ["distance", "photos/", "--reference", ""],
    ],
)
def test_an_empty_word_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "; give a value, or leave it out" in capsys.readouterr().err


@pytest.mark.parametrize("spec", ["efficientnet-lite0@", "timm:resnet18@", "torchvision:resnet50@"])
def test_weights_without_a_name_are_refused(spec: str) -> None:
    with pytest.raises(ParameterError, match="names no file of weights after the @; name one or leave the @ out"):
        load_classifier(spec)


def test_empty_values_are_refused_elsewhere() -> None:
    for spec in ("ad:", "blur:radius=", "neighbour:", "marginal:donors="):
        with pytest.raises(UnseenError, match=r"names no option after the colon|has no"):
            REMOVALS.create(spec)
    with pytest.raises(UnseenError, match="without a name"):
        find_photos(["a.jpg", ""])
    with pytest.raises(UnseenError, match="has no name"):
        load_classifier("efficientnet-lite0", labels="")


# ---- plug-ins ---------------------------------------------------------------------------------------------------


def __getattr__(name: str) -> NoReturn:
    if name == "LEAVES":
        sys.exit(3)
    raise AttributeError(name)


LACKING = Entry("unseen_no_such_module:Thing", "a thing")
LEAVING = Entry(f"{__name__}:LEAVES", "ends the program when it is loaded")
ODD = Entry("no target", "a thing")
SHOUTING = Entry(f"{__name__}:Path", "cl\x1b[2Jear\nunseen: all is well")


def plugged(monkeypatch: pytest.MonkeyPatch, **values: str) -> Registry[object]:
    points = [EntryPoint(name, value, "unseen.test") for name, value in values.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == "unseen.test" else [])
    return Registry("thing", "unseen.test", {"ours": Entry("pathlib:Path", "ours")})


@pytest.mark.parametrize("what", ["LEAVES", "ODD", "missing"])
def test_a_plug_in_that_cannot_be_read_is_left_out(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    things = plugged(monkeypatch, bad=f"{__name__}:{what}")
    with pytest.warns(UserWarning, match=r"thing 'bad' of .* is left out: "):
        assert list(things) == ["ours"]


def test_a_plug_in_of_a_name_that_commands_the_terminal_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    things = plugged(monkeypatch, **{"b\x1b[2Jad": f"{__name__}:LACKING"})
    with pytest.warns(UserWarning, match="a name begins with a letter") as warned:
        assert list(things) == ["ours"]
    assert str(warned[0].message).isprintable()


@pytest.mark.parametrize(("what", "said"), [("LACKING", "No module named"), ("LEAVING", "it ends the program")])
def test_a_plug_in_without_its_target_costs_nothing_but_itself(
    monkeypatch: pytest.MonkeyPatch, what: str, said: str
) -> None:
    things = plugged(monkeypatch, bad=f"{__name__}:{what}")
    assert list(things) == ["ours", "bad"]
    assert things.create("ours") == Path()
    with pytest.raises(PluginError, match=f"of the plug-in .* cannot be loaded .{said}.*; update or remove it"):
        things.create("bad")


def test_a_summary_is_shown_as_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(REMOVALS.entries, "loud", SHOUTING)  # type: ignore[misc]
    assert main(["list", "removals"]) == 0
    assert main(["list", "removals", "--json"]) == 0
    printed = capsys.readouterr().out
    assert all(character.isprintable() for character in printed.replace("\n", ""))
    assert not any(line.startswith("unseen: all is well") for line in printed.splitlines())
    assert json.loads(printed[printed.index("\n[") :])[-1]["name"] == "loud"
