"""Which ranking needs the fewest pixels to keep a decision on most other backgrounds?

    python -m benchmarks.studies.robust_rankings FOLDER --donors OTHERS --limit 100 --share 0.9 --out rankings.json

For every photograph and ranking: the smallest prefix that keeps the decision on the share ρ of 20 backgrounds, or as
many as ``--backgrounds`` says, within 3 % of the pixels. No ranking was made with any of these backgrounds. Rankings
are those of single methods, smoothed as for ``unseen explain --robust``, and those that ``--made`` names, of the maps
of all methods:

* ``mean``: of their ranks,
* ``mixture``: the convex combination of their ranks that best predicts what hiding segments behind the photographs of
  OTHERS costs; the program for faithfulness, under the removal ``donor``,
* ``varied``: the mean, moved towards the random variations of its prefix that keep the score best on OTHERS,
* ``pruned``: the mean without blocks that its prefix can do without on other backgrounds; no prefix of any map,
* ``random``.

With ``--prove``, of some rankings also the part that the proof leaves, as ``unseen explain --robust`` finds it. Means
with 95 % bootstrap intervals over photographs, and the differences to the first ranking, photograph by photograph. At
the end, what a choice of ranking could give at most: the smallest of all but ``random``, chosen for each photograph by
the backgrounds that judge; and how much sizes differ between photographs and between the rankings of one.
Photographs are drawn at random by ``--seed``; ``--skip`` leaves out the first so many of them, such as those on which
something was chosen. Passes of the bare network run on ONNX Runtime. It stops after ``--minutes``; what is in ``--out``
is kept, and the same command goes on.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.shared import resumed, study
from unseen import Classifier, load_classifier
from unseen.evaluation.statistics import mean_interval
from unseen.explainers.aggregation.aggregating import Mixing, aggregate
from unseen.explainers.catalogue import METHODS
from unseen.explainers.robust.contexts import ColoursAndTextures, OtherPhotographs
from unseen.explainers.robust.planting import Planting, foreign
from unseen.explainers.robust.search import PROOF, SEARCH, reaches, robust_part, shortest
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap, map_of
from unseen.explanation import Findings
from unseen.explanation.evidence import interval
from unseen.explanation.ranking import Ranking, rank
from unseen.inputs.finding import find_photos
from unseen.inputs.smoothing import smoothed
from unseen.removal import REMOVALS, MaskedClassifier, Removal

RANKINGS = (
    "causal@ad",
    "grad-cam@zero",
    "smoothgrad-squared:samples=25@zero",
    "rise:masks=240,visible=0.65,score=logit@donor",
)
MADE = ("mean", "mixture", "varied", "pruned", "random")
BLUR = 0.05
BATCH = 8
FINE = 0.03
VARIATIONS = 200
HINDSIGHT = "the smallest, in hindsight"
BLOCKS = 8


@dataclass(frozen=True)
class Row:
    """What one ranking needs of one photograph; shares of the pixels and of the backgrounds.

    Attributes:
        size: of the prefix that keeps the decision on ρ of the backgrounds.
        proven: size of the part whose bound reaches ρ; ``None`` where there is none or none was asked for.
        proven_kept: share of the backgrounds on which that part keeps the decision; its proof saw none of them.
        proven_passes: what the search with its proof took.
    """

    size: float
    proven: float | None = None
    proven_kept: float | None = None
    proven_passes: int | None = None


@dataclass(frozen=True)
class Trial:
    """A photograph, the network as it is and on ONNX Runtime, and backgrounds for each purpose."""

    image: Tensor
    target: int
    network: Classifier
    fast: Classifier
    donor: Removal
    judge: Planting
    search: Planting
    proof: Planting
    share: float

    def of_method(self, spec: str) -> Ranking:
        """That of a method under a removal; ``donor`` stands for hiding behind other photographs."""
        name, _, removal = spec.partition("@")
        method, hidden = METHODS.create(name), self.donor if removal == "donor" else REMOVALS.create(removal)
        bare = not (method.inside or hidden.inside)
        masked = hidden.bind(self.fast if bare else self.network, self.image, batch_size=BATCH)
        return self.ranked(map_of(method, masked, self.target))

    def ranked(self, saliency: Tensor) -> Ranking:
        """As for ``unseen explain --robust``."""
        return rank(saliency, blur=BLUR * min(saliency.shape))

    def row(self, ranking: Ranking, guess: int, *, prove: bool) -> Row:
        """What the ranking needs."""
        total = len(ranking.order)
        size = near(lambda some: reaches(self.judge, ranking.prefix(some), self.share), guess, total) / total
        if not prove:
            return Row(size)
        before = self.judge.masked.evaluations
        found = robust_part(self.search, self.proof, ranking, self.share, "")
        spent = self.judge.masked.evaluations - before
        if found.mask is None:
            return Row(size, None, None, spent)
        kept = float(self.judge.holds_everywhere([found.mask]).float().mean())
        return Row(size, found.fraction, kept, spent)


def near(passes: Callable[[int], bool], guess: int, total: int) -> int:
    """A size that passes, at most 3 % of ``total`` above one that fails, looked for around a guess."""
    fine = max(1, round(FINE * total))
    step, good, bad = 2 * fine, guess, 0
    if passes(guess):
        while good > step and passes(good - step):
            good, step = good - step, 2 * step
        bad = max(0, good - step)
    else:
        bad, good = guess, min(total, guess + step)
        while good < total and not passes(good):
            step *= 2
            bad, good = good, min(total, good + step)
    while good - bad > fine:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if passes(middle) else (good, middle)
    return good


def places(ranking: Ranking) -> Tensor:
    """Of each pixel, from 1, the first, to 0."""
    place = torch.empty(len(ranking.order))
    place[ranking.order] = torch.linspace(1, 0, len(place))
    return place.reshape(ranking.shape)


@dataclass(frozen=True)
class Given(FromMap):
    """A map that is there already, as a method."""

    saliency: Tensor | None = None

    def attribute(self, evaluate: Evaluator, seed: int, domain: Tensor | None) -> Findings:
        """The map."""
        del evaluate, seed, domain
        assert self.saliency is not None
        return Findings(self.saliency)


def mixed(trial: Trial, maps: Mapping[str, Tensor]) -> Tensor:
    """The convex combination of ranks that best predicts what hiding segments behind other photographs costs."""
    masked = trial.donor.bind(trial.fast, trial.image, batch_size=BATCH)
    methods = {name: Given(saliency=saliency) for name, saliency in maps.items()}
    found = aggregate(masked, trial.target, methods, Mixing(goal="faithfulness"))
    return found.saliency


def varied(trial: Trial, place: Tensor, size: int) -> Tensor:
    """Places moved towards the variations of a prefix that leave the score highest behind other photographs.

    Each variation adds a smooth random field to the places and shows the first ``size`` pixels; its score weights the
    field, as in RISE.
    """
    masked = trial.donor.bind(trial.fast, trial.image, batch_size=BATCH)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(VARIATIONS, *place.shape, generator=generator)
    fields = smoothed(noise, 2, min(place.shape) / 14)
    fields = fields / fields.std() * 0.3
    moved = (place + fields).flatten(1)
    least = moved.kthvalue(moved.shape[1] - size + 1, 1).values
    logits = masked((moved >= least[:, None]).reshape(fields.shape))
    others = logits.clone()
    others[:, trial.target] = -torch.inf
    scores = logits[:, trial.target] - others.logsumexp(1)
    pull = torch.einsum("n,nhw->hw", (scores - scores.mean()) / scores.std(), fields) / VARIATIONS
    return place + pull / pull.std() * place.std()


def pruned(trial: Trial, ranking: Ranking) -> Ranking:
    """The ranking, with the blocks put behind the prefix for ρ that it can do without on the search backgrounds.

    A block goes if the rest keeps the decision on half as many misses as ρ allows, so that the search does not fit its
    own backgrounds.
    """
    total, strict = len(ranking.order), (1 + trial.share) / 2
    size = shortest(lambda some: reaches(trial.search, ranking.prefix(some), strict), total)
    part, place = ranking.prefix(size), places(ranking)
    edges = [torch.linspace(0, side, BLOCKS + 1).round().int().tolist() for side in ranking.shape]
    blocks = [(slice(*edges[0][i : i + 2]), slice(*edges[1][j : j + 2])) for i in range(BLOCKS) for j in range(BLOCKS)]
    for block in sorted(blocks, key=lambda block: float(place[block].mean())):
        rest = part.clone()
        rest[block] = False
        if bool(part[block].any()) and reaches(trial.search, rest, strict):
            part = rest
    return rank(place + part.float())


def rankings_of(trial: Trial, specs: Sequence[str], made: Sequence[str]) -> dict[str, Ranking]:
    """That of each method, and those that are made of them."""
    found = {spec: trial.of_method(spec) for spec in specs}
    ranks = {spec: places(ranking) for spec, ranking in found.items()}
    mean = rank(torch.stack([*ranks.values()]).mean(0))
    making: dict[str, Callable[[], Ranking]] = {
        "mean": lambda: mean,
        "mixture": lambda: rank(mixed(trial, ranks)),
        "varied": lambda: trial.ranked(varied(trial, places(mean), round(0.6 * len(mean.order)))),
        "pruned": lambda: pruned(trial, mean),
        "random": lambda: rank(torch.zeros(mean.shape)),
    }
    return {**found, **{name: making[name]() for name in made}}


def trial_of(
    path: Path, network: Classifier, fast: Classifier, source: OtherPhotographs | None, asked: argparse.Namespace
) -> Trial:
    """A photograph with its backgrounds; ``source`` gives them, colours and textures by default."""
    image = network.prepare(path)
    target = network.outputs.top(network.logits(image[None])[0])
    masked: MaskedClassifier = REMOVALS.create("zero").bind(fast, image, batch_size=BATCH)
    contexts = source or ColoursAndTextures(masked.shape)
    searched = SEARCH if asked.prove or "pruned" in asked.made else 0
    judged, count = asked.backgrounds, asked.backgrounds + searched + (PROOF if asked.prove else 0)
    drawn = foreign(masked, target, contexts, path.name, count)
    cuts = drawn[:judged], drawn[judged : judged + SEARCH], drawn[judged + SEARCH :]
    judge, search, proof = (Planting(masked, target, some) for some in cuts)
    donor = REMOVALS.create(f"donor:{asked.donors}" if asked.donors else "donor")
    return Trial(image, target, network, fast, donor, judge, search, proof, asked.share)


def measure(trial: Trial, asked: argparse.Namespace) -> dict[str, Row]:
    """A row for each ranking."""
    rankings = rankings_of(trial, asked.rankings, asked.made)
    first = rankings[asked.rankings[0]]
    total = len(first.order)
    guess = shortest(lambda size: reaches(trial.judge, first.prefix(size), trial.share), total)
    return {name: trial.row(ranking, guess, prove=name in asked.prove) for name, ranking in rankings.items()}


def table(rows: Sequence[Mapping[str, Row]], share: float) -> list[str]:
    """A line for each ranking, and one for each whose parts were proved."""
    first = next(iter(rows[0]))
    compared = [name for name in rows[0] if name != "random"]
    sizes = np.array([[row[name].size for name in compared] for row in rows])
    found = {name: [row[name] for row in rows] for name in rows[0]}
    lines = [
        f"{len(rows)} photographs, ρ = {share:g}",
        "",
        "| ranking | share of the pixels [95 %] | minus the first [95 %] |",
        "| --- | --- | --- |",
    ]
    for name, of in {**found, HINDSIGHT: [Row(float(size)) for size in sizes.min(1)]}.items():
        size = mean_interval([row.size for row in of])
        less = mean_interval([row.size - other[first].size for row, other in zip(of, rows, strict=True)])
        lines.append(
            f"| {name} | {size.value:.3f} [{size.low:.3f}, {size.high:.3f}] | "
            f"{less.value:+.3f} [{less.low:+.3f}, {less.high:+.3f}] |"
        )
    if len(rows) > 1 and len(compared) > 1:
        between, within = sizes[:, 0].std(ddof=1), sizes.std(1, ddof=1).mean()
        lines += ["", f"standard deviation: {between:.3f} between photographs, {within:.3f} between rankings of one"]
    proofs = {name: [row for row in of if row.proven_passes is not None] for name, of in found.items()}
    return [*lines, *(line for name, of in proofs.items() if of for line in _proved(name, of, share))]


def _proved(name: str, tried: Sequence[Row], share: float) -> list[str]:
    """Of the parts of a ranking that were proved: how many, how large, whether their promise is kept, and the cost."""
    parts = [(row.proven, row.proven_kept) for row in tried if row.proven is not None and row.proven_kept is not None]
    passes = np.mean([row.proven_passes for row in tried])
    line = f"proved parts of {name}: {len(parts)} of {len(tried)}, {passes:,.0f} passes"
    if not parts:
        return ["", line]
    size = mean_interval([some for some, _ in parts])
    kept = sum(fresh >= share for _, fresh in parts)
    low, high = interval(kept, len(parts))
    return [
        "",
        f"{line}, {size.value:.3f} [{size.low:.3f}, {size.high:.3f}] of the pixels, kept on "
        f"{np.mean([fresh for _, fresh in parts]):.3f} of the backgrounds; on at least {share:g} of them: {kept} of "
        f"{len(parts)} [{low:.2f}, {high:.2f}]",
    ]


def main() -> None:
    parser = study(__doc__)
    parser.add_argument("--donors", type=Path, help="photographs to hide behind; none of FOLDER's")
    parser.add_argument("--backgrounds", type=int, default=20)
    parser.add_argument("--share", type=float, default=0.9)
    parser.add_argument("--on", choices=["plain", "photographs"], default="photographs")
    parser.add_argument("--rankings", nargs="+", default=list(RANKINGS), metavar="METHOD@REMOVAL")
    parser.add_argument("--made", nargs="*", choices=MADE, default=["mean", "mixture"])
    parser.add_argument("--prove", nargs="*", default=[], metavar="RANKING")
    parser.add_argument("--model", default="efficientnet-lite0")
    asked = parser.parse_args()
    network = load_classifier(asked.model).optimised()
    with tempfile.TemporaryDirectory() as folder:
        fast = network.accelerated(folder)
        photos = find_photos([asked.folder])
        source = OtherPhotographs(fast, photos) if asked.on == "photographs" else None

        def of(path: Path) -> dict[str, object]:
            rows = measure(trial_of(path, network, fast, source, asked), asked)
            return {name: asdict(row) for name, row in rows.items()}

        known = resumed(asked, of)
    rows = [{name: Row(**row) for name, row in one.items()} for one in known]
    print("\n".join(table(rows, asked.share) if rows else ["no photograph was measured"]))


if __name__ == "__main__":
    main()
