from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import unseen
from unseen import Classifier, Preprocessing
from unseen.trials.sheet import changed
from unseen.trials.trial import View


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


@pytest.fixture(scope="module")
def figure(classifier: Classifier, photo_path: Path) -> Figure:
    trials = unseen.hide(photo_path, classifier, part="box:0,100,400,200", removals=["ad", "grey"])
    return trials.plot()


def test_the_sheet_says_what_was_asked_answered_and_changed(figure: Figure) -> None:
    said = texts(figure)
    assert said[0].startswith("espresso: 95")
    for expected in ("ad", "grey", "Part hidden", "Part alone"):
        assert expected in said
    assert sum(text.startswith("espresso: 95") and "→" in text for text in said) == 4
    assert sum(text.endswith(" points") for text in said) == 4
    assert any(text.startswith("Note: the model does not look at") for text in said)
    assert sum(text.startswith("not painted") for text in said) == 2


def test_every_answer_has_five_bars_as_long_as_its_shares(figure: Figure) -> None:
    bars = [axes.patches for axes in figure.axes if axes.patches]
    assert len(bars) == 5  # the full photograph, and two of each removal
    for patches in bars:
        shares = [patch.get_width() for patch in patches]
        assert len(shares) == 5
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= 1 + 1e-6


def test_nothing_lies_beyond_the_page_or_on_another_text(figure: Figure) -> None:
    FigureCanvasAgg(figure).draw()
    width, height = figure.bbox.width, figure.bbox.height
    boxes = [(text.get_text(), text.get_window_extent()) for text in figure.texts]
    for said, box in boxes:
        assert box.x0 >= 0, said
        assert box.x1 <= width, said
        assert box.y0 >= 0, said
        assert box.y1 <= height, said
    for number, (one, box) in enumerate(boxes):
        for other, against in boxes[number + 1 :]:
            assert not box.shrunk(0.98, 0.7).overlaps(against.shrunk(0.98, 0.7)), f"{one!r} lies on {other!r}"


class Age(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 60 * x.mean((1, 2, 3))[:, None]


def test_a_value_is_told_with_its_unit_and_without_bars() -> None:
    preparing = Preprocessing((32, 32), None, mean=(0, 0, 0), std=(1, 1, 1))
    aged = Classifier(Age(), preparing, ["age"], outputs="value:tolerance=5,unit=years")
    found = unseen.hide(torch.ones(3, 32, 32), aged, part="box:0,0,16,32", removals="black")
    assert "age: 60 years → 30 years" in texts(found.plot())
    assert "−30 years" in texts(found.plot())
    assert not [axes for axes in found.plot().axes if axes.patches]
    assert found.words[0].startswith("Without the part the decision about age does not hold under black: 30 years")


@pytest.mark.parametrize(
    ("change", "unit", "expected"), [(0.123, None, "+12.3 points"), (-2.5, "mm", "−2.5 mm"), (3.0, "", "+3")]
)
def test_changes_have_a_sign_and_a_unit(change: float, unit: str | None, expected: str) -> None:
    about: dict[str, Any] = {"reading": 0.0, "score": 0.0, "holds": True, "top": ()}
    assert changed(View(change=change, **about), unit) == expected
