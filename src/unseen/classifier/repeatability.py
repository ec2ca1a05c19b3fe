"""Asked twice, a model must say the same and be the same: the check that comes before any other.

A network that draws at random, or that changes itself with every call, has no decision that could be explained. What
draws is found among the operators that torch itself marks as random, and named with the module and the line of code
that called it. A draw does no harm where the answer does not depend on it; so, where something draws, the network is
also asked with every draw forced to its lowest and to its highest value: what happens once in a thousand calls happens
then.
"""

from __future__ import annotations

import linecache
import random
import sys
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from types import FrameType
from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from unseen.classifier.backend import torch_alone
from unseen.classifier.black_box import BlackBox
from unseen.classifier.borrowing import own_device, own_precision
from unseen.classifier.classifier import Classifier
from unseen.classifier.failures import out_of_memory
from unseen.classifier.fingerprint import checksum, identity
from unseen.classifier.intercepting import calling_module, names_of
from unseen.errors import ModelError

_OURS, _TORCH = (f"{folder}/" for folder in (Path(__file__).parents[1], Path(torch.__file__).parent))
_AGAIN = 8
"""How often a network that draws is asked again, for not everything can be forced."""
_GUARD = "let that happen in training only (if self.training: …)"
_REMEDIES = {
    "dropout_p": "pass dropout_p=p if self.training else 0.0 to it",
    "dropout": "pass training=self.training to it, or use the module nn.Dropout",
}

_KNOWN: WeakKeyDictionary[Classifier, set[Hashable]] = WeakKeyDictionary()


@own_precision()
def check_repeatable(classifier: Classifier, image: Float[Tensor, "C *space"], *, alone: bool = False) -> None:
    """Refuse a model that answers the same images differently.

    It costs two passes for each classifier and size of photograph, which are not counted, and some more where something
    draws. They are repeated when weights are replaced.

    Args:
        classifier: the model.
        image: any photograph.
        alone: ask about this one only; by default another goes with it, for a network may do to a batch what it
            cannot do to a single image, such as mixing it.

    Raises:
        ModelError: it does, or its weights or buffers change in evaluation mode; the message names what is random, or
            what changes, and where.
    """
    known = _KNOWN.setdefault(classifier.origin, set())
    images = image[None] if alone else accompanied(image)
    with classifier.evaluating():
        key = tuple(images.shape), images.dtype, identity(classifier.model)
        if key in known:
            return
        buffers = {name: buffer.detach().clone() for name, buffer in classifier.model.named_buffers()}
        try:
            with torch_alone():
                _Trial(classifier, images).check()
        except Exception as error:
            _restore(classifier.model, buffers)
            if not out_of_memory(error):
                raise
            if alone:  # there is nothing that could be asked twice; who asks next is told of the memory
                return
            check_repeatable(classifier, image, alone=True)
        known.add(key)


def accompanied(image: Float[Tensor, "C *space"]) -> Float[Tensor, "2 C *space"]:
    """A batch of the photograph and another one; see :func:`another`."""
    return torch.stack([image, another(image)])


def another(image: Float[Tensor, "C *space"]) -> Float[Tensor, "C *space"]:
    """A photograph that is little like one: turned, and as dark as that is bright.

    It is not of one colour, of which a network that standardises its input knows nothing.
    """
    dark = image.flip(tuple(range(1, image.ndim))) / 4
    return dark if float(image.mean()) >= 0.5 else 1 - dark


@dataclass(frozen=True)
class Draw:
    """Something random that a network did.

    Attributes:
        what: the function or operator.
        where: module and line of code, in words.
        remedy: what to write instead.
    """

    what: str
    where: str
    remedy: str


