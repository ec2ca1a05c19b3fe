"""The best mixture of several methods as a method of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Annotated, Any

import torch
from jaxtyping import Bool
from torch import Tensor

from unseen.errors import ParameterError
from unseen.explainers.aggregation.aggregating import Aggregate, Mixing, aggregate
from unseen.explainers.aggregation.forms import Form, Joined, joined
from unseen.explainers.aggregation.learning import read_weights
from unseen.explainers.aggregation.programs import program
from unseen.explainers.catalogue import METHODS
from unseen.explainers.method import Method
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.explanation import Findings
from unseen.inputs.contents import contents_digest
from unseen.inputs.space import ANY
from unseen.system.options import Meaning

SEPARATOR = "/"
"""Between the methods of a spec: a comma would end the option."""

POOL = "grad-cam/layer-cam/integrated-gradients/smoothgrad/input-x-gradient/occlusion"
"""Six that know the model in different ways, for any differentiable network."""

_FRONT = 11

_RESIDUAL = 1e-6
"""Of the conditions of the least loss, up to which weights are taken for the best ones."""


@dataclass(frozen=True)
class Aggregation(FromMap, Mixing):
    """Mix the maps of several methods with the weights that serve a goal best on this photograph.

    After Decker et al., *Provably Better Explanations with Optimized Aggregation of Feature Attributions*, ICML 2024;
    see :func:`aggregate`. The record has each method's weight, contribution and losses, and what the mixture gains over
    the best single method on observations that its weights were not fitted to.

    Raises:
        ParameterError: an option outside its range, an unknown method, or an aggregation of aggregations.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.aggregation.method import Aggregation
        >>> saliency = map_of(Aggregation(of="occlusion/input-x-gradient"), masked, target=0)
        >>> saliency[square].mean() > saliency[~square].mean()
        tensor(True)
    """

    of: Annotated[
        str,
        Meaning("the methods, with ``/`` between them; a method's options follow its name with ``;`` between them"),
    ] = POOL
    form: Form = "own"
    weights: Annotated[
        str | None,
        Meaning(
            "a file of weights that ``unseen mix`` learnt on many photographs, used as they are, so that only the maps "
            "are made; it is for the methods of ``of``"
        ),
    ] = None
    stage = "methods"
    empty = "no mixture of these methods predicts what hiding costs {label}: the map is empty"

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(isinstance(method, Aggregation) for method in self.methods.values()):
            raise ParameterError("an aggregation cannot be aggregated; name its methods instead")
        if self.weights is not None and self.form != "own":
            raise ParameterError(f"learnt weights are used as they are; leave form={self.form} out, or weights")
        object.__setattr__(self, "inside", any(method.inside for method in self.methods.values()))
        common = tuple(axes for axes in ANY if all(axes in method.axes for method in self.methods.values()))
        object.__setattr__(self, "axes", common)

    @property
    def methods(self) -> Mapping[str, Method]:
        """The methods, by their specs."""
        return {spec: METHODS.create(spec.replace(";", ",")) for spec in METHODS.split([self.of], SEPARATOR)}

    @property
    def content(self) -> str:
        """Of what the methods read, and of learnt weights."""
        learnt = "" if self.weights is None else contents_digest([Path(self.weights)])
        return " ".join(filter(None, (learnt, *(method.content for method in self.methods.values()))))

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`aggregate`."""
        del domain
        masked, target = evaluate.masked, evaluate.target
        learnt, doubts = None, tuple[str, ...]()
        if self.weights is not None:
            learnt, doubts = read_weights(Path(self.weights), self.methods, masked.classifier)
        if learnt is not None or self.form != "own":
            other = joined(masked, target, self.methods, self, self.form, learnt=learnt, seed=seed)
            notes = (*doubts, *other.asked.notes, *_out(other.asked.left_out))
            return Findings(other.saliency, notes=notes, record=_of(other, self))
        found = aggregate(masked, target, self.methods, self, seed=seed)
        return Findings(found.saliency, notes=tuple(_notes(found)), record=_record(found, self))

    def cost(self, shape: tuple[int, ...]) -> int | None:
        """See :meth:`FromMap.cost`."""
        each = [method.cost(shape) if isinstance(method, FromMap) else None for method in self.methods.values()]
        once = [most for most in each if most is not None]
        if len(once) < len(each):
            return None
        if self.weights is not None or self.form in ("mean", "variance"):
            return sum(once)
        near = self.nearby if self.goal != "faithfulness" else 0
        return sum(once) * (1 + near) + (1 + self.hidden if self.goal != "robustness" else 0)


