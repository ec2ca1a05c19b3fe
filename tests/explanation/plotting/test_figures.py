from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from helpers.synthetic import make_explanation, make_part
from unseen import Explanation
from unseen.classifier.outputs.readings import percent
from unseen.explanation.evidence import ByChance, Robustness
from unseen.explanation.findings import Said
from unseen.explanation.plotting import figures
from unseen.explanation.roles import Role
from unseen.system.pictures import DOTS_PER_INCH, png

CUP = Said("cup", 0.4)
BACKGROUNDS = Robustness.of(19, 20, "solid colours")


def texts(figure: Figure) -> str:
    written = [text.get_text() for text in figure.texts]
    written += [axes.get_title(loc="left") for axes in figure.axes]
    return "\n".join(written).replace("\n", " ").replace("\u00a0", " ")


def picture(figure: Figure) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png(figure))).convert("RGB"))


def test_the_panel_says_what_was_asked_answered_and_spent() -> None:
    said = texts(figures.panel(make_explanation(parts=(make_part(minimal_block=8, asked=0.475),))))
    for phrase in (
        "espresso: 95.0 % on the full photograph",
        "toy",
        "method causal",
        "hidden by zero",
        "1,234 model evaluations",
        "1.5 s",
        "seed 0",
        "Note: a note",
        "24 × 20 pixels",
        "What suffices",
        "Shown nothing but this part, the model still says espresso.",
        "9.4 % of the pixels alone → espresso 61.0 %",
        "asked: at least 47.5 % (γ = 0.5)",
        "verified alone and in a batch",
        "minimal: no block of the 8-pixel grid can be left out",
        "area under insertion 0.688, deletion 0.288",
    ):
        assert phrase in said


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"parts": ()}, "causal found no part of espresso; the notes say why"),
        ({"parts": (make_part(verified=False),)}, "NOT verified: fails alone, in a batch or both"),
        ({"parts": (make_part(role="necessary", instead=CUP),)}, "Without this part the model says cup instead."),
        (
            {"parts": (make_part(role="necessary", instead=CUP),)},
            "9.4 % of the pixels hidden → espresso 61.0 %, cup 40.0 %",
        ),
        ({"parts": (make_part(role="both", instead=CUP),)}, "What suffices and is necessary"),
        ({"parts": (make_part(rank=1),)}, "What suffices, no. 2"),
        (
            {"parts": (make_part(by_chance=ByChance.of(0, 16)),)},
            "None of 16 other places of its size and shape does the same.",
        ),
        ({"parts": (make_part(by_chance=ByChance.of(9, 16)),)}, "Chance finds it too: 9 of 16 other places"),
        ({"parts": (make_part(by_chance=ByChance.of(0, 16)),)}, "by chance: 0 %, between 0 % and 20.6 %"),
        (
            {"parts": (make_part(robustness=BACKGROUNDS),)},
            "Planted on solid colours, it is enough in 19 of 20 cases.",
        ),
        ({"parts": (make_part(role="necessary", robustness=BACKGROUNDS),)}, "the decision is gone in 19 of 20 cases."),
        ({"parts": (make_part(role="robust", robustness=BACKGROUNDS),)}, "What holds on other backgrounds"),
        ({"parts": (make_part(role="robust"),)}, "9.4 % of the pixels alone, hidden by zero → espresso 61.0 %"),
        (
            {"parts": (make_part(), make_part(role="necessary", instead=CUP))},
            "outlined in black: what suffices; in orange: what is necessary",
        ),
        ({"unit": "years", "probability": 54.0}, "9.4 % of the pixels alone → agreement with the full photograph"),
        ({"parts": tuple(make_part() for _ in range(5))}, "2 further parts are in the record"),
        ({"saliency": torch.randn(20, 24)}, "purple: against"),
    ],
)
def test_the_panel_says_what_is_special(change: dict[str, Any], phrase: str) -> None:
    assert phrase in texts(figures.panel(make_explanation(**change)))


