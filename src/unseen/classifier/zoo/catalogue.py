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
        "python": Entry(
            "unseen.classifier.zoo.from_python:load",
            "python:FILE.py:NAME, your own code, which is run: a classifier, a torch module, a function of a batch, or "
            "a function without arguments that returns one of these",
        ),
        "onnx": Entry(
            "unseen.classifier.zoo.from_onnx:load", "onnx:FILE, run by ONNX Runtime (extra: onnx); a black box"
        ),
        "torchscript": Entry(
            "unseen.classifier.zoo.from_torchscript:load", "torchscript:FILE, a program that torch.jit.save wrote"
        ),
        "http": Entry(
            "unseen.classifier.zoo.from_server:load_http",
            "http://HOST:PORT/PATH, a server that speaks the manual's protocol; a black box",
        ),
        "https": Entry("unseen.classifier.zoo.from_server:load_https", "https://HOST/PATH, the same"),
    },
    contract="collections.abc:Callable",
    made=False,
)
"""Sources of models: plain names stand for one model each, the others for all of theirs."""

PLACES = {
    "hf": "hf:ORG/NAME",
    "python": "python:FILE.py:NAME",
    "onnx": "onnx:FILE",
    "torchscript": "torchscript:FILE",
    "http": "http://HOST:PORT/PATH",
    "https": "https://HOST/PATH",
}
"""Sources whose spec is a place, which may hold any letter, and how it is written."""

FAMILIES = {"torchvision": "torchvision:NAME", "timm": "timm:NAME", **PLACES}
"""Sources of many models, which need a name after the colon."""
