"""The folder of an autoencoder in training: what lies in it belongs to it, is whole, or is refused."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unseen.errors import ModelError, OutputError
from unseen.removal.generative.design import Design
from unseen.removal.generative.training import CHECKPOINT, RECORD, MaeTraining, split_of, train_autoencoder
from unseen.system.files import exclusive

pytest.importorskip("transformers")

TRAINING = MaeTraining(Design(32, 8, 64, 2), epochs=2, batch=4)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 255, (40, 40, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def stopped(photos: Path, out: Path) -> None:
    """After the first of two epochs."""

    def stop(stage: str, *_: object) -> None:
        if stage.startswith("epoch 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_autoencoder(photos, out, TRAINING, progress=stop)
    assert (out / CHECKPOINT).exists()


def test_a_photograph_that_was_replaced_sets_trainings_apart(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    stopped(photos, out)
    image = Image.open(photos / "3.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    image.save(photos / "3.png")
    with pytest.raises(OutputError, match="belongs to a training with another content"):
        train_autoencoder(photos, out, TRAINING)


def test_what_is_finished_knows_its_photographs(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    stopped(photos, out)
    found = train_autoencoder(photos, out, TRAINING)
    assert train_autoencoder(photos, out, TRAINING).losses == found.losses
    assert [len(part) for part in split_of(out)] == [1, 5]
    assert not [path for path in out.iterdir() if path.is_dir()]
    (photos / "3.png").write_bytes((photos / "2.png").read_bytes())
    with pytest.raises(ModelError, match="no longer holds the photographs that"):
        split_of(out)


def test_the_checkpoint_of_another_training_is_not_taken(photos: Path, tmp_path: Path) -> None:
    """Two that were started together: the record is of the one, the checkpoint of the other."""
    stopped(photos, tmp_path / "one")
    other = MaeTraining(TRAINING.design, epochs=2, batch=4, seed=1)
    record = json.loads((tmp_path / "one" / RECORD).read_text())
    (tmp_path / "one" / RECORD).write_text(json.dumps({**record, "seed": 1}))
    with pytest.raises(OutputError, match=r"belongs to a training with another (seed|content)"):
        train_autoencoder(photos, tmp_path / "one", other)


def test_one_training_a_folder(photos: Path, tmp_path: Path) -> None:
    with exclusive(tmp_path / "out", "x"), pytest.raises(OutputError, match="another training is at work in"):
        train_autoencoder(photos, tmp_path / "out", TRAINING)


def test_damaged_records_and_checkpoints_are_refused(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    stopped(photos, out)
    whole = {name: (out / name).read_bytes() for name in (RECORD, CHECKPOINT)}
    record: dict[str, Any] = json.loads(whole[RECORD])
    odd = [json.dumps({**record, key: value}).encode() for key in record for value in (None, [], {"a": 1}, "text")]
    odd += [
        json.dumps({**record, "finished": True, "losses": losses, "errors": [0.1]}).encode()
        for losses in (3, [], ["a"])
    ]
    chance = random.Random(0)
    cases = [(RECORD, text) for text in (*odd, b"", b"\xff", b"[" * 10**5, b"null")]
    for size in (0, 1, 100, len(whole[CHECKPOINT]) // 2, len(whole[CHECKPOINT]) - 1):
        cases.append((CHECKPOINT, whole[CHECKPOINT][:size]))
    for _ in range(10):
        content = bytearray(whole[CHECKPOINT])
        for place in chance.sample(range(2000), 40):
            content[place] = chance.randrange(256)
        cases.append((CHECKPOINT, bytes(content)))
    from unseen.removal.generative import training as module

    for name, content_ in cases:
        for other, text in whole.items():
            (out / other).write_bytes(text)
        (out / name).write_bytes(content_)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module._Run, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises((OutputError, KeyboardInterrupt)) as refused:  # some changes harm nothing
                train_autoencoder(photos, out, TRAINING)
        assert name == CHECKPOINT or refused.type is OutputError
