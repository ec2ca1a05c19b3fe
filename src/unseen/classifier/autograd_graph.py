"""The graph that autograd records of a pass: its nodes, and a mend of one of them.

In evaluation mode, with one image in the batch and an incoming signal whose strides are those of transposed tokens (as
before a patch embedding's tokens), torch 2.13's CPU kernel of batch norm returns another gradient than that of the
affine function that the layer is. Nothing is said. LeViT and XCiT are such networks. A contiguous signal is passed
rightly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import Any

from torch import Tensor


def nodes_of(value: Tensor) -> Iterator[Any]:
    """Every node of the graph behind a value, once."""
    waiting, seen = [value.grad_fn], {value.grad_fn}
    while waiting:
        node: Any = waiting.pop()
        if node is None:  # a leaf has no graph
            continue
        yield node
        for before, _ in node.next_functions:
            if before is not None and before not in seen:
                seen.add(before)
                waiting.append(before)


def first_among(values: Iterable[Tensor], some: Set[Any]) -> list[frozenset[Any]]:
    """For each value, those of some nodes behind it behind which there are no others of them."""
    known: dict[Any, frozenset[Any]] = {None: frozenset()}
    found = []
    for value in values:
        waiting = [value.grad_fn]
        while waiting:
            node = waiting[-1]
            before = [] if node is None else [one for one, _ in node.next_functions if one is not None]
            missing = [one for one in before if one not in known]
            if node in known or not missing:
                waiting.pop()
                behind = frozenset().union(*(known[one] for one in before))
                known.setdefault(node, behind or frozenset([node] if node in some else []))
            else:
                waiting += missing
        found.append(known[value.grad_fn])
    return found


def mend_batch_norms(value: Tensor) -> None:
    """Let contiguous signals alone reach the batch norms behind a value."""
    for node in nodes_of(value):
        if node.name().startswith("NativeBatchNormBackward"):
            node.register_prehook(_contiguous)


def _contiguous(signals: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
    return tuple(None if signal is None else signal.contiguous() for signal in signals)
