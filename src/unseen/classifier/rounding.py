"""How far the same numbers may lie apart where another kernel computes them.

A processor takes a kernel by the shape and layout of its operands, by the number of threads and by its instructions;
each sums in an order of its own. So bits are equal only where the same kernel sees the same batch.
"""

from __future__ import annotations

import torch

ROUNDING = 1e-5
"""Share by which a logit or probability in float32 may change with the batch that it is computed in.

On an Intel Xeon with AMX the bundled networks' logits change by up to 6e-7 of the largest, and the top class's
probability by 1e-6 of itself.
"""


def resolution(dtype: torch.dtype) -> float:
    """Share of a logit below which its changes are rounding, in a network of this dtype.

    Example:
        >>> from unseen.classifier.rounding import resolution
        >>> resolution(torch.float32), resolution(torch.bfloat16)
        (1e-05, 0.0078125)
    """
    return max(ROUNDING, torch.finfo(dtype).eps)


def rounding(dtype: torch.dtype, device: torch.device) -> float:
    """Share of the largest logit by which the same pass of a network may differ.

    Example:
        >>> from unseen.classifier.rounding import rounding
        >>> rounding(torch.float32, torch.device("cpu"))
        1e-05
    """
    if dtype.itemsize < 4:
        return 0.05
    if device.type != "cpu":  # accelerators choose another kernel from call to call, and multiply with fewer bits
        return 1e-3
    return 1e-12 if dtype == torch.float64 else ROUNDING


def tolerance(dtype: torch.dtype, device: torch.device) -> float:
    """Share of a score by which it may differ between passes of other batches, kernels or forms of one network.

    Example:
        >>> from unseen.classifier.rounding import tolerance
        >>> tolerance(torch.float32, torch.device("cpu"))
        0.001
    """
    if dtype.itemsize < 4:
        return 0.1
    return 1e-3 if device.type == "cpu" else 1e-2
