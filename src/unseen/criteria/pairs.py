"""Criteria of what maps of two networks must have to do with each other: linearity and consistency.

Sources: Sundararajan, Taly & Yan, ICML 2017, section 3 (linearity); Lundberg & Lee, NeurIPS 2017, property 3
(consistency; Lymperopoulos 2023, equation 39).
"""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from unseen.criteria.axioms import check_baseline, saturating
from unseen.criteria.networks import CHANNELS, SIDE, block, built, explaining, painted, part, random_network, texture
from unseen.criteria.verdict import ERRORS, NOTHING, TOLERANCE, Asked, Scene, Trial, Verdict, apart, judged
from unseen.errors import NotApplicableError

_RED, _GREEN = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


def added(one: nn.Sequential, other: nn.Sequential, a: float, b: float) -> nn.Sequential:
    """The network a · one + b · other, of networks without a dense layer: their channels side by side."""
    sum_of = random_network(0)
    layers = [[part(net, name, nn.Conv2d) for net in (one, other)] for name in ("first", "second")]
    heads = [part(net, "head", nn.Linear) for net in (one, other)]
    first = nn.Conv2d(3, 2 * CHANNELS, 2, stride=2)
    second = nn.Conv2d(2 * CHANNELS, 2 * CHANNELS, 1)
    head = nn.Linear(2 * CHANNELS, 3)
    with torch.no_grad():
        first, second, head = first.double(), second.double(), head.double()
        first.weight.copy_(torch.cat([layer.weight for layer in layers[0]]))
        second.weight.zero_()
        second.weight[:CHANNELS, :CHANNELS] = layers[1][0].weight
        second.weight[CHANNELS:, CHANNELS:] = layers[1][1].weight
        head.weight.copy_(torch.cat([a * heads[0].weight, b * heads[1].weight], 1))
        for layer, pair in zip((first, second), layers, strict=True):
            assert layer.bias is not None
            layer.bias.copy_(torch.cat([one.bias for one in pair if one.bias is not None]))
        head.bias.copy_(a * heads[0].bias + b * heads[1].bias)
    for name, made in (("first", first), ("second", second), ("head", head)):
        sum_of.set_submodule(name, made)
    return sum_of


def linearity(ask: Asked) -> Verdict:
    """The map of a · f + b · g must be a · (map of f) + b · (map of g).

    Example:
        >>> from unseen.criteria import check
        >>> check("input-x-gradient", "linearity").status, check("saliency", "linearity").status
        ('holds', 'fails')
    """
    image = texture(9)
    scenes = [explaining(random_network(seed), image) for seed in (9, 10)]
    networks = [scene.model for scene in scenes]

    def trial(a: float, b: float) -> Trial:
        assert isinstance(networks[0], nn.Sequential)
        assert isinstance(networks[1], nn.Sequential)
        both = ask.map(Scene(added(networks[0], networks[1], a, b), image))
        expected = a * ask.map(scenes[0]) + b * ask.map(scenes[1])
        difference = apart(both, expected)
        told = f"the map of {a:g} f {'+' if b > 0 else '−'} {abs(b):g} g"
        numbers = {"difference": difference}
        if difference > TOLERANCE:
            words = f"{told} differs by {difference:.2g} of itself from that sum of their maps"
            return Trial(False, words, numbers, {"sum": both, "expected": expected})
        return Trial(True, f"{told} is that sum of their maps", numbers)

    return judged([partial(trial, 2.0, 0.5), partial(trial, 1.0, -0.5)])


def consistency(ask: Asked) -> Verdict:
    """A feature that adds more to one network than to another, whatever else is shown, must not be given less.

    The premise is checked on every subset of the features, for the score that the method explains.

    Example:
        >>> from unseen.criteria import check
        >>> check("edges", "consistency").status, check("saliency", "consistency").status
        ('holds', 'fails')
    """
    check_baseline(ask)
    feature, rest = block(12, 4), block(12, 20)
    gain = SIDE * SIDE / 16
    r, g = [gain, 0.0, 0.0], [0.0, gain, 0.0]
    pairs = {
        "r and 1.5 (1 − ReLU(1 − 2 r))": (
            built([r], [0.0], None, [1.0]),
            saturating(gain, 1.5, 2.0),
        ),
        "r and r + 3 g": (built([r, g], [0.0, 0.0], None, [1.0, 0.0]), built([r, g], [0.0, 0.0], None, [1.0, 3.0])),
        "ReLU(r + g − 0.5) and twice that": (
            built([r, g], [0.0, 0.0], ([[1.0, 1.0]], [-0.5]), [1.0]),
            built([r, g], [0.0, 0.0], ([[1.0, 1.0]], [-0.5]), [2.0]),
        ),
    }
    image = painted((feature, _RED), (rest, _GREEN))

    def trial(name: str) -> Trial:
        scenes = [Scene(network, image) for network in pairs[name]]
        subsets = [painted(*some) for some in ((), ((feature, _RED),), ((rest, _GREEN),))]
        with_rest = torch.stack([*subsets, image])
        gains = [ask.scores(scene, with_rest)[[1, 3]] - ask.scores(scene, with_rest)[[0, 2]] for scene in scenes]
        if bool((gains[1] < gains[0] - 1e-9).any()):
            raise NotApplicableError(f"the {ask.explains} of no pair here has gains that are larger throughout")
        (less, low), (more, high) = (ask.mean(scene, lambda one: one[feature.bool()].sum()) for scene in scenes)
        if max(abs(float(less)), abs(float(more))) <= NOTHING:
            raise NotApplicableError("its maps give the feature nothing on either network")
        numbers = {"less": float(less), "more": float(more)}
        slack = TOLERANCE * max(abs(float(less)), abs(float(more))) + ERRORS * float((low**2 + high**2).sqrt())
        told = f"{name}: the feature r, whose gain is never smaller in the second, is given {float(less):.3g} and"
        if float(more) < float(less) - slack:
            return Trial(False, f"{told} {float(more):.3g}", numbers)
        return Trial(True, "a feature that adds more is given no less", numbers)

    return judged([partial(trial, name) for name in pairs])
