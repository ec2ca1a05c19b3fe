"""What is asked of one photograph for ``aggregation.py``: all passes but those along rankings, each made once.

Everything that a mixture of maps is judged by is linear in the maps, or a product of two, but for curves along its
ranking. So what is kept of each nearby photograph and hidden part are a few numbers a map, of the *basis*: the methods'
maps in units of their standard deviation, their magnitudes, the joins that are not linear (remade from the methods'
maps near the photograph), and controls.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unseen import Classifier
from unseen.explainers.aggregation.aggregating import Mixing, aggregate, random_coalitions
from unseen.explainers.aggregation.baselines import borda, median, variance_weighted
from unseen.explainers.aggregation.quality import Changes, Hidings, changes, hidings
from unseen.explainers.catalogue import METHODS
from unseen.explainers.hiding.segments import coalition_scores, segmentation
from unseen.explainers.sufficient.search import map_of
from unseen.inputs.neighbourhood import noisy
from unseen.inputs.streams import stream_of
from unseen.metrics.case import Case
from unseen.metrics.faithfulness import Infidelity, SensitivityN
from unseen.removal import REMOVALS, MaskedClassifier

JOINS = {"median": median, "variance-weighted": variance_weighted, "Borda": borda}
CONTROLS = ("random", "edges", "uniform")
METRICS = {"sensitivity-n": SensitivityN(), "infidelity": Infidelity()}
FORWARD_ONLY = ("occlusion", "rise", "causal")
FIT_REMOVAL = "zero"
JUDGED = {("sensitivity-n", "zero"), ("infidelity", "zero"), ("infidelity", "blur:20")}


@dataclass
class Spent:
    """Images through the network, with a gradient and without, and processor seconds, by what they were for."""

    passes: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def on(self, purpose: str, masked: MaskedClassifier) -> Iterator[None]:
        before, began = masked.evaluations, time.process_time()
        yield
        self.passes[purpose] += masked.evaluations - before
        self.seconds[purpose] += time.process_time() - began


@dataclass(frozen=True)
class Near:
    """The basis under nearby photographs: products of changes of the maps minus their mean, and as they are."""

    centred: Tensor
    plain: Tensor


@dataclass(frozen=True, eq=False)
class Photo:
    """One photograph.

    Attributes:
        methods: specs of the k methods.
        maps: the basis, (B, H, W): k signed, k absolute, the joins, the controls.
        scales: standard deviation of each method's map before it was divided by it.
        near: by use (``fit``, ``held``, ``wide``), the changes.
        hidden: by use (``fit``, ``held``), the segments shown and the drops.
        judged: by metric and removal, sums of the basis over what is hidden, and drops.
        left_out: what :func:`aggregate` says of a pool with a uniform map.
    """

    name: str
    target: int
    methods: tuple[str, ...]
    maps: Tensor
    scales: Tensor
    segments: Tensor
    near: Mapping[str, Near]
    hidden: Mapping[str, tuple[Tensor, Tensor]]
    judged: Mapping[tuple[str, str], tuple[Tensor, Tensor]]
    left_out: Mapping[str, str]
    passes: Mapping[str, int]
    seconds: Mapping[str, float]

    @property
    def k(self) -> int:
        return len(self.methods)

    @cached_property
    def products(self) -> Tensor:
        """Of the maps minus their mean."""
        flat = self.maps.double().flatten(1)
        flat = flat - flat.mean(1, keepdim=True)
        return flat @ flat.T

    def changes(self, use: str, count: int | None = None) -> Changes:
        return Changes(self.near[use].centred[:count], self.products)

    @cache  # noqa: B019 - a photograph lives as long as the report
    def hidings(self, use: str, count: int | None = None) -> Hidings:
        shown, drops = self.hidden[use]
        return hidings(self.maps, shown[:count], self.segments, drops[:count])

    def plain_sums(self, use: str) -> tuple[Tensor, Tensor]:
        """As they are: the sums of the basis over hidden segments, and the drops."""
        shown, drops = self.hidden[use]
        by_segment = torch.zeros(len(self.maps), shown.shape[1], dtype=torch.float64)
        by_segment.index_add_(1, self.segments.flatten(), self.maps.double().flatten(1))
        return (~shown).double() @ by_segment.T, drops


def observed(
    classifier: Classifier, name: str, image: Tensor, specs: tuple[str, ...], counts: Mapping[str, int], radius: float
) -> Photo:
    """Ask all of it; ``counts`` are of ``nearby``, ``held`` and ``wide`` photographs, and of ``hidden`` masks twice."""
    methods = {spec: METHODS.create(spec) for spec in (*specs, *CONTROLS)}
    target = int(classifier.logits(image[None]).argmax())
    masked, spent = REMOVALS.create(FIT_REMOVAL).bind(classifier, image), Spent()

    def found(where: MaskedClassifier, use: str) -> Tensor:
        maps = []
        for spec in methods:
            with spent.on(f"{use} {spec}", where):
                maps.append(map_of(methods[spec], where, target, 0))
        return torch.stack(maps)

    here = found(masked, "here")
    scales = here.double().std((1, 2), correction=0)
    scales = torch.where(scales > 0, scales, 1.0).float()

    def basis(maps: Tensor) -> Tensor:
        maps = maps / scales[:, None, None]
        own = maps[: len(specs)]
        joined = torch.stack([join(own).float() for join in JOINS.values()])
        return torch.cat([own, own.abs(), joined, maps[len(specs) :]])

    start = basis(here)
    near = {}
    fitting = stream_of(image, 0)
    for number, (use, count) in enumerate([("fit", "nearby"), ("held", "held"), ("wide", "wide")]):
        stream = fitting if use == "fit" else stream_of(image, number)
        size = 2.5 * radius if use == "wide" else radius
        there = []
        for other in noisy(image, size, counts[count], stream):
            with masked.for_image(other) as beside:
                there.append(basis(found(beside, use)))
        plain = [(start - maps).double().flatten(1) for maps in there]
        grams = (
            torch.stack([change @ change.T for change in plain]) if plain else torch.zeros(0, len(start), len(start))
        )
        near[use] = Near(changes(start, there).grams, grams)

    segments = segmentation(image, 50).numbers
    hidden = {}
    for use, stream in (("fit", fitting), ("held", stream_of(image, 3))):
        shown = random_coalitions(int(segments.max()) + 1, counts["hidden"], stream)
        asked = torch.cat([torch.ones(1, shown.shape[1], dtype=torch.bool), shown])
        with spent.on(f"hidden {use}", masked):
            scores = coalition_scores(masked, asked, segments, [target], "logit").values[:, 0]
        hidden[use] = (shown, scores[0] - scores[1:])

    judged = {}
    for metric, removal in sorted(JUDGED):
        hiding = REMOVALS.create(removal).bind(classifier, image)
        case = Case(start[0], target, hiding)
        masks = METRICS[metric].masks(case)
        _, drops = METRICS[metric].measured(case, masks, hiding(masks))
        judged[metric, removal] = ((~masks[1:]).flatten(1).double() @ start.double().flatten(1).T, drops)

    few = {spec: methods[spec] for spec in (*specs[:1], "uniform")}
    left_out = aggregate(masked, target, few, Mixing(goal="both", nearby=1, hidden=8, strength=0.0)).left_out
    return Photo(
        name, target, specs, start, scales, segments, near, hidden, judged, dict(left_out),
        dict(spent.passes), dict(spent.seconds),
    )  # fmt: skip


def kept(path: Path, photo: Photo) -> None:
    """Write it whole or not at all."""
    unfinished = path.with_suffix(".part")
    values: dict[str, Any] = {each.name: getattr(photo, each.name) for each in fields(photo)}
    values["near"] = {use: vars(near) for use, near in photo.near.items()}
    torch.save(values, unfinished)
    unfinished.replace(path)


def read(path: Path) -> Photo:
    values = torch.load(path, weights_only=True)
    values["near"] = {use: Near(**near) for use, near in values["near"].items()}
    return Photo(**values)
