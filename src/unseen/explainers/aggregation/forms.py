"""Other ways of mixing: as the paper prints it, as it was published, equally, less where maps disagree, or as learnt.

Sources: Decker et al., *Provably Better Explanations with Optimized Aggregation of Feature Attributions*, ICML 2024
(printed, published); Rieger & Hansen, *Aggregating explanation methods for stable and robust explainability*, 2020
(mean, variance).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.errors import ParameterError
from unseen.explainers.aggregation.aggregating import AskedMaps, Mixing, ask
from unseen.explainers.aggregation.baselines import official, variance_weighted
from unseen.explainers.aggregation.programs import Goal
from unseen.explainers.aggregation.quadratic import Quadratic, on_simplex
from unseen.explainers.aggregation.quality import scale_of
from unseen.explainers.method import Method
from unseen.inputs.streams import stream_of
from unseen.removal import MaskedClassifier
from unseen.system.options import Meaning

Form = Annotated[
    Literal["own", "printed", "published", "mean", "variance"],
    Meaning(
        "how the mixture is found: by losses that no map gains by being small, ours; by the paper's quadratic on the "
        "simplex, as printed; by the algorithm as it was published, of maps without their sign; as the mean; or as the "
        "mean where maps agree and less where they do not (AGG-Var)"
    ),
]

_SMALL = 1e-12


@dataclass(frozen=True, eq=False)
class Joined:
    """A mixture of maps.

    Attributes:
        saliency: shape ``space``.
        asked: what it was made from.
        weights: of the maps; ``None`` where it is no weighted sum of them.
    """

    saliency: Float[Tensor, "*space"]
    asked: AskedMaps
    weights: Float[Tensor, " k"] | None


def joined(
    masked: MaskedClassifier,
    target: int,
    methods: Mapping[str, Method],
    options: Mixing,
    form: Form,
    *,
    learnt: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Joined:
    """Mix the maps of methods in another form than ours, which is ``aggregate`` in the module ``aggregating``.

    Args:
        masked: the classifier, its photograph and the removal.
        target: class index.
        methods: by name.
        options: of the mixture; its goal is that of the printed and the published form.
        form: how.
        learnt: weights by method in place of a form's; only the maps are asked for. Those of methods that cannot be
            mixed on this photograph are shared among the others.
        seed: random seed.

    Raises:
        ParameterError: our own form, which has a function of its own, or learnt weights that leave nothing to mix.
        NotApplicableError: one of the methods cannot explain the network.
    """
    if form == "own" and learnt is None:
        raise ParameterError("joined is for other forms; call aggregate")
    goal = None if learnt is not None or form in ("mean", "variance") else options.goal
    plain = learnt is None and form == "published"
    generator = stream_of(masked.image, seed)
    asked = ask(masked, target, methods, options, generator, seed=seed, goal=goal, plain=plain)
    if learnt is None and form == "variance":
        return Joined(variance_weighted(asked.maps), asked, None)
    weights = _weights(form, asked, options) if learnt is None else _of(learnt, asked)
    return Joined(torch.einsum("k,k...->...", weights.float(), asked.maps), asked, weights)


def _weights(form: Form, asked: AskedMaps, options: Mixing) -> Float[Tensor, " k"]:
    observed, count = asked.observed, len(asked.names)
    if form == "mean":
        return torch.full((count,), 1 / count, dtype=torch.float64)
    if form == "printed":
        near, hidden = observed.alike
        losses = observed.changes.loss(near), observed.hidings.loss(hidden)
        return printed(*losses, options.goal, options.balance)
    hidings = observed.hidings
    return official(hidings.sums, hidings.drops, observed.changes.grams, options.goal)


def _of(learnt: Mapping[str, float], asked: AskedMaps) -> Float[Tensor, " k"]:
    weights = torch.tensor([learnt[name] for name in asked.names], dtype=torch.float64)
    if not float(weights.sum()) > 0:
        raise ParameterError(
            f"the learnt weights leave nothing to mix: those of {', '.join(asked.names)} are 0, and the others cannot "
            "be mixed here; learn them on other photographs"
        )
    return weights / weights.sum()


def printed(change: Quadratic, sums: Quadratic, goal: Goal, balance: float = 0.5) -> Float[Tensor, " k"]:
    """Weights on the simplex of the paper's quadratics: E‖r_w‖², ‖βSw − δ‖² / ‖δ‖², or both between utopia and nadir.

    One β serves all maps, that of their mean.

    Args:
        change: E‖r_w‖².
        sums: ‖Sv − δ‖² / ‖δ‖².
        goal: what is wanted.
        balance: λ of the first and 1 − λ of the second, for ``both``.
    """
    k = len(sums.linear)
    beta = scale_of(sums, torch.full((k,), 1 / k, dtype=torch.float64))
    scaled = Quadratic(sums.matrix * beta**2, sums.linear * beta, sums.constant)
    if goal != "both":
        return on_simplex(change if goal == "robustness" else scaled)
    steady, faithful = on_simplex(change), on_simplex(scaled)
    ranges = (change(faithful) - change(steady), scaled(steady) - scaled(faithful))
    losses = zip((change, scaled), (balance, 1 - balance), ranges, strict=True)
    first, second = (loss * (share / max(float(size), _SMALL)) for loss, share, size in losses)
    return on_simplex(first + second)
