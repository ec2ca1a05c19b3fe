"""Maps of what is seen in part: of the painted picture, or of a network that sees no more."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import linear

from helpers.networks import CHANNELS, Network, bound
from unseen.errors import NotApplicableError
from unseen.explainers.catalogue import METHODS
from unseen.metrics.case import Case
from unseen.metrics.partial import partial_map
from unseen.metrics.sensitivity import Sensitivity
from unseen.metrics.zero_information import AttMask
from unseen.pipeline.explain import explainer
from unseen.removal import REMOVALS

VISIBLE = torch.zeros(16, 16, dtype=torch.bool)
VISIBLE[3:12, 2:13] = True


def judged(removal: str, spec: str = "input-x-gradient", hides: str = "zero") -> Case:
    masked = bound(Network(), double=False, removal=removal)
    explain = explainer(METHODS.create(spec), REMOVALS.create(hides))
    return Case(explain(masked.classifier, masked.image, 1), 1, masked, explain)


def test_what_is_painted_is_explained() -> None:
    one = judged("grey")
    picture = torch.where(VISIBLE, one.image, torch.tensor(0.5))
    torch.testing.assert_close(partial_map(one, VISIBLE), one.explained(picture))


@pytest.mark.parametrize("removal", ["ad", "ad:pooled"])
def test_a_network_that_sees_a_part_gives_the_masked_gradient(removal: str) -> None:
    one = judged(removal)
    pixels = one.image[None].clone().requires_grad_(True)
    logits = one.masked.forward(pixels, VISIBLE[None].float())
    (slope,) = torch.autograd.grad(logits[0, 1], pixels)
    found = partial_map(one, VISIBLE)
    assert not bool(found[~VISIBLE].any())
    std = torch.tensor(one.classifier.preprocessing.std).reshape(3, 1, 1)
    by_hand = (slope[0] * std * one.classifier.normalise(one.image[None])[0]).sum(0)
    torch.testing.assert_close(found, by_hand, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("spec", ["input-x-gradient", "grad-cam", "layer-cam", "ablation-cam"])
def test_the_whole_photograph_gives_the_map_itself(spec: str) -> None:
    for removal in ("ad", "grey"):
        one = judged(removal, spec, removal)
        torch.testing.assert_close(partial_map(one, torch.ones(16, 16) > 0), one.saliency, atol=1e-6, rtol=1e-4)


def test_metrics_work_under_both_kinds() -> None:
    values = [
        metric(judged(removal)) for removal in ("ad", "zero") for metric in (AttMask(), Sensitivity(by="removal"))
    ]
    assert all(0 < value < 4 for value in values)
    assert values[:2] != values[2:]


def test_a_class_activation_map_is_of_the_pass_that_sees_a_part() -> None:
    """By hand: hidden inputs and activations are 0, the average is over what is visible."""
    one = judged("ad:pooled", "grad-cam", "ad:pooled")
    net, visible = one.classifier.model, VISIBLE[None, None].float()
    with torch.no_grad():
        first = net.first(one.classifier.normalise(one.image[None]) * visible).relu() * visible
        last = net.second(first).relu() * visible
    expected = (net.head.weight[1].detach() @ last[0].flatten(1)).reshape(16, 16) / VISIBLE.numel()
    torch.testing.assert_close(partial_map(one, VISIBLE), expected, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("removal", ["ad", "ad:pooled", "ad:pooled,fill=neighbour"])
def test_a_head_that_averages_what_is_on_has_its_cam(removal: str) -> None:
    """Its weights are the head's own; Grad-CAM averages the gradient over what is off, too."""
    found = partial_map(judged(removal, "cam"), VISIBLE)
    assert bool(found.any())
    torch.testing.assert_close(
        found, VISIBLE.numel() * partial_map(judged(removal, "grad-cam"), VISIBLE), atol=1e-4, rtol=1e-3
    )


def test_a_head_that_averages_but_a_part_has_no_cam() -> None:
    """What is on and does not count is no hidden part."""
    upper = torch.kron(torch.eye(CHANNELS), (torch.arange(256) < 128) / 128).double()
    masked = bound(Network(lambda net, x: net.head(linear(net.second(net.first(x).relu()).relu().flatten(1), upper))))
    explain = explainer(METHODS.create("cam"), REMOVALS.create("zero"))
    with pytest.raises(NotApplicableError, match="cam needs a head that averages"):
        explain(masked.classifier, masked.image, 1)


@pytest.mark.parametrize("spec", ["cam", "grad-cam", "grad-cam++", "xgrad-cam", "layer-cam", "ablation-cam"])
def test_hidden_pixels_do_not_reach_a_class_activation_map(spec: str) -> None:
    one = judged("ad", spec, "ad")
    found = partial_map(one, VISIBLE)
    assert bool(found.any())
    other = torch.where(VISIBLE, one.image, 1 - one.image)
    changed = Case(one.saliency, 1, one.masked.removal.bind(one.classifier, other), one.explainer)
    torch.testing.assert_close(partial_map(changed, VISIBLE), found)


def test_two_removals_inside_one_pass_are_refused() -> None:
    assert bool(partial_map(judged("ad", "occlusion:window=0.4"), VISIBLE).any())
    with pytest.raises(NotApplicableError, match="judge under a removal that paints"):
        partial_map(judged("ad", "occlusion:window=0.4", "ad"), VISIBLE)
