"""Maps of findings, of one number for two classes and of values, on one, three and four channels, are captum's.

Captum knows no outputs: it is given the network's own number and told what becomes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

import captum.attr
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unseen import Classifier, Preprocessing
from unseen.explainers.cam.cam import activation_map
from unseen.explainers.gradients.derivatives import contrast
from unseen.explainers.gradients.gradient import gradient
from unseen.explainers.gradients.integrated import IntegratedGradients, integrated_gradients
from unseen.explainers.hiding.occlusion import occlusion
from unseen.removal import REMOVALS, MaskedClassifier
from unseen.removal.deactivation.features import last_features

SIDE, WINDOW = 32, 8

pytestmark = pytest.mark.usefixtures("quiet_peers")


class Form(NamedTuple):
    """What a network's number is made of a target's score by: score = share × number.

    Attributes:
        outputs: what the numbers mean.
        numbers: how many there are.
        target: that is asked for.
        number: on which it depends.
        share: see above.
    """

    outputs: str
    numbers: int
    target: int
    number: int
    share: float


FORMS = [
    Form("sigmoid", 3, 1, 1, 1.0),
    Form("sigmoid:threshold=0.2", 3, 4, 1, -1.0),  # that it is absent
    Form("binary", 1, 1, 0, 0.5),
    Form("binary", 1, 0, 0, -0.5),
    Form("value:unit=mm", 2, 1, 1, 1.0),
]
FED = {
    1: Preprocessing((SIDE, SIDE), None, mean=(0,), std=(400,), range=(-1000, 1000), unit="HU"),
    3: Preprocessing((SIDE, SIDE), None),
    4: Preprocessing((SIDE, SIDE), None, mean=(0.1, 0.2, 0.3, 0.4), std=(0.2, 0.2, 0.3, 0.3), range=(0, 2)),
}


def network(channels: int, numbers: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return nn.Sequential(
            nn.Conv2d(channels, 8, 5, stride=2, padding=2), nn.Softplus(), nn.Conv2d(8, 8, 3, padding=1), nn.Softplus(),
            nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(128, numbers),
        ).double().eval()  # fmt: skip


@pytest.fixture(params=[(form, channels) for form in FORMS for channels in FED], ids=str)
def asked(request: pytest.FixtureRequest) -> tuple[MaskedClassifier, Form]:
    form, channels = request.param
    image = torch.rand(channels, SIDE, SIDE, generator=torch.Generator().manual_seed(1)).double()
    classifier = Classifier(network(channels, form.numbers), FED[channels], outputs=form.outputs)
    return REMOVALS.create("black").bind(classifier, image), form


def entered(masked: MaskedClassifier) -> Tensor:
    """What the network is given, a leaf."""
    return masked.classifier.normalise(masked.image[None]).detach().requires_grad_()


def close(found: Tensor, expected: Tensor, share: float) -> None:
    expected = expected.detach()
    assert float(expected.abs().max()) > 0
    torch.testing.assert_close(found.double(), expected.double(), rtol=0, atol=share * float(expected.abs().max()))


def test_gradients(asked: tuple[MaskedClassifier, Form]) -> None:
    masked, form = asked
    peer = captum.attr.Saliency(masked.classifier.model).attribute(entered(masked), form.number, abs=False)
    in_shares = peer[0] / masked.classifier.statistics[1]
    close(gradient(masked, form.target), form.share * in_shares, 1e-5)
    product = captum.attr.InputXGradient(masked.classifier.model).attribute(entered(masked), form.number)
    close(contrast(masked) * gradient(masked, form.target), form.share * product[0], 1e-5)


def test_integrated_gradients(asked: tuple[MaskedClassifier, Form]) -> None:
    masked, form = asked
    black = torch.zeros_like(masked.image)
    baseline = masked.classifier.normalise(black[None])
    peer = captum.attr.IntegratedGradients(masked.classifier.model)
    expected = peer.attribute(entered(masked), baseline, form.number, n_steps=200, internal_batch_size=50)
    found = integrated_gradients(masked, form.target, black, IntegratedGradients(tolerance=1e-5))
    close(found.values, form.share * expected[0], 1e-2)


def test_grad_cam(asked: tuple[MaskedClassifier, Form]) -> None:
    masked, form = asked
    model = cast(nn.Sequential, masked.classifier.model)
    peer = captum.attr.LayerGradCam(model, model[4]).attribute(entered(masked), form.number)
    found = activation_map(last_features(masked, form.target), "grad-cam")
    close(found, form.share * F.interpolate(peer, found.shape, mode="bilinear")[0, 0], 1e-4)


def test_occlusion(asked: tuple[MaskedClassifier, Form]) -> None:
    masked, form = asked
    channels = len(masked.image)
    model: Callable[[Tensor], Tensor] = masked.classifier.model
    expected = captum.attr.Occlusion(model).attribute(
        entered(masked).detach(),
        (channels, WINDOW, WINDOW),
        (channels, WINDOW // 2, WINDOW // 2),
        masked.classifier.normalise(torch.zeros_like(masked.image)[None]),
        form.number,
    )
    found = occlusion(masked, form.target, window=WINDOW, stride=WINDOW // 2)
    close(found, form.share * expected[0, 0], 1e-3)  # of drops, whose scores are rounded to float32
