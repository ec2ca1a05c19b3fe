"""
In a notebook
=============

This page is a notebook: download it at the foot. An explanation that stands at the end of a cell shows itself, with
sliders: the first fades the map, the second walks along its ranking and says what the model made of the pixels that
are visible there.
"""

from skimage.data import coffee

import unseen

explanation = unseen.explain(
    coffee(),
    method="occlusion:window=0.2,stride=0.1",
    removal="grey",
    part="sufficient",
    chance=0,
    backgrounds=0,
)
explanation

# %%
# The sliders are part of the cell: they work when the notebook is sent to somebody without Python, and they can
# neither load anything nor reach the rest of the notebook. ``progress=True`` draws a bar while you wait.
#
# For a figure of your own, ``plot`` takes axes and the usual arguments of matplotlib. The map is the last of
# ``ax.images``.

import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
explanation.plot(axes[0])
explanation.plot(axes[1], cmap="viridis", alpha=0.6, parts=False)
explanation.plot(axes[2], cmap="RdBu_r", alpha=0.8, vmin=-3, vmax=3, parts=False)
figure.colorbar(axes[2].images[-1], ax=axes[2], shrink=0.8)

# %%
# Without axes it draws the whole panel; ``across`` says how many pictures stand side by side.

explanation.plot(across=2)

# %%
# A comparison shows itself, too: the sheet, and below it the sliders of every map.

unseen.compare(coffee(), methods=["grad-cam", "layer-cam"], removals="grey")
