"""Colours and markers that tell lines apart, also to colour-blind readers and in print."""

from __future__ import annotations

COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Okabe and Ito's palette, but for its yellow, which is faint on white, and its black."""
BLACK, GREY = "#000000", "#999999"
MARKERS = "osD^vPX*"
