"""A preprocessing as people write it, and as records have it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from unseen import Preprocessing, load_classifier
from unseen.classifier.settings import applied, settings_of, written
from unseen.classifier.transformed import Transformed
from unseen.errors import ModelError, ParameterError

WHOLE = Preprocessing((96, 64), (100, 70), "bicubic", (0.5, 0.25, 0.125), (1, 0.5, 2))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("size=224", {"size": (224, 224)}),
        ("size=224,320", {"size": (224, 320)}),
        ("size=224x320,resize=none", {"size": (224, 320), "resize": None}),
        ("mean=0.5,0.4,0.3,std=1,1,1", {"mean": (0.5, 0.4, 0.3), "std": (1, 1, 1)}),
        ("size=[256],mean=0", {"size": (256,), "mean": (0,)}),
        ("size=24x32x32", {"size": (24, 32, 32)}),
        (" size=8 , interpolation=nearest", {"size": (8, 8), "interpolation": "nearest"}),
    ],
)
def test_texts(text: str, expected: dict[str, Any]) -> None:
    assert settings_of(text) == expected


BANDS = Preprocessing((8, 8), None, mean=(0.5, 10), std=(0.5, 20), range=((0, 1), (-100, 100)), unit="HU")
SIGNAL = Preprocessing((256,), None, mean=(0.5,), std=(2,), range=(-5, 5), unit="mV")
VOLUME = Preprocessing((24, 32, 16), None, mean=(0,), std=(1,))
GREY = Preprocessing((8, 8), None, mean=(0,), std=(1,), fit="letterbox", border=0.5, standardise="image")


@pytest.mark.parametrize("one", [Preprocessing(), Preprocessing((7, 7), None), WHOLE, BANDS, GREY, SIGNAL, VOLUME])
def test_what_is_written_reads_back_over_any_base(one: Preprocessing) -> None:
    for base in (None, Preprocessing(), WHOLE):
        assert applied(settings_of(written(one)), base) == one
    assert applied(settings_of(one), WHOLE) == one


def test_files_and_records(tmp_path: Path) -> None:
    path = tmp_path / "it.json"
    record = {"provenance": {"classifier": {"name": "m", "preprocessing": asdict(WHOLE)}}, "format": "…"}
    path.write_text(json.dumps(asdict(BANDS)))
    assert applied(settings_of(path), None) == BANDS
    for content in (asdict(WHOLE), {"preprocessing": asdict(WHOLE)}, record["provenance"], record):
        path.write_text(json.dumps(content))
        assert applied(settings_of(path), None) == WHOLE
        assert applied(settings_of(str(path)), Preprocessing()) == WHOLE


def test_settings_change_what_they_name_alone() -> None:
    changed = applied(settings_of({"mean": (0, 0, 0)}), WHOLE)
    assert (changed.mean, changed.size, changed.interpolation) == ((0, 0, 0), (96, 64), "bicubic")
    alone = applied(settings_of({"size": 32}), None)
    assert alone == Preprocessing((32, 32), None, mean=(0, 0, 0), std=(1, 1, 1))


@pytest.mark.parametrize(
    ("given", "error", "message", "remedy"),
    [
        ("size=,mean=1", ParameterError, "neither a file nor of the form size=224", "size=224,resize=256"),
        ("sice=4", ParameterError, "has no 'sice': did you mean 'size'", "size=4,resize=4"),
        ("size=4,size=5", ParameterError, "gives size twice", "size=5,resize=5"),
        ("size=320", ParameterError, "smaller than the crop .*; give a larger one, or none", "size=320,resize=none"),
        ("mean=0.5", ParameterError, "give one of each per channel$", "mean=0.5,std=0.5"),
        ("interpolation=bicubi", ParameterError, "did you mean 'bicubic'", "interpolation=bicubic"),
        ("missing.json", ModelError, r"cannot be read \(No such file.*or a text such as", "size=224,resize=256"),
    ],
)
@pytest.mark.usefixtures("unchecked_types")
def test_what_is_wrong_is_told_and_the_remedy_works(given: str, error: Any, message: str, remedy: str) -> None:
    with pytest.raises(error, match=message):
        applied(settings_of(given), Preprocessing())
    assert isinstance(applied(settings_of(remedy), Preprocessing()), Preprocessing)


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(("channels", "ends"), [(1, "0,1,2"), (2, "0,1,2,3,9"), (2, "0,1,2")])
def test_a_range_that_lacks_an_end_is_refused(channels: int, ends: str) -> None:
    zeros, ones = (",".join([number] * channels) for number in "01")
    with pytest.raises(ParameterError, match=r"is not \(lower end, upper end\)"):
        applied(settings_of(f"size=4,mean={zeros},std={ones},range={ends}"), None)


def test_a_size_is_needed_where_nothing_is_known() -> None:
    with pytest.raises(ParameterError, match="begin the preprocessing with size="):
        applied(settings_of("mean=0,0,0"), None)


def test_a_file_of_another_form(tmp_path: Path) -> None:
    path = tmp_path / "it.json"
    path.write_text("[1]")
    with pytest.raises(ModelError, match="is a list, not an object"):
        settings_of(path)


@pytest.mark.usefixtures("unchecked_types")
def test_a_transform_is_no_setting() -> None:
    def squashed(image: Image.Image) -> Tensor:
        return torch.from_numpy(np.array(image.resize((32, 24)), np.float32)).permute(2, 0, 1) / 255

    for given in (squashed, Transformed.found(squashed)):
        with pytest.raises(ParameterError, match=r"give it to its network, as in unseen\.Classifier\(load_classifier"):
            load_classifier("efficientnet-lite0", preprocessing=given)
    with pytest.raises(
        ParameterError, match=r"prepared by <function .*squashed>, a function, .* give it to the network"
    ):
        settings_of(Transformed.found(squashed).to_dict())
    with pytest.raises(ParameterError, match=r"a transform of the model's own \(mean cannot be changed\); leave the"):
        applied({"mean": (0.0, 0.0, 0.0)}, Transformed.found(squashed))
