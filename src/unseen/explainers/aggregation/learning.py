"""Weights of a mixture that are learnt once on many photographs, and kept in a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import torch
from jaxtyping import Int
from torch import Tensor

from unseen.classifier import Classifier
from unseen.errors import NotApplicableError, OutputError, ParameterError
from unseen.explainers.aggregation.aggregating import AskedMaps, Mixing
from unseen.explainers.aggregation.assessment import fitting_strength
from unseen.explainers.aggregation.programs import Observed, program
from unseen.explainers.aggregation.quality import Changes, Hidings
from unseen.system.files import replace_file
from unseen.system.schema import MalformedError, read_json

FORMAT = "unseen mixture"


class _Written(TypedDict):
    format: str
    weights: dict[str, float]
    left_out: dict[str, str]
    model: str
    fingerprint: str


@dataclass(frozen=True)
class Learnt:
    """Weights that serve a goal best over a set of photographs.

    Attributes:
        weights: by method; they sum to 1.
        left_out: methods that could not be mixed on every photograph, with the reason of the first.
        photographs: how many there were.
        strength: how strongly weights were drawn to equal ones.
    """

    weights: Mapping[str, float]
    left_out: Mapping[str, str]
    photographs: int
    strength: float

    def save(self, path: Path, classifier: Classifier, **about: Any) -> None:
        """Write them where ``aggregate:weights=FILE`` reads them.

        Args:
            path: of the file.
            classifier: for which they were learnt.
            about: what else is to be kept of how they were learnt.

        Raises:
            OutputError: it cannot be written.
        """
        record: dict[str, Any] = {
            "format": FORMAT,
            "weights": dict(self.weights),
            "left_out": dict(self.left_out),
            "photographs": self.photographs,
            "strength": self.strength,
            "model": classifier.name,
            "fingerprint": classifier.fingerprint,
            **about,
        }
        replace_file(path, (json.dumps(record, indent=2) + "\n").encode())


def learn(observations: Iterable[AskedMaps], options: Mixing) -> Learnt:
    """The weights for which the losses of all photographs together are least; each photograph counts alike.

    Args:
        observations: what the same methods said of each photograph.
        options: the goal, its balance, and how strongly weights are drawn to equal ones.

    Raises:
        ParameterError: no photographs.
        NotApplicableError: no method can be mixed on all of them, or no mixture predicts what hiding costs.
    """
    every = list(observations)
    if not every:
        raise ParameterError("no photographs to learn weights on; give at least one")
    left_out: dict[str, str] = {}
    for one in every:
        left_out = {**one.left_out, **left_out}
    names = [name for name in every[0].names if name not in left_out]
    if not names:
        raise NotApplicableError("no method can be mixed on all of these photographs; name others")
    pooled = _pooled([_of(one, names) for one in every])
    aim = torch.ones(len(names), dtype=torch.float32)
    goal, balance = options.goal, options.balance
    pull = fitting_strength(pooled, goal, balance, aim) if options.strength is None else options.strength
    weights = program(pooled, goal, balance).drawn(pull, aim).weights()
    if not bool(weights.any()):
        raise NotApplicableError("no mixture of these methods predicts what hiding costs; name others")
    return Learnt(dict(zip(names, weights.tolist(), strict=True)), left_out, len(every), pull)


def _of(asked: AskedMaps, names: Sequence[str]) -> Observed:
    """Of some methods; drops in the unit of the photograph's own, so that no photograph decides for the others."""
    chosen = torch.tensor([name in names for name in asked.names])
    hidings = asked.observed.hidings
    unit = hidings.drops.norm()
    unit = unit if unit > 0 else torch.ones_like(unit)
    freed = Hidings(hidings.sums[:, chosen] / unit, hidings.drops / unit, hidings.known)
    return Observed(asked.observed.changes.of(chosen), freed)


def _pooled(observed: Sequence[Observed]) -> Observed:
    """All together, of which whole photographs are held out.

    Each was freed of its mean and of what the hidden area says over its own parts, all of which are held out or none:
    to free them again without those held out would change nothing. Only of one photograph alone parts are held out.
    """
    if len(observed) == 1:
        return observed[0]
    changes, hidings = [one.changes for one in observed], [one.hidings for one in observed]
    return Observed(
        Changes(torch.cat([one.grams for one in changes]), torch.stack([one.maps for one in changes]).mean(0)),
        Hidings(torch.cat([one.sums for one in hidings]), torch.cat([one.drops for one in hidings])),
        (_numbered([len(one.grams) for one in changes]), _numbered([len(one.drops) for one in hidings])),
    )


def _numbered(counts: Sequence[int]) -> Int[Tensor, " N"]:
    """The number of each photograph, as often as there are observations of it."""
    return torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))


def read_weights(
    path: Path, methods: Iterable[str], classifier: Classifier
) -> tuple[dict[str, float], tuple[str, ...]]:
    """The weights of a file, 0 for methods that were left out when they were learnt; and what is to be noted.

    Args:
        path: which :meth:`Learnt.save` wrote.
        methods: those that are mixed.
        classifier: that is explained; it is noted if they were learnt for another.

    Raises:
        OutputError: it is missing, or no such file.
        ParameterError: it was learnt for other methods.
    """
    try:
        written: Any = read_json(path, _Written)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{path} cannot be read: {reason}; learn weights by unseen mix") from None
    except MalformedError as error:
        raise OutputError(f"{path} holds no weights of a mixture: {error}; learn them by unseen mix") from None
    asked, weights = list(methods), written["weights"]
    remedy = f"mix the methods that it was learnt for: of={'/'.join(weights)}"
    others, unknown = set(weights) - set(asked), set(asked) - set(weights) - set(written["left_out"])
    if others:
        raise ParameterError(f"{path} has weights of {', '.join(sorted(others))}; {remedy}")
    if unknown:
        raise ParameterError(
            f"{path} has no weights of {', '.join(sorted(unknown))}; {remedy}, or learn anew by unseen mix"
        )
    if not all(value >= 0 for value in weights.values()) or not sum(weights.values()) > 0:
        raise OutputError(f"{path} holds weights below 0, or none above; learn them anew by unseen mix")
    found = {name: weights.get(name, 0.0) for name in asked}
    if written["fingerprint"] == classifier.fingerprint:
        return found, ()
    other = f"the weights of {path} were learnt for another model, {written['model']}"
    return found, (f"{other}; learn them anew by unseen mix",)
