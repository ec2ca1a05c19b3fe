"""A checkpoint as people save them, brought to the names of an architecture; what differs is told key by key."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isqrt
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from unseen.classifier.zoo.weights import Weights, read_weights
from unseen.errors import ModelError
from unseen.system.names import printable

_TOLD = 4
"""Names of each kind of difference that a message lists."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Named tensors, and the file that they are from.

    Attributes:
        path: the file.
        tensors: by name.
        notes: what was left out or taken for something, in plain sentences.
    """

    path: Path
    tensors: Weights
    notes: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """See :func:`~unseen.classifier.zoo.weights.read_weights`."""
        return cls(path, read_weights(path))

    def named_as(self, own: Mapping[str, Tensor]) -> Checkpoint:
        """The tensors under the names of an architecture.

        A prefix that the names have in common, such as ``model.`` or ``net.backbone.``, is taken off, and what is not
        under it is left out with a note. A head that is a Sequential with one linear layer is taken for that layer.

        Args:
            own: the state dict of the architecture, of any number of classes.

        Raises:
            ModelError: several networks are in the file, each under a prefix of its own.
        """
        return self._without_prefix(own)._with_plain_head(own)

    def _without_prefix(self, own: Collection[str]) -> Checkpoint:
        found: Counter[str] = Counter()
        for name in self.tensors:
            ends = (place.end() for place in re.finditer(r"\.", name))
            found.update(name[:end] for end in (0, *ends) if name[end:] in own)
        most = max(found.values(), default=0)
        best = sorted((prefix for prefix, count in found.items() if count == most), key=len)
        if not best or best[0] == "":
            return self
        if len(best) > 1:
            several = " and ".join(repr(prefix) for prefix in best)
            raise ModelError(f"{self.path} holds several networks, under {several}; save one of them alone")
        (prefix,) = best
        inside = {name.removeprefix(prefix): value for name, value in self.tensors.items() if name.startswith(prefix)}
        outside = [name for name in self.tensors if not name.startswith(prefix)]
        note = f"{_listed(outside)} of {self.path} are left out, because they are not under {prefix!r}"
        return replace(self, tensors=inside, notes=(*self.notes, *([note] if outside else [])))

    def _with_plain_head(self, own: Mapping[str, Tensor]) -> Checkpoint:
        tensors, notes = dict(self.tensors), list(self.notes)
        for name in own:
            layer = name.removesuffix(".weight")
            if layer == name or name in tensors or own[name].ndim != 2:
                continue
            inside = {key: key.removeprefix(f"{layer}.") for key in tensors if key.startswith(f"{layer}.")}
            places = {rest.partition(".")[0] for rest in inside.values()}
            single = len(places) == 1 and {rest.partition(".")[2] for rest in inside.values()} <= {"weight", "bias"}
            if not single or not places.copy().pop().isdecimal():
                continue
            for key, rest in inside.items():
                tensors[f"{layer}.{rest.partition('.')[2]}"] = tensors.pop(key)
            notes.append(
                f"{layer} of {self.path} is a Sequential with one layer of weights, which is taken for {layer}; the "
                "others are taken for dropout"
            )
        return replace(self, tensors=tensors, notes=tuple(notes))

    def classes(self, names: Sequence[str]) -> int:
        """The number of classes, read from the first tensor of the last layer that is among ``names``.

        Raises:
            ModelError: none of the names is in the checkpoint.
        """
        for name in names:
            if name in self.tensors and self.tensors[name].ndim:
                return len(self.tensors[name])
        raise ModelError(
            f"{self.path} has no {' or '.join(names)}{self._heads(names)}; name the architecture that it is of, or "
            "give the network that your code builds: python:FILE.py:NAME"
        )

    def _heads(self, names: Sequence[str]) -> str:
        """What the file has in the place of the last layer."""
        layers = {name.rpartition(".")[0] for name in names}
        there = [key for key in self.tensors if any(key.startswith(f"{layer}.") for layer in layers)]
        return f", but {_listed(there)}" if there else ""

    def channels(self, names: Sequence[str]) -> int | None:
        """The channels that the first layer takes, read from the first tensor that is among ``names``."""
        for name in names:
            if name in self.tensors and self.tensors[name].ndim >= 2:
                return int(self.tensors[name].shape[1])
        return None

    def side(self, positions: str, own: Tensor, tokens: int) -> int | None:
        """The side of a square input for which a transformer's position embedding is, if it is another than its own.

        Args:
            positions: name of the embedding, shape (1, positions, width).
            own: the architecture's.
            tokens: that the architecture has for its own square input, and the side of that: positions of the image.
        """
        given = self.tensors.get(positions)
        if given is None or given.ndim != 3 or given.shape[1] == own.shape[1]:
            return None
        image = given.shape[1] - (own.shape[1] - tokens)  # without class tokens
        return isqrt(image) if image > 0 and isqrt(image) ** 2 == image else None

    def fit(self, model: nn.Module) -> None:
        """Load the tensors into ``model``, each in its place.

        Raises:
            ModelError: tensors are missing, left over or of another shape; the message names them.
        """
        own = model.state_dict()
        missing = [name for name in own if name not in self.tensors]
        unknown = [name for name in self.tensors if name not in own]
        shapes = [
            f"{name} {tuple(self.tensors[name].shape)} instead of {tuple(own[name].shape)}"
            for name in own
            if name in self.tensors and self.tensors[name].shape != own[name].shape
        ]
        told = [
            f"{len(names)} {what} ({_listed(names)})"
            for what, names in (("missing", missing), ("unexpected", unknown), ("of another shape", shapes))
            if names
        ]
        if told:
            raise ModelError(
                f"{self.path} does not fit {type(model).__name__}: {', '.join(told)}; name the architecture that it is "
                "of, or give the network that your code builds: python:FILE.py:NAME"
            )
        model.load_state_dict(self.tensors)


def with_channels(model: nn.Module, name: str, channels: int) -> None:
    """Give a network another first convolution, for so many channels; its weights are not drawn.

    Args:
        model: changed in place.
        name: of the convolution's weight.
        channels: of the input.
    """
    layer = name.removesuffix(".weight")
    old: Any = model.get_submodule(layer)
    if not isinstance(old, nn.Conv2d) or old.in_channels == channels or old.groups != 1:
        return
    form: dict[str, Any] = {
        what: getattr(old, what) for what in ("kernel_size", "stride", "padding", "dilation", "padding_mode")
    }
    model.set_submodule(layer, nn.Conv2d(channels, old.out_channels, bias=old.bias is not None, **form))


def _listed(names: Sequence[str]) -> str:
    more = [f"{len(names) - _TOLD} more"] if len(names) > _TOLD else []
    return ", ".join([*(printable(name)[:100] for name in names[:_TOLD]), *more])
