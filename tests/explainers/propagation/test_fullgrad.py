from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.networks import Network, bound, logit, top
from unseen import Classifier
from unseen.criteria import check
from unseen.errors import NotApplicableError
from unseen.explainers import METHODS, map_of
from unseen.explainers.propagation.fullgrad import FullGrad, full_gradient
from unseen.explainers.sufficient.search import findings_of
from unseen.removal import REMOVALS, MaskedClassifier


def normed(net: Any, x: Tensor) -> Tensor:
    return net.judge(F.max_pool2d(net.norm(net.second(net.first(x).relu())).relu(), 2))


def by_hand(masked: MaskedClassifier, net: Any, target: int) -> tuple[Tensor, dict[str, Tensor], float]:
    """Input, its gradient times it, and bias times gradient of the layers of :func:`normed`; all with autograd."""
    net.eval()
    inputs = masked.classifier.normalise(masked.image[None]).detach().requires_grad_()
    with torch.enable_grad():
        first = net.first(inputs)
        second = net.second(first.relu())
        norm = net.norm(second)
        value = net.judge(F.max_pool2d(norm.relu(), 2))[0, target]
        gradients = torch.autograd.grad(value, [inputs, first, second, norm])
    offset = net.norm.bias - net.norm.running_mean * net.norm.weight / (net.norm.running_var + net.norm.eps).sqrt()
    biases = {"first": net.first.bias, "second": net.second.bias, "norm": offset}
    found = {
        name: (gradient * bias[:, None, None])[0].detach()
        for (name, bias), gradient in zip(biases.items(), gradients[1:], strict=True)
    }
    return (gradients[0] * inputs)[0].detach(), found, float(net.head.bias[target].detach())


def test_of_a_network_with_batch_norm_each_bias_is_credited_by_its_gradient() -> None:
    net = Network(normed)
    masked = bound(net)
    target = top(masked)
    found = full_gradient(masked, target)
    own, biases, head = by_hand(masked, net, target)
    assert torch.allclose(found.product.double(), own, atol=1e-6)
    assert len(found.biases) == 3
    for one, expected in zip(reversed(found.biases), biases.values(), strict=True):  # as gradients come back
        assert torch.allclose(one.values.double(), expected, atol=1e-6)
    assert found.elsewhere == pytest.approx(head)
    assert found.logit == pytest.approx(logit(masked, target))
    assert float(own.sum() + sum(one.sum() for one in biases.values())) + head == pytest.approx(found.logit, abs=1e-10)
    assert abs(found.shares["gap"]) < 1e-5


@pytest.mark.parametrize("rescale", ["layer", "channel"])
def test_the_map_is_that_of_the_paper(rescale: Any) -> None:
    net = Network(normed)
    masked = bound(net)
    own, biases, _ = by_hand(masked, net, 0)

    def scaled(values: Tensor) -> Tensor:
        over = (0, 1, 2) if rescale == "layer" else (1, 2)
        size = values.abs() - values.abs().amin(over, keepdim=True)
        return (size / size.amax(over, keepdim=True).clamp(min=1e-300)).sum(0)

    expected = sum(map(scaled, [own, *biases.values()]))
    assert torch.allclose(map_of(FullGrad(rescale), masked, 0).double(), expected, atol=1e-4)


def strided(net: Any, x: Tensor) -> Tensor:
    return net.head(net.dense(net.second(F.silu(net.first(x)[:, :, ::2, ::2])).mean((2, 3))).relu())


@pytest.mark.parametrize("join", [None, normed, strided])
def test_without_rescaling_the_map_adds_up_to_the_logit(join: Any) -> None:
    masked = bound(Network(join))
    found = findings_of(FullGrad("none"), masked, 2)
    assert float(found.saliency.double().sum()) == pytest.approx(logit(masked, 2), rel=1e-4, abs=1e-5)
    assert found.record["layers"] >= 2
    assert masked.evaluations == 2


def test_a_network_that_mirrors_its_photograph_has_its_biases_where_it_looks() -> None:
    """Only the biases: what the photograph itself adds is placed by autograd."""
    net, mirrored = Network(normed), Network(lambda net, x: normed(net, x.flip(3)))
    image = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    maps = [map_of(FullGrad(), bound(one, image=seen), 0) for one, seen in ((net, image), (mirrored, image.flip(2)))]
    assert torch.allclose(maps[0], maps[1].flip(1), atol=1e-5)


def test_biases_that_have_no_place_are_told_and_not_drawn() -> None:
    image = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    masked = bound(Network(strided), image=image)
    found = full_gradient(masked, 0)
    assert found.shares["elsewhere"] != 0
    assert all(one.values.shape[1:] in {(16, 16), (8, 8)} for one in found.biases)


def test_full_gradients_depend_weakly_on_the_photograph_and_the_papers_map_does_not() -> None:
    """Definition 2 of the paper: within a linear piece they stay the same; gradient times input does not."""
    assert check("fullgrad:photograph=gradient", "weak-dependence").status == "holds"
    assert check("fullgrad", "weak-dependence").status == "fails"
    assert check("fullgrad:rescale=none", "conservation").status == "holds"


def test_of_the_trained_network_nothing_is_lost(classifier: Classifier, photo: Tensor) -> None:
    masked = REMOVALS.create("grey").bind(classifier, photo)
    target = top(masked)
    found = findings_of(METHODS.create("fullgrad"), masked, target)
    record: Any = found.record
    assert record["logit"] == pytest.approx(logit(masked, target), rel=1e-4)
    assert abs(record["gap"]) < 1e-3 * abs(record["logit"])
    assert record["layers"] > 40
    assert float(found.saliency.min()) >= 0
    assert masked.evaluations == 2


def test_a_network_whose_positions_are_lost_is_refused() -> None:
    shuffled = torch.randperm(256, generator=torch.Generator().manual_seed(0))
    masked = bound(Network(lambda net, x: net.judge(net.first(x.flatten(2)[:, :, shuffled].view(x.shape)).relu().flatten(2).cumsum(2).reshape(x.shape[0], -1, 16, 16))))  # fmt: skip
    with pytest.raises(NotApplicableError, match="no full gradients: the positions are lost in Network"):
        full_gradient(masked, 0)


def test_a_network_that_does_not_look_is_refused() -> None:
    class Blind(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.arange(2.0, dtype=x.dtype).expand(len(x), 2)

    with pytest.raises(NotApplicableError, match="does not depend on the photograph"):
        full_gradient(bound(Blind()), 0)
