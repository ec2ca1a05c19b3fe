"""Networks of signals, volumes and films by name, with random weights; for tests and the matrix.

Those named ``own:`` are written after their papers: no package has them. Depth and kind of layers are those of the
papers and packages; channels are fewer where a network would be too slow for a test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.torchvision_import import import_torchvision
from benchmarks.zoo import randomise

CLASSES = 5


@dataclass(frozen=True)
class Network:
    """How a network is built, and what it is fed.

    Attributes:
        build: makes it, untrained.
        channels: of its input.
        space: the extent of its input.
        stride: samples or voxels from one position of its last map to the next, along the first axis; 0 where what a
            crop shows it is not what it sees of the whole.
    """

    build: Callable[[], nn.Module]
    channels: int
    space: tuple[int, ...]
    stride: int = 0


class InceptionTime(nn.Module):
    """Six blocks of kernels of 39, 19 and 9 samples side by side, with a shortcut after three.

    Source: Ismail Fawaz et al., *InceptionTime*, Data Mining and Knowledge Discovery 2020, section 3.
    """

    def __init__(self, channels: int, width: int = 8) -> None:
        super().__init__()
        blocks, ins = [], channels
        for _ in range(6):
            blocks.append(_Inception(ins, width))
            ins = 4 * width
        self.blocks = nn.ModuleList(blocks)
        self.shortcuts = nn.ModuleList(
            nn.Sequential(nn.Conv1d(size, ins, 1, bias=False), nn.BatchNorm1d(ins)) for size in (channels, ins)
        )
        self.head = nn.Linear(ins, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        kept = x
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number % 3 == 2:
                x = F.relu(x + self.shortcuts[number // 3](kept))
                kept = x
        logits: Tensor = self.head(x.mean(-1))
        return logits


class _Inception(nn.Module):
    def __init__(self, ins: int, width: int) -> None:
        super().__init__()
        self.bottleneck = nn.Conv1d(ins, width, 1, bias=False)
        self.branches = nn.ModuleList(nn.Conv1d(width, width, k, padding="same", bias=False) for k in (39, 19, 9))
        self.pooled = nn.Sequential(nn.MaxPool1d(3, 1, 1), nn.Conv1d(ins, width, 1, bias=False))
        self.norm = nn.BatchNorm1d(4 * width)

    def forward(self, x: Tensor) -> Tensor:
        low = self.bottleneck(x)
        return F.relu(self.norm(torch.cat([*(branch(low) for branch in self.branches), self.pooled(x)], 1)))


class ResNet1d(nn.Module):
    """A strided residual network along time.

    Source: Wang, Yan & Oates, *Time Series Classification from Scratch*, IJCNN 2017, with strides as ResNet-18's.
    """

    def __init__(self, channels: int, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(channels, width, 7, 2, 3, bias=False), nn.BatchNorm1d(width), nn.ReLU())
        sizes = [width, width, 2 * width, 4 * width]
        self.blocks = nn.Sequential(*(_Residual(*pair) for pair in pairwise(sizes)))
        self.head = nn.Linear(sizes[-1], CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.blocks(self.stem(x)).mean(-1))
        return logits


class _Residual(nn.Module):
    def __init__(self, ins: int, outs: int) -> None:
        super().__init__()
        stride = 1 if ins == outs else 2
        self.body = nn.Sequential(
            nn.Conv1d(ins, outs, 3, stride, 1, bias=False), nn.BatchNorm1d(outs), nn.ReLU(),
            nn.Conv1d(outs, outs, 3, 1, 1, bias=False), nn.BatchNorm1d(outs),
        )  # fmt: skip
        self.short = nn.Sequential(nn.Conv1d(ins, outs, 1, stride, bias=False), nn.BatchNorm1d(outs))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.short(x))


class WaveNet(nn.Module):
    """Dilated convolutions that look back only, with gates, residual and skip connections.

    Source: van den Oord et al., *WaveNet: A Generative Model for Raw Audio*, 2016, section 2; the mean over time and a
    linear layer make it a classifier.
    """

    def __init__(self, channels: int, width: int = 8, layers: int = 6) -> None:
        super().__init__()
        self.stem = nn.Conv1d(channels, width, 1)
        self.gates = nn.ModuleList(nn.Conv1d(width, 2 * width, 2, dilation=2**n) for n in range(layers))
        self.mixed, self.skips = (nn.ModuleList(nn.Conv1d(width, width, 1) for _ in range(layers)) for _ in range(2))
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x, skipped = self.stem(x), list[Tensor]()
        for number, (gate, mixed, skip) in enumerate(zip(self.gates, self.mixed, self.skips, strict=True)):
            value, share = gate(F.pad(x, (2**number, 0))).chunk(2, 1)
            passed = torch.tanh(value) * torch.sigmoid(share)
            x = x + mixed(passed)
            skipped.append(skip(passed))
        logits: Tensor = self.head(F.relu(reduce(torch.add, skipped)).mean(-1))
        return logits


class UNetEncoder(nn.Module):
    """What goes down in MONAI's U-Net of five levels, its mean, and a linear layer."""

    def __init__(self, axes: int, channels: int) -> None:
        super().__init__()
        whole = _monai().BasicUNet(axes, channels, CLASSES, features=(8, 8, 16, 32, 64, 8))
        self.body = nn.Sequential(whole.conv_0, whole.down_1, whole.down_2, whole.down_3, whole.down_4)
        self.head = nn.Linear(64, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(x).flatten(2).mean(-1))
        return logits


