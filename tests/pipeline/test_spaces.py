"""From a file of a signal or a volume to pictures and files on disk, through the public door."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.text import Text

from helpers.spaces import Looking, part_of
from unseen import Classifier, Explanation, Preprocessing, explain
from unseen.errors import NotApplicableError, PhotoError
from unseen.explanation.html.maps import map_of
from unseen.explanation.plotting.contact import thumbnail
from unseen.explanation.plotting.figures import panel
from unseen.explanation.plotting.flat import Flat, centre_of, flat
from unseen.explanation.words import parts_found
from unseen.inputs.coordinates import Axis, Coordinates
from unseen.pipeline.compare import compare

nibabel = pytest.importorskip("nibabel")

AFFINE = np.array([[-1.5, 0, 0, 10], [0, 1, 0, -20], [0, 0, 2.5, 30], [0, 0, 0, 1.0]])


def signal(tmp_path: Path) -> tuple[Path, Classifier]:
    """A wave in millivolts on a second of noise."""
    values = 0.2 * np.random.default_rng(0).standard_normal(128)
    values[part_of((128,)).numpy()] += 2
    np.savetxt(
        tmp_path / "it.csv",
        np.stack([np.arange(128) / 128, values], 1),
        delimiter=",",
        header="time (s),mV",
        comments="",
    )
    fed = Preprocessing((128,), None, mean=(0,), std=(1,), range=(-4, 4), unit="mV")
    return tmp_path / "it.csv", Classifier(Looking((128,), 1, 4.0), fed, ["wave", "none"])


def volume(tmp_path: Path) -> tuple[Path, Classifier]:
    """A nodule of 800 in noise."""
    values = 200 * np.random.default_rng(0).random((12, 16, 10)).astype(np.float32)
    values[part_of((12, 16, 10)).numpy()] += 600
    nibabel.save(nibabel.Nifti1Image(values, AFFINE), tmp_path / "it.nii.gz")
    fed = Preprocessing((12, 16, 10), None, mean=(0,), std=(100,), range=(0, 1000), unit="HU")
    return tmp_path / "it.nii.gz", Classifier(Looking((12, 16, 10), 1, 1.0), fed, ["nodule", "none"])


@pytest.fixture(params=["signal", "volume"])
def explained(request: pytest.FixtureRequest, tmp_path: Path) -> Explanation:
    path, classifier = {"signal": signal, "volume": volume}[request.param](tmp_path)
    return explain(path, classifier, removal="black", confidence=(0.9,))


def test_the_part_lies_where_the_truth_is(explained: Explanation) -> None:
    truth = part_of(tuple(explained.saliency.shape))
    assert explained.parts[0].verified
    for part in explained.parts:
        assert part.by_chance is not None
        assert part.by_chance.tried == 16
        assert part.robustness is not None
        assert part.robustness.contexts == 20
    assert float((explained.parts[0].mask & truth).sum() / truth.sum()) > 0.6
    assert float((explained.parts[0].mask & ~truth).float().mean()) < 0.1


@pytest.mark.parametrize(("kind", "noun"), [("signal", "signals"), ("volume", "volumes")])
def test_parts_are_planted_on_other_signals_and_volumes(kind: str, noun: str, tmp_path: Path) -> None:
    """Forty files of noise alone; a part is robust where it is found again on them, and files of another size refused."""
    path, classifier = {"signal": signal, "volume": volume}[kind](tmp_path)
    others, wrong = tmp_path / "others", tmp_path / "wrong"
    for folder, count in ((others, 40), (wrong, 2)):
        folder.mkdir()
        for number in range(count):
            space = classifier.preprocessing.size if folder == others else (7, 7, 7)[: classifier.preprocessing.axes]
            noise = np.random.default_rng(number).random(space, np.float32)
            np.save(folder / f"{number}.npy", noise if kind == "signal" else 200 * noise)
    asked = {"method": "occlusion", "removal": "black", "part": "sufficient"}
    found = explain(path, classifier, robustness=0.7, contexts=others, backgrounds=10, **asked)
    sufficient, robust = found.parts
    assert sufficient.robustness is not None
    assert sufficient.robustness.kind == f"{noun} of others"
    assert robust.role == "robust"
    assert robust.by_chance is not None
    truth = part_of(classifier.preprocessing.size)
    assert float((robust.mask & truth).sum() / truth.sum()) > 0.3
    with pytest.raises(PhotoError, match=r"none of the 2 files can be a background; the first: .* takes exactly"):
        explain(path, classifier, contexts=wrong, **asked)


def test_it_is_saved_with_pictures_and_read_back(explained: Explanation, tmp_path: Path) -> None:
    written = explained.save(tmp_path / "out")
    assert {"overlay", "part", "panel", "record"} <= set(written)
    assert ("parts_nifti" in written) == (explained.saliency.ndim == 3)
    loaded = Explanation.load(tmp_path / "out")
    assert loaded == explained
    assert loaded.coordinates == explained.coordinates
    if explained.saliency.ndim == 3:
        parts, saliency = (nibabel.load(written[name]) for name in ("parts_nifti", "saliency_nifti"))
        assert np.array_equal(parts.affine, AFFINE)
        masks = np.stack([part.mask.numpy() for part in explained.parts], -1)
        assert np.array_equal(np.asarray(parts.dataobj), masks.squeeze(-1) if len(explained.parts) == 1 else masks)
        assert np.array_equal(np.asarray(saliency.dataobj), explained.saliency.numpy())
    else:
        assert explained.coordinates.axes[0].title == "time (s)"
    with pytest.raises(NotApplicableError, match="a photograph is for images so far"):
        explained.on_photo()


def test_pictures_show_what_there_is(explained: Explanation) -> None:
    figure = panel(explained)
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]
    assert titles[0] == ("Signal" if explained.saliency.ndim == 1 else "Volume")
    assert titles[-1] == "Insertion and deletion"
    unit = "samples" if explained.saliency.ndim == 1 else "voxels"
    assert f"of the {unit} suffice" in parts_found(explained)
    said = " ".join(text.get_text() for text in figure.findobj(Text))
    assert f"{unit}, most responsible first" in said
    assert f"of the {unit} alone" in said
    without = panel(replace(explained, parts=(), curve=None))
    assert any("No part" in axes.get_title(loc="left") for axes in without.axes)
    assert thumbnail("it", explained).picture.ndim == 3
    if explained.saliency.ndim == 3:
        sized = Coordinates(tuple(replace(axis, unit="mm") for axis in explained.coordinates.axes)).to_dict()
        drawn = flat(replace(explained, provenance={**explained.provenance, "prepared": {"coordinates": sized}}))
        assert isinstance(drawn, Flat)
        assert "a volume of 12 × 16 × 10 voxels of 1.5 × 1 × 2.5 mm; slices " in drawn.caption
        assert {letter for *_, letter in drawn.letters} <= {*said.split()}
        (_, front, _), (_, back, _), (left, _, one), (right, _, other) = drawn.letters[:4]
        assert (front < back, left < right, one, other) == (True, True, "L", "R")
    else:
        falling = Coordinates((Axis("wavenumber", "cm-1", 4000.0, -10.0),)).to_dict()
        spectrum = replace(explained, provenance={**explained.provenance, "prepared": {"coordinates": falling}})
        assert panel(spectrum).axes[0].get_xlim() == (4000, 2730)
        assert "wavenumber 4000 … 2730 cm-1" in map_of(spectrum, "map").words[-1]


def test_a_flat_explanation_keeps_the_share_of_the_whole(explained: Explanation) -> None:
    shown = flat(explained)
    assert shown.saliency.ndim == 2
    assert shown.image.shape[1:] == shown.saliency.shape == shown.parts[0].mask.shape
    assert shown.parts[0].fraction == explained.parts[0].fraction
    assert shown.label == explained.label
    assert float(shown.saliency.max()) == pytest.approx(float(explained.saliency.max()))
    assert bool(explained.parts[0].mask[centre_of(explained)])
    assert int(explained.saliency.argmax()) == int(
        np.ravel_multi_index(centre_of(replace(explained, parts=())), explained.saliency.shape)
    )


def test_methods_are_compared_on_a_sheet(tmp_path: Path) -> None:
    for made in (signal, volume):
        path, classifier = made(tmp_path)
        compared = compare(path, classifier, methods=["occlusion", "saliency", "grad-cam"], removals=["black"])
        assert len(compared.plot().axes) > 3


def test_a_head_turned_any_way_is_shown_upright(tmp_path: Path) -> None:
    """Voxels stored feet first and back first are shown head up, and the same as stored the other way."""
    path, classifier = volume(tmp_path)
    upright = explain(path, classifier, method="saliency", removal="black")
    upright = replace(upright, saliency=torch.rand(upright.saliency.shape, generator=torch.Generator().manual_seed(0)))
    values = np.asarray(nibabel.load(path).dataobj)[:, :, ::-1]
    turned = AFFINE @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, 9], [0, 0, 0, 1.0]])
    nibabel.save(nibabel.Nifti1Image(values, turned), tmp_path / "turned.nii")
    other = explain(tmp_path / "turned.nii", classifier, method="saliency", removal="black")
    assert torch.equal(other.image.flip(-1), upright.image)
    shown = [
        replace(one, saliency=upright.saliency if one is upright else upright.saliency.flip(-1), parts=())
        for one in (upright, other)
    ]
    assert torch.equal(flat(shown[0]).image, flat(shown[1]).image)
