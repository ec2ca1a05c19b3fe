"""A copy of a network whose layers are drawn anew, a few at a time, in the order of execution.

The user's network is only read: what is changed is a deep copy, and torch's random numbers are put back.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from unseen.classifier import Classifier
from unseen.errors import ModelError, NotApplicableError, first_line
from unseen.inputs.streams import default_stream


class Redrawn:
    """A classifier like another one, with layers that can be drawn anew and put back.

    A layer is a module with parameters of its own. ``reset_parameters`` draws it where it has that method: norms then
    are as new, too (weights 1, biases 0, running statistics 0 and 1). All else is drawn from a normal distribution with
    the mean and the standard deviation of the trained values, so that what is constant stays. Values are drawn on the
    CPU, from a stream that belongs to the layer's name, so that a layer is the same on every device and in any company.

    Attributes:
        layers: names of the layers that the logits depend on, from the input to the output.

    Args:
        classifier: whose network is copied.
        image: a photograph, shape ``(C, *space)``, that shows which layers run.
        seed: of all values.

    Raises:
        ModelError: the network cannot be copied.
        NotApplicableError: it has no layers with parameters.
    """

    def __init__(self, classifier: Classifier, image: Float[Tensor, "C *space"], seed: int = 0) -> None:
        try:
            self._network = copy.deepcopy(classifier.model)
        except Exception as error:  # a network that cannot be copied fails in any way it likes
            raise ModelError(f"{classifier.name} cannot be copied to draw layers anew ({first_line(error)})") from error
        self._original = classifier
        self._seed = seed
        self._modules = executed(self.classifier(), image)
        self.layers = tuple(self._modules)
        if not self.layers:
            raise NotApplicableError(
                f"{classifier.name} has no layers to draw anew; judge the network itself, or by another metric"
            )
        self._trained = [tensor.detach().clone() for tensor in _tensors(self._network)]

    def classifier(self) -> Classifier:
        """The network as it is now, as a new classifier with the original's preprocessing and labels."""
        original = self._original
        copied = original.running(self._network)
        copied.memory_format, copied.is_optimised = original.memory_format, original.is_optimised
        return copied

    def blocks(self, count: int | None) -> list[tuple[str, ...]]:
        """The layers in at most ``count`` blocks of about the same number of layers; ``None``: each is one."""
        number = len(self.layers)
        return [tuple(block) for block in np.array_split(self.layers, min(count or number, number))]

    @torch.no_grad()
    def draw(self, layers: Sequence[str]) -> None:
        """Give these layers new values, the same whenever it is asked for."""
        for name in layers:
            stream = blake2b(f"{self._seed} {name}".encode(), digest_size=7)
            with default_stream(int.from_bytes(stream.digest(), "big")):
                _draw(self._modules[name])

    @torch.no_grad()
    def restore(self) -> None:
        """Give all layers their trained values back."""
        for tensor, trained in zip(_tensors(self._network), self._trained, strict=True):
            tensor.copy_(trained)


def executed(classifier: Classifier, image: Float[Tensor, "C *space"]) -> dict[str, nn.Module]:
    """Modules with parameters of their own on which the logits depend, in the order in which they begin to run.

    One whose parameters are used without calling it comes after the module before it in the order of registration.
    Hooks are put on the network for one pass and its parameters are made to need gradients: give it a copy.
    """
    named = {name: module for name, module in classifier.model.named_modules() if _parameters(module)}
    begun: dict[nn.Module, None] = {}

    def begins(module: nn.Module, _: object) -> None:
        begun.setdefault(module)

    hooks = [module.register_forward_pre_hook(begins) for module in named.values()]
    parameters = [parameter for module in named.values() for parameter in _parameters(module)]
    needing = [parameter.requires_grad for parameter in parameters]
    slopes: tuple[Tensor | None, ...] = ()
    try:
        for parameter in parameters:
            parameter.requires_grad_(True)
        with torch.enable_grad():
            answer = classifier.forward(image.to(classifier.device)[None]).sum()
            if answer.requires_grad:
                slopes = torch.autograd.grad(answer, parameters, allow_unused=True)
    finally:
        for hook in hooks:
            hook.remove()
        for parameter, needed in zip(parameters, needing, strict=True):
            parameter.requires_grad_(needed)
    reached = {id(parameter) for parameter, slope in zip(parameters, slopes, strict=False) if slope is not None}
    order = list(begun)
    for before, module in zip([None, *named.values()], named.values(), strict=False):
        if module not in begun and any(id(parameter) in reached for parameter in _parameters(module)):
            order.insert(order.index(before) + 1 if before in order else 0, module)
    names = {module: name for name, module in named.items()}
    return {names[module]: module for module in order}


def _draw(module: nn.Module) -> None:
    """New values for one module; on the CPU, whose random numbers are the same everywhere."""
    device = _parameters(module)[0].device
    module.cpu()
    reset = getattr(module, "reset_parameters", None)
    if callable(reset):
        reset()
    else:
        for parameter in _parameters(module):
            spread, centre = torch.std_mean(parameter.double(), correction=0)
            parameter.copy_(torch.randn(parameter.shape, dtype=torch.float32) * spread + centre)
    module.to(device)


def _parameters(module: nn.Module) -> list[nn.Parameter]:
    """Those of the module itself that are numbers with a point."""
    return [parameter for parameter in module.parameters(recurse=False) if parameter.is_floating_point()]


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]