def _monai() -> Any:
    """MONAI's networks, which import torchvision."""
    import_torchvision()
    from monai.networks import nets

    return nets


def _video(name: str) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        import_torchvision()
        from torchvision.models import video

        network: nn.Module = getattr(video, name)(weights=None, num_classes=CLASSES)
        return network

    return build


def _mvit(version: int) -> Callable[[], nn.Module]:
    """Four blocks of torchvision's multiscale vision transformer, with the options of mvit_v1_b or mvit_v2_s."""

    def build() -> nn.Module:
        import_torchvision()
        from torchvision.models.video.mvit import MSBlockConfig, MViT

        second = version == 2
        stages = ((1, 32, 32, (), 4), (2, 32, 64, (1, 2, 2), 2), (2, 64, 64, (), 2), (2, 64, 64, (), 2))
        blocks = [
            MSBlockConfig(
                heads, into, out, [3, 3, 3] if second or stride else [], [3, 3, 3],
                list(stride) or ([1, 1, 1] if second else []), [1, reduced, reduced],
            )
            for heads, into, out, stride, reduced in stages
        ]  # fmt: skip
        network: nn.Module = MViT(
            (32, 32), 8, blocks, second, not second, second, second, num_classes=CLASSES, stochastic_depth_prob=0.0
        )
        return network

    return build


def _densenet(axes: int, channels: int) -> nn.Module:
    """The 121 layers of DenseNet-121, narrow."""
    network: nn.Module = _monai().DenseNet(
        axes, channels, CLASSES, init_features=16, growth_rate=8, block_config=(6, 12, 24, 16)
    )
    return network


def _efficientnet(axes: int, channels: int) -> nn.Module:
    network: nn.Module = _monai().EfficientNetBN(
        "efficientnet-b0", pretrained=False, spatial_dims=axes, in_channels=channels, num_classes=CLASSES
    )
    return network


def built(name: str) -> nn.Module:
    """A network of signals or volumes, with weights of :func:`benchmarks.zoo.randomise`.

    Args:
        name: in ``SIGNALS`` or ``VOLUMES``.
    """
    network = (SIGNALS | VOLUMES)[name]
    return randomise(network.build(), network.space, network.channels)


SIGNALS: dict[str, Network] = {
    "own:InceptionTime": Network(lambda: InceptionTime(2), 2, (256,), 1),
    "own:ResNet1d": Network(lambda: ResNet1d(2), 2, (256,), 8),
    "own:WaveNet": Network(lambda: WaveNet(2), 2, (256,)),
    "monai:DenseNet, 1-D": Network(lambda: _densenet(1, 2), 2, (256,), 32),
    "monai:EfficientNet-B0, 1-D": Network(lambda: _efficientnet(1, 2), 2, (256,)),
    "monai:UNet encoder, 1-D": Network(lambda: UNetEncoder(1, 2), 2, (256,), 16),
}
VOLUMES: dict[str, Network] = {
    "monai:DenseNet, 3-D": Network(lambda: _densenet(3, 1), 1, (64, 32, 32), 32),
    "monai:UNet encoder, 3-D": Network(lambda: UNetEncoder(3, 1), 1, (32, 32, 32), 16),
    "monai:ResNet-18, 3-D": Network(
        lambda: _monai().resnet18(spatial_dims=3, n_input_channels=1, num_classes=CLASSES, widen_factor=0.25),
        1,
        (32, 16, 16),
        16,
    ),
    "monai:SE-ResNet-50, 3-D": Network(
        lambda: _monai().SEResNet50(spatial_dims=3, in_channels=1, num_classes=CLASSES), 1, (32, 16, 16)
    ),
    "monai:EfficientNet-B0, 3-D": Network(lambda: _efficientnet(3, 1), 1, (32, 32, 32)),
    **{
        f"tv:{name}": Network(_video(name), 3, (8, 32, 32), stride)
        for name, stride in (("r3d_18", 8), ("mc3_18", 0), ("r2plus1d_18", 8))
    },
    "tv:swin3d_t": Network(_video("swin3d_t"), 3, (8, 64, 64)),
    "tv:MViT": Network(_mvit(1), 3, (8, 32, 32)),
    "tv:MViT v2": Network(_mvit(2), 3, (8, 32, 32)),
}
