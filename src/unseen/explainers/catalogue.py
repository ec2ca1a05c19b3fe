"""Ways of explaining a decision, by name; ``unseen list methods`` shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseen.explainers.aggregation import entries as aggregation
from unseen.explainers.attention import entries as attention
from unseen.explainers.cam import entries as cam
from unseen.explainers.causal import entries as causal
from unseen.explainers.controls import entries as controls
from unseen.explainers.gradients import entries as gradients
from unseen.explainers.hiding import entries as hiding
from unseen.explainers.propagation import entries as propagation
from unseen.registry import Registry

if TYPE_CHECKING:
    from unseen.explainers.method import Method

METHODS: Registry[Method] = Registry(
    "method",
    "unseen.methods",
    {
        **causal.ENTRIES,
        **hiding.ENTRIES,
        **gradients.ENTRIES,
        **propagation.ENTRIES,
        **cam.ENTRIES,
        **attention.ENTRIES,
        **aggregation.ENTRIES,
        **controls.ENTRIES,
    },
    contract="unseen.explainers.method:Method",
)
"""What ``unseen list methods`` lists, and ``method=`` takes: the default first, then by family; what asks more of the
model comes later, mixtures and controls last."""

CONTROLS = tuple(controls.ENTRIES)
"""Methods that know nothing of the model: a metric that cannot tell others from them tells nothing."""
