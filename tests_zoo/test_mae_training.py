"""Masked autoencoders trained on photographs, with ``unseen train-mae`` as well."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage
import torch
import transformers
from PIL import Image
from torch import Tensor

from unseen import Preprocessing, open_photo
from unseen.cli import main
from unseen.errors import ModelError, OutputError, ParameterError, PhotoError
from unseen.inputs.photo import to_tensor
from unseen.removal.generative import training as module
from unseen.removal.generative.autoencoder import load_autoencoder
from unseen.removal.generative.design import Design, waves
from unseen.removal.generative.judging import HeldOutPhotographs, random_patches
from unseen.removal.generative.photographs import read_photographs
from unseen.removal.generative.training import CHECKPOINT, PICTURE, RECORD, MaeTraining, split_of, train_autoencoder

SIDE, PATCH = 32, 8
DESIGN = Design(SIDE, PATCH, width=64, depth=2)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An autoencoder that was not trained here."""
    place = tmp_path_factory.mktemp("mae")
    DESIGN.build(0).network.save_pretrained(place)
    return place


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve cuts of three photographs, some of them in a folder inside."""
    place = tmp_path_factory.mktemp("photos")
    (place / "inside").mkdir()
    names = ["coffee.png", "chelsea.png", "astronaut.png"]
    for number in range(12):
        photo = open_photo(Path(skimage.__file__).parent / "data" / names[number % 3])
        left, top = 40 * (number // 3), 20 * (number // 3)
        cut = photo.crop((left, top, left + 200, top + 150)).resize((80, 60))
        cut.save((place / "inside" if number % 2 else place) / f"{number}.png")
    return place


def training(epochs: int = 3, **changes: Any) -> MaeTraining:
    return MaeTraining(DESIGN, **{"epochs": epochs, "batch": 4, "held_out": 0.25, "rate": 3e-3, **changes})


def test_a_new_design_knows_its_positions() -> None:
    network = DESIGN.build(0).network
    for embeddings in (network.vit.embeddings.position_embeddings, network.decoder.decoder_pos_embed):
        assert not embeddings.requires_grad
        assert torch.equal(embeddings[0, 1:], waves(4, 64))
        assert not embeddings[0, 0].any()
    assert len(waves(4, 64).unique(dim=0)) == 16
    column, row, k = 3, 2, 5
    expected = np.sin(column / 10_000 ** (k / 16)), np.cos(row / 10_000 ** (k / 16))
    assert waves(4, 64)[row * 4 + column, [k, 48 + k]].tolist() == pytest.approx(expected)
    assert DESIGN.build(0).fingerprint == DESIGN.build(0).fingerprint != DESIGN.build(1).fingerprint


def test_training_lowers_the_loss_and_is_read_by_the_library(photos: Path, tmp_path: Path) -> None:
    out, told = tmp_path / "out", []
    found = train_autoencoder(photos, out, training(30), progress=lambda *what: told.append(what))
    assert np.mean(found.losses[-5:]) < 0.8 * np.mean(found.losses[:3])
    assert found.errors[-1] < found.errors[0]
    assert found.photographs == (9, 3)
    assert 0 < found.plain["normalised convolution"] < found.plain["mean colour"]
    assert told[-1][1:] == (270, 270)
    record = json.loads((out / RECORD).read_text())
    assert record["finished"]
    assert record["errors"] == list(found.errors)
    assert not (out / CHECKPOINT).exists()
    with Image.open(out / PICTURE) as picture:
        assert min(picture.size) > 300
    network = transformers.ViTMAEForPreTraining.from_pretrained(out)
    assert not network.config.norm_pix_loss
    processor = transformers.AutoImageProcessor.from_pretrained(out, backend="pil")
    image = to_tensor(Image.new("RGB", (SIDE, SIDE), (10, 20, 30)))
    ours = load_autoencoder(str(out), CPU)
    theirs = processor(Image.new("RGB", (SIDE, SIDE), (10, 20, 30)), return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(ours.prepared(image[None]), theirs)
    again = train_autoencoder(photos, out, training(30), progress=lambda *what: told.append(what))
    assert again == found
    assert told[-1][0] == "reading photographs"
    with pytest.raises(OutputError, match="another epochs"):
        train_autoencoder(photos, out, training(31))


def test_an_interrupted_training_ends_with_the_same_weights(photos: Path, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(stage: str, done: int, of: int | None) -> None:
        del of
        if stage.startswith("epoch 3") and done > 20:
            raise Stop

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = train_autoencoder(photos, whole, training())
    with pytest.raises(Stop):
        train_autoencoder(photos, parts, training(), progress=stop)
    assert (parts / CHECKPOINT).exists()
    assert not (parts / "config.json").exists()
    found = train_autoencoder(photos, parts, training())
    assert (found.losses, found.errors) == (expected.losses, expected.errors)
    one, other = (load_autoencoder(str(place), CPU) for place in (whole, parts))
    assert one.fingerprint == other.fingerprint


def test_a_damaged_or_foreign_folder(photos: Path, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="holds another model"):
        train_autoencoder(photos, folder, training())
    (tmp_path / RECORD).write_text("{")
    with pytest.raises(OutputError, match="is damaged"):
        train_autoencoder(photos, tmp_path, training())
    with pytest.raises(PhotoError, match="is no folder"):
        train_autoencoder(tmp_path / "none", tmp_path / "new", training())
    (tmp_path / "few").mkdir()
    with pytest.raises(ParameterError, match="holds 0 photographs"):
        train_autoencoder(tmp_path / "few", tmp_path / "new", training())
    assert not (tmp_path / "new").exists()


def test_settings_outside_their_range() -> None:
    for name, wrong in (("epochs", 0), ("batch", 0), ("rate", 0.0), ("decay", 1.0), ("held_out", 1.0), ("seed", -1)):
        with pytest.raises(ParameterError, match=f"^{name} must be .*, got {wrong}; it is "):
            training(**{name: wrong})
    for name, given in (("size", (32, 5)), ("size", (8, 8)), ("patch", (32, 1)), ("width", (32, 8, 90))):
        with pytest.raises(ParameterError, match=f"^{name} must be .*, got \\d+; ") as refused:
            Design(*given)
        remedy = re.search(r"give (\d+)$", str(refused.value))
        sizes = dict(zip(("size", "patch", "width"), given, strict=False))
        if remedy:
            Design(**{**sizes, name: int(remedy[1])})
    with pytest.raises(ParameterError, match=r"^depth must be at least 1, got 0; it is how many layers"):
        Design(depth=0)
    rates = [training().rate_at(step, 40) for step in range(40)]
    assert max(rates) == rates[1] == 3e-3
    assert rates[0] == 1.5e-3
    assert rates[-1] < 1e-5


def test_half_precision_keeps_the_weights_whole(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_half", lambda _: torch.autocast("cpu", dtype=torch.bfloat16))
    found = train_autoencoder(photos, tmp_path / "half", training(2))
    monkeypatch.undo()
    full = train_autoencoder(photos, tmp_path / "full", training(2))
    assert found.losses != full.losses
    assert found.losses == pytest.approx(full.losses, rel=0.05)
    network = load_autoencoder(str(tmp_path / "half"), CPU).network
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_the_error_of_a_perfect_guess_is_0() -> None:
    pixels = noise(5, 3, SIDE, SIDE)
    held_out = HeldOutPhotographs(DESIGN.build(0), pixels, 0)
    assert held_out.error(lambda some: pixels[some]) == 0
    assert held_out.error(lambda some: pixels[some] * 0) == pytest.approx(
        float(pixels.square().mean(1)[held_out.pixels_hidden].mean())
    )
    assert random_patches(5, 16, 0).sum(1).tolist() == [12] * 5


def test_the_command(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--size", "32", "--patch", "8", "--width", "64", "--depth", "1", "--epochs", "1", "--device", "cpu"]
    out = tmp_path / "mae"
    assert main(["train-mae", str(photos), *small, "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "Trained on 11 photographs" in printed.out
    assert f"--removal mae:{out}" in printed.out
    assert main(["train-mae", str(photos), *small, "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["photographs"] == [11, 1]
    assert main(["train-mae", str(tmp_path / "none"), *small, "--out", str(tmp_path / "new")]) == 2
    assert capsys.readouterr().err.startswith("unseen: error: ")
    assert main(["train-mae", "--help"]) == 0
    assert "normalised convolution" in capsys.readouterr().out


def test_what_was_not_trained_on_is_told(photos: Path, tmp_path: Path) -> None:
    found = train_autoencoder(photos, tmp_path / "out", training(1))
    held_out, others = split_of(tmp_path / "out")
    square = Preprocessing(size=(SIDE, SIDE), resize=SIDE).crop
    pixels = torch.stack([to_tensor(square(open_photo(path))) for path in held_out])
    read = read_photographs(photos, size=SIDE, share=training(1).held_out, seed=0)
    assert torch.equal(pixels, read.held_out)
    assert (len(others), len(held_out)) == found.photographs
    Image.new("RGB", (40, 40)).save(photos / "another.png")
    try:
        with pytest.raises(ModelError, match="no longer holds"):
            split_of(tmp_path / "out")
    finally:
        (photos / "another.png").unlink()
    with pytest.raises(ModelError, match="train it again"):
        split_of(tmp_path)
    (tmp_path / RECORD).write_text("[]")
    with pytest.raises(ModelError, match="train it again"):
        split_of(tmp_path)
