"""Several methods asked of one photograph, near it and with parts of it hidden; then their best mixture.

Source: Decker et al., *Provably Better Explanations with Optimized Aggregation of Feature Attributions*, ICML 2024.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.errors import NotApplicableError, ParameterError
from unseen.explainers.aggregation.assessment import HeldOutLosses, fitting_strength, held_out, resampled
from unseen.explainers.aggregation.programs import Balance, Goal, Observed, Program, program
from unseen.explainers.aggregation.quality import Hidings, changes, hidings, scale_of
from unseen.explainers.hiding.segments import Segmentation, Segments, coalition_scores, segmentation
from unseen.explainers.method import Method
from unseen.explainers.sufficient.search import map_of
from unseen.inputs.neighbourhood import Radius, noisy
from unseen.inputs.streams import stream_of
from unseen.removal import MaskedClassifier
from unseen.system.options import Count, Number, Options

TWINS = 0.99
"""Correlation from which on two maps are said to be nearly the same."""

_NOT_FINITE = "has values that are not finite"
_FLAT, _STILL = 1e-6, 1e-12
"""Shares of a map's largest value, and of its square, that float32 makes by rounding."""


@dataclass(frozen=True, kw_only=True)
class Mixing(Options):
    """What is asked of a photograph, and for what goal methods are mixed on it.

    Raises:
        ParameterError: an option outside its range.
    """

    goal: Goal = "both"
    balance: Balance = 0.5
    nearby: Annotated[
        int, Count("how many photographs near this one every method is asked of; this one tells nothing of robustness")
    ] = 3
    radius: Radius = 0.02
    hidden: Annotated[
        int, Count("how many times random segments are hidden, from one to a half of them; three are fitted fully", 4)
    ] = 128
    segments: Segments = 50
    strength: Annotated[
        float | None,
        Number("how strongly weights are drawn to equal ones; none lets observations held out decide", 0),
    ] = None


@dataclass(frozen=True, eq=False)
class Aggregate:
    """The best mixture of k maps, and what is known of it.

    Attributes:
        saliency: β Σ wᵢφᵢ, signed, float32, shape ``space``.
        names: of the methods that are mixed.
        maps: φᵢ, each divided by its standard deviation over the pixels, shape ``(k, *space)``.
        weights: wᵢ ≥ 0, which sum to 1, shape (k,); all 0 if no mixture predicts what hiding costs.
        scale: β, with which the mixture's sums over hidden parts predict drops of the logit best; 1 if none is hidden.
        interval: of each weight, the middle 95 % over resamples of the observations, shape (2, k).
        observed: what the weights were found from.
        program: what they make least, the pull towards other weights with it.
        strength: how strongly they were drawn towards given ones.
        held: losses where the weights were not fitted: of the mixture, the mean of the maps, and each map.
        left_out: methods that cannot be mixed, with the reason.
        notes: what must be known of the segments that were hidden.
    """

    saliency: Float[Tensor, "*space"]
    names: tuple[str, ...]
    maps: Float[Tensor, "k *space"]
    weights: Float[Tensor, " k"]
    scale: float
    interval: Float[Tensor, "2 k"]
    observed: Observed
    program: Program
    strength: float
    held: HeldOutLosses
    left_out: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def contributions(self) -> Float[Tensor, " k"]:
        """The share of each method in the mixture, ⟨wᵢφᵢ, φ_w⟩ / ‖φ_w‖²; they sum to 1."""
        gram = self.observed.changes.maps
        pulls = self.weights * (gram @ self.weights)
        return pulls / torch.where(pulls.sum() > 0, pulls.sum(), 1)

    @property
    def twins(self) -> tuple[tuple[str, str, float], ...]:
        """Pairs of methods whose maps are nearly the same, with their correlation; their split is chance."""
        if len(self.names) < 2:
            return ()
        correlations = torch.corrcoef(self.maps.double().flatten(1))
        pairs = torch.triu_indices(len(self.names), len(self.names), 1).T.tolist()
        found = [(self.names[i], self.names[j], float(correlations[i, j])) for i, j in pairs]
        return tuple(pair for pair in found if pair[2] >= TWINS)


