from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from unseen import Classifier, Preprocessing, explain
from unseen.classifier.differentiation import logit_gradient, slope_found
from unseen.errors import NotApplicableError


class Quadratic(nn.Module):
    """Half the sum of squares, against 0."""

    def forward(self, x: Tensor) -> Tensor:
        half = x.square().sum((1, 2, 3)) / 2
        return torch.stack([half, torch.zeros_like(half)], 1)


@pytest.mark.parametrize("share", [1.0, 2.0, -1.0])
def test_a_step_along_the_gradient_tells_whether_it_is_one(share: float) -> None:
    model = Classifier(Quadratic(), Preprocessing((4, 4), None, mean=(0, 0, 0), std=(1, 1, 1)))
    image = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
    half = float(image.square().sum()) / 2
    assert slope_found(model, image, 0, share * image, half) == pytest.approx(1 / share, rel=1e-3)


def test_the_gradient_of_a_logit_and_the_logit() -> None:
    model = Classifier(Quadratic(), Preprocessing((4, 4), None, mean=(0, 0, 0), std=(1, 1, 1)))
    image = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
    gradient, value = logit_gradient(model, image, 0)
    torch.testing.assert_close(gradient, image)
    assert value == pytest.approx(float(image.square().sum()) / 2, rel=1e-6)
    assert not image.requires_grad


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("method", ["saliency", "integrated-gradients", "guided-backprop", "zipo", "grad-cam"])
def test_a_gradient_that_gets_lost_on_the_way_is_no_gradient_of_zero(method: str) -> None:
    """Quantised layers pass none: their maps would be empty, as if nothing mattered."""
    layers = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)]
    network = torch.ao.quantization.quantize_dynamic(nn.Sequential(*layers).eval(), {nn.Linear}, torch.qint8)
    model = Classifier(network, Preprocessing((8, 8), None))
    image = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
    with pytest.raises(NotApplicableError, match=r"no gradient .* reaches .*'occlusion'"):
        explain(image, model, method=method, removal="zero", batch_size=1)  # its scale is the batch's
    assert bool(explain(image, model, method="occlusion:window=0.5", removal="zero", batch_size=1).saliency.any())


class Unlearnt(nn.Sequential):
    """Its first layer is asked without gradients."""

    def forward(self, x: Tensor) -> Tensor:
        for number, layer in enumerate(self):
            with torch.set_grad_enabled(number > 0 and torch.is_grad_enabled()):
                x = layer(x)
        return x


@pytest.mark.parametrize(
    ("method", "removal", "offered"),
    [
        ("saliency", "zero", "'occlusion' under 'grey'"),
        ("occlusion:window=0.5", "zip", "'occlusion' under 'grey'"),
        ("lrp-epsilon", "zero", "or 'occlusion', which needs no gradients"),
        ("grad-cam", "zero", r"no class activation map: .* in Unlearnt: .* or 'occlusion', which needs no gradients"),
    ],
)
def test_where_there_is_no_gradient_what_is_offered_needs_none(method: str, removal: str, offered: str) -> None:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)]
    model = Classifier(Unlearnt(*layers), Preprocessing((16, 16), None))
    image = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
    with pytest.raises(NotApplicableError, match=offered):
        explain(image, model, method=method, removal=removal)
    assert bool(explain(image, model, method="occlusion:window=0.5", removal="grey").saliency.any())
