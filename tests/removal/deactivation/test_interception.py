"""Following tensors: nothing is lost silently, and gradients are those of the slow reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from helpers.checks import (
    POLICIES,
    Toy,
    assert_hidden_pixels_do_not_matter,
    classifier_of,
    logits,
    masks_for,
    photo,
    plain_logits,
    randomise,
)
from helpers.reference import Map, Reference
from unseen.errors import ModelError, NotApplicableError
from unseen.removal import REMOVALS
from unseen.removal.deactivation.activation import ActivationDeactivation

SIZE = (8, 8)


class Swish(torch.autograd.Function):
    """A custom function of each value, as memory-saving activations are written."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gate = torch.sigmoid(x)
        return gradient * gate * (1 + x * (1 - gate))


class Convolved(torch.autograd.Function):
    """A custom convolution, whose backward knows of no mask."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(weight)
        return F.conv2d(x, weight, padding=1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (weight,) = ctx.saved_tensors
        return F.conv_transpose2d(gradient, weight, padding=1), None


class Network(nn.Module):
    """``function(self, features)`` between a convolution and a linear layer."""

    def __init__(self, function: Callable[[Network, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.stem, self.mid, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, 2)
        self.kept: Any = None

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.function(self, self.stem(x)).mean((2, 3)))


OUTSIDE = torch.full((1, 4, 1, 1), 2.0, dtype=torch.float64)
"""A constant that is neither a parameter nor a buffer nor an attribute."""


def kept(network: Network, x: Tensor) -> Tensor:
    network.kept = network.mid(x)
    return network.mid(F.relu(network.kept))


def cached(network: Network, x: Tensor) -> Tensor:
    network.kept = network.kept or {}
    if x.shape not in network.kept:
        network.kept[x.shape] = torch.arange(x.shape[-1], dtype=x.dtype).expand(x.shape).clone()
    return network.mid(x + network.kept[x.shape])


def buffered(network: Network, x: Tensor) -> Tensor:
    vector = x.mean((2, 3))
    buffer = torch.zeros(len(x), 4, dtype=x.dtype)
    buffer[:, 1:] = vector[:, 1:]
    return network.mid(x) * buffer[:, :, None, None]


def controlled(network: Network, x: Tensor) -> Tensor:
    for _ in range(3 if x.shape[1] == 4 and x.ndim == 4 else 1):
        x = F.relu(network.mid(x), inplace=True)
    return x if network.head.bias.sum() == 0 else x * 2


FOLLOWED: dict[str, Callable[[Network, Tensor], Tensor]] = {
    "reused and functional": lambda m, x: m.mid(F.relu_(m.mid(x))),
    "control flow": controlled,
    "custom function": lambda m, x: m.mid(Swish.apply(x)),
    "activation kept as attribute": kept,
    "constant from outside": lambda m, x: m.mid(x * OUTSIDE),
    "cached constant": cached,
    "vector written into a buffer": buffered,
    "normalised weight": lambda m, x: F.conv2d(input=x, weight=m.mid.weight / m.mid.weight.norm(), padding=1),
    "convolution over the channels of a vector": lambda m, x: (
        m.mid(x) * F.conv1d(x.mean((2, 3))[:, None], OUTSIDE.view(1, 1, 4)[..., :3], padding=1).view(len(x), 4, 1, 1)
    ),
}


@pytest.mark.numerics
@pytest.mark.parametrize("name", FOLLOWED)
def test_unusual_networks_are_followed(name: str) -> None:
    model = randomise(Network(FOLLOWED[name]))
    image, masks = photo(SIZE), masks_for(SIZE)
    got = logits(model, image, masks)
    with torch.no_grad():
        assert torch.equal(got[0], plain_logits(model, image, 5)[0])
    assert not torch.equal(got[0], got[2])
    assert_hidden_pixels_do_not_matter(model, SIZE, [{}, {"travel": "pooled"}])
    for count in (1, 3, 4):  # a batch of other sizes, among them the number of channels
        torch.testing.assert_close(logits(model, image, masks[:count]), got[:count])


class Known(Toy):
    """Everything that has a gradient of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.wide = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 5, padding=2)
        self.pool, self.head = nn.MaxPool2d(2), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.silu(self.stem(x))
        x = torch.cat([self.pool(x), self.pool(x + self.wide(x))], 1)
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))

    def slow(self, r: Reference, x: Map) -> Tensor:
        x = r.each(r.conv(x, self.stem), F.silu)
        pools = [r.max_pool(x, self.pool), r.max_pool(r.add(x, r.conv(x, self.wide)), self.pool)]
        return self.head(r.mean(r.cat([p for p in pools if isinstance(p, Map)])))


@pytest.mark.parametrize("policy", [*POLICIES, {"fill": "neighbour"}], ids=str)
def test_gradients_are_those_of_the_slow_reference(policy: dict[str, Any]) -> None:
    model, image, masks = Known(), photo(SIZE), masks_for(SIZE)
    randomise(model)
    bound = ActivationDeactivation(**policy).bind(classifier_of(model, SIZE), image)
    pixels = image.expand(5, -1, -1, -1).clone().requires_grad_()
    (got,) = torch.autograd.grad(bound.forward(pixels, masks).sum(), pixels)
    assert torch.isfinite(got).all()
    assert torch.equal(got * (1 - masks[:, None]), torch.zeros_like(got))
    for mask, gradient in zip(masks, got, strict=True):
        source = image.clone().requires_grad_()
        reference = Reference(mask, **policy)
        (expected,) = torch.autograd.grad(model.slow(reference, reference.enter(source)).sum(), source)
        torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-6)


