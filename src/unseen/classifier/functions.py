"""A plain function as a model: batch → numbers."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from unseen.classifier.black_box import BlackBox
from unseen.classifier.failures import out_of_memory
from unseen.errors import ModelError, ParameterError, UnseenError, first_line
from unseen.system.arguments import type_of

Taken = Literal["array", "tensor"]


class PlainFunction(BlackBox):
    """A function of a batch as a model.

    It is given a NumPy array, shape ``(N, C, *space)``, float32; or a tensor if the annotation of its first parameter
    says so, or if it fails on an array and not on a tensor. What it returns may be an array, a tensor, lists of
    numbers, or a tuple or mapping of these.

    Args:
        function: of one argument.

    Raises:
        ParameterError: no function, a class, or a function that needs other than one argument.
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        if not callable(function):
            raise ParameterError(f"the model is {type_of(function)}; {_instead_of(function)}")
        name = getattr(function, "__name__", type(function).__name__)
        if isinstance(function, type):
            raise ParameterError(f"the model is the class {name}; give an object of it, as in {name}()")
        _check_arity(function, name)
        source = source_of(function)
        super().__init__(name, "a plain function", sha256(source.encode()).hexdigest(), complete=False)
        self.function = function
        self.takes: Taken | None = _annotated(function)

    @property
    def record(self) -> dict[str, Any]:
        """See :attr:`BlackBox.record`; its identity is the sha256 of its source alone."""
        return {**super().record, "name": self.title, "takes": self.takes}

    def ask(self, images: Tensor) -> object:
        """See :meth:`BlackBox.ask`.

        Raises:
            ModelError: the function fails, or returns other than numbers.
        """
        images = images.float().cpu()
        if self.takes is not None:
            return self._asked(images, self.takes)
        try:
            answer, self.takes = self._asked(images, "array"), "array"
        except ModelError as error:
            try:
                answer, self.takes = self._asked(images, "tensor"), "tensor"
            except ModelError:
                raise error from None
        return answer

    def _asked(self, images: Tensor, takes: Taken) -> object:
        batch = images.clone() if takes == "tensor" else images.numpy().copy()  # it may write into it
        try:
            answer = self.function(batch)
        except Exception as error:
            if isinstance(error, UnseenError) or out_of_memory(error):
                raise
            given = "a tensor" if takes == "tensor" else "a NumPy array"
            reason = f"{type(error).__name__}: {first_line(error)}"
            raise ModelError(
                f"the function {self.title} fails on {given} of shape {tuple(images.shape)} ({reason}); it "
                "must take a batch of normalised images (annotate its parameter as torch.Tensor to be given tensors)"
            ) from error
        return as_tensors(answer, self.title)


def as_tensors(answer: object, name: str) -> object:
    """What a function returned, its numbers as float32 tensors on the CPU, in the same tuple or mapping.

    Raises:
        ModelError: something in it is no number.
    """
    if isinstance(answer, Tensor):
        return answer.detach().float().cpu()
    if isinstance(answer, Mapping):
        return {key: as_tensors(value, name) for key, value in answer.items()}
    if isinstance(answer, tuple) and answer and all(hasattr(item, "__len__") for item in answer):
        return tuple(as_tensors(item, name) for item in answer)
    if isinstance(answer, list) and answer and all(isinstance(row, Mapping) for row in answer):  # one for each image
        return [as_tensors(row, name) for row in answer]
    if isinstance(answer, list) and answer and all(isinstance(row, Tensor) for row in answer):
        answer = [row.detach().cpu().numpy() for row in answer]
    try:
        return torch.from_numpy(np.array({} if answer is None else answer, dtype=np.float32))  # NumPy takes it for NaN
    except (TypeError, ValueError, RuntimeError):
        raise ModelError(
            f"{name} returned {type_of(answer)} that is no batch of numbers; return an array, a tensor or a list "
            "with one row per image"
        ) from None


def source_of(function: Callable[..., Any]) -> str:
    """Its source, or what names it where there is none."""
    inner = inspect.unwrap(function)
    for thing in (inner, type(inner)):
        try:
            return inspect.getsource(thing)
        except (OSError, TypeError):
            continue
    return f"{getattr(inner, '__module__', '')}.{getattr(inner, '__qualname__', type(inner).__qualname__)}"


def _instead_of(thing: object) -> str:
    """What to give in place of what is neither a network nor a function."""
    if callable(getattr(thing, "predict_proba", None)):
        return (
            "give a function that asks it, such as lambda batch: model.predict_proba(batch.reshape(len(batch), -1)), "
            "and outputs='probabilities'"
        )
    return "give a torch.nn.Module that maps images (N, C, H, W) to logits (N, K), or a function that does"


def _check_arity(function: Callable[..., Any], name: str) -> None:
    try:
        inspect.signature(function).bind(None)
    except ValueError:  # builtins have none
        return
    except TypeError:
        raise ParameterError(
            f"the function {name}{inspect.signature(function)} must take one argument, the batch; wrap it: "
            f"lambda batch: {name}(batch, …)"
        ) from None


def _annotated(function: Callable[..., Any]) -> Taken | None:
    """What the annotation of the first parameter asks for."""
    called = function if inspect.isroutine(function) else type(function).__call__
    try:
        hints = typing.get_type_hints(called)
        first = next(iter(inspect.signature(function).parameters))
    except Exception:  # annotations are code and fail in any way they like
        return None
    kind = getattr(hints.get(first), "array_type", hints.get(first))  # jaxtyping's
    kind = typing.get_origin(kind) or kind
    if not isinstance(kind, type):
        return None
    return "tensor" if issubclass(kind, Tensor) else "array" if issubclass(kind, np.ndarray) else None
