from __future__ import annotations

from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from helpers.synthetic import make_explanation, make_mixed, make_mixture
from unseen import Explanation
from unseen.explanation.plotting import figures
from unseen.explanation.plotting.mixture import Ingredient, facts_of, mixture_of
from unseen.explanation.plotting.weights import CONTRIBUTION, WEIGHT


def held(mixture: tuple[float | None, float | None], mean: tuple[float | None, float | None]) -> dict[str, Any]:
    pairs = {"mixture": mixture, "mean": mean}
    return {name: {"sensitivity": pair[0], "infidelity": pair[1]} for name, pair in pairs.items()}


def only(loss: str) -> dict[str, Any]:
    """The changes of a record in which one loss was measured."""
    other = {"sensitivity": "infidelity", "infidelity": "sensitivity"}[loss]
    record = make_mixture()
    sides = {name: {**values, other: None} for name, values in record["held_out"].items()}
    return {"methods": [{**row, other: None} for row in record["methods"]], "held_out": sides}


def verdict(**changes: Any) -> str:
    mixture = mixture_of(make_mixed(**changes))
    assert mixture is not None
    return mixture.verdict


def drawn(explanation: Explanation) -> tuple[Figure, Axes]:
    figure = figures.panel(explanation)
    FigureCanvasAgg(figure).draw()
    (axes,) = [axes for axes in figure.axes if axes.get_title(loc="left") == "Weights"]
    return figure, axes


def bars(axes: Axes, colour: str) -> list[float]:
    return [patch.get_width() for patch in axes.patches if to_hex(patch.get_facecolor()) == colour.lower()]  # type: ignore[attr-defined]


def names(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def numbers(axes: Axes) -> list[tuple[str, bool]]:
    return [(text.get_text(), text.get_fontweight() == "bold") for text in axes.texts]


def test_a_mixture_has_a_column_of_weights_and_nothing_else_has() -> None:
    titles = [axes.get_title(loc="left") for axes in figures.panel(make_mixed()).axes]
    assert titles.count("Weights") == 1
    others = [make_explanation(), make_explanation(provenance={"search": {"map": {"methods": ["one", "two"]}}})]
    for explanation in others:
        assert mixture_of(explanation) is None
        assert "Weights" not in [axes.get_title(loc="left") for axes in figures.panel(explanation).axes]


def test_bars_are_weights_and_contributions_the_largest_weight_first() -> None:
    record = make_mixture()
    _, axes = drawn(make_mixed(methods=[*reversed(record["methods"])]))
    assert bars(axes, WEIGHT) == pytest.approx([0.6, 0.4, 0.0])
    assert bars(axes, CONTRIBUTION) == pytest.approx([0.7, 0.35, -0.05])
    assert [segment[:, 0].tolist() for segment in axes.collections[0].get_segments()] == [  # type: ignore[attr-defined]
        [0.5, 0.8],
        [0.2, 0.5],
        [0.0, 0.1],
    ]
    assert names(axes) == [
        "mixture",
        "equal weights",
        "occlusion",
        "grad-cam",
        "integrated-gradients\nbaseline=white;toleranc…",
    ]


def test_the_least_loss_is_in_bold() -> None:
    _, axes = drawn(make_mixed())
    rows = numbers(axes)
    assert [text for text, _ in rows] == [
        *("sensitivity", "0.20", "0.30", "0.40", "0.10", "0.80"),
        *("infidelity", "0.60", "0.70", "0.50", "0.90", "1.2"),
    ]
    assert [text for text, bold in rows if bold] == ["0.10", "0.50"]


def test_a_loss_that_was_not_measured_has_no_column() -> None:
    _, axes = drawn(make_mixed(goal="robustness", **only("sensitivity")))
    assert "infidelity" not in [text for text, _ in numbers(axes)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {},
            "nothing is better at both than the mixture; grad-cam alone is steadier and occlusion alone is more "
            "faithful",
        ),
        ({"held_out": held((0.05, 0.3), (0.3, 0.7))}, "the mixture is better than every method alone and than equal"),
        ({"held_out": held((0.45, 0.55), (0.5, 0.7))}, "occlusion alone is better at both than the mixture"),
        ({"held_out": held((0.2, 0.6), (0.2, 0.59))}, "equal weights are better at both than the mixture"),
        ({"held_out": held((0.1, 0.6), (0.3, 0.7))}, "nothing is better at both than the mixture; occlusion alone is"),
        ({"held_out": held((0.4001, 0.5001), (0.5, 0.7))}, "occlusion alone is as good as the mixture"),
        (only("sensitivity"), "grad-cam alone is better than the mixture"),
        (
            {**only("infidelity"), "held_out": held((None, 0.4), (None, 0.7))},
            "the mixture is better than every method alone and than equal weights",
        ),
        ({"held_out": held((None, None), (None, None))}, "too few observations to tell what the mixture gains"),
    ],
)
def test_the_verdict_is_plain(changes: dict[str, Any], said: str) -> None:
    assert verdict(**changes).startswith(said)


