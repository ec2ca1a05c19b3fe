"""Which model a record is about: a checksum of a network's tensors, or what is known of a black box."""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
from collections.abc import Hashable, Mapping
from textwrap import dedent

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from unseen.classifier.black_box import BlackBox


def fingerprint(network: nn.Module, answers: str = "") -> str:
    """The sha256 of every tensor that a network keeps, with its name, dtype and shape, as 64 hexadecimal digits.

    Those of the state dict, packed weights of quantised layers among them, and buffers that are not saved. About a
    second for a gigabyte. Black boxes count with their identity.

    Args:
        network: any.
        answers: to a probe, where tensors and identities do not say all; see
            :func:`~unseen.classifier.black_box.probed`.
    """
    digest = hashlib.sha256(answers.encode())
    for name, module in network.named_modules():
        if isinstance(module, BlackBox):
            digest.update(f"{name} {module.kind} {module.identity}\n".encode())
    kept = network.state_dict(keep_vars=True)
    for name, tensor in {**_state(network, kept), **_packed(kept)}.items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        plain = tensor.detach().cpu()
        plain = plain.dequantize() if plain.is_quantized else plain
        plain = plain if plain.layout == torch.strided else plain.to_dense()
        digest.update(plain.resolve_conj().contiguous().flatten().view(torch.uint8).numpy().data)
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


def _state(network: nn.Module, kept: Mapping[str, object] | None = None) -> dict[str, Tensor]:
    """Parameters and buffers themselves: a network may record anything else in its state dict, too.

    Args:
        network: any.
        kept: its state dict, if that was asked for already.
    """
    kept = network.state_dict(keep_vars=True) if kept is None else kept
    return {
        name: tensor for name, tensor in {**kept, **dict(network.named_buffers())}.items() if isinstance(tensor, Tensor)
    }


def _packed(kept: Mapping[str, object]) -> dict[str, Tensor]:
    """The weights of quantised layers, which unpack them anew for every state dict."""
    several = {name: value for name, value in kept.items() if isinstance(value, tuple)}
    return {
        f"{name}.{place}": tensor
        for name, value in several.items()
        for place, tensor in enumerate(value)
        if isinstance(tensor, Tensor)
    }


def structure(network: nn.Module) -> str:
    """Which modules with which settings and code a network is made of, as 16 hexadecimal digits.

    Two networks may have weights of the same names and shapes and compute something else, by another stride or
    activation; what is kept of a network on disk goes by both. The code is that of scripts, and of classes that are no
    part of torch, where it can be read, without comments.
    """
    text = f"{type(network).__module__}.{type(network).__qualname__} {network!r}"
    kinds = {type(module) for module in network.modules()}
    scripted = {str(getattr(one, "code", "")) for one in network.modules() if isinstance(one, torch.jit.ScriptModule)}
    codes = {code for code in (*map(_code, kinds), *scripted) if code}
    text = "\n".join([re.sub(r"0x[0-9a-fA-F]+", "", text), *sorted(codes)])
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def _code(kind: type[nn.Module]) -> str:
    if kind.__module__.partition(".")[0] == "torch":
        return ""
    try:
        return ast.dump(ast.parse(dedent(inspect.getsource(kind))))
    except (OSError, TypeError, SyntaxError):  # typed into an interpreter
        return ""