def test_gradients_of_parameters_and_an_image_that_needs_none() -> None:
    model, image = randomise(Known()), photo(SIZE)
    logits(model, image, masks_for(SIZE)).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad=True")
def test_where_gradients_would_ignore_the_mask_they_are_refused() -> None:
    image, masks = photo(SIZE), masks_for(SIZE)
    reentrant = Network(lambda m, x: checkpoint(m.mid, x, use_reentrant=True))
    for model in (reentrant, Network(lambda m, x: Convolved.apply(x, m.mid.weight))):
        randomise(model).requires_grad_(False)
        bound = ActivationDeactivation().bind(classifier_of(model, SIZE), image)
        plain = logits(randomise(Network(lambda m, x: F.conv2d(x, m.mid.weight, m.mid.bias, padding=1))), image, masks)
        with torch.no_grad():
            got = bound.forward(image.expand(5, -1, -1, -1), masks)
        if model is reentrant:
            torch.testing.assert_close(got, plain)
        with pytest.raises(NotApplicableError, match=r"autograd\.Function"):
            bound.forward(image.expand(5, -1, -1, -1).clone().requires_grad_(), masks)


def scripted(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return torch.jit.script(function)  # type: ignore[no-any-return]


def doubled(x: Tensor) -> Tensor:
    return x * 2


def brightness(x: Tensor) -> Tensor:
    return x.mean()


@pytest.mark.filterwarnings("ignore:.*torch.jit")  # of another category from release to release
def test_scripted_functions_are_refused_whatever_the_shape_of_their_result() -> None:
    twice, mean = scripted(doubled), scripted(brightness)
    for function in (lambda m, x: m.mid(twice(x)), lambda m, x: m.mid(x) * mean(x)):
        with pytest.raises(NotApplicableError, match="scripted"):
            logits(randomise(Network(function)), photo(SIZE), torch.ones(1, *SIZE))


def test_a_tensor_from_numpy_is_refused_unless_it_is_the_same_in_every_pass() -> None:
    passes: list[int] = []

    def differs(m: Network, x: Tensor) -> Tensor:
        passes.append(len(passes))
        return m.mid(x * torch.from_numpy(OUTSIDE.numpy() + passes[-1]))

    with pytest.raises(NotApplicableError, match="numpy"):
        ActivationDeactivation().forward(classifier_of(randomise(Network(differs)), SIZE), photo(SIZE))
    constant = Network(lambda m, x: m.mid(x * torch.from_numpy(OUTSIDE.numpy().copy())))
    plain = Network(lambda m, x: m.mid(x * OUTSIDE))
    asked = [logits(randomise(model), photo(SIZE), torch.ones(1, *SIZE)) for model in (constant, plain)]
    torch.testing.assert_close(*asked)


@pytest.mark.parametrize(
    ("output", "error", "message"),
    [
        (lambda x: x, ModelError, "returned shape"),
        (lambda x: x.flatten(1), NotApplicableError, "still has positions"),
        (lambda x: torch.ones(len(x), 2), NotApplicableError, "mask was lost"),
        (lambda x: (x.mean((2, 3)), x), ModelError, "returned a tuple"),
        (lambda x: x.mean((2, 3))[0], ModelError, "returned shape"),
    ],
)
def test_outputs_that_are_not_logits(output: Callable[[Tensor], Any], error: type[Exception], message: str) -> None:
    class Output(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return output(x)

    with pytest.raises(error, match=message):
        logits(Output(), photo(SIZE), torch.ones(1, *SIZE))


def test_an_object_with_logits_is_understood() -> None:
    class Output(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return type("Result", (), {"logits": x.mean((2, 3))})()

    image, masks = photo(SIZE), masks_for(SIZE)
    got = logits(Output(), image.float(), masks)
    torch.testing.assert_close(got[2], image[:, 2:5, :4].mean((1, 2)).float())


def mean_by_numpy(x: Tensor) -> list[float]:
    return [float(value) for value in x.numpy().mean((1, 2, 3))]


def sum_of_lists(x: Tensor) -> list[float]:
    return [sum(one[0].flatten().tolist()) for one in x]


def a_corner(x: Tensor) -> list[float]:
    return [one[0, 0, 0].item() for one in x]


def the_last_row(x: Tensor) -> list[float]:
    return x[:, :, -1].mean((1, 2)).tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("read", [mean_by_numpy, sum_of_lists, a_corner, the_last_row])
def test_what_is_read_past_torch_is_noticed_when_the_removal_is_bound(read: Callable[[Tensor], list[float]]) -> None:
    class Reading(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(3, 4)

        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad(), torch._C.DisableTorchFunction():
                outside = read(x.detach())
            return self.head(x.mean((2, 3))) + torch.tensor(outside, dtype=x.dtype)[:, None] * torch.arange(4)

    model = randomise(Reading())
    with pytest.raises(NotApplicableError, match=r"past torch's functions.*such as 'blur'"):
        logits(model, photo(SIZE), torch.ones(1, *SIZE))
    assert REMOVALS.create("blur").bind(classifier_of(model, SIZE), photo(SIZE))(torch.ones(1, *SIZE)).shape == (1, 4)
