from __future__ import annotations

from typing import Any

import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from helpers import toys
from helpers.synthetic import make_explanation
from unseen import Classifier
from unseen.classifier.decision import Decision
from unseen.errors import NotApplicableError
from unseen.explanation.plotting import pixels
from unseen.pipeline.comparison import Cell, Comparison
from unseen.pipeline.sheet import sheet
from unseen.system.pictures import png


def make_cell(method: str = "toy", removal: str = "grey", **changes: Any) -> Cell:
    return Cell(method, removal, make_explanation(method=method, removal=removal, **changes))


def make_comparison(*cells: Cell, target: int = 0, removal_independent: frozenset[str] = frozenset()) -> Comparison:
    loaded = toys.load("sides", None)
    classifier = Classifier(loaded.model, loaded.preprocessing, loaded.labels, name="toy:sides")
    image = make_explanation().image
    decision = Decision("a.jpg", classifier, image, torch.tensor([0.7, 0.2, 0.1]).log(), target, None, 3, 0.1)
    methods = tuple(dict.fromkeys(cell.method for cell in cells))
    removals = tuple(dict.fromkeys(cell.removal for cell in cells))
    return Comparison(decision, methods, removals, removal_independent, cells)


def texts(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.texts).replace("\u00a0", " ")


def said(*cells: Cell, **options: Any) -> str:
    return texts(sheet(make_comparison(*cells, **options)))


def test_the_sheet_says_what_was_asked_answered_and_spent() -> None:
    text = said(make_cell("one"), make_cell("two"), make_cell("one", "ad"), make_cell("two", "ad"))
    for phrase in (
        "left: 70.0 % on the full photograph",
        "toy:sides",
        "4 explanations",
        "4,927 model evaluations",  # 4 × 1234, of which 3 for the one decision are counted once
        "6 s",
        "24 × 20 pixels and says: left 70.0 %, right 20.0 %, neither 10.0 %",
        "hidden by grey",
        "hidden by ad",
        "insertion 0.688, deletion 0.288",
        "1,234 evaluations, 1.5 s",
        "darker: more responsible",
    ):
        assert phrase in text
    assert "Note" not in text


def test_the_rows_of_a_method_share_a_scale_and_methods_do_not() -> None:
    values = torch.rand(20, 24)
    cells = [
        make_cell("one", "ad", saliency=values / values.max()),
        make_cell("two", "ad", saliency=-values),
        make_cell("one", "grey", saliency=2 * values / values.max()),
        make_cell("two", "grey", saliency=values),
    ]
    figure = sheet(make_comparison(*cells))
    bars = [axes for axes in figure.axes if axes.xaxis.get_visible() and len(axes.get_xticks())]
    peak = 2 * pixels.limits(values / values.max())[1]
    assert bars[0].get_xlim() == pytest.approx((0, peak))
    assert bars[1].get_xlim() == pytest.approx(pixels.limits(-values))
    first = next(axes for axes in figure.axes[3:] if axes.images)
    expected = pixels.overlay(make_explanation().image, values / values.max(), (0.0, peak))
    assert torch.allclose(torch.as_tensor(first.images[0].get_array()), torch.as_tensor(expected))


@pytest.mark.parametrize(
    ("cells", "options", "phrase"),
    [
        ([make_cell(saliency=torch.zeros(20, 24))], {}, "the map is 0 everywhere"),
        (
            [make_cell(saliency=torch.full((20, 24), 0.01)), make_cell(removal="ad")],
            {},
            "own scale: 100 × fainter than the bar",
        ),
        ([make_cell()], {"removal_independent": frozenset({"toy"})}, "the same map in every row"),
        ([make_cell()], {"target": 1}, "Note: on the full photograph the model says left"),
        ([make_cell("toy", "ad:pooled,fill=neighbour")], {}, "ad:pooled, fill=neighbour"),
        (
            [make_cell("aggregate:of=occlusion:window=0.3;stride=0.1/rise/edges,goal=both")],
            {},
            "aggregate:of=occlusion: window=0.3;stride=0.1/ rise/edges,goal=both",
        ),
    ],
)
def test_the_sheet_says_what_is_special(cells: list[Cell], options: dict[str, Any], phrase: str) -> None:
    assert phrase in said(*cells, **options)


def test_a_map_that_the_common_scale_would_hide_is_drawn_on_its_own() -> None:
    values = torch.rand(20, 24)
    figure = sheet(make_comparison(make_cell(saliency=values), make_cell(removal="ad", saliency=values / 50)))
    strong, faint = [axes.images[0].get_array() for axes in figure.axes if axes.images][-2:]
    assert torch.allclose(torch.as_tensor(strong), torch.as_tensor(faint), atol=1e-5)
    assert "own scale: 50 × fainter than the bar" in texts(figure)
    assert texts(figure).count("own scale") == 1


def test_single_dots_are_drawn_larger_and_it_is_said() -> None:
    dots = torch.zeros(20, 24)
    dots[::10, ::8] = 1.0
    assert "dots and thin lines, drawn 3 pixels wide" in said(make_cell(saliency=dots))
    assert "thin lines" not in said(make_cell())


def test_a_cell_that_failed_says_why_in_its_place() -> None:
    reason = NotApplicableError("toy has no rule for an operation")
    text = said(make_cell(), Cell("toy", "ad", error=reason))
    assert "failed toy has no rule for an operation" in text
    assert "1 of 2 failed" in text
    assert "no map" in said(Cell("toy", "ad", error=reason))


def test_without_a_curve_there_are_no_areas() -> None:
    assert "insertion" not in said(make_cell(curve=None))


def test_a_comparison_that_was_cut_short_is_drawn_as_far_as_it_went() -> None:
    whole = make_comparison(make_cell("one"), make_cell("two"), make_cell("one", "ad"), make_cell("two", "ad"))
    for count in (1, 3):
        part = Comparison(whole.decision, whole.methods, whole.removals, cells=whole.cells[:count])
        assert png(sheet(part)).startswith(b"\x89PNG")


def test_nothing_is_written_outside_the_page_or_over_another() -> None:
    long = "a-method:with=many,options=that,have=to,be=wrapped"
    error = NotApplicableError("a reason that is far too long for its cell " * 20)
    cells = [
        make_cell(long, "ad:pooled,fill=neighbour", saliency=torch.full((20, 24), 1e-6)),
        Cell("short", "ad:pooled,fill=neighbour", error=error),
        make_cell(long),
        make_cell("short"),
    ]
    figure = sheet(make_comparison(*cells, target=2, removal_independent=frozenset({long})))
    FigureCanvasAgg(figure).draw()
    boxes = [text.get_window_extent() for text in figure.texts if text.get_text()]
    boxes += [axes.get_tightbbox() for axes in figure.axes if axes.images]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 and box.y1 <= figure.bbox.y1 for box in boxes)
    for number, box in enumerate(boxes):
        assert not any(box.shrunk(0.98, 0.9).overlaps(other.shrunk(0.98, 0.9)) for other in boxes[:number])
