"""Three small networks that learn in seconds what decides about a signal, a spectrum and a volume; and data for them.

    python examples/signals_and_volumes.py FOLDER
    unseen explain FOLDER/beat.csv --model python:examples/signals_and_volumes.py:beats
    unseen explain FOLDER/spectrum.csv --model python:examples/signals_and_volumes.py:spectra
    unseen explain FOLDER/scan.nii.gz --model python:examples/signals_and_volumes.py:nodules

What decides is known, for it was put there: a wave that is turned over, two peaks of which both must be there, a ball.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from unseen import Classifier, Preprocessing

SAMPLES, RATE = 256, 250
WAVENUMBERS = np.arange(400.0, 1800.0, 7.0)
PEAKS = (620.0, 1350.0)
VOXELS = (16, 16, 16)

Drawn = tuple[Tensor, Tensor, Tensor]
"""Inputs ``(N, C, *space)``, classes (N,), and where what decides lies, bool ``(N, *space)``."""


def draw_beats(count: int, seed: int) -> Drawn:
    """A second of one lead in mV: a spike, and after it a wave that points up (class 0) or down (class 1)."""
    stream = torch.Generator().manual_seed(seed)
    time = torch.arange(SAMPLES).float()
    spike = 60 + 90 * torch.rand(count, 1, generator=stream)
    wave = spike + 45 + 10 * torch.rand(count, 1, generator=stream)
    classes = torch.arange(count) % 2
    shape = torch.exp(-(((time - wave) / 8) ** 2))
    signal = 2 * torch.exp(-(((time - spike) / 3) ** 2)) + (1 - 2 * classes[:, None]) * 0.8 * shape
    noise = 0.1 * torch.randn(count, SAMPLES, generator=stream)
    return (signal + noise)[:, None], classes, (time - wave).abs() <= 16


def draw_spectra(count: int, seed: int) -> Drawn:
    """Absorbance over wavenumbers with other peaks in between; class 1 has both that count, class 0 one or none."""
    stream = torch.Generator().manual_seed(seed)
    at = torch.from_numpy(WAVENUMBERS).float()
    classes = torch.arange(count) % 2
    which = torch.randint(3, (count,), generator=stream)
    heights = torch.stack([(classes == 1) | (which == 0), (classes == 1) | (which == 1)], 1).float()
    peaks = torch.exp(-(((at - torch.tensor(PEAKS)[:, None]) / 25) ** 2))
    others = 750 + 450 * torch.rand(count, 3, 1, generator=stream)
    spectrum = heights @ peaks + 0.7 * torch.exp(-(((at - others) / 20) ** 2)).sum(1)
    noise = 0.05 * torch.randn(count, len(at), generator=stream)
    return (spectrum + noise)[:, None], classes, (peaks.sum(0) > 0.3).expand(count, -1)


def draw_nodules(count: int, seed: int) -> Drawn:
    """Tissue in HU with a vessel through it; class 1 has a ball of 3 voxels' radius besides."""
    stream = torch.Generator().manual_seed(seed)
    z, y, x = torch.meshgrid(*(torch.arange(n).float() for n in VOXELS), indexing="ij")
    classes = torch.arange(count) % 2
    middle = 4 + 8 * torch.rand(count, 3, generator=stream)
    vessel = 2 + 12 * torch.rand(count, 2, generator=stream)
    volumes, balls = [], []
    for number in range(count):
        (c, b, a), (v, w) = middle[number], vessel[number]
        ball = (z - c) ** 2 + (y - b) ** 2 + (x - a) ** 2 <= 9
        tube = (y - v) ** 2 + (x - w) ** 2 <= 2
        volumes.append(-800 + 700 * (tube | (ball & (classes[number] == 1))).float())
        balls.append(ball)
    noise = 60 * torch.randn(count, *VOXELS, generator=stream)
    return (torch.stack(volumes) + noise)[:, None], classes, torch.stack(balls)


