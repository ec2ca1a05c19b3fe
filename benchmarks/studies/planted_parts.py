"""Do parts name what decides, where it is known? A photograph, pasted small into a texture, decides.

    python -m benchmarks.studies.planted_parts FOLDER --limit 20 --out planted.json

A photograph, shrunk to half the side, is pasted at a random place into a smooth random texture. It counts if both
networks name its class wherever it is pasted, in ten textures of ten, and in none of them without it: what decides is
in the paste. The networks are EfficientNet-Lite0 with its thousand classes, and the same with three, whose
probabilities are sums. For each network and role: how many scenes have a part; how much of its pixels lies in the
paste, which takes a quarter of the scene; how many parts touch it; how many chance finds too. Photographs are drawn at
random by ``--seed``. It stops after ``--minutes``; what is in ``--out`` is kept, and the same command goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from benchmarks.shared import resumed, study
from benchmarks.studies.rise_and_chance import GROUPS, Grouped
from unseen import Classifier, explain, load_classifier
from unseen.errors import NotApplicableError
from unseen.evaluation.statistics import mean_interval
from unseen.explainers.robust.contexts import Textures
from unseen.explanation.evidence import interval
from unseen.inputs.streams import stream_of

SHRUNK = 1 / 2
TEXTURES = 10
ROLES = ("sufficient", "necessary")


@dataclass(frozen=True)
class Row:
    """One photograph, network and role.

    Attributes:
        inside: share of the part's pixels that lie in the paste; ``None`` where there is no part.
        touches: share of the paste that the part covers.
        by_chance: whether chance finds the part too.
        default: whether the class is said to be the model's answer to nothing.
    """

    network: str
    role: str
    inside: float | None = None
    touches: float = 0.0
    by_chance: bool = False
    default: bool = False


def pasted(small: Tensor, large: Tensor, stream: torch.Generator) -> tuple[Tensor, Tensor]:
    """A photograph shrunk into a larger picture, both (3, H, W), and where it is, bool (H, W)."""
    height, width = (round(SHRUNK * side) for side in large.shape[1:])
    top, left = (
        int(torch.randint(0, side - length + 1, (1,), generator=stream))
        for side, length in zip(large.shape[1:], (height, width), strict=True)
    )
    shrunk = interpolate(small[None], (height, width), mode="bilinear", antialias=True)[0].clamp(0, 1)
    scene, place = large.clone(), torch.zeros(large.shape[1:], dtype=torch.bool)
    scene[:, top : top + height, left : left + width] = shrunk
    place[top : top + height, left : left + width] = True
    return scene, place


def scene_of(path: Path, networks: Sequence[Classifier]) -> tuple[Tensor, Tensor, list[int]]:
    """The first of a photograph's scenes, where it is in it, and its class by each network.

    Raises:
        NotApplicableError: a network does not name it in every scene, or names it without.
    """
    small = networks[0].prepare(path)
    said = [tops(network, small[None])[0] for network in networks]
    textures = torch.stack([*islice(Textures(tuple(small.shape[1:])).of(path.name, said[0]), TEXTURES)])
    scenes, places = zip(*(pasted(small, texture, stream_of(texture, 0)) for texture in textures), strict=True)
    for network, top in zip(networks, said, strict=True):
        if tops(network, torch.stack(scenes)) != [top] * TEXTURES or top in tops(network, textures):
            raise NotApplicableError("it is not named wherever it is pasted, or a texture is named so without it")
    return scenes[0], places[0], said


def tops(network: Classifier, images: Tensor) -> list[int]:
    """The class on top of each."""
    return [network.outputs.top(one) for one in network.logits(images)]


def rows_of(scene: Tensor, place: Tensor, target: int, network: Classifier, name: str, removal: str) -> list[Row]:
    """A row for each role."""
    found = explain(scene, network, target=target, part=ROLES, removal=removal, backgrounds=0)
    default = bool(found.provenance["search"]["default_class"])
    rows = []
    for role in ROLES:
        part = next((part for part in found.parts if part.role == role), None)
        if part is None:
            rows.append(Row(name, role, default=default))
            continue
        inside = int((part.mask & place).sum())
        chance = part.by_chance is not None and part.by_chance.finds_it_too
        rows.append(Row(name, role, inside / int(part.mask.sum()), inside / int(place.sum()), chance, default))
    return rows


def table(rows: Sequence[Row], photographs: int) -> list[str]:
    """A line for each network and role."""
    lines = [
        f"{photographs} scenes",
        "network, role: parts, their pixels in the paste % [95 %], touching it [95 %], by chance; answers to nothing",
    ]
    for network, role in dict.fromkeys((row.network, row.role) for row in rows):
        of = [row for row in rows if (row.network, row.role) == (network, role)]
        inside = [row.inside for row in of if row.inside is not None]
        line = f"{network}, {role}: {len(inside)} of {len(of)}"
        if inside:
            share = mean_interval([100 * one for one in inside])
            touching = sum(row.touches > 0 for row in of)
            low, high = interval(touching, len(inside))
            line += (
                f", {share.value:.0f} [{share.low:.0f}, {share.high:.0f}], {touching} [{low:.2f}, {high:.2f}], "
                f"{sum(row.by_chance for row in of)}"
            )
        lines.append(f"{line}; {sum(row.default for row in of)}")
    return lines


def main() -> None:
    parser = study(__doc__)
    parser.add_argument("--removal", default="ad")
    asked = parser.parse_args()
    thousand = load_classifier("efficientnet-lite0").optimised()
    networks = {
        "thousand": thousand,
        "three": Classifier(Grouped(thousand.model), thousand.preprocessing, list(GROUPS)),
    }

    def of(path: Path) -> list[dict[str, Any]]:
        scene, place, said = scene_of(path, [*networks.values()])
        named = zip(networks.items(), said, strict=True)
        return [
            asdict(row) for (name, one), top in named for row in rows_of(scene, place, top, one, name, asked.removal)
        ]

    known = resumed(asked, of)
    rows = [Row(**row) for rows in known for row in rows]
    print("\n".join(table(rows, len(known)) if rows else ["no photograph was measured"]))


if __name__ == "__main__":
    main()
