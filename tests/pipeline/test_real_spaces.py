"""Real recordings that lie in the wheels of libraries, with something planted in them: what decides is known.

An electroencephalogram of matplotlib's sample data, four channels; a magnetic resonance image of a head of nibabel's
tests, whose voxels are neither cubes nor aligned with the body. Other packages' samples are downloads.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.cbook import get_sample_data
from torch import Tensor, nn

from benchmarks.peers.against_rex_spaces import area, loaded
from helpers.processor import generator
from unseen import Classifier, Preprocessing
from unseen.cli import main
from unseen.explainers import METHODS, map_of
from unseen.removal import REMOVALS
from unseen.system.quiet import quiet

WINDOW, CUBE = 128, 16


def _file(package: Any, *parts: str) -> Path:
    path = Path(package.__file__).parent.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{path.name} does not lie in this version's wheel")
    return path


def waves(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Windows of the recording in standard deviations; class 1 has a spike and slow wave in the second channel."""
    recording = torch.from_numpy(np.fromfile(get_sample_data("eeg.dat", asfileobj=False)).reshape(800, 4).T).float()
    stream = generator(seed)
    starts = torch.randint(0, 800 - WINDOW, (count,), generator=stream)
    windows = torch.stack([recording[:, start : start + WINDOW] for start in starts.tolist()])
    middle = 20 + (WINDOW - 40) * torch.rand(count, 1, generator=stream)
    time, classes = torch.arange(WINDOW).float(), torch.arange(count) % 2
    shape = 5 * torch.exp(-(((time - middle) / 2) ** 2)) - 3 * torch.exp(-(((time - middle - 8) / 4) ** 2))
    windows[:, 1] += classes[:, None] * shape
    return windows, classes, (time >= middle - 6) & (time <= middle + 18)


def heads(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Cubes of every third voxel of the slices; class 1 has a bright ball of 2.5 voxels' radius in it."""
    nibabel = pytest.importorskip("nibabel")
    head = torch.from_numpy(np.asarray(nibabel.load(_head()).dataobj)[::3, ::3, :, 0].astype(np.float32))
    stream, found, balls = generator(seed), [], []
    places = torch.stack(torch.meshgrid(*(torch.arange(CUBE).float(),) * 3, indexing="ij"))
    for number in range(count):
        corner = [int(torch.randint(0, n - CUBE + 1, (), generator=stream)) for n in head.shape]
        cube = head[tuple(slice(first, first + CUBE) for first in corner)].clone()
        middle = 4 + 8 * torch.rand(3, generator=stream)
        ball = (places - middle[:, None, None, None]).square().sum(0) <= 2.5**2
        found.append(torch.where(ball & bool(number % 2), torch.tensor(1800.0), cube))
        balls.append(ball)
    return torch.stack(found)[:, None], torch.arange(count) % 2, torch.stack(balls)


def _head() -> Path:
    import nibabel

    return _file(nibabel, "tests", "data", "example4d.nii.gz")


@pytest.fixture(scope="module")
def listener() -> Classifier:
    """Whether there is a spike and slow wave."""
    fed = Preprocessing((WINDOW,), mean=(0,) * 4, std=(1,) * 4, range=(-8, 8), unit="standard deviations")
    network = lambda: nn.Sequential(  # noqa: E731
        nn.Conv1d(4, 8, 9, padding=4), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(8, 12, 9, padding=4), nn.ReLU(),
        nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(12, 2),
    )  # fmt: skip
    return loaded().trained(network, waves, fed, ["plain", "spike"], steps=150)


@pytest.fixture(scope="module")
def reader() -> Classifier:
    """Whether there is a ball in the head."""
    example = loaded()
    fed = Preprocessing((CUBE,) * 3, mean=(300,), std=(300,), range=(0, 2000))
    return example.trained(example.in_space, heads, fed, ["plain", "lesion"], steps=80, batch=16)


@pytest.mark.parametrize(("name", "draw"), [("listener", waves), ("reader", heads)])
def test_it_is_found_in_recordings_that_the_network_never_saw(
    name: str, draw: Any, request: pytest.FixtureRequest
) -> None:
    classifier = request.getfixturevalue(name)
    numbers, classes, truth = draw(24, 9999)
    low, high = classifier.preprocessing.scale.limits[0]
    images = ((numbers - low) / (high - low)).clamp(0, 1)
    said = classifier.logits(images).argmax(1)
    assert float((said == classes).float().mean()) > 0.85
    chosen = ((said == 1) & (classes == 1)).nonzero().flatten()[:3].tolist()
    for spec in (
        "occlusion",
        "rise:masks=300",
        "causal:iterations=8",
        "lime:samples=200,segments=40",
        "shapley:budget=200,segments=30",
    ):
        maps = [
            map_of(METHODS.create(spec), REMOVALS.create(removal).bind(classifier, images[i]), 1)
            for i, removal in zip(chosen, ("zero", "ad", "neighbour"), strict=True)
        ]
        areas = [area(found, truth[i]) for found, i in zip(maps, chosen, strict=True)]
        assert sum(areas) / len(areas) > 0.7, (spec, areas)


def test_a_head_is_explained_from_its_file_and_the_part_is_laid_over_it(
    reader: Classifier, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the command line, of a network in a file, in an oblique volume with voxels of three lengths."""
    nibabel = pytest.importorskip("nibabel")
    numbers, _, truth = heads(2, 9999)
    affine = nibabel.load(_head()).affine @ np.diag([3, 3, 1, 1])
    nibabel.save(nibabel.Nifti1Image(numbers[1, 0].numpy(), affine), tmp_path / "head.nii.gz")
    with quiet():
        torch.jit.script(reader.model).save(str(tmp_path / "net.pt"))
    fed = f"size={CUBE}x{CUBE}x{CUBE},mean=300,std=300,range=0,2000"
    words = ["explain", tmp_path / "head.nii.gz", "--model", f"torchscript:{tmp_path / 'net.pt'}", "--preprocessing", fed,
             "--method", "occlusion", "--removal", "zero", "--part", "sufficient", "--out", tmp_path / "out", "--json"]  # fmt: skip
    assert main([*map(str, words)]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    part, saliency = (nibabel.load(files[name]) for name in ("parts_nifti", "saliency_nifti"))
    assert np.allclose(part.affine, affine)
    assert np.allclose(saliency.affine, affine)
    inside = np.asarray(part.dataobj).astype(bool)
    ball = truth[1].numpy()
    assert (inside & ball).sum() / inside.sum() > 5 * ball.mean()
    assert area(torch.from_numpy(np.asarray(saliency.dataobj)), truth[1]) > 0.8
    record = json.loads(Path(files["record"]).read_text(encoding="utf-8"))
    steps = [axis["step"] for axis in record["provenance"]["prepared"]["coordinates"]["axes"]]
    assert steps == pytest.approx(nibabel.affines.voxel_sizes(affine), rel=1e-3)
