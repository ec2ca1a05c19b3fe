"""Recording the tensor operations of a pass, and which of them follow from its masks alone.

A tensor is known by where it lies in memory: so views, aliases and changes in place are told apart without asking
autograd. Whatever would make the next pass another program is refused: a decision taken by a value, a shape that
follows from one, memory that is read after it was changed through a view.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from unseen.errors import NotRecordedError

_OF_A_KIND = frozenset("new_zeros new_ones new_full zeros_like ones_like full_like".split())
"""Operations that take a tensor's type and shape, and not its values."""


@dataclass(frozen=True)
class Ref:
    """A tensor of a program: the output ``place`` of a step; inputs have the numbers −1, −2 and so on."""

    step: int
    place: int = 0


@dataclass(frozen=True)
class Rows:
    """A number that was so many times the number of photographs."""

    times: int


@dataclass(frozen=True)
class Step:
    """One operation.

    Attributes:
        operation: of ATen, without effects.
        args: its arguments; tensors are a :class:`Ref`, or a constant.
        kwargs: likewise.
        located: whether it follows from the photographs, and not from their masks alone.
        shapes: of its outputs.
    """

    operation: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    located: bool
    shapes: tuple[tuple[Any, ...], ...]

    @property
    def name(self) -> str:
        """Of the operation, without its overload: "convolution"."""
        return str(self.operation.overloadpacket.__name__)

    @property
    def refs(self) -> Iterator[Ref]:
        """The tensors that it takes."""
        return refs_in((self.args, self.kwargs))


