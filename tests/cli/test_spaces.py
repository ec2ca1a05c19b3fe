"""The command line on signals and volumes: from a file and a network's own code to pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from unseen.cli import main

MODELS = """
import torch
from torch import nn
from unseen import Classifier, Preprocessing

class Middle(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(4.0))
    def forward(self, x):
        middle = x[(slice(None), slice(None), *(slice(n // 3, n // 3 + n // 4) for n in x.shape[2:]))]
        bright = self.weight * middle.flatten(1).mean(1)
        return torch.stack([bright, torch.full_like(bright, 2.0)], 1)

def bare():
    return Middle()

def volume():
    return Classifier(Middle(), Preprocessing((12, 16, 20), None, mean=(0,), std=(100,), range=(0, 200)), ["ball", "none"])
"""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    path = tmp_path / "models.py"
    path.write_text(MODELS)
    return path


def explain(*words: str | Path) -> int:
    return main(["explain", *map(str, words)])


def test_a_table_is_explained_by_a_network_without_a_preprocessing(
    tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = np.zeros(96)
    values[32:56] = 1.0
    np.savetxt(
        tmp_path / "wave.csv",
        np.stack([np.arange(96) / 50, values], 1),
        delimiter=",",
        header="time (s),mV",
        comments="",
    )
    fed = "size=[96],mean=0,std=1,range=-2,2,unit=mV"
    words = [
        "--model",
        f"python:{models}:bare",
        "--preprocessing",
        fed,
        "--removal",
        "zero",
        "--out",
        tmp_path / "out",
        "--json",
    ]
    assert explain(tmp_path / "wave.csv", *words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["parts"][0]["verified"]
    assert {"panel", "overlay", "part", "record"} <= set(found["files"])
    record = json.loads((tmp_path / "out" / "wave" / "explanation.json").read_text())
    assert record["provenance"]["prepared"]["coordinates"]["axes"][0]["unit"] == "s"
    assert explain(tmp_path / "wave.csv", "--model", "efficientnet-lite0", "--out", tmp_path / "no") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_volume_and_a_folder_of_slices_are_explained(
    tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nibabel = pytest.importorskip("nibabel")
    values = np.zeros((12, 16, 20), np.float32)
    values[4:7, 5:9, 6:11] = 150
    nibabel.save(nibabel.Nifti1Image(values, np.diag([1, 1, 2, 1.0])), tmp_path / "scan.nii.gz")
    words = [
        "--model",
        f"python:{models}:volume",
        "--method",
        "occlusion",
        "--removal",
        "zero",
        "--out",
        tmp_path / "out",
        "--json",
    ]
    assert explain(tmp_path / "scan.nii.gz", *words) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"saliency_nifti", "parts_nifti"} <= set(found["files"])
    saliency = np.asarray(nibabel.load(found["files"]["saliency_nifti"]).dataobj)
    assert saliency[values > 0].mean() > 2 * abs(saliency[values == 0]).mean()


def test_another_number_of_axes_is_refused_in_one_line(
    tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "flat.npy", np.zeros((12, 16), np.float32))
    for words, said in (
        (["--removal", "zero"], "expected (D, H, W), (D, H, W, channels) or (channels, D, H, W)"),
        (["--removal", "telea"], "is for images so far, and the input is a volume"),
        (["--method", "extremal-perturbation", "--removal", "blur"], "is for images so far, and the input is a volume"),
    ):
        assert (
            explain(tmp_path / "flat.npy", "--model", f"python:{models}:volume", *words, "--out", tmp_path / "out") == 2
        )
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1


def test_commands_of_photographs_alone_refuse_volumes_in_one_line(
    tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        np.save(tmp_path / f"{name}.npy", np.zeros((12, 16, 20), np.float32))
    model, one, two = f"python:{models}:volume", str(tmp_path / "one.npy"), str(tmp_path / "two.npy")
    for words, said in (
        (["hide", one, "--part", "box:0,0,4,4"], "parts are chosen on images, not on a volume of 12 × 16 × 20 voxels"),
        (["distance", one, "--reference", two], "a distance between photographs is for images so far"),
        (["distance", one], "give --reference FOLDER"),
    ):
        assert main([*words, "--model", model, "--out", str(tmp_path / "out")]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
