"""A processor whose last bits depend on the batch, played by torch: what bits may differ on real ones, differs here.

On many processors a row of a matrix product is rounded otherwise in another batch, at another place in a batch, in
another memory layout, or by another number of threads, because another kernel takes it. Here the results of every
product, convolution, attention and sum are changed by up to two units in the last place, as an even draw that belongs
to the operation, the shapes and layouts of its operands and the place of each value. The same call gives the same bits;
values of few bits stay, for they are exact in whatever order they are summed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from zlib import crc32

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

ROUNDED = frozenset(
    "addmm mm bmm baddbmm addmv mv dot convolution convolution_backward _scaled_dot_product_flash_attention_for_cpu "
    "_scaled_dot_product_flash_attention_for_cpu_backward mean sum var var_mean native_layer_norm native_group_norm "
    "_softmax linalg_vector_norm avg_pool2d _adaptive_avg_pool2d".split()
)

_BITS = {torch.float32: torch.int32, torch.float64: torch.int64}
_LOWEST = 63
"""A mantissa that ends in as many zeros has few bits; of other values, one in 64 has."""


class Unsteady(TorchDispatchMode):
    """Inside, results that another kernel would round otherwise are rounded otherwise."""

    def __torch_dispatch__(
        self,
        func: Any,
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        del types
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name not in ROUNDED:
            return result
        call = (name, *(_form(value) for value in args))
        if isinstance(result, Tensor):
            return _rounded(result, call)
        return type(result)(_rounded(item, call) if isinstance(item, Tensor) else item for item in result)


def _form(value: object) -> object:
    """What the choice of a kernel may depend on: shape and layout of an operand, never its values."""
    return (tuple(value.shape), value.stride()) if isinstance(value, Tensor) else None


def _rounded(value: Tensor, call: tuple[object, ...]) -> Tensor:
    bits = _BITS.get(value.dtype)
    if bits is None or value.layout != torch.strided or not value.numel():
        return value
    share = _draw(crc32(repr(call).encode()), value.numel()).reshape(value.shape).to(value.dtype)
    few = value.contiguous().view(bits) & _LOWEST == 0
    return value.mul_(torch.where(few, 1, 1 + share * torch.finfo(value.dtype).eps))


@lru_cache(maxsize=256)
def _draw(seed: int, count: int) -> Tensor:
    """Even in −2 … 2."""
    return torch.randint(-2, 3, (count,), generator=torch.Generator().manual_seed(seed), dtype=torch.int8)
