from __future__ import annotations

import numpy as np
import pytest
import torch

from helpers.spaces import SPACES, bright, looking, part_of
from unseen.classifier.decision import decide
from unseen.explanation.plotting.flat import Cuts
from unseen.explanation.plotting.page import Page
from unseen.inputs.coordinates import Axis, Coordinates
from unseen.trials.hiding import hide_decided
from unseen.trials.pictures import Flats, Signals, pictures_of
from unseen.trials.trial import View


@pytest.mark.parametrize("kind", SPACES)
def test_what_is_hidden_and_what_is_shown_look_different(kind: str) -> None:
    space = SPACES[kind]
    part = part_of(space)
    decision = decide(bright(space), looking(space))
    (trial,) = hide_decided(decision, part=part, removals="black").trials
    pictures = pictures_of(decision, part)
    assert isinstance(pictures, Signals if kind == "signal" else Flats)
    assert trial.hidden is not None
    assert trial.shown is not None
    hidden, shown = pictures.png(trial.hidden, ~part), pictures.png(trial.shown, part)
    assert hidden != shown
    bare = View(0.5, 0.0, 0.0, holds=True, top=())
    assert pictures.png(bare, part) not in (hidden, shown)


def test_a_volume_is_cut_through_the_part() -> None:
    space = SPACES["volume"]
    decision, part = decide(bright(space), looking(space)), torch.zeros(space, dtype=torch.bool)
    part[1:3, 8:11, 1:4] = True
    pictures = pictures_of(decision, part)
    assert isinstance(pictures, Flats)
    assert pictures.cuts is not None
    assert pictures.cuts.centre in {tuple(place.tolist()) for place in part.nonzero()}
    stripes = pictures.seen(View(0.5, 0.0, 0.0, holds=True, top=()), part)
    assert float(np.mean(np.isin(stripes, np.float32([0.75, 0.95])).all(2))) > 0.5  # most is switched off


def test_letters_say_how_the_patient_lies() -> None:
    towards = ("left → right", "back → front", "down → up")
    known = Coordinates(tuple(Axis(name, "mm", step=2.0) for name in towards))
    part = part_of(SPACES["volume"])
    pictures = Flats(bright(SPACES["volume"]), part, None, Cuts((1, 1, 1), SPACES["volume"], known))
    page = Page(3, 3)
    pictures.whole(page, 0, 3, 3)
    (axes,) = page.figure.axes
    assert {text.get_text() for text in axes.texts} == {"S", "I", "A", "P", "L", "R"}


def test_a_signals_curve_is_in_the_unit_of_its_model() -> None:
    space = SPACES["signal"]
    pictures = pictures_of(decide(bright(space), looking(space)), part_of(space))
    page = Page(3, 3)
    pictures.whole(page, 0, 3, 3)
    (axes,) = page.figure.axes
    assert len(axes.lines) == 2  # channels
    assert np.allclose(np.asarray(axes.lines[0].get_ydata()), bright(space)[0])
    assert axes.get_xlabel() == "sample"
