"""Criteria of what must not change a map, or not by much.

Sources: Sundararajan, Taly & Yan, ICML 2017, section 2.2 (implementation invariance); Kindermans et al., *The
(Un)reliability of Saliency Methods*, 2017 (input-shift invariance); Srinivas & Fleuret, *Full-Gradient Representation
for Neural Network Visualization*, NeurIPS 2019, definition 2 (weak dependence; Lymperopoulos 2023, equation 40); Fu et
al., *Axiom-based Grad-CAM*, BMVC 2020, and Lymperopoulos 2023, equation 42 (continuity); Crabbé & van der Schaar,
*Evaluating the Robustness of Interpretability Methods through Explanation Invariance and Equivariance*, NeurIPS 2023
(rotation, which Lymperopoulos names in section 5.1.8 without a definition).
"""

from __future__ import annotations

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from unseen.criteria.networks import SIDE, explaining, part, quarters, random_network, texture, turned
from unseen.criteria.rewrites import Rewrite, rewrites
from unseen.criteria.verdict import ERRORS, NOTHING, TOLERANCE, Asked, Scene, Trial, Verdict, apart, judged, same
from unseen.errors import NotApplicableError

_STEPS = (1e-3, 1e-5)
_JUMP = 0.05
"""Share of the map that changes over the smallest step, above which it jumps.

Integrals that are taken in 16 intervals weigh the gradient at the photograph itself, which does jump, with 1/32.
"""


def implementation_invariance(ask: Asked) -> Verdict:
    """Two networks with the same logits for every input must have the same map.

    Example:
        >>> from unseen.criteria import check
        >>> [check(method, "implementation-invariance").status for method in ("saliency", "lrp-epsilon")]
        ['holds', 'fails']
    """

    def trial(pair: Rewrite) -> Trial:
        return same(f"after {pair.name}", ask.map(pair.one), ask.map(pair.other))

    return judged([partial(trial, pair) for pair in rewrites()], "the map is the same after each of nine rewrites")


def input_shift(ask: Asked) -> Verdict:
    """A constant added to every pixel, which the first bias takes back, must not change the map.

    Example:
        >>> from unseen.criteria import check
        >>> check("saliency", "input-shift").status, check("input-x-gradient", "input-shift").status
        ('holds', 'fails')
    """
    shift = torch.tensor([0.3, 0.1, 0.2], dtype=torch.float64)

    def trial(seed: int) -> Trial:
        one = explaining(random_network(seed), texture(seed, 0.1, 0.6))
        other = random_network(seed)
        other.load_state_dict(one.model.state_dict())
        first = part(other, "first", nn.Conv2d)
        with torch.no_grad():
            assert first.bias is not None
            first.bias.sub_(first.weight.sum((2, 3)) @ shift)
        moved = Scene(other, one.image + shift[:, None, None])
        return same("after the photograph is shifted and the first bias corrected", ask.map(one), ask.map(moved))

    return judged([partial(trial, seed) for seed in (11, 12)])


def rotation(ask: Asked) -> Verdict:
    """Photograph and filters are turned by a quarter, so that the logits are the same: the map must turn with them.

    Of methods that draw at random the sums over the four quarters of the photograph must, within chance.

    Example:
        >>> from unseen.criteria import check
        >>> check("saliency", "rotation").status
        'holds'
    """

    def quarter_sums(found: Tensor) -> Tensor:
        if float(found.abs().max()) < NOTHING:
            raise NotApplicableError("its maps are empty on this network")
        half = SIDE // 2
        return found.reshape(2, half, 2, half).sum((1, 3)) / found.abs().sum()

    def trial(seed: int, kernel: int) -> Trial:
        scene = explaining(random_network(seed, kernel=kernel), quarters(seed))
        assert isinstance(scene.model, nn.Sequential)
        other = Scene(turned(scene.model), scene.image.rot90(1, (1, 2)))
        told = "after photograph and filters are turned by a quarter"
        first, after = ask.map(scene), ask.map(other).rot90(-1, (0, 1))
        if torch.equal(first, ask.map(scene, 1)):
            return same(told, first, after)
        value, error = ask.mean(scene, quarter_sums)
        turning, doubt = ask.mean(other, lambda found: quarter_sums(found.rot90(-1, (0, 1))))
        difference, noise = (value - turning).abs(), (error.square() + doubt.square()).sqrt()
        worst = int((difference - ERRORS * noise).argmax())
        apart_by, chance = float(difference.flatten()[worst]), float(noise.flatten()[worst])
        numbers = {"difference": apart_by, "standard error": chance}
        if apart_by > ERRORS * chance + TOLERANCE:
            words = f"{told} a quarter's sum differs by {apart_by:.2g} ± {chance:.1g} of the map"
            return Trial(False, words, numbers, {"before": first, "after": after})
        return Trial(True, f"{told} each quarter has the same sum within {ERRORS} standard errors", numbers)

    return judged([partial(trial, 31, 1), partial(trial, 32, 3)])


