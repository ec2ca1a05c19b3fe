"""What all interceptions of a pass share: telling an error of their own from one of the network.

A torch function mode sees every function that a network calls. Where it lets the function run as the network asked for
it, and that fails, the network has failed. Whatever else goes wrong inside is the interception's own fault.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any

from torch import nn
from torch.overrides import TorchFunctionMode, resolve_name

from unseen.classifier.failures import InterceptionError, out_of_memory
from unseen.errors import UnseenError

Function = Callable[..., Any]


class Intercepting(TorchFunctionMode):
    """A torch function mode whose subclasses define :meth:`met`."""

    def __init__(self) -> None:
        super().__init__()
        self._of_the_network: BaseException | None = None

    def met(self, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What stands for a function that the network calls.

        Raises:
            UnseenError: it cannot be followed.
        """
        raise NotImplementedError

    def as_asked(self, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The function as the network asked for it; what it raises is the network's."""
        try:
            return func(*args, **kwargs)
        except Exception as error:
            self._of_the_network = error
            raise

    def call(self, func: Function, *args: Any, **kwargs: Any) -> Any:
        """Call a torch function as the network would, for rules that are made of several."""
        try:
            return self.met(func, args, kwargs)
        finally:
            self._of_the_network = None

    def __torch_function__(
        self, func: Function, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        try:
            return self.met(func, args, kwargs or {})
        except Exception as error:
            own = error is self._of_the_network or isinstance(error, UnseenError) or out_of_memory(error)
            self._of_the_network = None
            if own:
                raise
            raise InterceptionError(f"{type(self).__name__} met {name_of(func)}") from error


def name_of(func: Function) -> str:
    """The public name of a torch function, as in ``torch.Tensor.roll``."""
    return str(resolve_name(func) or getattr(func, "__qualname__", repr(func)))


def names_of(model: nn.Module) -> dict[int, str]:
    """The names of a network's modules, by their identity."""
    return {id(module): name for name, module in model.named_modules()}


def calling_module(names: Mapping[int, str]) -> str:
    """The name of the innermost module whose code is running, "" if it is none but the network itself."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        owner = frame.f_locals.get("self")
        name = names.get(id(owner), "")
        if name:
            return name
        frame = frame.f_back
    return ""
