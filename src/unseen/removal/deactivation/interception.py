"""Following the photograph's positions through a network that stays untouched.

Every torch function that the network calls passes through :class:`Interception`. Each tensor is in one of three
states: it has *positions* (a feature map: some switched on, some off), it is *global* (made from the photograph, but
positions were reduced or flattened away), or it is *constant* (parameters and what is made of them alone). A function
that meets positions is handled by its rule, or refused by name: no position is ever lost silently.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

import torch
from torch import Tensor, nn

from unseen.classifier.fingerprint import checksum
from unseen.classifier.intercepting import Function, Intercepting, calling_module, name_of, names_of
from unseen.errors import NotApplicableError
from unseen.removal.deactivation.fill import neighbour_fill
from unseen.removal.deactivation.grid import Traveller, times
from unseen.removal.deactivation.placement import Placement
from unseen.removal.deactivation.places import Layouts, Positions, Scores
from unseen.removal.deactivation.tensor_table import TensorTable

Watch = Callable[["Interception", Function, Sequence[Tensor], Tensor], "Tensor | None"]
"""Shown a function, its tensors and its output, which has positions; may give another to go on with in its place."""

MaskRule = Callable[["Interception", Function, tuple[Any, ...], dict[str, Any]], Any]

ABOUT_TENSORS = frozenset(  # tell nothing of a tensor's values, unlike item, tolist or numpy
    [
        "__get__",
        "__len__",
        "__hash__",
        "__repr__",
        "__format__",
        "size",
        "dim",
        "ndimension",
        "numel",
        "nelement",
        "stride",
        "storage_offset",
        "element_size",
        "get_device",
        "is_contiguous",
        "is_floating_point",
        "is_complex",
        "is_signed",
        "is_same_size",
        "is_inference",
        "type",
        "register_hook",
        "retain_grad",
    ]
)


OF_A_KIND = frozenset("new_zeros new_ones new_full new_empty new_empty_strided new_tensor".split())
"""Functions that take a tensor's type, and not its values."""


class State(Enum):
    """A tensor without positions."""

    GLOBAL = "global"
    CONSTANT = "constant"
    STALE = "stale"
    """Its memory got other positions through a view; nothing is known of it any more."""


@dataclass(frozen=True)
class Semantics:
    """The decisions that rules consult."""

    pooling: Literal["active", "all"]
    join: Literal["or", "and"]
    fill: Literal["zero", "neighbour"]


