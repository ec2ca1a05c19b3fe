from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from unseen import Classifier, Preprocessing
from unseen.classifier.autograd_graph import mend_batch_norms, nodes_of

CHANNELS = 8


def norm_and_slope() -> tuple[nn.BatchNorm2d, Tensor]:
    generator = torch.Generator().manual_seed(0)
    norm = nn.BatchNorm2d(CHANNELS).eval().requires_grad_(False)
    for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
        assert tensor is not None
        tensor.copy_(torch.rand(CHANNELS, generator=generator) + 0.5)
    assert norm.running_var is not None
    return norm, (norm.weight / (norm.running_var + norm.eps).sqrt()).reshape(1, -1, 1, 1)


def signal_of_tokens(count: int) -> Tensor:
    """Laid out as the gradient that comes back from (N, tokens, C)."""
    tokens = torch.randn(count, 25, CHANNELS, generator=torch.Generator().manual_seed(1))
    return tokens.transpose(1, 2).view(count, CHANNELS, 5, 5)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("tokens", [False, True])
def test_the_gradient_of_a_batch_norm_is_that_of_the_affine_function_it_is(
    count: int, layout: torch.memory_format, tokens: bool
) -> None:
    norm, slope = norm_and_slope()
    inputs = torch.randn(count, CHANNELS, 5, 5).contiguous(memory_format=layout).requires_grad_()
    signal = signal_of_tokens(count) if tokens else signal_of_tokens(count).contiguous()
    output = norm(inputs)
    mend_batch_norms(output)
    (found,) = torch.autograd.grad(output, inputs, signal)
    torch.testing.assert_close(found, signal * slope)


class Tokens(nn.Module):
    """A patch embedding with a batch norm, whose signal comes back as that of tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Conv2d(3, CHANNELS, 2, 2), nn.Linear(CHANNELS, 3)
        self.norm = norm_and_slope()[0]

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.norm(self.embed(x)).flatten(2).transpose(1, 2).square().mean(1))
        return logits


def test_a_classifier_gives_the_same_gradient_alone_as_in_a_batch() -> None:
    torch.manual_seed(0)
    classifier = Classifier(Tokens().double(), Preprocessing((10, 10), None))
    images = torch.rand(2, 3, 10, 10).double()
    found = []
    for some in (images, images[:1]):
        some = some.clone().requires_grad_()
        found.append(torch.autograd.grad(classifier.forward(some)[0, 1], some)[0][0])
    torch.testing.assert_close(*found)


def test_every_node_is_met_once() -> None:
    x = torch.rand(3, requires_grad=True)
    shared = x * 2
    nodes = list(nodes_of((shared + shared.relu()).sum()))
    assert len(nodes) == len(set(nodes)) == 5  # sum, add, relu, mul and the leaf
    assert list(nodes_of(torch.rand(3))) == []