def determinism(ask: Asked) -> Verdict:
    """The same seed must give the same map, to the last bit, whatever else has drawn random numbers.

    Example:
        >>> from unseen.criteria import check
        >>> check("saliency", "determinism").status
        'holds'
    """

    def trial() -> Trial:
        scene = explaining(random_network(13), texture(13))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            first = ask.map(scene)
            torch.manual_seed(1)
            again = ask.map(scene)
        other = ask.map(scene, 1)
        seeded = 0.0 if torch.equal(first, other) else apart(first, other)
        numbers = {"another seed": seeded}
        if not torch.equal(first, again):
            return Trial(False, f"the same seed gave maps that differ by {apart(first, again):.2g}", numbers)
        words = f"another seed changes it by {seeded:.2g} of itself" if seeded else "it does not depend on the seed"
        return Trial(True, f"the same seed gives the same map; {words}", numbers)

    return judged([trial])


def weak_dependence(ask: Asked) -> Verdict:
    """Within one linear piece of a piecewise linear network the map must not depend on the photograph.

    Example:
        >>> from unseen.criteria import check
        >>> check("saliency", "weak-dependence").status, check("input-x-gradient", "weak-dependence").status
        ('holds', 'fails')
    """

    def trial(seed: int) -> Trial:
        one = explaining(random_network(seed), quarters(seed))
        other = Scene(one.model, within_piece(one))
        step = float((other.image - one.image).abs().max())
        return same(
            f"from one photograph to another (up to {step:.2g} away) of the same piece",
            ask.map(one),
            ask.map(other),
            1e-3,
        )

    return judged([partial(trial, seed) for seed in (14, 15)])


def within_piece(scene: Scene) -> Float[Tensor, "3 H W"]:
    """Another photograph for which every rectifier is as open: of random directions the one that leads farthest."""
    pattern = opened(scene.model, scene.image)
    best, found = 0.0, scene.image
    for seed in range(30):
        direction = 2 * quarters(100 + seed) - 1
        for step in (0.4, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.03, 0.02, 0.01):
            moved = (scene.image + step * direction).clamp(0, 1)
            distance = float((moved - scene.image).abs().max())
            if distance > best and torch.equal(opened(scene.model, moved), pattern):
                best, found = distance, moved
                break
    assert best > 0, "some direction stays within the piece"
    return found


@torch.no_grad()
def opened(network: nn.Module, image: Float[Tensor, "3 H W"]) -> Tensor:
    """Which rectifiers of a chain of layers are open, bool."""
    assert isinstance(network, nn.Sequential)
    signal, found = image[None], []
    for layer in network:
        if isinstance(layer, nn.ReLU):
            found.append((signal > 0).flatten())
        signal = layer(signal)
    return torch.cat(found)


def continuity(ask: Asked) -> Verdict:
    """As two photographs approach each other across the kink of a rectifier, so must their maps.

    The score is continuous there and its gradient is not.

    Example:
        >>> from unseen.criteria import check
        >>> check("uniform", "continuity").status, check("saliency", "continuity").status
        ('holds', 'fails')
    """

    def trial(dense: bool) -> Trial:
        scene, direction = at_kink(dense)
        changes = []
        for step in _STEPS:
            sides = [Scene(scene.model, scene.image + sign * step * direction) for sign in (-1, 1)]
            changes.append(apart(ask.map(sides[0]), ask.map(sides[1])))
        numbers = {f"{2 * step:g}": change for step, change in zip(_STEPS, changes, strict=True)}
        where = "the head" if dense else "a feature map"
        if changes[-1] > _JUMP:
            told = (
                f"at the kink of a rectifier in {where} the map jumps: it changes by {changes[-1]:.2g} of itself over "
                f"pixels that change by {2 * _STEPS[-1]:g}"
            )
            return Trial(False, told, numbers)
        return Trial(True, f"at the kink of a rectifier in {where} the map does not jump", numbers)

    return judged([partial(trial, dense) for dense in (False, True)])


def at_kink(dense: bool) -> tuple[Scene, Float[Tensor, "3 H W"]]:
    """A scene in which a rectifier is exactly at its kink, and the direction in which it opens fastest."""
    network = random_network(16, dense=dense)
    scene = explaining(network, quarters(16))
    layer = part(network, "dense", nn.Linear) if dense else part(network, "second", nn.Conv2d)
    place = list(network).index(layer)
    image = scene.image.clone().requires_grad_()
    inputs = network[: place + 1](image[None])[0]
    head = part(network, "head", nn.Linear)
    with torch.no_grad():
        unit = int(head.weight[0].abs().argmax())
        head.weight[0, unit] *= 3
        corner = inputs[unit].mean() if dense else inputs[unit, 0, 0]
        assert layer.bias is not None
        layer.bias[unit] -= corner
    (direction,) = torch.autograd.grad(corner_of(inputs, unit, dense), image)
    if dense:
        return scene, direction.sign()
    half = SIDE // 2
    fastest = torch.zeros_like(direction)
    fastest[:, :half, :half] = direction[:, :2, :2].sign().tile(1, half // 2, half // 2)
    return scene, fastest


def corner_of(inputs: Tensor, unit: int, dense: bool) -> Tensor:
    """What a unit is given: of a feature map, at the first pixel."""
    return inputs[unit] if dense else inputs[unit, 0, 0]
