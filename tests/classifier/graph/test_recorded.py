"""Recorded passes say what torch says, of any number of photographs; what cannot be recorded is refused in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.checks import randomise
from unseen.classifier.graph.recorded import RecordedPass
from unseen.errors import NotRecordedError

SIZE = (16, 12)


class Everything(nn.Module):
    """Most operations that have a translation."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm, self.depthwise = (
            nn.Conv2d(3, 8, 3, 2, 1),
            nn.BatchNorm2d(8),
            nn.Conv2d(8, 8, 3, padding=1),
        )
        self.layer, self.linear, self.head = nn.LayerNorm(8), nn.Linear(8, 8), nn.Linear(8 * 4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.hardswish(self.norm(self.stem(x)), inplace=True)
        y = F.max_pool2d(F.silu(self.depthwise(F.pad(x, (1, 0, 1, 0))))[:, :, 1:, 1:], 3, 1, 1)
        y = y * F.hardsigmoid(F.adaptive_avg_pool2d(y, 1)) + F.relu6(x)
        y += F.gelu(self.linear(self.layer(x.permute(0, 2, 3, 1)))).permute(0, 3, 1, 2)
        first, second = y.chunk(2, 1)
        x = torch.cat([F.avg_pool2d(second, 3, 1, 1), first.clamp(-1, 2)], 1)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w).tanh()
        return self.head(F.adaptive_avg_pool2d(x, (2, 2)).flatten(1)) - x.mean((2, 3)).sigmoid()[:, :5]


def photographs(count: int) -> Tensor:
    return torch.rand(count, 3, *SIZE, generator=torch.Generator().manual_seed(count))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_it_says_what_torch_says(count: int) -> None:
    network = randomise(Everything()).float()
    with torch.no_grad():
        recorded = RecordedPass(network, photographs(1))
        torch.testing.assert_close(recorded(photographs(count)), network(photographs(count)))


def test_masks_are_multiplied_where_maps_are_small() -> None:
    """Before the expansion, before the border, and after what may not be moved; each says what torch says."""
    narrow, wide = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 12, 1)
    mixing, deep = nn.Conv2d(12, 6, 3), nn.Conv2d(6, 5, 3)

    def run(x: Tensor, masks: Tensor) -> Tensor:
        x = F.pad(F.relu6(wide(narrow(x * masks[:, None]))), (0, 1, 1, 0))
        x = F.relu(mixing(x.mul_(F.pad(masks[:, None], (0, 1, 1, 0), value=1.0))))
        kept = -F.max_pool2d(-masks[:, None], 2, 1)
        return (deep(x * kept) + x[:, :5, 2:, 2:]).mean((2, 3))

    masks = (torch.rand(5, *SIZE, generator=torch.Generator().manual_seed(0)) > 0.4).float()
    with torch.no_grad():
        recorded = RecordedPass(run, photographs(1), masks[:1])
        for count in (1, 5):
            got = recorded(photographs(count), masks[:count])
            torch.testing.assert_close(got, run(photographs(count), masks[:count]))


def _stale(x: Tensor) -> Tensor:
    view = x[:, :1]
    (x * 1).mul_(2)
    y = x.clone()
    part = y[:, :1]
    y.add_(1)
    return part.mean((2, 3)) + view.mean((2, 3))


REFUSED: dict[str, Callable[[Tensor], object]] = {
    "decides by a value": lambda x: x if x.sum() > 0 else -x,
    "nonzero decides": lambda x: x.nonzero(),
    "changed through a view": _stale,
    "something else than a tensor": lambda x: {"logits": x},
    "no translation": lambda x: torch.fft.rfft(x).abs(),
    "does not come from": lambda x: torch.zeros(len(x), 3),
    "other operations than three": lambda x: x if len(x) == 2 else x + 1,
    "along another axis": lambda x: x.reshape(3, -1),
}


@pytest.mark.parametrize("why", list(REFUSED))
def test_what_cannot_be_recorded_is_refused(why: str) -> None:
    with pytest.raises(NotRecordedError, match=why):
        RecordedPass(REFUSED[why], photographs(1))
