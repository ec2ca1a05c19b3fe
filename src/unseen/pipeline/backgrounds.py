"""Parts on other backgrounds: on how many each does what it says, and the smallest part that does so on most."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from math import floor, log, log1p
from pathlib import Path

from unseen.errors import NotApplicableError, ParameterError
from unseen.explainers.robust.contexts import (
    ColoursAndTextures,
    Context,
    Contexts,
    OtherPhotographs,
    SolidColours,
    Textures,
    kind_of,
)
from unseen.explainers.robust.planting import Planting, foreign
from unseen.explainers.robust.search import PROOF, SEARCH, reaches, robust_part
from unseen.explainers.sufficient.chance import alike
from unseen.explanation import Findings, Part
from unseen.explanation.evidence import LEVEL, ByChance, Robustness, fewest, lower_bound
from unseen.explanation.ranking import rank
from unseen.inputs.finding import find_photos
from unseen.inputs.space import CALLED, length_of
from unseen.removal import MaskedClassifier

COLOURS, TEXTURES = "colours", "textures"
_PLAIN = (None, COLOURS, TEXTURES)
MOST = 1000
"""Backgrounds that a robust part is searched and proved on, at most: each is a picture in memory and several passes."""
_BLUR = 0.05
"""Of the shorter side: smooths a map before its pixels are ranked for a robust part."""


@dataclass(frozen=True, eq=False)
class Backgrounds:
    """Where a photograph's parts are planted, and what is asked of them there.

    Args:
        masked: the photograph.
        target: index of the target.
        photo: the photograph's digest, which decides the order of other photographs.
        name: ``"colours"``, ``"textures"``, a folder of photographs, or ``None`` for colours and textures by turns.
        count: on how many each part is judged; 0 judges none.
        share: ρ of the robust part; ``None`` asks for none.
        chance: how many sets of the same size and shape the robust part is compared with.
        seed: random seed.
    """

    masked: MaskedClassifier
    target: int
    photo: str
    name: str | None = None
    count: int = 0
    share: float | None = None
    chance: int = 0
    seed: int = 0

    @cached_property
    def contexts(self) -> Contexts:
        """What the name stands for."""
        if self.name is None:
            return ColoursAndTextures(self.masked.shape, self.seed)
        if self.name == COLOURS:
            return SolidColours(self.seed)
        if self.name == TEXTURES:
            return Textures(self.masked.shape, self.seed)
        photos = find_photos([Path(self.name)])
        return OtherPhotographs(self.masked.classifier, photos, self.seed, f"{self._others} of {Path(self.name).name}")

    @property
    def _kind(self) -> str:
        """What they are, in words."""
        return kind_of(self.contexts, len(self.masked.shape))

    def check(self) -> None:
        """Refuse files that are no backgrounds and a robust part that cannot be proved, before anything is searched.

        Raises:
            ParameterError: there are too few backgrounds for a proof.
            NotApplicableError: all of them are of the target themselves.
            PhotoError: not one file of the folder is of the size that the model takes.
        """
        if self.share is not None:
            _ = self._trials
        elif self.count and self.name not in _PLAIN:
            with suppress(NotApplicableError):  # which is a note then
                _ = self._drawn

    def judged(self, findings: Findings) -> tuple[tuple[Part, ...], tuple[str, ...]]:
        """The parts of an explanation with what backgrounds say of them, a robust one last; and notes."""
        parts, notes = findings.parts, list[str]()
        if self.share is None and not (self.count and parts):
            return parts, ()
        self.masked.announce("backgrounds")
        try:
            if self.count and parts:
                parts = self._planted(parts)
        except NotApplicableError as error:
            notes.append(str(error))
        if self.share is not None:
            robust, note = self._robust(findings, self.share)
            parts = parts if robust is None else (*parts, robust)
            notes += [note] if note else []
            if self.name in _PLAIN:
                notes.append(
                    f"the robust part is proved on plain backgrounds, which ask for less than {self._others} do; give "
                    f"a folder of {self._others} of other classes (contexts=FOLDER)"
                )
        return parts, tuple(notes)

    def _planted(self, parts: Sequence[Part]) -> tuple[Part, ...]:
        """The parts, each with the share of the backgrounds on which it does what it says.

        A part that suffices is planted on each; in the place of a necessary one each is planted on the photograph.
        """
        contexts, kind = self._drawn[: self.count], self._kind
        masks = [~part.mask if part.role == "necessary" else part.mask for part in parts]
        held = Planting(self.masked, self.target, contexts).holds_everywhere(masks).sum(1).tolist()
        does = [len(contexts) - n if part.role == "necessary" else n for part, n in zip(parts, held, strict=True)]
        return tuple(
            replace(part, robustness=Robustness.of(n, len(contexts), kind)) for part, n in zip(parts, does, strict=True)
        )

    def _robust(self, findings: Findings, share: float) -> tuple[Part | None, str | None]:
        """The smallest part found along the map that keeps the decision on the share ρ of backgrounds, or why none."""
        search, proof = self._trials
        ranking = rank(findings.saliency, blur=length_of(_BLUR, findings.saliency.shape), seed=self.seed)
        found = robust_part(search, proof, ranking, share, self._kind)
        if found.mask is None:
            held = found.robustness
            return None, (
                f"no robust part: {found.fraction:.0%} of the pixels keep the decision on {held.holding} of "
                f"{held.contexts} backgrounds ({held.kind}), which does not prove {share:g}; ask for a smaller share"
            )
        degree = self.masked.classifier.outputs.degree(self.masked(found.mask[None]), self.target)
        others = alike(found.mask, self.chance, self.seed)
        passing = sum(reaches(search, other, share) for other in others)
        by_chance = ByChance.of(passing, len(others)) if len(others) else None
        return (
            Part(found.mask, "robust", 0.0, float(degree), True, by_chance=by_chance, robustness=found.robustness),
            None,
        )

    @property
    def _others(self) -> str:
        return f"{CALLED[len(self.masked.shape)]}s"

    @cached_property
    def _drawn(self) -> list[Context]:
        """Backgrounds that are not of the target themselves, as many as anything needs; see :func:`foreign`."""
        count = max(self.count, self._proving if self.share is not None else 0)
        return foreign(self.masked, self.target, self.contexts, self.photo, count)

    @property
    def _proving(self) -> int:
        """How many a robust part is searched and proved on."""
        assert self.share is not None
        return max(SEARCH + PROOF, least_contexts(self.share))

    @cached_property
    def _trials(self) -> tuple[Planting, Planting]:
        """Backgrounds to search with, and others to prove on."""
        assert self.share is not None
        least = least_contexts(self.share)
        contexts = self._drawn[: self._proving]
        if len(contexts) < least:
            provable = lower_bound(*[_proof(len(contexts))] * 2)
            smaller = f", or ask for at most {floor(100 * provable) / 100:g}" if provable >= 0.01 else ""
            raise ParameterError(
                f"{len(contexts)} backgrounds ({self._kind}) are too few to prove that a part holds on "
                f"{self.share:g} of such; give at least {least}{smaller}"
            )
        searched = len(contexts) - _proof(len(contexts))
        search, proof = (
            Planting(self.masked, self.target, some) for some in (contexts[:searched], contexts[searched:])
        )
        return search, proof


def least_contexts(share: float) -> int:
    """The fewest backgrounds, to search and to prove on, with which the share can be proved at all."""
    proof = fewest(share)
    count = proof * (SEARCH + PROOF) // PROOF
    return next(count for count in itertools.count(max(1, count - 1)) if _proof(count) >= proof)


def check_provable(share: float) -> None:
    """Refuse a share that is too close to 1 to be proved on the backgrounds that are drawn at most.

    Raises:
        ParameterError: it is.
    """
    provable = lower_bound(*[_proof(MOST)] * 2)
    if share > provable:
        needed = log(1 - LEVEL) / log1p(share - 1) * (SEARCH + PROOF) / PROOF
        raise ParameterError(
            f"a robust part for {share} takes about {needed:,.0f} backgrounds to be searched and proved on, and at "
            f"most {MOST:,} are drawn; ask for at most {floor(1000 * provable) / 1000:g}"
        )


def check_contexts(name: str | None) -> None:
    """Refuse what is no kind of backgrounds.

    Raises:
        ParameterError: neither a word nor a folder.
        PhotoError: a folder that cannot be read, or holds no photograph.
    """
    if name in _PLAIN:
        return
    if not Path(name).is_dir():
        raise ParameterError(
            f"contexts {name!r} is neither 'colours' nor 'textures' nor a folder; give a folder of photographs, or of "
            "signals or volumes where those are explained"
        )
    find_photos([Path(name)])


def _proof(count: int) -> int:
    """How many of so many backgrounds are kept for the proof."""
    return count - count * SEARCH // (SEARCH + PROOF)
