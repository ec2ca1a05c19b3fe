"""What is to be evaluated: written down before any work, kept with the results."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from unseen.errors import ParameterError
from unseen.explaining import check_request
from unseen.methods import METHODS
from unseen.metrics import METRICS
from unseen.removal import REMOVALS

Backend = Literal["torch", "onnxruntime"]


@dataclass(frozen=True)
class Plan:
    """An evaluation: every method under every removal on every photograph, judged by every metric.

    Args:
        photos: files; their names must differ.
        model: a name for :func:`unseen.load_classifier`.
        methods: specs, as in ``unseen list methods``.
        removals: specs, as in ``unseen list removals``.
        confidence: thresholds γ in [0, 1]; one part is judged for each.
        metrics: names, as in ``unseen list metrics``.
        backgrounds: how many contexts of each kind a part is planted on.
        contexts: photographs to plant parts on.
        seed: of everything random.
        device: where the network runs.
        labels: file with the class names of a model that brings none.
        backend: what runs the passes that need nothing but logits; Activation–Deactivation needs ``torch``.

    Raises:
        ParameterError: nothing to do, two photographs of one name, or a parameter outside its range.
        UnknownNameError: a method, removal or metric that is not registered.
    """

    photos: tuple[Path, ...]
    model: str = "efficientnet-lite0"
    methods: tuple[str, ...] = ("causal",)
    removals: tuple[str, ...] = ("ad", "min", "max", "zero", "mean")
    confidence: tuple[float, ...] = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
    metrics: tuple[str, ...] = tuple(METRICS)
    backgrounds: int = 100
    contexts: tuple[Path, ...] = ()
    seed: int = 0
    device: str = "auto"
    labels: Path | None = None
    backend: Backend = "torch"

    def __post_init__(self) -> None:
        for name in ("photos", "methods", "removals", "metrics"):
            if not getattr(self, name):
                raise ParameterError(f"no {name} to evaluate; name at least one")
        twice = [name for name, count in Counter(path.name for path in self.photos).items() if count > 1]
        if twice:
            raise ParameterError(f"two photographs are called {twice[0]}; rename one, results are kept by name")
        check_request(self.confidence, self.seed, 1, None)
        if self.backgrounds < 1:
            raise ParameterError(f"backgrounds {self.backgrounds} must be at least 1")
        if self.backend not in ("torch", "onnxruntime"):
            raise ParameterError(f"backend {self.backend!r} must be 'torch' or 'onnxruntime'")
        for method in self.methods:
            METHODS.create(method)
        for removal in self.removals:
            REMOVALS.create(removal)
        for metric in self.metrics:
            METRICS[metric].load()

    @property
    def identity(self) -> dict[str, Any]:
        """What two runs must have in common for their results to belong together."""
        return {
            "model": self.model,
            "labels": str(self.labels) if self.labels else None,
            "confidence": list(self.confidence),
            "contexts": [path.name for path in self.contexts],
            "seed": self.seed,
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        paths = {"photos": [str(p) for p in self.photos], "contexts": [str(p) for p in self.contexts]}
        return {**asdict(self), **paths, "labels": str(self.labels) if self.labels else None}
