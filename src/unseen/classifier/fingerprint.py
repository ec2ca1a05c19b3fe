"""Which model a record is about: a checksum of a network's tensors, or what is known of a black box."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Hashable

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from unseen.classifier.black_box import BlackBox


def fingerprint(network: nn.Module, answers: str = "") -> str:
    """The sha256 of every tensor of the state dict, with its name, dtype and shape, as 64 hexadecimal digits.

    About a second for a gigabyte. Sparse and quantised tensors count with their name and form only, and black boxes
    with their identity.

    Args:
        network: any.
        answers: to a probe, where tensors and identities do not say all; see
            :func:`~unseen.classifier.black_box.probed`.
    """
    digest = hashlib.sha256(answers.encode())
    for name, module in network.named_modules():
        if isinstance(module, BlackBox):
            digest.update(f"{name} {module.kind} {module.identity}\n".encode())
    for name, tensor in _state(network).items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        if tensor.layout == torch.strided and not tensor.is_quantized:
            digest.update(tensor.detach().cpu().resolve_conj().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def revision(network: nn.Module) -> Hashable:
    """Changes whenever a tensor of the state dict is replaced or changed, also behind autograd's back (``.data``).

    Some 20 ms for 100 MB of weights: the values are read.
    """
    return identity(network), tuple(map(checksum, _state(network).values()))


def identity(network: nn.Module) -> Hashable:
    """Changes whenever a tensor of the state dict is replaced, or changed for autograd to see; it costs nothing."""
    return tuple((name, id(t), _memory(t), _version(t)) for name, t in _state(network).items())


def checksum(tensor: Tensor) -> Hashable:
    """Differs where values differ, for noticing changes: of 1 MiB and more the sums of every 2 KiB are compared.

    Of tensors that are not plain memory it tells changes in place only.
    """
    if is_lazy(tensor):
        return id(tensor)
    form = tensor.dtype, tuple(tensor.shape)
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        return form, id(tensor), _version(tensor)
    memory = tensor.detach().resolve_conj().contiguous().flatten().view(torch.uint8)
    if len(memory) >= 2**20:
        memory = memory.clone() if memory.data_ptr() % 8 else memory
        whole = len(memory) // 2048 * 2048
        sums = memory[:whole].view(torch.int64).reshape(-1, 256).sum(1)
        memory = torch.cat([sums.view(torch.uint8), memory[whole:]])
    return form, hashlib.blake2b(memory.cpu().numpy().data, digest_size=16).digest()


def _memory(tensor: Tensor) -> int:
    plain = not is_lazy(tensor) and tensor.layout == torch.strided and not tensor.is_quantized
    return tensor.data_ptr() if plain else 0


def _version(tensor: Tensor) -> int:
    return 0 if is_lazy(tensor) or tensor.is_inference() else tensor._version


def _state(network: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers themselves: a network may record anything else in its state dict, too."""
    tensors = network.state_dict(keep_vars=True)
    return {name: tensor for name, tensor in tensors.items() if isinstance(tensor, Tensor)}


def structure(network: nn.Module) -> str:
    """Which modules with which settings a network is made of, as 16 hexadecimal digits.

    Two networks may have weights of the same names and shapes and compute something else, by another stride or
    activation; what is kept of a network on disk goes by both.
    """
    text = f"{type(network).__module__}.{type(network).__qualname__} {network!r}"
    return hashlib.sha256(re.sub(r"0x[0-9a-fA-F]+", "", text).encode()).hexdigest()[:16]