class Interception(Intercepting):
    """One masked pass: enter the photograph, run the network inside, check the logits at the end.

    Args:
        rules: what to do with each torch function that meets positions.
        score_rules: the same for pairs of positions.
        traveller: carries the masks of this pass.
        semantics: decisions that the rules consult.
        model: the network, for naming the module in errors.
        constants: the tensors that do not depend on the photograph; what the network makes of them alone is added.
        layouts: where functions were seen to move positions.
        watch: shown every tensor that has positions, as it is made.
        learning: take every tensor of unknown origin for a constant: for a plain pass, which finds those that are
            neither parameters nor buffers.
        literals: the checksums of constants that the network makes anew in every pass where torch does not show it,
            such as by ``from_numpy``.

    Attributes:
        unknown: the checksums of the tensors of unknown origin that a learning pass met.
    """

    def __init__(
        self,
        rules: Mapping[Function, MaskRule],
        score_rules: Mapping[Function, MaskRule],
        traveller: Traveller,
        semantics: Semantics,
        model: nn.Module,
        constants: TensorTable[State],
        layouts: Layouts,
        *,
        watch: Watch | None = None,
        learning: bool = False,
        literals: Collection[Hashable] = (),
    ) -> None:
        super().__init__()
        self.watch = watch
        self.rules, self.score_rules, self.traveller, self.semantics = rules, score_rules, traveller, semantics
        self.model, self.constants, self.layouts, self.learning = model, constants, layouts, learning
        self.severed = False
        """Whether anything without positions lost its graph (``detach``, a comparison)."""
        self.followed: set[Function] = set()
        """The functions that met positions in this pass."""
        self.literals, self.unknown = literals, set[Hashable]()
        self._states: TensorTable[Positions | Scores | State] = TensorTable()

    def __exit__(self, *exception: Any) -> None:
        """Let go of who watches: it may keep this pass, and the two would keep its tensors from being freed."""
        self.watch = None
        super().__exit__(*exception)  # type: ignore[no-untyped-call]

    # ---- tensors and their states -----------------------------------------------------------------------------

    def enter(self, normalised: Tensor) -> Tensor:
        """Register the normalised photographs ``(N, C, *space)`` as a feature map with the masks' positions."""
        entered = normalised.view_as(normalised)
        return self.mark(entered, State.GLOBAL if self.learning else Positions(self.traveller.origin))

    def leave(self, output: Any) -> None:
        """Check that the logits depend on the masks.

        Raises:
            NotApplicableError: the logits still have positions, or were made by something that cannot be followed.
        """
        logits = getattr(output, "logits", output)
        if not isinstance(logits, Tensor):
            return  # the classifier's own check says it better
        state = self._states.get(logits)
        if isinstance(state, Positions | Scores):
            raise self.refusal("the output", "still has positions; a classifier reduces or flattens them")
        if state is not State.GLOBAL:
            raise self.refusal("the output", "was made outside torch's Python functions, so the mask was lost")

    def state(self, tensor: Tensor) -> Positions | Scores | State:
        """The state of a tensor; refuses one that comes from nowhere."""
        state = self._states.get(tensor) or self.constants.get(tensor)
        if state is None:
            seen = checksum(tensor) if self.learning or self.literals else None
            if self.learning:
                self.unknown.add(seen)
            elif seen not in self.literals:
                raise self.refusal(
                    f"a tensor {tuple(tensor.shape)}",
                    "was made by a scripted, compiled or custom operation or by numpy, where the mask is lost",
                )
            state = State.CONSTANT
            self.constants[tensor] = state
        if state is State.STALE:
            raise self.refusal("a tensor", "is used after its positions were changed in place through a view of it")
        return state

    def positions(self, tensor: object) -> Positions | None:
        """The positions of a tensor, ``None`` if it has none."""
        state = self.state(tensor) if isinstance(tensor, Tensor) else None
        return state if isinstance(state, Positions) else None

    def scores(self, tensor: object) -> Scores | None:
        """The pairs of positions of a tensor, ``None`` if it has none."""
        state = self.state(tensor) if isinstance(tensor, Tensor) else None
        return state if isinstance(state, Scores) else None

    def mark(self, output: Tensor, state: Positions | Scores | State) -> Tensor:
        """Record the state of an operation's output; after a change in place its views must not be used again."""
        before = self._states.get(output) or self.constants.get(output)
        if before is not None and before != state and not (isinstance(before, State) and isinstance(state, State)):
            self._forget_views(output)
        if state is State.CONSTANT:
            self.constants[output] = state
        else:
            self._states[output] = state
        return output

    def _forget_views(self, changed: Tensor) -> None:
        memory = changed.untyped_storage().data_ptr()
        for other in [*self._states, *self.constants]:
            if other is not changed and other.untyped_storage().data_ptr() == memory:
                self._states[other] = State.STALE

    # ---- switching off ----------------------------------------------------------------------------------------

    def switched_off(self, tensor: Tensor, positions: Positions) -> Tensor:
        """``tensor`` with zeros at its switched-off positions; itself where there are none.

        Without gradients the zeros are written in place, which is much faster: nothing may read a switched-off position
        anyway.
        """
        self.require_gradients(tensor)
        if positions.grid.full:
            return tensor
        return times(tensor, positions.mask(positions.grid.keep, tensor.ndim))

    def uniform(self, tensor: Tensor, positions: Positions) -> tuple[Tensor, Positions]:
        """The tensor with one grid for all channels: where channels differ, each is switched off by its own first."""
        if not positions.grid.per_channel:
            return tensor, positions
        return self.switched_off(tensor, positions), Positions(positions.grid.collapsed(), positions.axes)

    def traced(self, placement: Placement | None, func: Function) -> Placement | None:
        """The placement of a map; refuses one that joins different places where masks follow from places alone."""
        if placement is None and self.traveller.travel == "pooled":
            raise self.refusal(
                name_of(func),
                "reads a map that shows several places of the photograph at one position, where "
                "travel='pooled' has no mask",
            )
        return placement

    def filled(self, tensor: Tensor, positions: Positions, rings: int) -> Tensor:
        """``tensor`` with its switched-off positions filled from their neighbours."""
        if positions.grid.full or rings == 0:
            return self.switched_off(tensor, positions)
        return neighbour_fill(tensor, positions.grid, rings)

    def require_gradients(self, tensor: Tensor) -> None:
        """Refuse to mix positions where autograd does not see it: its gradients would ignore the masks."""
        if tensor.requires_grad and not torch.is_grad_enabled():
            raise self.refusal(
                "an operation",
                "mixes positions under no_grad, inside a custom autograd.Function or a reentrant checkpoint",
            )

    # ---- interception -----------------------------------------------------------------------------------------

    def met(self, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """See :meth:`Intercepting.met`."""
        followed, located, paired = State.CONSTANT, False, False
        operands = operands_of(args, kwargs)
        for tensor in operands:
            state = self.state(tensor)
            if isinstance(state, Positions):
                located = True
            elif isinstance(state, Scores):
                paired = True
            elif state is State.GLOBAL:
                followed = state
        if not located and not paired:
            output = self.as_asked(func, args, kwargs)
            made = tensors_in(args[0] if func is Tensor.__setitem__ else output)
            for tensor in made:
                self.mark(tensor, followed)
            if self.watch is not None and followed is State.GLOBAL and not all(t.requires_grad for t in made):
                self.severed |= any(tensor.requires_grad for tensor in operands)
            return output
        rule = (self.score_rules if paired else self.rules).get(func)
        if rule is not None and kwargs.get("out") is None:
            self.followed.add(func)
            output = rule(self, func, *(by_position(args, kwargs) if kwargs else (args, kwargs)))
            for tensor in tensors_in(output):
                self._check_shape(func, tensor)
            return output if self.watch is None else self._watched(self.watch, func, operands, output)
        if func.__name__ in ABOUT_TENSORS:
            output = self.as_asked(func, args, kwargs)
            if not tensors_in(output):
                return output
        if func.__name__ in OF_A_KIND:
            return self.mark(self.as_asked(func, args, kwargs), State.CONSTANT)
        raise self.refusal(name_of(func), "takes positions in a way for which there is no rule")

    def _watched(self, watch: Watch, func: Function, operands: Sequence[Tensor], output: Any) -> Any:
        positions = self.positions(output)
        instead = None if positions is None else watch(self, func, operands, output)
        return output if instead is None or positions is None else self.mark(instead, positions)

    def _check_shape(self, func: Function, output: Tensor) -> None:
        positions = self._states.get(output)
        if isinstance(positions, Positions) and not positions.fits(output):
            size = "×".join(map(str, positions.grid.size))
            raise self.refusal(name_of(func), f"turns {size} positions into a tensor {tuple(output.shape)}")

    def refusal(self, what: str, why: str) -> NotApplicableError:
        """The error that names the operation, the module that called it, and what to do."""
        where = calling_module(names_of(self.model))
        place = f" in module {where!r}" if where else ""
        return NotApplicableError(
            f"ad cannot follow {type(self.model).__name__}: {what}{place} {why}; "
            "choose another removal (such as 'channel-mean'), or rewrite that module with standard layers"
        )


def tensors_in(value: Any) -> list[Tensor]:
    """All tensors in nested arguments, whatever else is among them."""
    if isinstance(value, Tensor):
        return [value]
    found: list[Tensor] = []
    if isinstance(value, (tuple, list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            if isinstance(item, Tensor):
                found.append(item)
            elif isinstance(item, (tuple, list, dict)):
                found += tensors_in(item)
    return found


def operands_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    """All tensors that a function is called with."""
    return tensors_in((*args, kwargs) if kwargs else args)


def by_position(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The same call with its tensors by position, whatever they were called by."""
    for place, names in enumerate((("input", "tensors", "tensor"), ("other",))):
        if len(args) == place and not kwargs.keys().isdisjoint(names):
            args = (*args, *(kwargs[name] for name in names if name in kwargs))
            kwargs = {name: value for name, value in kwargs.items() if name not in names}
    return args, kwargs
