"""Signals and volumes beside captum on the same networks: occlusion and integrated gradients."""

from __future__ import annotations

import captum.attr
import pytest
import torch
from torch import Tensor, nn

from unseen import Classifier, Preprocessing
from unseen.explainers.gradients.integrated import IntegratedGradients, integrated_gradients
from unseen.explainers.hiding.occlusion import occlusion
from unseen.removal import REMOVALS, MaskedClassifier

pytestmark = pytest.mark.usefixtures("quiet_peers")

SPACES = {"signal": (64,), "volume": (8, 12, 16)}


@pytest.fixture(params=SPACES)
def masked(request: pytest.FixtureRequest) -> MaskedClassifier:
    """A small network of two channels with random weights, whose input is at hand as it is."""
    space = SPACES[request.param]
    convolution = nn.Conv1d if len(space) == 1 else nn.Conv3d
    pool = nn.AdaptiveAvgPool1d(4) if len(space) == 1 else nn.AdaptiveAvgPool3d(2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            convolution(2, 6, 3, padding=1), nn.ReLU(), convolution(6, 8, 3, padding=1), nn.Tanh(), pool, nn.Flatten(),
            nn.Linear(8 * (4 if len(space) == 1 else 8), 3),
        )  # fmt: skip
    model = Classifier(network, Preprocessing(space, None, mean=(0, 0), std=(1, 1)))
    return REMOVALS.create("black").bind(model, torch.rand(2, *space, generator=torch.Generator().manual_seed(1)))


def test_occlusion_is_captums(masked: MaskedClassifier) -> None:
    """Whose mean over the windows is one over channels too, where a window hides them all."""
    axes = len(masked.shape)
    peer = captum.attr.Occlusion(masked.classifier.model)
    expected = peer.attribute(masked.image[None], (2, *[4] * axes), (2, *[2] * axes), baselines=0, target=1)
    found = occlusion(masked, 1, window=4, stride=2)
    torch.testing.assert_close(found, expected[0, 0].float(), rtol=1e-4, atol=1e-6)
    assert float(found.std()) > 1e-4


def test_integrated_gradients_are_captums(masked: MaskedClassifier) -> None:
    black = torch.zeros_like(masked.image)
    peer = captum.attr.IntegratedGradients(masked.classifier.model)
    image: Tensor = masked.image[None]
    expected = peer.attribute(image, black[None], 1, n_steps=200, method="riemann_middle", internal_batch_size=50)
    found = integrated_gradients(masked, 1, black, IntegratedGradients(tolerance=1e-3)).values
    assert float((found - expected[0]).abs().max()) <= 0.02 * float(expected.abs().max())
