"""A network while it is asked: nobody else asks it, it learns nothing, and it is given back exactly as it was found.

Whatever is switched on a shared object lives here and nowhere else. A network is lent to one thread at a time, because
many write notes to themselves while they run, and because its switches belong to all threads. Every module has one
lock, which networks that share a module share, too; a network whose modules got several takes all of them in a fixed
order. Locks are re-entrant, so that what borrows a network may call what borrows it again.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel
from torch.nn.parameter import is_lazy

from unseen.errors import NotApplicableError

_DEFAULT_DEVICE: ContextVar[torch.device | None] = ContextVar("_DEFAULT_DEVICE", default=None)
"""Of the caller, where it is not the CPU; who makes tensors inside a network without a device means it."""


@contextmanager
def borrowed(network: nn.Module, *, frozen: bool = False) -> Iterator[None]:
    """Have a network alone, in evaluation mode; everything that was switched is as before afterwards.

    Inside there is nothing of the caller's precision or device (:func:`own_precision`), and torch's fused attention is
    off: it rounds otherwise than the functions that it stands for, and runs only where no gradient is asked for, so
    that a network's logits would depend on who asks. ``DataParallel`` modules run on the first of their devices alone,
    for what follows a pass follows one thread.

    Args:
        network: any; networks that share modules with it wait, too.
        frozen: let no parameter need a gradient, so that a tensor needs one if and only if it depends on the input.

    Raises:
        NotApplicableError: ``frozen``, and the parameters were made under ``torch.inference_mode``.
    """
    global _IN_THREADS
    _IN_THREADS = _IN_THREADS or torch.get_num_threads() > 1
    with ExitStack() as stack:
        for lock in _LOCKS.of(network):
            stack.enter_context(lock)
        stack.enter_context(own_precision())
        stack.enter_context(_FUSED_ATTENTION.off())
        if frozen:
            _refuse_inference_parameters(network)
        stack.enter_context(_switched(network, frozen))
        yield


@contextmanager
def own_precision() -> Iterator[None]:
    """No autocast, no inference mode and no default device inside; whether gradients are on stays as it is.

    A classifier computes in the dtype of its weights: so results depend neither on who calls nor on which thread does.
    """
    with ExitStack() as stack:
        if (around := torch.get_default_device()).type != "cpu":
            stack.callback(_DEFAULT_DEVICE.reset, _DEFAULT_DEVICE.set(around))
            stack.enter_context(torch.device("cpu"))
        if torch.is_inference_mode_enabled():
            gradients = torch.is_grad_enabled()
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.set_grad_enabled(gradients))
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        yield


def own_device(device: torch.device) -> AbstractContextManager[object]:
    """What a network on ``device`` runs in: the default device around :func:`own_precision`, if that is its own."""
    around = _DEFAULT_DEVICE.get()
    return around if around is not None and around.type == device.type else nullcontext()


def unwrapped(network: nn.Module) -> nn.Module:
    """The network inside torch's wrappers for training on several devices, which add nothing to what it says."""
    while type(network) in (DataParallel, DistributedDataParallel):
        inside = network.module
        assert isinstance(inside, nn.Module)
        network = inside
    return network


@contextmanager
def _switched(network: nn.Module, frozen: bool) -> Iterator[None]:
    changed: list[tuple[Any, str, Any]] = []
    try:
        for owner, name, value in _switches(network, frozen):
            changed.append((owner, name, getattr(owner, name)))
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in reversed(changed):
            setattr(owner, name, value)


def _switches(network: nn.Module, frozen: bool) -> Iterator[tuple[object, str, object]]:
    """What is not yet as it must be: its owner, its name and what it must be."""
    for module in network.modules():
        if getattr(module, "training", False):
            yield module, "training", False
        if isinstance(module, DataParallel) and module.device_ids:
            yield module, "device_ids", []
    if frozen:
        for parameter in network.parameters():
            if parameter.requires_grad:
                yield parameter, "requires_grad", False


def _refuse_inference_parameters(network: nn.Module) -> None:
    if any(map(_made_in_inference_mode, network.parameters())):
        raise NotApplicableError(
            f"the weights of {type(network).__name__} were made under torch.inference_mode, so that autograd refuses "
            "them; pass a copy made outside of it (copy.deepcopy(network)), or choose a method and a removal "
            "that need no gradients, such as 'occlusion' under 'grey'"
        )


def _made_in_inference_mode(tensor: Tensor) -> bool:
    return not is_lazy(tensor) and tensor.is_inference()


class _Locks:
    """The locks of all modules that live."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._numbers = count()
        self._of: WeakKeyDictionary[nn.Module, tuple[int, Any]] = WeakKeyDictionary()

    def of(self, network: nn.Module) -> list[Any]:
        """The locks that a network's modules have, in the order in which they are to be taken; new modules join."""
        modules = list(network.modules())
        with self._guard:
            known = [self._of.get(module) for module in modules]
            found = dict(entry for entry in known if entry is not None) or {next(self._numbers): threading.RLock()}
            first = min(found)
            for module, entry in zip(modules, known, strict=True):
                if entry is None:
                    self._of[module] = first, found[first]
        return [found[number] for number in sorted(found)]


class _FusedAttention:
    """A switch that belongs to the whole process: off while anybody needs it off."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._users = 0
        self._before = True

    @contextmanager
    def off(self) -> Iterator[None]:
        """Off inside; as it was found when nobody is inside any more."""
        with self._guard:
            if self._users == 0:
                self._before = torch.backends.mha.get_fastpath_enabled()
                torch.backends.mha.set_fastpath_enabled(False)
            self._users += 1
        try:
            yield
        finally:
            with self._guard:
                self._users -= 1
                if self._users == 0:
                    torch.backends.mha.set_fastpath_enabled(self._before)


_LOCKS, _FUSED_ATTENTION = _Locks(), _FusedAttention()
_IN_THREADS = False
"""Whether a network has run on several threads of torch's own in this process."""


def _forget_other_threads() -> None:
    """A forked child has none of the threads that held locks; its own begins with new ones.

    Nor has it those that torch computes with: where they have been used, their pool waits for ever for threads that
    stayed with the parent. So the child computes on one thread; one that wants several is spawned.
    """
    global _LOCKS, _FUSED_ATTENTION
    if _FUSED_ATTENTION._users:
        torch.backends.mha.set_fastpath_enabled(_FUSED_ATTENTION._before)
    _LOCKS, _FUSED_ATTENTION = _Locks(), _FusedAttention()
    if _IN_THREADS:
        torch.set_num_threads(1)


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget_other_threads)
