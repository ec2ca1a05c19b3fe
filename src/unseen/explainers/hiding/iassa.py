"""IASSA: sample again and again until the map no longer changes, and let places that look alike share their saliency.

Source: Vasu & Long, *Iterative and Adaptive Sampling with Spatial Attention for Black-Box Model Explanations*, WACV
2020. What was changed and why stands in :mod:`unseen.explainers.hiding.adaptive` and
:mod:`unseen.explainers.hiding.spatial_attention`; equation 6 is printed with (β − 1), which would subtract the
attention.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import interpolate

from unseen.classifier import Classifier
from unseen.classifier.scores import Score
from unseen.classifier.zoo.loading import check_source, load_classifier
from unseen.errors import NotApplicableError, ParameterError
from unseen.explainers.hiding.adaptive import Budget, literal, windows
from unseen.explainers.hiding.spatial_attention import Attention, Perplexity, attention
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.explanation import Findings
from unseen.inputs.space import ANY, Space
from unseen.removal import MaskedClassifier
from unseen.system.options import Count, Meaning, Share

IassaForm = Literal["windows", "literal"]


@dataclass(frozen=True, eq=False)
class Iterated:
    """The maps of an iterative search, and why it ended.

    Attributes:
        maps: S'ₖ after each iteration, the last one is the result, float32, shape ``(K, *space)``.
        evaluations: spent until each of them.
        changes: the sum of the absolute changes of S' over that of its absolute values, for each map but the first.
        stopped: ``converged``, when the last change was below the tolerance; ``iterations`` or ``budget``.
    """

    maps: Float[Tensor, "K *space"]
    evaluations: tuple[int, ...]
    changes: tuple[float, ...]
    stopped: Literal["converged", "iterations", "budget"]


def iassa(
    masked: MaskedClassifier,
    target: int,
    options: Iassa,
    *,
    look: Attention | None = None,
    seed: int = 0,
) -> Iterated:
    """Maps of one class, each made from more evaluations than the one before.

    Args:
        masked: the classifier and its photograph.
        target: class index.
        options: of the method.
        look: the photograph's attention A; ``None`` does without. The pass that it took is one of the budget.
        seed: random seed.

    Raises:
        ParameterError: a budget that does not pay for a first map.
    """
    beta, iterations = options.beta, options.iterations
    ask = Budget(masked, target, options.score, options.budget - (look is not None))

    def adjust(saliency: Tensor) -> Tensor:
        return saliency if look is None else beta * saliency + (1 - beta) * look(saliency)

    samplers: dict[IassaForm, Iterator[Tensor]] = {
        "windows": windows(ask, adjust, iterations, options.threshold, seed),
        "literal": literal(ask, adjust, iterations),
    }
    maps: list[Tensor] = []
    spent: list[int] = []
    changes: list[float] = []
    converged = False
    for made in samplers[options.form]:
        if maps:
            changes.append(float((made - maps[-1]).abs().sum() / maps[-1].abs().sum().clamp(min=1e-30)))
        maps.append(made)
        spent.append(ask.spent)
        converged = bool(changes) and changes[-1] < options.tolerance
        if converged:
            break
    if not maps:
        raise ParameterError(f"budget {options.budget} does not pay for a first map of form {options.form!r}; raise it")
    ended: Literal["iterations", "budget"] = "budget"
    if len(maps) == iterations and ask.left:
        ended = "iterations"
    found = torch.stack(maps) * (not ask.still)
    return Iterated(found, tuple(spent), tuple(changes), "converged" if converged else ended)


@dataclass(frozen=True)
class Iassa(FromMap):
    """Sample until the map no longer changes; places that look alike to the classifier share their saliency.

    Source: Vasu & Long, WACV 2020. The forms: ``windows`` is the paper's scheme with its estimator corrected: shrinking
    windows whose centres lie in the highest region, score drops, divided by the real coverage. ``literal`` is the
    paper's estimator as printed.

    Raises:
        ParameterError: an option outside its range.
        NotApplicableError: (on use) β is below 1 and positions cannot be followed through the network.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.hiding.iassa import Iassa
        >>> saliency = map_of(Iassa(budget=200, beta=1), masked, target=0)
        >>> saliency[square].mean() > saliency[~square].mean()
        tensor(True)
    """

    form: Annotated[IassaForm, Meaning("how masks are sampled")] = "windows"
    budget: Annotated[int, Count("how many evaluations are never exceeded", 10)] = 1000
    iterations: Annotated[int, Count("how often masks are sampled at most")] = 15
    beta: Annotated[
        float,
        Share("β in S' = β S + (1 − β) A S, with the spatial attention A of a network's features; 1 does without"),
    ] = 0.5
    attention: Annotated[
        str | None,
        Meaning(
            "a model whose features say what looks alike, named as for --model; by default the explained one, whose "
            "positions must then be such as can be followed"
        ),
    ] = None
    perplexity: Perplexity = 0.05
    threshold: Annotated[
        float, Share("where the highest region of ``windows`` begins, as a share of the map's maximum (equation 8)")
    ] = 0.3
    tolerance: Annotated[float, Share("the relative change of the map below which it has converged")] = 0.05
    score: Score = "probability"
    stage = "iterations"
    empty = "no mask changes the score of {label}: the map is empty"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "axes", ANY if self.beta == 1 else (2,))  # the attention is that of images
        object.__setattr__(self, "inside", self.beta < 1 and self.attention is None)
        if self.attention is None:
            return
        check_source(self.attention)
        if self.beta == 1:
            raise ParameterError(f"beta=1 does without attention={self.attention}; leave one of them out")

    @cached_property
    def _network(self) -> Classifier | None:
        """That of ``attention``, loaded once for all photographs; it goes where the explained one is."""
        return None if self.attention is None else load_classifier(self.attention, device="cpu")

    def __getstate__(self) -> dict[str, Any]:
        """Another process loads the network itself."""
        return {name: value for name, value in vars(self).items() if name != "_network"}

    @property
    def content(self) -> str:
        """The fingerprint of the network that lends its attention; empty without one."""
        return "" if self._network is None else self._network.fingerprint

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`iassa`."""
        del domain
        masked, other = evaluate.masked, self._network
        look = None
        if self.beta < 1:
            if other is not None and other.device != masked.classifier.device:
                other = other.running(other.model.to(masked.classifier.device))
            image = masked.image if other is None else _as_seen_by(other, masked.image)
            (look,) = masked.in_batches(
                1, lambda *_: attention(other or masked.classifier, image, perplexity=self.perplexity)
            )
        found = iassa(masked, evaluate.target, self, look=look, seed=seed)
        record = _record(found, look, self.attention or masked.classifier.name)
        return Findings(found.maps[-1], notes=_notes(found, self.tolerance), record=record)

    def cost(self, shape: Space) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return self.budget


