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


def test_a_part_of_a_signal_is_hidden_and_comes_back(
    tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = np.zeros(96)
    values[32:56] = 1.0
    table = np.stack([np.arange(96) / 50, values], 1)
    np.savetxt(tmp_path / "wave.csv", table, delimiter=",", header="time (s),mV", comments="")
    fed = "size=[96],mean=0,std=1,range=-2,2,unit=mV"
    words = ["hide", str(tmp_path / "wave.csv"), "--model", f"python:{models}:bare", "--preprocessing", fed]
    words += ["--removals", "zero,noise", "--json"]
    kept = None
    for part in ("box:0.64s,0.48s", "box:32,24", str(tmp_path / "out" / "part.npy")):
        assert main([*words, "--part", part, "--out", str(tmp_path / "out")]) == 0
        zero = json.loads(capsys.readouterr().out.splitlines()[0])
        assert zero["shown"]["holds"]
        assert not zero["hidden"]["holds"]
        mask = np.load(tmp_path / "out" / "part.npy")
        assert np.flatnonzero(mask).tolist() == [*range(32, 56)]
        kept = zero if kept is None else kept
        assert zero["hidden"]["reading"] == kept["hidden"]["reading"]
    report = (tmp_path / "out" / "report.html").read_text()
    assert "Of the full signal the model says" in report
    assert "photograph" not in report.split("<main", 1)[-1].split("</main>")[0].replace("unseen hide", "")
    assert {"hide.png", "hidden-1.png", "shown-2.png"} <= {path.name for path in (tmp_path / "out").iterdir()}


def test_a_part_of_a_volume_is_a_box_a_mask_or_what_was_found(
    tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nibabel = pytest.importorskip("nibabel")
    values = np.zeros((12, 16, 20), np.float32)
    values[4:7, 5:9, 6:11] = 150
    affine = np.diag([1, 1, 2, 1.0])
    scan = nibabel.Nifti1Image(values, affine)
    scan.header.set_xyzt_units("mm")
    nibabel.save(scan, tmp_path / "scan.nii.gz")
    nibabel.save(nibabel.Nifti1Image((values > 0).astype(np.uint8), affine), tmp_path / "mask.nii.gz")
    nibabel.save(nibabel.Nifti1Image((values > 0).astype(np.uint8), 2 * affine), tmp_path / "moved.nii.gz")
    np.save(tmp_path / "small.npy", values[1:] > 0)
    model = ["--model", f"python:{models}:volume"]
    found = ["--method", "occlusion", "--removal", "zero", "--out", str(tmp_path / "found")]
    assert main(["explain", str(tmp_path / "scan.nii.gz"), *model, *found]) == 0
    words = ["hide", str(tmp_path / "scan.nii.gz"), *model, "--removals", "zero", "--out", str(tmp_path / "out")]
    capsys.readouterr()
    for part in (
        "box:4,5,6,3,4,5",
        "box:4mm,5mm,12mm,3mm,4mm,10mm",
        str(tmp_path / "mask.nii.gz"),
        str(tmp_path / "out" / "part.nii.gz"),
        str(tmp_path / "found" / "scan"),
    ):
        assert main([*words, "--part", part, "--json"]) == 0
        (line,) = capsys.readouterr().out.splitlines()
        assert json.loads(line)["shown"]["holds"]
        assert not json.loads(line)["hidden"]["holds"] or "found" in part
    assert np.allclose(nibabel.load(tmp_path / "out" / "part.nii.gz").affine, affine)
    for part, said in (
        ("box:4,5,3,4", "lies on an image, and the input is a volume of 12 × 16 × 20 voxels; write box:D,H,W"),
        (str(tmp_path / "small.npy"), "has 11 × 16 × 20 voxels and the volume 12 × 16 × 20 voxels"),
        (str(tmp_path / "moved.nii.gz"), "its voxels lie elsewhere"),
    ):
        assert main([*words, "--part", part]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1


@pytest.mark.parametrize("kind", ["signal", "volume"])
def test_many_are_evaluated_and_explained_and_called_what_they_are(
    tmp_path: Path, models: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    space = (96,) if kind == "signal" else (12, 16, 20)
    middle = tuple(slice(n // 3, n // 3 + n // 4) for n in space)
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(2):
        values = np.full(space, 0.01 * number, np.float32)
        values[middle] = 1 if kind == "signal" else 150
        np.save(folder / f"{number}.npy", values)
    model = ["--model", f"python:{models}:{'bare' if kind == 'signal' else 'volume'}"]
    model += ["--preprocessing", "size=[96],mean=0,std=1,range=-2,2,unit=mV"] if kind == "signal" else []
    words = ["--methods", "occlusion", "--removals", "zero", "--confidence", "0.9", "--metrics", "size"]
    for _ in range(2):  # the second time from what was kept of the first
        assert main(["evaluate", str(folder), *model, *words, "--out", str(tmp_path / "out")]) == 0
        told = capsys.readouterr().out
        assert f"Means over 2 of 2 {kind}s" in told
        assert "photograph" not in told
        assert "pixel" not in told
    assert f"<h1>2 {kind}s, 4 methods" in (tmp_path / "out" / "report.html").read_text()
    asked = ["--method", "occlusion", "--removal", "zero", "--out", str(tmp_path / "many")]
    assert main(["explain", str(folder), *model, *asked]) == 0
    told = capsys.readouterr().out
    assert f"2 {kind}s: 2 explained" in told
    assert f"of the {'samples' if kind == 'signal' else 'voxels'} (median)" in told
    assert f"<h1>2 {kind}s explained" in (tmp_path / "many" / "report.html").read_text()


def test_commands_of_photographs_alone_refuse_volumes_in_one_line(
    tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        np.save(tmp_path / f"{name}.npy", np.zeros((12, 16, 20), np.float32))
    model, one, two = f"python:{models}:volume", str(tmp_path / "one.npy"), str(tmp_path / "two.npy")
    for words, said in (
        (["distance", one, "--reference", two], "reference volumes besides those that are judged are too few"),
        (["distance", one], "nothing is left to say what is usual; give --reference FOLDER"),
    ):
        assert main([*words, "--model", model, "--out", str(tmp_path / "out")]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