def aggregate(
    masked: MaskedClassifier,
    target: int,
    methods: Mapping[str, Method],
    options: Mixing,
    *,
    towards: Float[Tensor, " m"] | None = None,
    seed: int = 0,
) -> Aggregate:
    """The convex combination of the methods' maps that serves a goal best on this photograph.

    Robustness is about photographs near it, whose pixels move by at most ``radius``: the same for all methods, and
    every method keeps its seed, so that what is random in it moves along. Faithfulness is about random segments hidden
    by the removal: the same for all methods, one evaluation each. For one goal alone, the other's are not asked for.

    Args:
        masked: the classifier, its photograph and the removal.
        target: class index.
        methods: by name, at least one; each is asked once, and once for each nearby photograph.
        options: of the mixture.
        towards: where weights are drawn to: weights above 0, one for each of ``methods``; uniform by default. Those
            that are best on average over a set of photographs lend few observations what they lack.
        seed: random seed.

    Raises:
        ParameterError: no methods, or not one weight above 0 for each.
        NotApplicableError: one of the methods cannot explain the network.
    """
    goal, balance = options.goal, options.balance
    if not methods:
        raise ParameterError("no methods to aggregate; name at least one")
    aims = torch.ones(len(methods), dtype=torch.float32) if towards is None else towards
    if aims.shape != (len(methods),) or not bool(((aims > 0) & aims.isfinite()).all()):
        raise ParameterError(f"towards needs {len(methods)} finite weights above 0, one for each method")
    generator = stream_of(masked.image, seed)
    asked = ask(masked, target, methods, options, generator, seed=seed, goal=goal)
    names, maps, observed = asked.names, asked.maps, asked.observed
    aim = torch.stack([aims[place] for place, name in enumerate(methods) if name in names])
    pull = fitting_strength(observed, goal, balance, aim) if options.strength is None else options.strength
    made = program(observed, goal, balance).drawn(pull, aim)
    weights = made.weights()
    spread = resampled(observed, goal, balance, pull, aim, generator=generator)
    hidden = goal != "robustness"
    scale = float(scale_of(observed.hidings.loss(observed.alike[1]), weights)) if hidden else 1.0
    return Aggregate(
        scale * torch.einsum("k,k...->...", weights.float(), maps),
        names,
        maps,
        weights,
        scale,
        spread.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64), 0),
        observed,
        made,
        pull,
        held_out(observed, goal, balance, pull, aim),
        asked.left_out,
        asked.notes,
    )


@dataclass(frozen=True, eq=False)
class AskedMaps:
    """What methods said of a photograph, near it and with parts of it hidden.

    Attributes:
        names: of the methods that can be mixed.
        maps: of these, each divided by its standard deviation over the pixels, shape ``(k, *space)``.
        observed: what is known of the maps.
        left_out: methods that cannot be mixed, with the reason.
        notes: what must be known of the segments that were hidden.
    """

    names: tuple[str, ...]
    maps: Float[Tensor, "k *space"]
    observed: Observed
    left_out: Mapping[str, str]
    notes: tuple[str, ...]


