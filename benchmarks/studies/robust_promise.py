"""How often does a robust part break its promise? Simulated photographs, whose true robustness is known.

    python -m benchmarks.studies.robust_promise --photographs 1000 --share 0.9

On each background of a simulated photograph the decision holds from some size of the part on, which is drawn anew for
every background, and on a few it goes wrong all the same. So the share of *all* backgrounds on which a size holds is
known exactly, and what the search and the proof of ``unseen explain --robust`` report can be held against it: of the
prefix that the search alone finds, and of the part that the proof leaves.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from math import erf, log, sqrt

import numpy as np
import torch
from torch import Tensor, nn

from unseen import Classifier, Preprocessing
from unseen.explainers.robust.planting import Planting
from unseen.explainers.robust.search import PROOF, SEARCH, robust_part
from unseen.explanation.evidence import interval
from unseen.explanation.ranking import rank
from unseen.removal import REMOVALS, MaskedClassifier

SIDE = 32


@dataclass(frozen=True)
class Simulated:
    """A photograph: a background needs a share of the pixels whose logarithm is normal, and goes wrong at times."""

    middle: float
    spread: float
    wrong: float

    def truth(self, share: float) -> float:
        """On what share of all backgrounds a part of this size holds."""
        inside = 0.5 * (1 + erf((log(share) - log(self.middle)) / (self.spread * sqrt(2))))
        return (1 - self.wrong) * inside

    def planting(self, masked: MaskedClassifier, count: int, stream: np.random.Generator) -> Planting:
        """``count`` backgrounds."""
        needs = torch.from_numpy(self.middle * np.exp(self.spread * stream.standard_normal(count)))
        needs[torch.from_numpy(stream.random(count) < self.wrong)] = 2.0

        class Drawn(Planting):
            def holds(self, pairs: Sequence[tuple[Tensor, int]]) -> Tensor:
                sizes = torch.stack([part.double().mean() for part, _ in pairs])
                return sizes >= needs[[number for _, number in pairs]]

        return Drawn(masked, 0, [torch.zeros(3, 1, 1)] * count)


def simulate(photographs: int, share: float, seed: int = 0) -> dict[str, float]:
    """Counts: ``proven`` parts, promises ``broken`` by them, and prefixes of the search alone that ``fall short``."""
    stream = np.random.default_rng(seed)
    fed = Preprocessing((SIDE, SIDE), None, mean=(0, 0, 0), std=(1, 1, 1))
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    masked = REMOVALS.create("zero").bind(Classifier(network, fed), torch.rand(3, SIDE, SIDE))
    found = {"proven": 0, "broken": 0, "fall short": 0}
    for number in range(photographs):
        photograph = Simulated(stream.uniform(0.05, 0.5), stream.uniform(0.1, 0.6), stream.uniform(0, 0.03))
        search, proof = (photograph.planting(masked, count, stream) for count in (SEARCH, PROOF))
        part = robust_part(search, proof, rank(torch.zeros(SIDE, SIDE), seed=number), share, "simulated")
        found["fall short"] += photograph.truth(part.searched) < share
        if part.mask is not None:
            found["proven"] += 1
            found["broken"] += photograph.truth(part.fraction) < share
    return {**found, "photographs": photographs}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.replace("%", "%%"), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photographs", type=int, default=1000)
    parser.add_argument("--share", type=float, default=0.9)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    found = simulate(asked.photographs, asked.share, asked.seed)
    for what, of in (("fall short", "photographs"), ("broken", "photographs"), ("proven", "photographs")):
        low, high = interval(int(found[what]), int(found[of]))
        print(f"{what}: {found[what]} of {found[of]} {of}, {found[what] / found[of]:.1%} [{low:.1%}, {high:.1%}]")


if __name__ == "__main__":
    main()