class Tape(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records what happens inside to its inputs: photographs, then masks if there are any.

    Raises:
        NotRecordedError: (inside) a value decides what happens next, or an effect cannot be recorded.
    """

    def __init__(self, photographs: Tensor, *masks: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.steps: list[Step] = []
        self._known: dict[Hashable, Ref | None] = {}
        self._of_memory: dict[int, set[Hashable]] = {}
        self._alive: list[Tensor] = []  # so that no memory is used twice
        for number, given in enumerate((photographs, *masks)):
            self._enter(given, Ref(-1 - number))

    def ref(self, tensor: Tensor) -> Ref:
        """Where a tensor comes from.

        Raises:
            NotRecordedError: not from the inputs.
        """
        found = self._known.get(_key(tensor))
        if found is None:
            raise NotRecordedError("its output does not come from recorded operations")
        return found

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        recorded = _mapped(self._recorded, args), _mapped(self._recorded, kwargs)
        output = func(*args, **kwargs)
        refs, name = list(refs_in(recorded)), func.overloadpacket.__name__
        if not refs or name in _OF_A_KIND:
            return output
        made = [output] if isinstance(output, Tensor) else list(output) if isinstance(output, (tuple, list)) else []
        if torch.Tag.dynamic_output_shape in func.tags or not made or not all(isinstance(t, Tensor) for t in made):
            raise NotRecordedError(f"{name} decides by a value what happens next")
        if func._schema.is_mutable:
            func = _without_effect(func, name)
            self._changed(args[0])
        located = any(ref.step == -1 or (ref.step >= 0 and self.steps[ref.step].located) for ref in refs)
        self.steps.append(Step(func, *recorded, located, tuple(tuple(each.shape) for each in made)))
        for place, tensor in enumerate(made):
            self._enter(tensor, Ref(len(self.steps) - 1, place))
        return output

    def _enter(self, tensor: Tensor, ref: Ref) -> None:
        key = _key(tensor)
        self._known[key] = ref
        self._of_memory.setdefault(_memory(tensor), set()).add(key)
        self._alive.append(tensor)

    def _recorded(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        key = _key(value)
        if key in self._known:
            found = self._known[key]
            if found is None:
                raise NotRecordedError("memory is read after it was changed through a view of it")
            return found
        if self._of_memory.get(_memory(value)):
            raise NotRecordedError("memory of a recorded tensor is read in another form")
        return value

    def _changed(self, tensor: Tensor) -> None:
        for key in self._of_memory.get(_memory(tensor), ()):
            self._known[key] = None


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _key(tensor: Tensor) -> Hashable:
    return _memory(tensor), tensor.storage_offset(), tuple(tensor.shape), tensor.stride(), tensor.dtype


def _without_effect(func: Any, name: str) -> Any:
    """The operation that gives what this one writes into its first argument."""
    packet = getattr(torch.ops.aten, name.removesuffix("_"), None)
    overload = func._overloadname
    if not name.endswith("_") or name == "copy_" or packet is None or overload not in packet.overloads():
        raise NotRecordedError(f"{name} changes memory in a way that cannot be recorded")
    return getattr(packet, overload)


def _mapped(function: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return tuple(_mapped(function, item) for item in value)
    if isinstance(value, dict):
        return {key: _mapped(function, item) for key, item in value.items()}
    return function(value)


def refs_in(value: Any) -> Iterator[Ref]:
    """All in nested arguments."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, (tuple, list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from refs_in(item)


@dataclass(frozen=True)
class Program:
    """A pass for any number of photographs: what is the same in one of two photographs and one of three.

    Attributes:
        steps: its operations, in order.
        output: what it gives.
        interface: what follows from the masks alone and goes into what follows from the photographs.
    """

    steps: tuple[Step, ...]
    output: Ref
    interface: tuple[Ref, ...] = field(init=False)

    def __post_init__(self) -> None:
        wanted = [ref for step in self.steps if step.located for ref in step.refs if not self.located(ref)]
        object.__setattr__(self, "interface", tuple(dict.fromkeys(wanted)))

    def located(self, ref: Ref) -> bool:
        """Whether a tensor follows from the photographs."""
        return ref.step == -1 or (ref.step >= 0 and self.steps[ref.step].located)

    @classmethod
    def of(cls, record: Callable[[int], tuple[Tape, Tensor]]) -> Program:
        """The program of which ``record`` gives the tape and the output of so many photographs.

        Raises:
            NotRecordedError: the two are not the same program, or one cannot be recorded.
        """
        (two, output), (three, other) = record(2), record(3)
        if [step.operation for step in two.steps] != [step.operation for step in three.steps]:
            raise NotRecordedError("two photographs take other operations than three")
        steps = [
            Step(
                one.operation,
                _common(one.args, another.args),
                _common(one.kwargs, another.kwargs),
                one.located,
                _common(one.shapes, another.shapes),
            )
            for one, another in zip(two.steps, three.steps, strict=True)
        ]
        if two.ref(output) != three.ref(other):
            raise NotRecordedError("two photographs take other operations than three")
        program = cls(_needed(steps, two.ref(output)), two.ref(output))
        if not program.located(program.output):
            raise NotRecordedError("its output does not come from the photographs")
        return program

    def masks(self, *masks: Tensor) -> list[Tensor]:
        """The tensors of :attr:`interface` for these masks, each of N rows or one."""
        values: dict[Ref, Any] = {Ref(-2 - number): given for number, given in enumerate(masks)}
        count = len(masks[0]) if masks else 0

        def valued(item: Any) -> Any:
            return values[item] if isinstance(item, Ref) else item.times * count if isinstance(item, Rows) else item

        for number, step in enumerate(self.steps):
            if step.operation is None or step.located:
                continue
            output = step.operation(*_mapped(valued, step.args), **_mapped(valued, step.kwargs))
            for place, tensor in enumerate([output] if isinstance(output, Tensor) else output):
                values[Ref(number, place)] = tensor
        return [values[ref] for ref in self.interface]


def _needed(steps: Sequence[Step], output: Ref) -> tuple[Step, ...]:
    """The steps, with those that lead nowhere emptied."""
    wanted, kept = {output.step}, list(steps)
    for number in reversed(range(len(kept))):
        if number in wanted:
            wanted.update(ref.step for ref in kept[number].refs)
        else:
            kept[number] = Step(None, (), {}, False, ())
    return tuple(kept)


def _common(one: Any, other: Any) -> Any:
    """What two passes have in common, of two photographs and of three."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return _constant(one, other)
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        return tuple(map(_common, one, other))
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return {key: _common(value, other[key]) for key, value in one.items()}
    if type(one) is int and type(other) is int and one != other and one % 2 == 0 and other * 2 == one * 3:
        return Rows(one // 2)
    if type(one) is not type(other) or one != other:
        raise NotRecordedError("two photographs are computed otherwise than three")
    return one


def _constant(one: Tensor, other: Tensor) -> Tensor:
    if one is other or (one.shape == other.shape and torch.equal(one, other)):
        return one
    if (len(one), len(other)) == (2, 3) and bool((one == other[:2]).all() and (other == other[:1]).all()):
        return one[:1]
    raise NotRecordedError("a constant differs between passes")
