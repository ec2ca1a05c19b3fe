"""Criteria of what a map must say about one network: sensitivity, conservation, positivity, saturation, symmetry.

Sources: Sundararajan, Taly & Yan, *Axiomatic Attribution for Deep Networks*, ICML 2017, sections 2 and 4; Bach et al.,
PLOS ONE 2015, equation 2 and definition 2 (conservation, positivity); Shrikumar et al., 2017, figure 1 (saturation).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from unseen.classifier.scores import target_score
from unseen.criteria.networks import SIDE, block, built, explaining, halves, mirrored, painted, random_network, texture
from unseen.criteria.verdict import ERRORS, NOTHING, TOLERANCE, Asked, Scene, Trial, Verdict, judged
from unseen.errors import ModelError, NotApplicableError, one_line
from unseen.explainers.gradients.baselines import Baseline, baseline_of
from unseen.explainers.gradients.integrated import ExpectedGradients
from unseen.explainers.propagation.deeplift import DeepShap

_RED = (1.0, 0.0, 0.0)
_PIXELS = SIDE * SIDE
_EXACT = 1e-4
"""Share of the map that single-precision logits may move."""


def one_feature() -> tuple[Scene, Scene]:
    """A black photograph but for one red feature of 4 × 4 pixels, the value of which is x = 2.

    The first network is 1 − ReLU(1 − x), flat at the photograph; the second is x itself.
    """
    image = painted((block(12, 12), _RED))
    gain = 2 * _PIXELS / 16
    linear = built([[gain, 0.0, 0.0]], [0.0], None, [1.0])
    return Scene(saturating(gain), image), Scene(linear, image)


def check_baseline(ask: Asked) -> None:
    """Refuse methods for which a black feature is not an absent one.

    Raises:
        NotApplicableError: the method has a baseline of its own that is not black.
    """
    if isinstance(ask.method, (ExpectedGradients, DeepShap)):
        raise NotApplicableError("its baselines are many: no photograph differs from all of them in one feature only")
    colour = ask.method.baseline or "black"
    if colour not in ("black", "zero", "min"):
        raise NotApplicableError(f"its baseline is {colour}, and the features here are absent where they are black")


def saturating(gain: float, height: float = 1.0, slope: float = 1.0) -> nn.Sequential:
    """Height · (1 − ReLU(1 − slope · gain · mean red)) + the mean green of one corner.

    The corner, which is black in the photographs, keeps a gradient alive: some methods refuse a network without any.
    """
    green = block(SIDE - 4, SIDE - 4)
    shown = torch.stack([torch.ones_like(green), green])
    colours = [[gain, 0.0, 0.0], [0.0, 1.0, 0.0]]
    dense = ([[-slope, 0.0], [0.0, 1.0]], [1.0, 1.0])
    return built(colours, [0.0, 0.0], dense, [-height, 1.0], height - 1, shown=shown)


def sensitivity_a(ask: Asked) -> Verdict:
    """Photograph and baseline differ in one feature, and so do their scores: the feature must be credited.

    Example:
        >>> from unseen.criteria import check
        >>> check("occlusion", "sensitivity-a").status, check("saliency", "sensitivity-a").status
        ('holds', 'fails')
    """
    feature = block(12, 12).bool()

    def trial(scene: Scene, name: str) -> Trial:
        largest = float(ask.map(scene)[feature].abs().max())
        change = float(ask.scores(scene, torch.stack([scene.image, torch.zeros_like(scene.image)])).diff().abs())
        numbers = {"credit": largest, "change": change}
        told = f"{name}: the one feature that differs from black changes the score by {change:.3g} and"
        if largest <= NOTHING:
            return Trial(False, f"{told} is given 0", numbers)
        return Trial(True, f"{told} is credited", numbers)

    check_baseline(ask)
    flat, linear = one_feature()
    return judged([partial(trial, flat, "1 − ReLU(1 − x) at x = 2"), partial(trial, linear, "x at 2")])


def saturation(ask: Asked) -> Verdict:
    """The score is flat because there is more of a feature than it needs: the feature must be credited all the same.

    Example:
        >>> from unseen.criteria import check
        >>> check("integrated-gradients", "saturation").status, check("saliency", "saturation").status
        ('holds', 'fails')
    """
    feature = block(0, 0, SIDE // 2, SIDE)
    scene = Scene(saturating(4.0), painted((feature, _RED)))

    def trial() -> Trial:
        found = ask.map(scene)
        inside = float(found[feature.bool()].abs().max())
        told = "half of the red half would do for the whole score: the red"
        if inside <= NOTHING:
            return Trial(False, f"{told} is given 0", {"credit": inside})
        return Trial(True, f"{told} is credited", {"credit": inside})

    return judged([trial])


def sensitivity_b(ask: Asked) -> Verdict:
    """A region on which the network does not depend at all must be given nothing (dummy).

    Example:
        >>> from unseen.criteria import check
        >>> check("saliency", "sensitivity-b").status, check("grad-cam", "sensitivity-b").status
        ('holds', 'fails')
    """
    shown = block(0, 0, SIDE, SIDE // 2)
    unseen = ~shown.bool()

    def trial(seed: int, dense: bool) -> Trial:
        scene = explaining(random_network(seed, shown=shown, dense=dense), halves(seed))
        first, second = ask.map(scene), ask.map(scene, 1)
        if torch.equal(first, second):
            total, worst = float(first.abs().max()), float(first[unseen].abs().max())
            share = worst / total if total > NOTHING else 0.0
            if total <= NOTHING:
                raise NotApplicableError("its maps are empty on this network")
            place = int(torch.where(unseen, first.abs(), 0.0).sum(0).argmax())
            told = f"the network sees only columns 0 to {SIDE // 2 - 1}, and a pixel of column {place} is given"
            if share > _EXACT:
                return Trial(False, f"{told} {share:.2g} of the largest value", {"share": share}, {"map": first})
            return Trial(True, "the unseen half is given 0", {"share": share})
        value, error = ask.mean(scene, lambda one: torch.stack([one[unseen].sum(), one.abs().sum()]))
        share, noise = float(value[0].abs() / value[1]), float(error[0] / value[1])
        numbers = {"share": share, "standard error": noise}
        if share > ERRORS * noise + _EXACT:
            return Trial(
                False, f"the half that the network does not see is given {share:.2g} ± {noise:.1g} of the map", numbers
            )
        return Trial(True, f"the unseen half is given 0 within {ERRORS} standard errors of {noise:.1g}", numbers)

    return judged([partial(trial, 1, False), partial(trial, 2, True)])


def conservation(ask: Asked) -> Verdict:
    """The map must add up to the score, or to how far the score is from that of a baseline.

    Held against f(x), and f(x) minus the score of the photograph hidden, of the method's own baseline, or of the mean
    over solid colours if the method draws at random. The same of them must fit two networks with biases and one
    without.

    Example:
        >>> from unseen.criteria import check
        >>> check("integrated-gradients", "conservation").status, check("saliency", "conservation").status
        ('holds', 'fails')
    """
    scenes = {
        "": explaining(random_network(3), halves(3)),
        "with another network ": explaining(random_network(4, dense=True), halves(4)),
        "without biases ": explaining(random_network(5, bias=False), halves(5)),
    }
    sums: dict[str, dict[str, tuple[float, float]]] = {}
    fits: dict[str, set[str]] = {}
    refusal = ""
    for name, scene in scenes.items():
        try:
            total, error = (float(value) for value in ask.mean(scene, torch.sum))
        except (NotApplicableError, ModelError) as refused:
            refusal = one_line(refused)
            continue
        due = _due(ask, scene, drawn=error > 0)
        sums[name] = {"the map": (total, error), **due}
        fits[name] = {
            one
            for one, (value, doubt) in due.items()
            if abs(total - value) <= TOLERANCE * abs(value) + min(ERRORS * (error + doubt), 0.1 * abs(value))
        }
    if not fits:
        return Verdict("not applicable", refusal)
    numbers = {f"{name}{one}": value for name, some in sums.items() for one, (value, _) in some.items()}
    common = set.intersection(*fits.values())
    if common:
        return Verdict("holds", f"the map adds up to {' and to '.join(sorted(common))}", numbers)
    name = min(fits, key=lambda one: len(fits[one]))
    total, _ = sums[name].pop("the map")
    told = f"{name}the map adds up to {total:.3g}; " + ", ".join(
        f"{one} is {v:.3g}" for one, (v, _) in sums[name].items()
    )
    only = "; without biases it adds up to f(x)" if "f(x)" in fits.get("without biases ", ()) else ""
    return Verdict("fails", told + only, numbers)


def _due(ask: Asked, scene: Scene, drawn: bool) -> dict[str, tuple[float, float]]:
    """What the map may add up to, each with its standard error."""
    image = scene.image
    score = float(ask.scores(scene, image[None])[0])
    masked = ask.removal.bind(scene.classifier, image)
    logits = masked(torch.zeros(1, *masked.shape, dtype=torch.bool))
    hidden = float(target_score(scene.classifier.outputs, logits, scene.target, ask.explains)[0])
    due = {"f(x)": (score, 0.0), "f(x) − f(hidden)": (score - hidden, 0.0)}
    colour = ask.method.baseline
    if colour is not None:
        baseline = baseline_of(cast(Baseline, colour), scene.classifier, image, scene.target)[None].to(image)
        due["f(x) − f(baseline)"] = (score - float(ask.scores(scene, baseline)[0]), 0.0)
    if drawn:
        generator = torch.Generator().manual_seed(ask.seed)
        colours = torch.rand(1000, 3, 1, 1, generator=generator, dtype=torch.float64)
        scores = torch.cat([ask.scores(scene, some.expand(-1, *image.shape)) for some in torch.split(colours, 100)])
        due["f(x) − mean f(colours)"] = (score - float(scores.mean()), float(scores.std() / len(scores) ** 0.5))
    return due


def positivity(ask: Asked) -> Verdict:
    """No value of any map may be negative.

    Example:
        >>> from unseen.criteria import check
        >>> check("saliency", "positivity").status, check("input-x-gradient", "positivity").status
        ('holds', 'fails')
    """

    def trials() -> Iterator[Callable[[], Trial]]:
        for seed in (6, 7):
            scene = explaining(random_network(seed), texture(seed))
            for target in range(3):
                yield partial(trial, replace(scene, target=target))

    def trial(scene: Scene) -> Trial:
        found = ask.map(scene)
        lowest, scale = float(found.min()), float(found.abs().max())
        if lowest < -1e-7 * scale:
            return Trial(
                False, f"its values go down to {lowest:.2g}, up to {float(found.max()):.2g}", {"lowest": lowest}
            )
        return Trial(True, "no value is negative", {"lowest": lowest})

    return judged(list(trials()))


def symmetry(ask: Asked) -> Verdict:
    """Two features that the network treats alike, and that have the same value, must be given the same.

    They are mirror images of each other, for the network's filters as for the photograph.

    Example:
        >>> from unseen.criteria import check
        >>> check("saliency", "symmetry").status
        'holds'
    """
    one, other = block(12, 4, 8, 8), block(12, 20, 8, 8)
    image = painted((one + other, (0.9, 0.4, 0.3)))

    def measure(found: Tensor) -> Tensor:
        left, right = found[one.bool()].sum(), found[other.bool()].sum()
        return torch.stack([left - right, left.abs() + right.abs()])

    def trial(dense: bool) -> Trial:
        scene = explaining(mirrored(random_network(8, dense=dense)), image)
        value, error = ask.mean(scene, measure)
        if float(value[1]) <= NOTHING:
            raise NotApplicableError("its maps are empty on this network")
        difference, noise = float(value[0].abs() / value[1]), float(error[0] / value[1])
        numbers = {"difference": difference, "standard error": noise}
        if difference > ERRORS * noise + _EXACT:
            told = f"two equal features are given amounts that differ by {difference:.2g} ± {noise:.1g} of their sum"
            return Trial(False, told, numbers)
        within = f" within {ERRORS} standard errors of {noise:.1g}" if noise else ""
        return Trial(True, f"two equal features are given the same{within}", numbers)

    return judged([partial(trial, dense) for dense in (False, True)])