def ask(
    masked: MaskedClassifier,
    target: int,
    methods: Mapping[str, Method],
    options: Mixing,
    generator: torch.Generator,
    *,
    seed: int = 0,
    goal: Goal | None = "both",
    plain: bool = False,
) -> AskedMaps:
    """Ask methods for their maps, and for what a goal is about.

    Args:
        masked: the classifier, its photograph and the removal.
        target: class index.
        methods: by name.
        options: how many nearby photographs and hidden parts there are.
        generator: of these.
        seed: of the methods.
        goal: what else is asked for besides the maps; ``None`` for nothing.
        plain: take maps without their sign, and nothing less its mean, as the published algorithm does.

    Raises:
        NotApplicableError: one of the methods cannot explain the network, or no map is left.
    """
    near = options.nearby if goal in ("robustness", "both") else 0
    count = options.hidden if goal in ("faithfulness", "both") else 0
    found = {name: _map(masked, target, name, method, seed) for name, method in methods.items()}
    left_out = {name: reason for name, saliency in found.items() if (reason := _useless(saliency))}
    names = [name for name in methods if name not in left_out]
    scales = {name: found[name].double().std(correction=0) for name in names}

    def unit(name: str, saliency: Tensor) -> Tensor:
        scaled = _in_unit(saliency, scales[name])
        return scaled.abs() if plain else scaled

    maps = _stacked([unit(name, found[name]) for name in names], left_out)

    def around() -> Iterator[Tensor]:
        for number, image in enumerate(noisy(masked.image, options.radius, near, generator), 1):
            masked.announce(f"nearby photograph {number} of {near}", masked.expected)
            with masked.for_image(image) as other:
                yield torch.stack([unit(name, map_of(methods[name], other, target, seed)) for name in names])

    change = changes(maps, around() if near else (), centred=not plain)
    if near:
        moves = change.grams.diagonal(dim1=1, dim2=2).amax(0)
        moving = moves.isfinite() & (moves > _STILL * change.maps.diagonal())
        reasons = ["does not change with the photograph" if move.isfinite() else _NOT_FINITE for move in moves]
        left_out |= {name: reason for name, reason, good in zip(names, reasons, moving, strict=True) if not good}
        names = [name for name in names if name not in left_out]
        maps, change = _stacked([*maps[moving]], left_out), change.of(moving)
    cut = segmentation(masked.image, options.segments) if count else None
    observed = Observed(change, _hidings(masked, target, maps, count, cut, generator, centred=not plain))
    return AskedMaps(tuple(names), maps, observed, left_out, cut.notes if cut else ())


def _map(masked: MaskedClassifier, target: int, name: str, method: Method, seed: int) -> Float[Tensor, "*space"]:
    expected = masked.expected
    masked.announce(name, expected)
    try:
        saliency = map_of(method, masked, target, seed)
    except NotApplicableError as error:
        raise NotApplicableError(f"{name} cannot be mixed: {error}") from error
    masked.expected = expected
    return saliency


def _useless(saliency: Float[Tensor, "*space"]) -> str:
    """Why a map cannot be mixed; empty if it can."""
    if not saliency.isfinite().all():
        return _NOT_FINITE
    flat = saliency.double()
    return "says the same of every pixel" if flat.std(correction=0) <= _FLAT * flat.abs().max() else ""


def _in_unit(saliency: Float[Tensor, "*space"], scale: Float[Tensor, ""]) -> Float[Tensor, "*space"]:
    return (saliency.double() / scale).float()


def _stacked(maps: Sequence[Tensor], left_out: Mapping[str, str]) -> Float[Tensor, "k *space"]:
    if not maps:
        reasons = "; ".join(f"{name} {reason}" for name, reason in left_out.items())
        raise NotApplicableError(f"no map is left to mix: {reasons}; name other methods")
    return torch.stack([*maps])


def _hidings(
    masked: MaskedClassifier,
    target: int,
    maps: Float[Tensor, "k *space"],
    count: int,
    cut: Segmentation | None,
    generator: torch.Generator,
    *,
    centred: bool,
) -> Hidings:
    """What the maps say of hidden segments, and what the network does; the photograph itself is asked first."""
    if cut is None:
        return Hidings(maps.new_zeros(0, len(maps), dtype=torch.float64), maps.new_zeros(0, dtype=torch.float64))
    masked.announce("hidden segments", masked.expected)
    numbers = cut.numbers
    shown = random_coalitions(cut.count, count, generator)
    asked = torch.cat([torch.ones(1, shown.shape[1], dtype=torch.bool), shown])
    scores = coalition_scores(masked, asked, numbers, [target], "logit")
    values = scores.values[:, 0]
    drops = (values[0] - values[1:]) * (~scores.still)  # what is rounding is nothing to be predicted
    return hidings(maps, shown, numbers, drops, centred=centred)


def random_coalitions(segments: int, count: int, generator: torch.Generator) -> Bool[Tensor, "N S"]:
    """Which segments each mask shows: all but from one of them up to a half, every number as likely."""
    most = max(1, segments // 2)
    hidden = torch.randint(1, most + 1, (count, 1), generator=generator)
    return torch.rand(count, segments, generator=generator, dtype=torch.float32).argsort(1).argsort(1) >= hidden