def _as_seen_by(network: Classifier, image: Float[Tensor, "C H W"]) -> Float[Tensor, "C h w"]:
    """What the explained model sees, at the size of another network."""
    size, channels = network.preprocessing.size, network.preprocessing.channels
    if channels != len(image) or len(size) != image.ndim - 1:
        raise NotApplicableError(
            f"attention={network.name} is of images of {channels} channels, and the input has {len(image)}; take "
            "another network, or do without (beta=1)"
        )
    return interpolate(image[None], size, mode="bilinear", antialias=True, align_corners=False)[0].clamp(0, 1)


def _notes(found: Iterated, tolerance: float) -> tuple[str, ...]:
    if found.stopped == "converged":
        return ()
    last = f"changed by {100 * found.changes[-1]:.0f} %" if found.changes else "was the only one"
    why = "all iterations were done" if found.stopped == "iterations" else "the budget was spent"
    return (f"the map has not converged to {100 * tolerance:g} %: the last of {len(found.maps)} {last}, and {why}",)


def _record(found: Iterated, look: Attention | None, network: str) -> dict[str, Any]:
    record: dict[str, Any] = {
        "evaluations": list(found.evaluations),
        "changes": list(found.changes),
        "stopped": found.stopped,
    }
    if look is not None:
        record["attention"] = {
            "network": network,
            "levels": [list(level) for level in look.levels],
            "temperature": look.temperature,
            "perplexity": look.perplexity,
        }
    return record
