"""Parts planted on other contexts: on how many their class is named, and how surely, for every metric that asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice

import torch
from torch import Tensor

from unseen.classifier import Classifier
from unseen.classifier.decision import Decision
from unseen.evaluation.judging.outcomes import Measurement, Outcome
from unseen.evaluation.judging.plan import Plan
from unseen.explainers.robust.contexts import Contexts
from unseen.metrics.robustness import robustness

CONTEXTS = {
    "robustness-colours": "colours",
    "confidence-colours": "colours",
    "robustness-photos": "photos",
    "confidence-photos": "photos",
}
"""What parts are planted on, by the metrics that ask for it; those of one kind share their passes."""

NONE = Measurement(None, 0, 0, 0)


def contexts_of(plan: Plan) -> list[str]:
    """The metrics of a plan that plant parts."""
    return [metric for metric in CONTEXTS if metric in plan.metrics]


def plant_parts(
    outcome: Outcome,
    plan: Plan,
    contexts: Mapping[str, Contexts],
    decided: Callable[[], tuple[Decision, Classifier]],
    watch: Callable[[str], None],
) -> None:
    """Plant the parts on the contexts that they were not planted on before; equal parts once.

    Args:
        outcome: has the parts, and receives what is measured of them.
        plan: how many contexts each part is planted on, and for which metrics.
        contexts: of each kind.
        decided: what the network says of the photograph, and the unmodified network; asked where a part is planted.
        watch: told which metrics are under way.
    """
    parts = [part for part in outcome.parts if part.mask is not None]
    if not parts:
        return
    masks, index = _distinct([part.mask for part in parts if part.mask is not None])
    for kind in dict.fromkeys(CONTEXTS[metric] for metric in contexts_of(plan)):
        metrics = [metric for metric in contexts_of(plan) if CONTEXTS[metric] == kind]
        watch(", ".join(metrics))
        decision, model = decided()
        known = {part.measurements.get(metric, NONE).n for part in parts for metric in metrics}
        before = known.pop() if len(known) == 1 else 0  # where some were planted on fewer, all begin anew
        every = contexts[kind].of(outcome.subject.digest, outcome.target, model.outputs, len(decision.image))
        further = islice(every, before, plan.backgrounds)
        necessary = plan.part == "necessary"
        found = robustness(model, decision.image, masks, further, outcome.target, necessary=necessary)
        whole = decision.probability if model.outputs.unit is None else 1.0
        sums = {"robustness": found.hits[index].tolist(), "confidence": (found.confidence[index] / whole).tolist()}
        for metric in metrics:
            for part, more in zip(parts, sums[metric.removesuffix(f"-{kind}")], strict=True):
                old = part.measurements.get(metric, NONE) if before else NONE
                part.measurements[metric] = _extended(old, more, before + found.contexts, plan.backgrounds)


def _extended(known: Measurement, more: float, n: int, asked: int) -> Measurement:
    """The mean over ``n`` contexts, those of ``known`` among them: of hits, which are counted, or of any number."""
    if isinstance(more, int):
        hits = known.hits + more
        return Measurement(hits / n if n else None, n, hits, asked)
    total = (known.value or 0.0) * known.n + more
    return Measurement(total / n if n else None, n, 0, asked)


def _distinct(masks: list[Tensor]) -> tuple[Tensor, Tensor]:
    """The masks without repetition, and for each of the given ones its place among them."""
    stacked = torch.stack(masks)
    found: tuple[Tensor, Tensor] = torch.unique(stacked, dim=0, return_inverse=True)
    return found
