"""Sources of models by name; ``unseen list models`` shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseen.registry import Entry, Registry

if TYPE_CHECKING:
    from unseen.classifier.zoo.source import Loader

_TAN_LE = "Tan & Le, EfficientNet, ICML 2019; Lite variants of its authors"


def _bundled(summary: str) -> Entry:
    return Entry("unseen.classifier.zoo.bundled:load", summary, _TAN_LE)


MODELS: Registry[Loader] = Registry(
    "model",
    "unseen.models",
    {
        "efficientnet-lite0": _bundled("ImageNet, 224 × 224, 4.7 million parameters; ships with unseen"),
        "efficientnet-lite1": _bundled("ImageNet, 240 × 240, 5.4 million parameters; ships with unseen"),
        "efficientnet-lite2": _bundled("ImageNet, 260 × 260, 6.1 million parameters; ships with unseen"),
        "torchvision": Entry(
            "unseen.classifier.zoo.from_torchvision:load",
            "torchvision:NAME, as in torchvision:resnet50; NAME@PATH for weights",
        ),
        "timm": Entry(
            "unseen.classifier.zoo.from_timm:load", "timm:NAME, as in timm:resnet50.a1_in1k; NAME@PATH for weights"
        ),
        "hf": Entry("unseen.classifier.zoo.from_transformers:load", "hf:ORG/NAME on huggingface.co, or hf:FOLDER"),
    },
    contract="collections.abc:Callable",
    made=False,
)
"""Sources of models: plain names stand for one model each, ``torchvision``, ``timm`` and ``hf`` for all of theirs."""

FAMILIES = frozenset({"torchvision", "timm", "hf"})
"""Sources of many models, which need a name after the colon."""
