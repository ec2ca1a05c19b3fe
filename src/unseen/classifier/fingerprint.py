"""Which weights a record is about: a checksum of a network's parameters and buffers."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable

import torch
from torch import Tensor, nn


def fingerprint(network: nn.Module) -> str:
    """The sha256 of every tensor of the state dict, with its name, dtype and shape, as 64 hexadecimal digits.

    About a second for a gigabyte. Sparse and quantised tensors count with their name and form only.
    """
    digest = hashlib.sha256()
    for name, tensor in _state(network).items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        if tensor.layout == torch.strided and not tensor.is_quantized:
            digest.update(tensor.detach().cpu().resolve_conj().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def revision(network: nn.Module) -> Hashable:
    """Changes whenever a tensor of the state dict is replaced or changed in place; costs next to nothing."""
    return tuple((name, id(t), 0 if t.is_inference() else t._version) for name, t in _state(network).items())


def _state(network: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers themselves: a network may record anything else in its state dict, too."""
    tensors = network.state_dict(keep_vars=True)
    return {name: tensor for name, tensor in tensors.items() if isinstance(tensor, Tensor)}
