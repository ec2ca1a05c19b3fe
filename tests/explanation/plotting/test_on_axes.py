from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.synthetic import make_explanation, make_part
from unseen.errors import ParameterError
from unseen.explanation.plotting import pixels


@pytest.fixture
def axes() -> Axes:
    return Figure().add_subplot()


def rendered(axes: Axes) -> np.ndarray[Any, Any]:
    """The last image of the axes as RGBA, as it is blended over what is below."""
    image = axes.images[-1]
    return np.asarray(image.to_rgba(image.get_array(), alpha=image.get_alpha()))


@pytest.mark.parametrize("signed", [False, True])
def test_by_default_it_looks_like_the_overlay_of_every_picture(axes: Axes, signed: bool) -> None:
    saliency = torch.linspace(-1.0 if signed else 0.0, 1, 24 * 20).reshape(20, 24)
    explanation = make_explanation(saliency=saliency)
    assert explanation.plot(axes) is axes
    ground, over = np.asarray(axes.images[0].get_array()), rendered(axes)
    blended = ground * (1 - over[..., 3:]) + over[..., :3] * over[..., 3:]
    assert np.abs(blended - pixels.overlay(explanation.image, saliency)).max() < 0.02


def test_colours_opacity_and_range_are_those_of_imshow(axes: Axes) -> None:
    make_explanation(parts=(make_part(),)).plot(axes, cmap="viridis", alpha=0.5, vmin=0, vmax=2, parts=False)
    image = axes.images[-1]
    assert image.get_cmap() == colormaps["viridis"]
    assert (image.get_alpha(), image.get_clim()) == (0.5, (0, 2))
    assert not axes.collections
    make_explanation(parts=(make_part(),)).plot(axes, cmap=colormaps["gray"])
    assert axes.images[-1].get_cmap() == colormaps["gray"]
    assert len(axes.collections) == 2  # the outline, and its white edge


@pytest.mark.parametrize(
    ("style", "told"),
    [
        ({"cmap": "rainbows"}, "no colours named 'rainbows'"),
        ({"alpha": 2.0}, r"outside \[0, 1\]"),
        ({"vmin": 2.0, "vmax": 1.0}, "must be below"),
        ({"colour": "red"}, "no style colour; there are cmap, alpha"),
    ],
)
def test_a_style_that_there_is_not_is_refused(axes: Axes, style: dict[str, Any], told: str) -> None:
    with pytest.raises(ParameterError, match=told):
        make_explanation().plot(axes, **style)
    assert not axes.images


def test_a_style_without_axes_is_refused_and_the_remedy_works(axes: Axes) -> None:
    with pytest.raises(ParameterError, match="axes of yours"):
        make_explanation().plot(cmap="viridis")
    make_explanation().plot(axes, cmap="viridis")


def test_the_panel_breaks_into_rows() -> None:
    explanation = make_explanation(parts=(make_part(),))
    one, two = explanation.plot(across=9), explanation.plot(across=2)
    assert len(one.axes) == len(two.axes)
    assert two.get_figwidth() < 0.7 * one.get_figwidth()
    rows = {round(axes.get_position().y0 * two.get_figheight(), 1) for axes in two.axes[:2]}
    assert len(rows) == 1
    for axes in two.axes:
        box = axes.get_position()
        assert 0 <= box.x0 < box.x1 <= 1
        assert 0 <= box.y0 < box.y1 <= 1
    with pytest.raises(ParameterError, match="at least 1"):
        explanation.plot(across=0)
