"""
Mixtures of methods
===================

Grad-CAM is steady and coarse, occlusion is faithful and blocky, RISE is in between and noisy. No method is best on
every photograph. A mixture takes several and finds the weights that serve a goal best on *this* one.
"""

from skimage.data import coffee

import unseen

METHODS = "grad-cam/occlusion:window=0.25;stride=0.2/rise:masks=40"
classifier = unseen.load_classifier("efficientnet-lite0").optimised()
mixture = unseen.explain(
    coffee(),
    classifier,
    method=f"aggregate:of={METHODS},goal=both,nearby=2,hidden=48",
    removal="grey",
    part="sufficient",
    chance=0,
    backgrounds=0,
)
mixture.plot()

# %%
# The bars show the weight of each method, with the interval that resampling the observations gives. Two things were
# observed: how the maps change when the photograph hardly does, and what hiding parts costs. The record says how well
# every method and the mixture do on observations that the weights were not fitted to: lower is better for both.

for name, loss in mixture.provenance["search"]["map"]["held_out"].items():
    print(f"{name}: sensitivity {loss['sensitivity']:.2f}, infidelity {loss['infidelity']:.2f}")

# %%
# For steadiness alone, or faithfulness alone, other weights are best: ``goal=robustness`` and ``goal=faithfulness``.
# What mixing is worth, and where it is not, was measured on 50 photographs: :doc:`/aggregation`.