class Draws(TorchDispatchMode):
    """Notes everything random that runs inside.

    Args:
        names: of the network's modules.
        forced: ``low`` or ``high``, to which uniform numbers, events and orders are forced; ``None`` lets them be.
    """

    def __init__(self, names: Mapping[int, str], forced: Literal["low", "high"] | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: list[Draw] = []
        self._names, self._forced = names, forced

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """By default torch imports its compiler at the first call, which takes seconds and serves nothing here."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        if torch.Tag.nondeterministic_seeded in func.tags and _draws(func, args, kwargs or {}):
            self.found.append(_draw(func, self._names))
            if self._forced is not None and isinstance(output, Tensor):
                _force(func.overloadpacket.__name__.rstrip("_"), output, high=self._forced == "high")
        return output


def _force(operator: str, output: Tensor, *, high: bool) -> None:
    if operator in ("rand", "rand_like") and output.is_floating_point():
        output.fill_(1 - torch.finfo(output.dtype).eps if high else 0)
    elif operator == "bernoulli":
        output.fill_(high)
    elif operator == "randperm":
        output.copy_(output.sort(descending=high).values)


def _draws(func: Any, args: Any, kwargs: Any) -> bool:
    """Whether a random operator draws, as it is called."""
    arguments = func._schema.arguments
    given = {argument.name: argument.default_value for argument in arguments if argument.has_default_value()}
    given |= {argument.name: value for argument, value in zip(arguments, args, strict=False)} | dict(kwargs)
    chances = [given[name] for name in ("p", "dropout_p") if isinstance(given.get(name), (int, float))]
    return all(0 < p < 1 for p in chances) and False not in (given.get("train"), given.get("training"))


def _draw(func: Any, names: Mapping[int, str]) -> Draw:
    """Who called a random operator: the innermost line that is neither torch's nor ours, and what it called."""
    what, line = f"torch.{func.overloadpacket.__name__}", ""
    frame: FrameType | None = sys._getframe()
    while frame is not None and _is_ours(frame):
        frame = frame.f_back
    while frame is not None and not _is_ours(frame):
        name = frame.f_code.co_filename
        if not name.startswith(_TORCH):
            text = shorten(linecache.getline(name, frame.f_lineno), 100, placeholder=" …")
            line = f"{Path(name).name}, line {frame.f_lineno}" + (f": {text}" if text else "")
            break
        if frame.f_globals.get("__name__") == "torch.nn.functional" and not frame.f_code.co_name.startswith("_"):
            what = f"torch.nn.functional.{frame.f_code.co_name}"
        frame = frame.f_back
    module = calling_module(names)
    places = [*([f"module {module!r}"] if module else []), *([line] if line else [])]
    remedy = next((text for key, text in _REMEDIES.items() if key in what or key in line), _GUARD)
    return Draw(what, f" ({', '.join(places)})" if places else "", remedy)


def _is_ours(frame: FrameType) -> bool:
    """Whether a frame runs code of ours, or of what checks its types in tests."""
    name = frame.f_code.co_filename
    return name.startswith((_OURS, "<@beartype")) or frame.f_globals.get("__name__", "").startswith("jaxtyping.")


class _Trial:
    """The passes of one check."""

    def __init__(self, classifier: Classifier, images: Tensor) -> None:
        self.classifier, self.images = classifier, images
        self.names = names_of(classifier.model)

    def check(self) -> None:
        """See :func:`check_repeatable`."""
        network = self.classifier.model
        first = self.classifier.logits(self.images)
        was = states(network)
        draws = Draws(self.names)
        second, elsewhere = self.ask(draws)
        changed = _changed(was, states(network))
        difference = _distance(first, second)
        cause = draws.found or elsewhere or (changed and self.classifier.device.type == "cpu")
        if difference > 0 and (cause or not self.classifier.same(first, second)):
            raise self.refusal(difference, draws.found, changed, elsewhere)
        registered = {name for named in (network.named_buffers(), network.named_parameters()) for name, _ in named}
        lasting = [name for name in changed if name in registered]
        if lasting:
            raise ModelError(
                f"{self.classifier.name} changes itself with every call, in evaluation mode, too ({_listed(lasting)}), "
                f"so that what it says may depend on how often it was asked; {_GUARD}"
            )
        if draws.found or elsewhere:
            self.ask_again(second, draws.found, elsewhere)

    def ask_again(self, usual: Tensor, found: list[Draw], elsewhere: list[str]) -> None:
        """Ask under draws that are rare, and some times more."""
        for draws in [Draws(self.names, "low"), Draws(self.names, "high"), *[Draws(self.names)] * _AGAIN]:
            try:
                answer, _ = self.ask(draws)
            except Exception:  # nothing can be made of the lowest or highest of all numbers, which says nothing
                continue
            difference = _distance(usual, answer)
            if difference > 0:
                raise self.refusal(difference, found, [], elsewhere)

    @torch.no_grad()
    def ask(self, draws: Draws) -> tuple[Tensor, list[str]]:
        """The logits of one pass that is watched, and what outside torch was drawn from."""
        normalised = self.classifier.normalise(self.images)
        outside = _Outside.now()
        with own_device(self.classifier.device), self.classifier.outputs.watching(), draws:
            output = self.classifier.model(normalised)
        drawn_from = _Outside.now().moved_since(outside)
        return self.classifier.check(output, len(self.images)).float().cpu(), drawn_from

    def refusal(self, difference: float, found: list[Draw], changed: list[str], elsewhere: list[str]) -> ModelError:
        """The error that names what is random."""
        asked = f"{self.classifier.name} answers the same images differently (its logits by {difference:.2g})"
        if found:
            others = len(set(found)) - 1
            more = f", as do {others} more" if others else ""
            return ModelError(
                f"{asked}: {found[0].what}{found[0].where} draws at random in evaluation mode, too{more}; "
                f"{found[0].remedy}"
            )
        if elsewhere:
            return ModelError(f"{asked}: something draws outside torch, from {_listed(elsewhere)}; {_GUARD}")
        if changed:
            return ModelError(f"{asked}: it changes with every call ({_listed(changed)}); {_GUARD}")
        return ModelError(
            f"{asked}: something draws outside torch, from a generator of its own (such as numpy's default_rng), or "
            f"keeps between calls what is no attribute of a module; {_GUARD}"
        )


# ---- what a network keeps --------------------------------------------------------------------------------------------


def states(network: nn.Module) -> dict[str, Hashable]:
    """Everything that a network keeps between calls, by name, in a form that can be compared.

    What a black box keeps is what is known of it here, such as how often a server was asked: nothing of the model's.
    """
    kept = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    found = {name: checksum(tensor) for name, tensor in kept.items()}
    for place, module in network.named_modules():
        if isinstance(module, BlackBox):
            continue
        prefix = f"{place}." if place else ""
        for name, value in vars(module).items():
            if name not in _OF_EVERY_MODULE:
                found[f"{prefix}{name}"] = _comparable(value)
    return found


_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


def _comparable(value: object, depth: int = 3) -> Hashable:
    """A value's content where it is made of numbers, text and tensors; ``None`` for everything else."""
    if isinstance(value, Tensor):
        return checksum(value)
    if isinstance(value, np.ndarray):
        return None if value.dtype == object else (value.shape, value.tobytes())
    if isinstance(value, (int, float, complex, str, bytes)):
        return value
    if isinstance(value, (list, tuple)) and depth:
        return tuple(_comparable(item, depth - 1) for item in value)
    if isinstance(value, dict) and depth:
        return tuple((repr(key), _comparable(item, depth - 1)) for key, item in value.items())
    return None


@dataclass(frozen=True)
class _Outside:
    """Where the generators stand from which all draw that draw outside torch and bring none of their own."""

    python: Hashable
    numpy: Hashable

    @classmethod
    def now(cls) -> _Outside:
        numpy: Any = np.random.get_state(legacy=False)  # noqa: NPY002
        return cls(random.getstate(), (numpy["state"]["key"].tobytes(), numpy["state"]["pos"]))

    def moved_since(self, before: _Outside) -> list[str]:
        moved = {"Python's random": self.python != before.python, "numpy.random": self.numpy != before.numpy}
        return [name for name, has in moved.items() if has]


def _changed(before: Mapping[str, Hashable], after: Mapping[str, Hashable]) -> list[str]:
    return [name for name in after if name not in before or before[name] != after[name]]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _distance(one: Tensor, other: Tensor) -> float:
    """The largest difference; infinite where the shapes differ."""
    return float((one - other).abs().max()) if one.shape == other.shape else float("inf")


@torch.no_grad()
def _restore(network: nn.Module, buffers: Mapping[str, Tensor]) -> None:
    for name, buffer in network.named_buffers():
        if name in buffers and buffers[name].shape == buffer.shape and not torch.equal(buffers[name], buffer):
            buffer.copy_(buffers[name])