def along_time(width: int) -> nn.Module:
    """Convolutions along one axis, with the mean of what they find."""
    return nn.Sequential(
        nn.Conv1d(1, 8, 9, padding=4), nn.ReLU(), nn.MaxPool1d(2),
        nn.Conv1d(8, width, 9, padding=4), nn.ReLU(), nn.MaxPool1d(2),
        nn.Conv1d(width, width, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(width, 2),
    )  # fmt: skip


def at_places() -> nn.Module:
    """Convolutions along one axis whose head knows where they look: wavenumbers have a meaning."""
    return nn.Sequential(
        nn.Conv1d(1, 6, 7, padding=3), nn.ReLU(), nn.AvgPool1d(4), nn.Flatten(),
        nn.Linear(6 * (len(WAVENUMBERS) // 4), 16), nn.ReLU(), nn.Linear(16, 2),
    )  # fmt: skip


def in_space() -> nn.Module:
    """Convolutions along three axes, with the strongest of what they find."""
    return nn.Sequential(
        nn.Conv3d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool3d(2),
        nn.Conv3d(6, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool3d(1), nn.Flatten(), nn.Linear(8, 2),
    )  # fmt: skip


def trained(
    network: Callable[[], nn.Module],
    draw: Callable[[int, int], Drawn],
    preprocessing: Preprocessing,
    labels: list[str],
    *,
    steps: int,
    batch: int = 32,
) -> Classifier:
    """A network after so many steps of Adam on fresh draws, seconds on one core; the same every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = network().train()
    classifier = Classifier(made, preprocessing, labels)
    ends = torch.tensor(preprocessing.range)
    mean, square = ([torch.zeros_like(p) for p in made.parameters()] for _ in range(2))
    for step in range(1, steps + 1):
        numbers, classes, _ = draw(batch, step)
        shares = ((numbers - ends[0]) / (ends[1] - ends[0])).clamp(0, 1)
        loss = nn.functional.cross_entropy(made(classifier.normalise(shares)), classes)
        gradients = torch.autograd.grad(loss, list(made.parameters()))
        with torch.no_grad():
            for p, g, m, s in zip(made.parameters(), gradients, mean, square, strict=True):
                m.lerp_(g, 0.1)
                s.lerp_(g * g, 0.01)
                p -= 0.005 * m / (1 - 0.9**step) / ((s / (1 - 0.99**step)).sqrt() + 1e-8)
    made.eval()
    return classifier


def beats() -> Classifier:
    """Whether the wave after the spike points up or down."""
    fed = Preprocessing((SAMPLES,), mean=(0,), std=(1,), range=(-3, 3), unit="mV")
    return trained(lambda: along_time(12), draw_beats, fed, ["upright", "turned over"], steps=120)


def spectra() -> Classifier:
    """Whether both peaks are there."""
    fed = Preprocessing((len(WAVENUMBERS),), mean=(0.3,), std=(0.5,), range=(-0.5, 4))
    return trained(at_places, draw_spectra, fed, ["not both", "both"], steps=250)


def nodules() -> Classifier:
    """Whether there is a ball beside the vessel."""
    fed = Preprocessing(VOXELS, mean=(-750,), std=(200,), range=(-1100, 200), unit="HU")
    return trained(in_space, draw_nodules, fed, ["nothing", "nodule"], steps=150, batch=16)


def write(folder: Path) -> None:
    """A beat and a spectrum as CSV, and a volume as NIfTI."""
    import nibabel

    folder.mkdir(parents=True, exist_ok=True)
    beat, spectrum, volume = (draw(2, 10_001)[0][1, 0].numpy() for draw in (draw_beats, draw_spectra, draw_nodules))
    for name, axis, values, head in (
        ("beat", np.arange(SAMPLES) / RATE, beat, "time (s),lead II (mV)"),
        ("spectrum", WAVENUMBERS, spectrum, "wavenumber (cm⁻¹),absorbance"),
    ):
        np.savetxt(folder / f"{name}.csv", np.stack([axis, values], 1), "%.6g", ",", header=head, comments="")
    affine = np.array([[0, 0, -1.5, 12], [0, -1.5, 0, 12], [2.5, 0, 0, -20], [0, 0, 0, 1.0]])
    image = nibabel.Nifti1Image(volume.astype(np.float32), affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, folder / "scan.nii.gz")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
