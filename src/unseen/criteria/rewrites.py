"""Networks written in another way that compute exactly the same function.

Implementation invariance (Sundararajan, Taly & Yan, ICML 2017, section 2.2; Lymperopoulos 2023, equation 38) is about
them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from unseen.classifier.folding import fold_batch_norms
from unseen.criteria.networks import CHANNELS, explaining, part, random_network, texture
from unseen.criteria.verdict import Scene


@dataclass(frozen=True, eq=False)
class Rewrite:
    """Two networks with the same logits for every input.

    Args:
        name: what was done, in words.
        one: the first network, with a photograph.
        other: the second.
    """

    name: str
    one: Scene
    other: Scene


def rewrites() -> Iterator[Rewrite]:
    """Every rewrite, on a random network."""
    for number, (name, options, rewritten) in enumerate((
        ("batch norms are folded", {"norm": True}, folded),
        ("a unit is split into two halves", {}, halved),
        ("a unit is split into twice itself minus itself", {}, twice_minus_once),
        ("units are rescaled", {}, rescaled),
        ("a signal x is written as ReLU(x) − ReLU(−x)", {}, twofold),
        ("ReLU(x − c) is written as ReLU(ReLU(x) − c)", {}, rectified_twice),
        ("the last features are raised by 1, which the head takes back", {}, raised),
        ("ReLU(ReLU(a) − c − ReLU(b)) is written as ReLU(ReLU(a − c) − ReLU(b))", {"kernel": 3}, moved),
        ("ReLU6(x) is written as ReLU(x) − ReLU(x − 6)", {"activation": nn.ReLU6}, six),
    )):  # fmt: skip
        network = random_network(20 + number, **options)  # type: ignore[arg-type]
        if rewritten is six:
            with torch.no_grad():
                part(network, "first", nn.Conv2d).weight.mul_(12)
        if rewritten is moved:
            subtract(network)
        scene = explaining(network, texture(20 + number))
        other = rewritten(copy.deepcopy(network))
        yield Rewrite(name, scene, Scene(other, scene.image, scene.target))


def folded(network: nn.Sequential) -> nn.Module:
    """Without batch norms."""
    return fold_batch_norms(network)


def halved(network: nn.Sequential) -> nn.Module:
    """The first channel of each convolution made twice, each copy weighing half."""
    return _split(_split(network, "first", (0.5, 0.5)), "second", (0.5, 0.5))


def twice_minus_once(network: nn.Sequential) -> nn.Module:
    """The first channel of each convolution made twice, the copies weighing 2 and −1."""
    return _split(_split(network, "first", (2.0, -1.0)), "second", (2.0, -1.0))


def rescaled(network: nn.Sequential) -> nn.Module:
    """Rectifiers do not mind a positive factor that the next layer takes back."""
    factors = torch.logspace(-1, 1, CHANNELS, 2, dtype=torch.float64)
    with torch.no_grad():
        for name, following in (("first", "second"), ("second", "head")):
            layer, after = part(network, name, nn.Conv2d), network.get_submodule(following)
            assert layer.bias is not None
            assert isinstance(after, (nn.Conv2d, nn.Linear))
            layer.weight.mul_(factors[:, None, None, None])
            layer.bias.mul_(factors)
            after.weight.div_(factors.reshape(1, -1, *[1] * (after.weight.ndim - 2)))
    return network


def twofold(network: nn.Sequential) -> nn.Module:
    """Before the first rectifier, x made of ReLU(x) and ReLU(−x)."""
    apart = nn.Conv2d(CHANNELS, 2 * CHANNELS, 1, bias=False).double()
    joined = nn.Conv2d(2 * CHANNELS, CHANNELS, 1, bias=False).double()
    unit = torch.eye(CHANNELS, dtype=torch.float64)
    with torch.no_grad():
        apart.weight.copy_(torch.cat([unit, -unit])[:, :, None, None])
        joined.weight.copy_(torch.cat([unit, -unit], 1)[:, :, None, None])
    return _with(network, "first", apart, nn.ReLU(), joined)


def rectified_twice(network: nn.Sequential, by: float = 0.5) -> nn.Module:
    """Each second feature rectified, lowered, and rectified again."""
    second = part(network, "second", nn.Conv2d)
    lowering = nn.Conv2d(CHANNELS, CHANNELS, 1).double()
    with torch.no_grad():
        assert second.bias is not None
        assert lowering.bias is not None
        second.bias.add_(by)
        lowering.weight.copy_(torch.eye(CHANNELS, dtype=torch.float32)[:, :, None, None])
        lowering.bias.fill_(-by)
    return _with(network, "second", nn.ReLU(), lowering)


def raised(network: nn.Sequential) -> nn.Module:
    """A feature map that is 1 higher everywhere, rectified once more, which changes nothing."""
    raising, head = nn.Conv2d(CHANNELS, CHANNELS, 1).double(), part(network, "head", nn.Linear)
    with torch.no_grad():
        assert raising.bias is not None
        raising.weight.copy_(torch.eye(CHANNELS, dtype=torch.float32)[:, :, None, None])
        raising.bias.fill_(1.0)
        head.bias.sub_(head.weight.sum(1))
    return _with(network, "rectified", raising, nn.ReLU())


def subtract(network: nn.Sequential, by: float = 0.3) -> None:
    """Make three second features of a − ``by`` − b, of two first features each, and the others 0; in place.

    a and b are at neighbouring pixels: of one pixel alone, the sum is the same however it is shared.
    """
    first, second = part(network, "first", nn.Conv2d), part(network, "second", nn.Conv2d)
    with torch.no_grad():
        assert first.bias is not None
        assert second.bias is not None
        first.weight.abs_().add_(0.1)
        first.bias.fill_(0.1)
        weights = second.weight.abs() + 0.2
        second.weight.zero_()
        second.bias.zero_()
        for unit in range(CHANNELS // 2):
            second.weight[unit, 2 * unit, 1, 1] = weights[unit, 2 * unit, 1, 1]
            second.weight[unit, 2 * unit + 1, 1, 2] = -weights[unit, 2 * unit + 1, 1, 2] / 2
            second.bias[unit] = -by


def moved(network: nn.Sequential) -> nn.Module:
    """The example of Sundararajan et al. (their figure 7): a threshold of one layer moved into the layer before it."""
    first, second = part(network, "first", nn.Conv2d), part(network, "second", nn.Conv2d)
    with torch.no_grad():
        assert first.bias is not None
        assert second.bias is not None
        for unit in range(CHANNELS // 2):
            first.bias[2 * unit] += second.bias[unit] / second.weight[unit, 2 * unit, 1, 1]
        second.bias.zero_()
    return network


def six(network: nn.Sequential) -> nn.Module:
    """The clamp at 6 as the difference of two rectifiers."""
    both, joined = nn.Conv2d(CHANNELS, 2 * CHANNELS, 1).double(), nn.Conv2d(2 * CHANNELS, CHANNELS, 1).double()
    unit = torch.eye(CHANNELS, dtype=torch.float64)
    with torch.no_grad():
        assert both.bias is not None
        assert joined.bias is not None
        both.weight.copy_(torch.cat([unit, unit])[:, :, None, None])
        both.bias.copy_(torch.tensor([0.0, -6.0], dtype=torch.float32).repeat_interleave(CHANNELS))
        joined.weight.copy_(torch.cat([unit, -unit], 1)[:, :, None, None])
        joined.bias.zero_()
    network.set_submodule("opened", nn.Identity())
    return _with(network, "first", both, nn.ReLU(), joined)


def _with(network: nn.Sequential, after: str, *layers: nn.Module) -> nn.Sequential:
    """The network with layers put in behind one of its own."""
    found: list[nn.Module] = []
    for name, layer in network.named_children():
        found.append(layer)
        found += layers if name == after else ()
    return nn.Sequential(*found).eval()


def _split(network: nn.Sequential, name: str, shares: tuple[float, float]) -> nn.Sequential:
    layer = part(network, name, nn.Conv2d)
    following = "second" if name == "first" else "head"
    after = network.get_submodule(following)
    assert layer.bias is not None
    assert isinstance(after, (nn.Conv2d, nn.Linear))
    assert after.bias is not None
    wider = _like(layer, more_out=1)
    longer: nn.Conv2d | nn.Linear
    if isinstance(after, nn.Conv2d):
        longer = _like(after, more_in=1)
    else:
        longer = nn.Linear(after.in_features + 1, after.out_features)
    longer = longer.double()
    with torch.no_grad():
        assert wider.bias is not None
        assert longer.bias is not None
        wider.weight.copy_(torch.cat([layer.weight, layer.weight[:1]]))
        wider.bias.copy_(torch.cat([layer.bias, layer.bias[:1]]))
        longer.weight.copy_(torch.cat([after.weight, shares[1] * after.weight[:, :1]], 1))
        longer.weight[:, :1] *= shares[0]
        longer.bias.copy_(after.bias)
    network.set_submodule(name, wider)
    network.set_submodule(following, longer)
    return network


def _like(layer: nn.Conv2d, more_in: int = 0, more_out: int = 0) -> nn.Conv2d:
    """A convolution of the same geometry with more channels."""
    made = nn.Conv2d(layer.in_channels + more_in, layer.out_channels + more_out, layer.weight.shape[2])
    made.stride, made.padding = layer.stride, layer.padding
    return made.double()
