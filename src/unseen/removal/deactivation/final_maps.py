"""The last feature maps on which a score depends, on every way through the network that leads to it.

Autograd's graph of a pass is walked from the score backwards. On each way the first tensor counts whose positions are
still apart and, at them, matter: an ensemble has as many as networks, a class token's lies before the last attention,
and features that were pooled early and joined later are found beside the last. What each is worth is its gradient with
the others held constant, so that nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from unseen.classifier import Classifier
from unseen.classifier.autograd_graph import nodes_of
from unseen.classifier.differentiation import differentiated
from unseen.classifier.intercepting import Function, calling_module, name_of
from unseen.errors import NotApplicableError
from unseen.removal.deactivation.cells import Cells, cells_of
from unseen.removal.deactivation.interception import Interception
from unseen.removal.deactivation.places import Positions
from unseen.removal.deactivation.windows import WINDOW_RULES

PROJECTIONS = frozenset([F.linear, torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, torch.einsum])
"""Functions whose output is no feature map of its own: queries, keys and values are linear images of one."""
FEATURES = PROJECTIONS | frozenset(WINDOW_RULES) - {F.pad, F.interpolate}
"""Functions without which there is no feature map, but the photograph, moved or scaled."""


@dataclass(eq=False)
class Made:
    """A tensor with positions that the network made.

    Attributes:
        number: of the tensor among all of them.
        layer: where it was made, in words.
        tensor: itself, with its graph.
        cells: its rows as maps; ``None`` if they are none, or not looked at yet.
    """

    number: int
    layer: str
    tensor: Tensor
    cells: list[Cells] | None = None


@dataclass(eq=False)
class Recorder:
    """Keeps every tensor with positions that a pass with gradients makes.

    Attributes:
        names: of the network's modules, by their identity.
        run: the pass; to be forgotten when it has been looked at, for it knows its recorder.
        made: so many so far.
        cut: whether one of them lost its graph (``detach`` or a comparison in the network's code).
        kept: those with a graph, by their identity.
        sources: nodes of the graph that make features.
    """

    names: Mapping[int, str]
    run: Interception | None = None
    made: int = 0
    cut: bool = False
    kept: dict[int, Made] = field(default_factory=dict)
    sources: set[Any] = field(default_factory=set)

    def __call__(self, run: Interception, func: Function, operands: Sequence[Tensor], output: Tensor) -> None:
        """See :data:`~unseen.removal.deactivation.interception.Watch`."""
        del operands
        number, self.made, self.run = self.made, self.made + 1, run
        self.kept.pop(id(output), None)  # changed in place: known by what it is now
        if not output.requires_grad:
            self.cut = True
            return
        if func in FEATURES:
            self.sources.add(output.grad_fn)
        if func not in PROJECTIONS:
            module, name = calling_module(self.names), name_of(func).rpartition(".")[2].strip("_")
            self.kept[id(output)] = Made(number, f"{module} ({name})" if module else name, output)

    def positions(self, tensor: Tensor) -> Positions | None:
        """Of a tensor; ``None`` where they are not known any more."""
        assert self.run is not None
        try:
            return self.run.positions(tensor)
        except NotApplicableError:  # changed through a view
            return None

    def is_map(self, made: Made) -> bool:
        """Whether its rows are maps of features."""
        if made.cells is None:
            positions = self.positions(made.tensor)
            if positions is not None and any(node in self.sources for node in nodes_of(made.tensor)):
                made.cells = cells_of(made.tensor, positions)
        return made.cells is not None


@dataclass(frozen=True, eq=False)
class Final:
    """A map on which the score depends directly.

    Attributes:
        made: the tensor.
        gradient: of the score with respect to it, the other final maps held constant.
    """

    made: Made
    gradient: Tensor


def final_maps(classifier: Classifier, value: Tensor, image: Tensor, recorder: Recorder) -> tuple[list[Final], bool]:
    """All maps on which a score depends directly, in the order in which they were made.

    Args:
        classifier: whose pass it was, frozen.
        value: the score, with its graph.
        image: the leaf of that graph.
        recorder: of the pass.

    Returns:
        The maps, and whether anything may pass beside them.
    """
    if value.grad_fn is None:
        differentiated(classifier, value, [image])  # refuses it
    known = {(made.tensor.grad_fn, made.tensor.output_nr): made for made in recorder.kept.values()}
    found: dict[Made, Tensor] = {}
    without: set[Made] = set()
    while True:
        met, beside = _first_met(value, image, known, recorder, without)
        new = [made for made in met if made not in found]
        if not new:
            break
        gradients = differentiated(classifier, value, [made.tensor for made in new], retain_graph=True)
        for made, gradient in zip(new, gradients, strict=True):
            if _matters(recorder, made, gradient):
                found[made] = gradient
            else:
                without.add(made)
    if len(found) > 1:
        found = _each_by_itself(classifier, value, image, list(found))
    final = [Final(made, gradient) for made, gradient in found.items() if _matters(recorder, made, gradient)]
    severed = recorder.cut or (recorder.run is not None and recorder.run.severed)
    beside |= severed or len(final) < len(found) or any(_elsewhere(recorder, one) for one in final)
    return sorted(final, key=lambda one: one.made.number), beside


def _first_met(
    value: Tensor, image: Tensor, known: Mapping[tuple[Any, int], Made], recorder: Recorder, without: set[Made]
) -> tuple[list[Made], bool]:
    """The first maps on each way back from the score, and whether a way leads to the image without any."""
    waiting: list[Any] = [value.grad_fn]
    seen, reached = set(waiting), False
    met: dict[Made, None] = {}
    while waiting:
        node = waiting.pop()
        reached |= getattr(node, "variable", None) is image
        for before, number in node.next_functions:
            made = known.get((before, number))
            if made is not None and made not in without and recorder.is_map(made):
                met[made] = None
            elif before is not None and before not in seen:
                seen.add(before)
                waiting.append(before)
    return list(met), reached


def _each_by_itself(classifier: Classifier, value: Tensor, image: Tensor, all_made: list[Made]) -> dict[Made, Tensor]:
    """The gradients with respect to each map, with nothing passed on to those before it."""
    found = {made: torch.zeros_like(made.tensor) for made in all_made}

    def held(made: Made) -> Callable[[Tensor], Tensor]:
        def hook(gradient: Tensor) -> Tensor:
            found[made] = gradient
            return torch.zeros_like(gradient)

        return hook

    hooks = [made.tensor.register_hook(held(made)) for made in all_made]  # type: ignore[no-untyped-call]
    try:
        differentiated(classifier, value, [image], retain_graph=True)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _matters(recorder: Recorder, made: Made, gradient: Tensor) -> bool:
    """Whether the gradient is anything at the map's positions."""
    positions = recorder.positions(made.tensor)
    assert positions is not None
    assert recorder.run is not None
    there = recorder.run.switched_off(gradient.clone(), positions)
    return bool((there * (positions.index(there.ndim) >= 0)).any())


def _elsewhere(recorder: Recorder, one: Final) -> bool:
    """Whether the score depends on what has no position, such as a class token."""
    positions = recorder.positions(one.made.tensor)
    assert positions is not None
    return bool((one.gradient * (positions.index(one.gradient.ndim) < 0)).any())
