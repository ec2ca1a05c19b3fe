"""Photographs under removals, in a network whose features are mean colours."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image
from torch import Tensor

from helpers.engines import Elsewhere
from helpers.spaces import SPACES
from helpers.toys import Colours, Sides
from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError, ParameterError, UnknownNameError
from unseen.evaluation.distance.distances import mahalanobis, neighbour_distance
from unseen.evaluation.distance.figures import plane
from unseen.evaluation.distance.measuring import MEASURES, DistributionShift, Located
from unseen.evaluation.distance.report import as_markdown
from unseen.system.engines.work import R, T, Work

SIZE = (24, 32)
SMALL = DistributionShift(("black", "white", "ad:pooled"), (0.8, 0.3), cells=4, neighbour=3)


def network(model: torch.nn.Module | None = None) -> Classifier:
    plain = Preprocessing(SIZE, None, mean=(0, 0, 0), std=(1, 1, 1))
    return Classifier(model or Colours(), plain)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """34 pictures of a dim colour in each place, none of which is near black or white."""
    generator = torch.Generator().manual_seed(1)
    paths = []
    for number in range(34):
        places = 100 + 55 * torch.rand(2, 2, 3, generator=generator)
        pixels = places.repeat_interleave(12, 0).repeat_interleave(16, 1).byte()
        paths.append(tmp_path / f"{number:02}.png")
        Image.fromarray(pixels.numpy()).save(paths[-1])
    return paths


def run(photos: list[Path], asked: DistributionShift = SMALL, store: Path | None = None) -> Located:
    return asked.run(photos[:10], photos[10:], network(), store=store)


@pytest.mark.parametrize("removals", [1, 2, 4, 5])
def test_words_in_the_picture_of_the_features_are_whole(removals: int) -> None:
    at = torch.rand(4, 3, 6)
    asked = DistributionShift(("black", "white", "grey", "mean", "zero")[:removals], (0.9, 0.5, 0.1))
    figure = plane(Located(asked, "toy", tuple("1234"), at[0], at[:, 0], dict.fromkeys(asked.removals, at), (), 0))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    for text in (figure._supxlabel, figure.axes[-1].yaxis.label):
        found = text.get_window_extent(canvas.get_renderer())
        assert found.x0 >= 0
        assert found.y0 >= 0
        assert found.x1 <= figure.bbox.width
        assert found.y1 <= figure.bbox.height


def test_every_number_can_be_computed_by_hand(photos: list[Path]) -> None:
    found = run(photos)
    classifier = network()

    def colours(image: Tensor) -> Tensor:
        return torch.stack(
            [image[:, r : r + 12, c : c + 16].mean((1, 2)) for r in (0, 12) for c in (0, 16)], 1
        ).flatten()

    images = [classifier.prepare(path) for path in photos]
    torch.testing.assert_close(found.own, torch.stack([colours(image) for image in images[:10]]))
    torch.testing.assert_close(found.reference, torch.stack([colours(image) for image in images[10:]]))
    for number, image in enumerate(images[:10]):
        for place, part in enumerate(SMALL.parts(image)):
            for removal, fill in (("black", 0.0), ("white", 1.0)):
                picture = torch.where(part, image, torch.tensor(fill))
                torch.testing.assert_close(found.masked[removal][number, place], colours(picture))
    own, by_removal = found.distances["neighbour"]
    torch.testing.assert_close(own, neighbour_distance(found.own, found.reference, 3))
    own, by_removal = found.distances["mahalanobis"]
    torch.testing.assert_close(own, mahalanobis(found.own, found.reference))
    torch.testing.assert_close(by_removal["white"][:, 1], mahalanobis(found.masked["white"][:, 1], found.reference))
    places = {(p.measure, p.removal, p.fraction): p for p in found.places}
    assert len(places) == len(MEASURES) * 3 * 2
    black = places["mahalanobis", "black", 0.3]
    assert black.relative is not None
    expected = mahalanobis(found.masked["black"][:, 1], found.reference).mean() / own.mean()
    assert black.relative.value == pytest.approx(float(expected))
    assert (black.auroc.value, black.auroc.n) == (1.0, 10)
    assert places["discriminant", "black", 0.3].relative is None
    assert found.evaluations == 34 + 10 * 3 * 2


def test_features_that_are_computed_elsewhere_are_kept_and_the_same(photos: list[Path], tmp_path: Path) -> None:
    shutil.copy(photos[0], photos[0].parent / "same.png")
    broken = photos[0].parent / "broken.png"
    broken.touch()
    judged = [*photos[:3], photos[0].parent / "same.png", broken]
    here = SMALL.run(judged, photos[3:], network())
    store = tmp_path / "features.sqlite"
    there = SMALL.run(judged, photos[3:], network(), store=store, engine=Elsewhere())
    torch.testing.assert_close(there.own, here.own)
    torch.testing.assert_close(there.reference, here.reference)
    for removal, features in here.masked.items():
        torch.testing.assert_close(there.masked[removal], features)
    assert there.failed == here.failed
    assert there.evaluations == here.evaluations + 1 + 3 * 2  # the copy is told apart only here
    again = SMALL.run(judged, photos[3:], network(), store=store, engine=Elsewhere())
    assert again.evaluations == 0


def test_what_comes_back_empty_is_told(photos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    class Astray(Elsewhere):
        """Sees relative paths from another folder."""

        def results(self, work: Work[T, R]) -> Generator[list[R], None, None]:
            with contextlib.chdir("/"):
                found = [*super().results(work)]
            yield from found

    monkeypatch.chdir(photos[0].parent)
    names, notes = [Path(photo.name) for photo in photos], list[str]()
    here = SMALL.run(names[:3], names[3:], network())
    there = SMALL.run(names[:3], names[3:], network(), engine=Astray(), note=notes.append)
    torch.testing.assert_close(there.own, here.own)
    (note,) = notes
    count = len(photos)
    assert note.startswith(
        f"the workers returned nothing for {count} of {count} tasks; computing them here (the first: "
    )
    assert names[-1].name in note


def test_what_shows_everything_is_a_photograph(photos: list[Path]) -> None:
    found = run(photos, DistributionShift(("black", "noise", "ad"), (1.0,), neighbour=3))
    for features in found.masked.values():
        torch.testing.assert_close(features[:, 0], found.own)
    own = found.distances["neighbour"][0]
    torch.testing.assert_close(found.distances["neighbour"][1]["black"][:, 0], own)
    for place in found.places:
        if place.removal == "black":
            assert place.auroc.value == pytest.approx(0.5, abs=0.06)
            assert place.relative is None or place.relative.value == pytest.approx(1, abs=1e-4)


def test_hiding_more_leads_farther_away(photos: list[Path]) -> None:
    found = run(photos, DistributionShift(("black",), (0.9, 0.6, 0.2), neighbour=3))
    distances = [p.relative.value for p in found.places if p.measure == "mahalanobis" and p.relative is not None]
    assert 1 < distances[0] < distances[1] < distances[2]


def test_it_goes_on_where_it_was(photos: list[Path], tmp_path: Path) -> None:
    store = tmp_path / "out" / "features.sqlite"
    whole = run(photos)

    def stop(stage: str, done: int, expected: int | None) -> None:
        del stage, expected
        if done >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SMALL.run(photos[:10], photos[10:], network(), store=store, progress=stop)
    rest = run(photos, store=store)
    assert rest.evaluations == whole.evaluations - 21  # two photographs, and the third with all removals
    assert torch.equal(rest.own, whole.own)
    assert all(torch.equal(rest.masked[removal], whole.masked[removal]) for removal in whole.masked)
    assert rest.places == whole.places
    more = run(photos, DistributionShift(("black", "grey"), (0.8, 0.3, 0.1), cells=4, neighbour=3), store)
    assert more.evaluations == 10 * (1 + 3)


def test_what_cannot_be_judged_is_told_and_left_out(photos: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_text("no picture")
    asked = DistributionShift(("averaged-max-distance", "grey"), (0.5,), neighbour=3)
    counts: list[tuple[int, int | None]] = []

    def listen(stage: str, done: int, expected: int | None) -> None:
        del stage
        counts.append((done, expected))

    found = asked.run([broken, photos[0], photos[1], photos[0]], [*photos, broken], network(), progress=listen)
    assert counts[-1] == (counts[-1][0],) * 2
    assert found.photos == (str(photos[0]), str(photos[1]))
    assert len(found.reference) == 32  # a photograph that is judged is not in its own reference
    assert list(found.masked) == ["grey"]
    said = dict(found.failed)
    assert "not an image" in said[str(broken)]
    assert "looks the same" in said[str(photos[0])]
    assert "no penultimate features" in said["averaged-max-distance"]
    told = as_markdown(found)
    assert told.count(str(broken)) == 1
    assert f"- {photos[0]}: looks the same" in told


def test_too_few_photographs_are_refused(photos: list[Path]) -> None:
    with pytest.raises(ParameterError, match=r"19 different reference photographs .* at least 20"):
        SMALL.run(photos[:2], photos[2:21], network())
    with pytest.raises(ParameterError, match=r"19 different reference photographs .* at least 20"):
        SMALL.run(photos[:2], photos[:21], network())
    with pytest.raises(ParameterError, match="at least 31"):
        run(photos, DistributionShift(("grey",), neighbour=30))
    with pytest.raises(ParameterError, match="1 of the photographs can be judged"):
        SMALL.run(photos[:1], photos[1:], network())
    missing = photos[0].with_name("missing.png")
    with pytest.raises(ParameterError, match=r"0 of the photographs .*missing.png cannot be opened"):
        SMALL.run([missing], photos, network())


def test_a_reference_of_the_judged_photographs_is_refused_before_anything_is_computed(photos: list[Path]) -> None:
    def never(stage: str, done: int, expected: int | None) -> None:
        pytest.fail(f"{stage} {done} of {expected}")

    with pytest.raises(ParameterError, match=r"^0 different reference photographs"):
        SMALL.run(photos, photos, network(), progress=never)


def test_copies_in_the_reference_count_once(photos: list[Path]) -> None:
    copies = []
    for number in range(20):
        copies.append(photos[2].with_name(f"copy-{number}.png"))
        shutil.copy(photos[2], copies[-1])
    with pytest.raises(ParameterError, match=r"^1 different reference photographs"):
        SMALL.run(photos[:2], copies, network())
    assert len(SMALL.run(photos[:2], [*photos[2:], *copies], network()).reference) == 32
    shutil.copy(photos[0], copies[0])  # of one that is judged, by another name
    assert len(SMALL.run(photos[:2], [*photos[2:], copies[0]], network()).reference) == 32


def test_every_value_of_the_tables_is_in_its_column(photos: list[Path]) -> None:
    found = run(photos)
    text = as_markdown(found)
    for place in found.places:
        for value in filter(None, (place.relative, place.auroc)):
            cell = f"{value.value:.2f} [{value.low:.2f}, {value.high:.2f}]"
            rows = [line.split(" | ") for line in text.splitlines() if line.startswith(f"| {place.removal} | ")]
            assert cell in [row[1 + SMALL.fractions.index(place.fraction)].removesuffix(" |") for row in rows]


def test_where_no_removal_applies_nothing_more_is_computed(photos: list[Path]) -> None:
    stages: list[str] = []

    def listen(stage: str, done: int, expected: int | None) -> None:
        del done, expected
        stages.append(stage)

    asked = DistributionShift(("marginal", "averaged-max-distance"), (0.5,), cells=4, neighbour=3)
    with pytest.raises(NotApplicableError, match=r"no removal can be judged: marginal: .*; averaged-max-distance: "):
        asked.run(photos[:10], photos[10:], network(), progress=listen)
    assert stages == ["hiding parts", "hiding parts by marginal", "hiding parts by averaged-max-distance"]


def test_a_network_without_a_linear_head_is_refused(photos: list[Path]) -> None:
    with pytest.raises(NotApplicableError, match="no penultimate features under the network"):
        SMALL.run(photos[:10], photos[10:], network(Sides()))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"removals": ()}, "removals"),
        ({"removals": ("grey", "grey")}, "none twice"),
        ({"removals": ("blur", "blur:20")}, "none twice"),
        ({"fractions": ()}, "fractions"),
        ({"fractions": (0.5, 0.5)}, "none twice"),
        ({"fractions": (0.0,)}, "fractions must be in .*, got 0.0"),
        ({"fractions": (0.99,)}, "fraction 0.99 of 49 cells hides none"),
        ({"fractions": (1.0, 0.5, 0.3), "cells": 1}, "fraction 0.5 of 1 cells hides none"),
        ({"neighbour": 0}, "neighbour must be at least 1, got 0"),
        ({"seed": -1}, "seed must be .*, got -1"),
    ],
)
def test_what_is_out_of_range_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        DistributionShift(**{"removals": ("grey",), **given})
    with pytest.raises(UnknownNameError, match="did you mean 'grey'"):
        DistributionShift(("gray",))


@pytest.mark.parametrize("kind", ["signal", "volume"])
def test_signals_and_volumes_have_distances_and_are_called_what_they_are(kind: str, tmp_path: Path) -> None:
    space = SPACES[kind]
    generator = torch.Generator().manual_seed(3)
    paths = [tmp_path / f"{number:02}.npy" for number in range(34)]
    for path in paths:
        np.save(path, (0.4 + 0.2 * torch.rand(1, *space, generator=generator)).numpy())
    pool = torch.nn.AdaptiveAvgPool1d(4) if kind == "signal" else torch.nn.AdaptiveAvgPool3d(2)
    model = torch.nn.Sequential(pool, torch.nn.Flatten(), torch.nn.Linear(4 if kind == "signal" else 8, 3))
    classifier = Classifier(model, Preprocessing(space, None, mean=(0,), std=(1,)))
    asked = DistributionShift(("black", "white"), fractions=(0.5,), cells=4)
    found = asked.run(paths[:10], paths[10:], classifier)
    assert all(place.relative.value > 1 for place in found.places if place.relative is not None)
    said = as_markdown(found)
    assert f"10 {kind}s of which random cells of a grid of {'16' if kind == 'signal' else '3 × 3 × 3'} stay" in said
    assert "photograph" not in said


def test_cells_that_hide_nothing_of_a_volume_are_refused_before_any_work_and_the_remedy_works() -> None:
    model = Classifier(torch.nn.Flatten(), Preprocessing((8, 8, 8), None, mean=(0,), std=(1,)))
    with pytest.raises(
        ParameterError, match="cells 64 make 16 along each axis, more than the 8 voxels of the volume; give fewer"
    ):
        DistributionShift(("black",), (0.5,), cells=64).run([], [], model)
    few, enough = (DistributionShift(("black",), (0.94,), cells=cells) for cells in (3, 7))  # 8 of 9, but 8 of 8
    with pytest.raises(ParameterError, match=r"fraction 0\.94 of 8 cells hides none of them; give more cells a side"):
        few.run([], [], model)
    with pytest.raises(ParameterError, match="0 different reference volumes"):
        enough.run([], [], model)