def test_columns_follow_what_was_found() -> None:
    def columns(**change: Any) -> int:
        return len(figures.panel(make_explanation(**change)).axes)

    assert columns() == 4
    assert columns(parts=()) == 4
    assert columns(curve=None) == 3
    assert columns(parts=(make_part(), make_part())) == 5
    assert columns(parts=(make_part(by_chance=ByChance.of(0, 16)),)) == 5
    assert columns(parts=(make_part(robustness=BACKGROUNDS),)) == 5


@pytest.mark.parametrize(
    ("role", "title", "does"),
    [
        ("sufficient", "What suffices", "other backgrounds keep it"),
        ("necessary", "What is necessary", "other backgrounds in its place end it"),
    ],
)
def test_dots_show_what_a_part_is_worth(role: Role, title: str, does: str) -> None:
    part = make_part(role=role, by_chance=ByChance.of(3, 16), robustness=BACKGROUNDS)
    worth = next(
        a
        for a in figures.panel(make_explanation(parts=(part,))).axes
        if a.get_title(loc="left") == "How much it is worth"
    )
    filled = [sum(tuple(face[:3]) != (1, 1, 1) for face in dots.get_facecolors()) for dots in worth.collections]
    assert [len(dots.get_offsets()) for dots in worth.collections] == [20, 16]
    assert filled == [19, 3]
    said = [text.get_text() for text in worth.texts]
    assert said == [title, f"{does}: 19 of 20", "chance does the same: 3 of 16"]


def test_pictures_keep_the_shape_of_the_photograph() -> None:
    for figure in (figures.panel(make_explanation()), figures.overlay(make_explanation())):
        box = figure.axes[0].get_window_extent()
        assert box.height / box.width == pytest.approx(20 / 24)


@pytest.mark.parametrize("draw", [figures.panel, figures.overlay, figures.parts])
def test_nothing_is_drawn_outside_the_page_or_over_another(draw: Callable[[Explanation], Figure]) -> None:
    label = "a label of many words that has to be wrapped in its column"
    figure = draw(make_explanation(label=label, notes=("a sentence that is long enough for two lines " * 3,)))
    FigureCanvasAgg(figure).draw()
    page = figure.bbox
    boxes = [text.get_window_extent() for text in figure.texts if text.get_text()]
    assert all(box.x0 >= 0 and box.x1 <= page.x1 and box.y0 >= 0 and box.y1 <= page.y1 for box in boxes)
    for number, box in enumerate(boxes):
        assert not any(box.shrunk(0.98, 0.9).overlaps(other.shrunk(0.98, 0.9)) for other in boxes[:number])


def test_the_part_shows_in_its_own_colours() -> None:
    red = torch.zeros(3, 20, 24)
    red[0] = 1
    drawn = picture(figures.parts(make_explanation(image=red)))
    pure = (drawn[..., 0] > 240) & (drawn[..., 1] < 15) & (drawn[..., 2] < 15)
    figure = figures.parts(make_explanation(image=red))
    area = figure.axes[0].get_window_extent()
    share = pure.sum() / (area.width * area.height * (DOTS_PER_INCH / figure.dpi) ** 2)
    assert share == pytest.approx(make_part().fraction, rel=0.1)


def test_labels_are_text_and_never_mathematics_or_missing_glyphs() -> None:
    explanation = make_explanation(label="$x_1$ 猫 \\frac{")
    assert "$x_1$ 猫" in texts(figures.panel(explanation))
    assert png(figures.panel(explanation)).startswith(b"\x89PNG")


def test_pictures_are_reproducible() -> None:
    assert png(figures.panel(make_explanation())) == png(figures.panel(make_explanation()))


def test_provenance_may_be_empty() -> None:
    assert "method causal" in texts(figures.panel(make_explanation(provenance={})))


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.953, "95.3 %"),
        (0.0042, "0.42 %"),
        (1e-9, "< 0.01 %"),
        (0.99999, "> 99.99 %"),
        (0.9994, "99.94 %"),
    ],
)
def test_percent(share: float, text: str) -> None:
    assert percent(share) == text
