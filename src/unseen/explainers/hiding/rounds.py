"""Spend a budget in rounds, and stop at the first after which the error is small enough.

A round ends where √2 times as many masks have been evaluated as at the end of the round before: the error is looked at
a few times only. It is an estimate, and where it is low by chance the search ends too soon: at a loose tolerance and
few masks that is not rare.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.system.options import Number

Tolerance = Annotated[
    float,
    Number(
        "the relative error, estimated from what the masks say, at which no further ones are evaluated; at 0 the whole "
        "budget is spent",
        0,
        1,
        ends="[)",
    ),
]


def rounds(budget: int, least: int, tolerance: float) -> list[tuple[int, int]]:
    """From which mask to which each round goes; a single one where there is no tolerance.

    Args:
        budget: how many masks are evaluated at most.
        least: how many the first round evaluates, if the budget allows; at least 1.
        tolerance: 0 for the whole budget.

    Example:
        >>> from unseen.explainers.hiding.rounds import rounds
        >>> rounds(300, 100, 0.1), rounds(300, 100, 0)
        ([(0, 100), (100, 142), (142, 201), (201, 285), (285, 300)], [(0, 300)])
    """
    ends, end = [0], least
    while tolerance and end < budget:
        ends.append(end)
        end = ceil(end * 2**0.5)
    return list(pairwise([*ends, budget]))


def relative(errors: Float[Tensor, "T S"], values: Float[Tensor, "T S"]) -> Float[Tensor, " T"]:
    """The root of the sum of squares of the errors over that of the values; infinite where all values are 0."""
    size = values.norm(dim=1)
    return torch.where(size > 0, errors.norm(dim=1) / torch.where(size > 0, size, 1.0), torch.inf)


def between_halves(one: Float[Tensor, "T S"], other: Float[Tensor, "T S"]) -> Float[Tensor, " T"]:
    """The relative error of the mean of two independent estimates: half their difference is as large as its error."""
    return relative((one - other) / 2, (one + other) / 2)


def reached(error: Float[Tensor, " T"], tolerance: float) -> bool:
    """Whether every target's relative error is within the tolerance."""
    return bool((error <= tolerance).all())


def told(error: float, tolerance: float, budget: str, spent: int) -> list[str]:
    """A note where the tolerance was not reached.

    Args:
        error: the relative error in the end.
        tolerance: what was asked for; 0 asks for nothing.
        budget: the option to raise, such as ``masks``.
        spent: its value.
    """
    if not tolerance or error <= tolerance:
        return []
    left = "is not known" if error == float("inf") else f"is still {error:.2f}"
    return [
        f"{budget}={spent} did not suffice for tolerance={tolerance:g}: the map's relative error {left}; raise {budget}"
    ]


def recorded(error: float) -> float | None:
    """The relative error for the record; None where it is not known."""
    return None if error == float("inf") else error