def _notes(found: Aggregate) -> list[str]:
    notes = [*found.notes, *_out(found.left_out)]
    notes += [
        f"{one} and {other} say nearly the same here (correlation {correlation:.3f}): their split is chance"
        for one, other, correlation in found.twins
    ]
    if not bool(found.weights.any()):
        notes.append("no method is faithful here: no mixture of them predicts what hiding parts costs")
    residual = float(found.program.certificate(found.weights))
    if bool(found.weights.any()) and not residual <= _RESIDUAL:
        notes.append(f"the weights are not the best ones: the solver left a residual of {residual:.1g}")
    return notes


def _out(left_out: Mapping[str, str]) -> list[str]:
    return [f"{name} is left out: it {reason}" for name, reason in left_out.items()]


def _of(found: Joined, asked: Aggregation) -> dict[str, Any]:
    """What is known of a mixture in another form: no losses, for nothing was held out."""
    weights = [None] * len(found.asked.names) if found.weights is None else found.weights.tolist()
    return {
        "form": "learnt" if asked.weights is not None else asked.form,
        "methods": [
            {"method": name, "weight": weight} for name, weight in zip(found.asked.names, weights, strict=True)
        ],
        "left_out": dict(found.asked.left_out),
    }


def _record(found: Aggregate, asked: Aggregation) -> dict[str, Any]:
    """All that was found, ready for JSON."""
    mixture, mean, *alone = _losses(found)
    methods = [
        {"method": name, "weight": weight, "low": low, "high": high, "contribution": share, **losses}
        for name, weight, low, high, share, losses in zip(
            found.names,
            found.weights.tolist(),
            *found.interval.tolist(),
            found.contributions.tolist(),
            alone,
            strict=True,
        )
    ]
    return {
        "goal": asked.goal,
        **({"lambda": asked.balance} if asked.goal == "both" else {}),
        **({"nearby": asked.nearby} if asked.goal != "faithfulness" else {}),
        **({"hidden": asked.hidden} if asked.goal != "robustness" else {}),
        "strength": found.strength,
        "scale": found.scale,
        "certificate": float(found.program.certificate(found.weights)),
        "methods": methods,
        "left_out": dict(found.left_out),
        "held_out": {"mixture": mixture, "mean": mean},
        "front": _front(found) if asked.goal == "both" else [],
    }


def _losses(found: Aggregate) -> list[dict[str, float | None]]:
    """Losses on observations held out: of the mixture, the mean and each method; ``None`` for what was not observed."""
    pairs = zip(found.held.sensitivity.tolist(), found.held.infidelity.tolist(), strict=True)
    return [
        {"sensitivity": None if isnan(change) else change, "infidelity": None if isnan(miss) else miss}
        for change, miss in pairs
    ]


def _front(found: Aggregate) -> list[dict[str, Any]]:
    """The mixtures from the most faithful to the steadiest, with their losses on what they were fitted to."""
    balances = torch.linspace(0, 1, _FRONT, dtype=torch.float32)
    weights = program(found.observed, "both", balances).drawn(found.strength).weights()
    near, hidden = found.observed.alike
    sensitivity = found.observed.changes.sensitivity(weights, near)
    infidelity = found.observed.hidings.infidelity(weights, hidden, hidden)
    return [
        {
            "lambda": round(balance, 3),
            "weights": row,
            "sensitivity": None if isnan(change) else change,
            "infidelity": miss,
        }
        for balance, row, change, miss in zip(
            balances.tolist(), weights.tolist(), sensitivity.tolist(), infidelity.tolist(), strict=True
        )
    ]
