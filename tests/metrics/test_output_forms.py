"""Metrics of a network, of the same without its last function, and of the same with one number for two, are alike."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from helpers.trained import FORMS, of_red, pictures
from unseen import METHODS
from unseen.metrics import METRICS
from unseen.metrics.case import Case
from unseen.pipeline.explain import explainer
from unseen.removal import REMOVALS

ALIKE = {
    "probabilities": "logits",
    "binary": "logits",
    "probabilities:binary": "binary",
    "probabilities:independent": "sigmoid",
}
FEWER = {
    "deletion": "steps=6", "insertion": "steps=6", "deletion-correlation": "steps=6", "insertion-correlation": "steps=6",
    "sensitivity-n": "n=0.2,patch=0.25", "max-sensitivity": "samples=1", "attribution-shift": "side=2",
}  # fmt: skip
ELSEWHERE = {
    "pixel-level", "grid-pointing", "difull", "dipart", "null-feature", "single-feature", "double-feature",
    "parameter-randomisation", "robust-size", "robustness-s", "robustness-s-inside", "robustness-s-outside",
    "average-sensitivity", "relative-input-stability", "relative-output-stability", "relative-representation-stability",
}  # fmt: skip
"""Of pictures or layers that a form of outputs draws anew, dear, or a ratio of what is near rounding."""
JUDGED = [name for name in METRICS if METRICS[name].judges == "map" and name not in ELSEWHERE]


@cache
def judged(metric: str, form: str) -> float:
    photos, _, where = pictures(1, 5, torch.tensor([[True, True, False]]))
    classifier, hide = of_red(FORMS[form], form), REMOVALS.create("zero")
    ask, target = explainer(METHODS.create("occlusion:window=0.3"), hide), classifier.target_index("red")
    judge = METRICS.create(f"{metric}:{FEWER[metric]}" if metric in FEWER else metric)
    saliency = ask(classifier, photos[0], target)
    return judge(Case(saliency, target, hide.bind(classifier, photos[0]), ask, where[0, 0]))


@pytest.mark.parametrize("metric", JUDGED)
def test_the_form_of_the_outputs_changes_no_score(metric: str) -> None:
    for form, other in ALIKE.items():
        assert judged(metric, form) == pytest.approx(judged(metric, other), rel=2e-3, abs=1e-4), (form, other)