@pytest.mark.parametrize(
    ("value", "told"), [(0.0, "0.0"), (0.0996, "0.10"), (1.25, "1.2"), (9.94, "9.9"), (9.96, "10"), (99.6, "100")]
)
def test_a_loss_is_told_by_two_digits(value: float, told: str) -> None:
    one = Ingredient("rise", {"infidelity": value})
    assert (one.told("infidelity"), one.rounded("infidelity")) == (told, float(told))


def test_the_caption_says_how_to_read_the_numbers() -> None:
    figure, _ = drawn(make_mixed())
    said = " ".join(text.get_text() for text in figure.texts)
    for phrase in ("nothing is better at both", "less is better", "sensitivity: how far", "infidelity: what it misses"):
        assert phrase in said


def test_the_facts_of_a_mixture_are_few() -> None:
    assert facts_of(make_mixed()) == (
        "mixed for robustness and faithfulness, λ 0.5",
        "4 photographs nearby",
        "parts hidden 64 times",
        "drawn towards equal weights, strength 0.1",
    )
    assert facts_of(make_mixed(nearby=1, hidden=1))[1:3] == ("1 photograph nearby", "parts hidden 1 time")
    record = make_mixture(goal="robustness", strength=0.0)
    for name in ("lambda", "hidden"):
        del record[name]
    made = make_explanation(provenance={"search": {"map": record}})
    assert facts_of(made) == ("mixed for robustness", "4 photographs nearby")
    other = make_explanation(provenance={"search": {"map": {"layer": "blocks.3"}}})
    assert facts_of(other) == other.evidence == ("layer blocks.3",)


def test_methods_without_room_are_summed_up() -> None:
    row = make_mixture()["methods"][0]
    many = [{**row, "method": f"method-{number}", "weight": 0.05, "contribution": 0.05} for number in range(20)]
    _, axes = drawn(make_mixed(methods=many))
    shown = bars(axes, WEIGHT)
    assert len(shown) < 20
    assert sum(shown) == pytest.approx(1)
    assert names(axes)[-1] == f"{20 - len(shown) + 1} others together"


def test_no_method_faithful_leaves_empty_bars() -> None:
    rows = [{**row, "weight": 0.0, "low": 0.0, "high": 0.0, "contribution": 0.0} for row in make_mixture()["methods"]]
    _, axes = drawn(make_mixed(methods=rows, held_out=held((None, 1.0), (None, 1.0))))
    assert bars(axes, WEIGHT) == [0, 0, 0]


@pytest.mark.parametrize("count", [1, 3, 20])
def test_nothing_of_the_weights_is_outside_the_page_or_over_another(count: int) -> None:
    rows = [
        {**make_mixture()["methods"][number % 3], "method": f"a-name-of-$_{{many}}$-letters:with=options;no={number}"}
        for number in range(count)
    ]
    figure, axes = drawn(make_mixed(methods=rows))
    legend = axes.get_legend()
    assert legend is not None
    texts = [*figure.texts, *axes.texts, *axes.get_yticklabels(), *axes.get_xticklabels(), *legend.get_texts()]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 and box.y1 <= figure.bbox.y1 for box in boxes)
    for number, box in enumerate(boxes):
        assert not any(box.shrunk(0.98, 0.8).overlaps(other.shrunk(0.98, 0.8)) for other in boxes[:number])
