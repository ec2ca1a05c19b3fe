"""A device that this machine lacks: tensors that are computed on the CPU, but mix with none that is not there as well.

Where there is a GPU, that is the other device. Elsewhere a stand-in takes its place, under torch's name for a device of
no machine, ``meta``: its tensors hold others of the CPU, and every operation that a GPU would refuse for being given
tensors of both is refused. So what runs on it and gives what the CPU gives would run on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

AWAY = torch.device("meta")
_CPU = torch.device("cpu")
_INDEXED = {
    torch.ops.aten.index.Tensor, torch.ops.aten.index_put.default, torch.ops.aten.index_put_.default,
    torch.ops.aten._index_put_impl_.default,
}  # fmt: skip
"""Take indices of the CPU for tensors of a GPU."""
_MOVES = {torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default}


class There(Tensor):
    """A tensor of the other device; ``held`` is its values, on the CPU."""

    held: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: Tensor) -> There:
        layout = {"strides": held.stride(), "storage_offset": held.storage_offset(), "dtype": held.dtype}
        made: There = Tensor._make_wrapper_subclass(
            cls, held.size(), device=AWAY, requires_grad=held.requires_grad, **layout
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return _run(func, args, kwargs or {})


class _Elsewhere(TorchDispatchMode):
    """Inside, tensors can be made on the other device and moved there."""

    def __init__(self, room: int | None) -> None:
        super().__init__()
        self.room = room

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if self.room is not None and func is torch.ops.aten.convolution.default and len(args[0]) > self.room:
            raise torch.OutOfMemoryError("the other device has no room for so many")
        return _run(func, args, kwargs or {})


@contextmanager
def elsewhere(room: int | None = None) -> Iterator[torch.device]:
    """A device other than the CPU, for as long as it lasts.

    Args:
        room: how many pictures a convolution may take at once before memory is short; of a GPU, whose memory is what it
            is, nothing is taken away.
    """
    if torch.cuda.is_available():
        yield torch.device("cuda")
        return
    with _Elsewhere(room):
        yield AWAY


def _run(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    given = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
    device = kwargs.get("device")
    away = any(isinstance(one, There) for one in given) if device is None else torch.device(device) == AWAY
    if func not in _MOVES:
        _refuse_mixing(func, args, given)
    if func is torch.ops.aten.copy_.default:
        _held(args[0]).copy_(_held(args[1]), *args[2:])
        return args[0]
    here = {name: _CPU if name == "device" and value is not None else value for name, value in kwargs.items()}
    made = func(*tree_map(_held, args), **tree_map(_held, here))
    known = {id(one.held): one for one in given if isinstance(one, There)}
    return tree_map(lambda one: known[id(one)] if id(one) in known else _placed(one, away), made)


def _refuse_mixing(func: Callable[..., Any], args: tuple[Any, ...], given: Sequence[Tensor]) -> None:
    """A single number mixes with everything, as on a GPU."""
    if not any(isinstance(one, There) for one in given):
        return
    judged = tree_leaves(args[2:]) if func in _INDEXED and isinstance(args[0], There) else given
    strangers = [one for one in judged if isinstance(one, Tensor) and not isinstance(one, There) and one.ndim]
    if strangers:
        shapes = ", ".join(str(tuple(one.shape)) for one in strangers)
        raise RuntimeError(f"{func} of tensors of both devices; on the CPU: {shapes}")


def _held(one: Any) -> Any:
    return one.held if isinstance(one, There) else one


def _placed(one: Any, away: bool) -> Any:
    return There(one) if away and isinstance(one, Tensor) else one
