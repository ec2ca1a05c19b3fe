"""
Extending: a removal and a method of your own
=============================================

A removal or a method is a small frozen dataclass. Its fields are its options; one line registers it, and it stands
beside the built-in ones: in sheets, in evaluations and on the command line.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from skimage.data import coffee

import unseen
from unseen.explainers import FromMap
from unseen.explanation import Findings
from unseen.removal.fills.constant import blended
from unseen.removal.fills.painting import Painting
from unseen.system.options import Positive

# %%
# A removal that hides a part by what the photograph shows on the other side, as in a mirror. ``painted`` gives the
# picture that the model gets; everything else is inherited.


@dataclass(frozen=True)
class Mirror(Painting):
    """Hidden pixels become those of the photograph's mirror image."""

    name = "mirror"
    soft = True
    axes = (2,)

    def painted(self, classifier, pixels, masks):
        return blended(pixels.flip(-1), pixels, masks)


# %%
# A method that knows nothing but that photographers put things in the middle. It makes a good control.


@dataclass(frozen=True)
class Centre(FromMap):
    """The nearer the middle, the more important."""

    width: Annotated[float, Positive("the width of the hill, as a share of the photograph")] = 0.5
    uses_removal = False
    axes = (2,)

    def attribute(self, evaluate, seed, domain):
        height, width = evaluate.masked.shape
        y, x = torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)
        return Findings(torch.exp(-(x**2 + y**2) / self.width**2))

    def cost(self, shape):
        return 0


unseen.REMOVALS.register("mirror", Mirror)
unseen.METHODS.register("centre", Centre)

# %%
# From here on both have names, options that are checked, and a place on every sheet.

comparison = unseen.compare(
    coffee(),
    unseen.load_classifier("efficientnet-lite0").optimised(),
    methods=["grad-cam", "centre:0.4"],
    removals=["grey", "mirror"],
)
comparison.plot()

# %%
# Under ``mirror`` both areas are high for every map, and that is worth knowing of one's own removal: the cup is
# nearly symmetric, so the mirror image puts back what was hidden. A removal that restores what it hides tells
# nothing.
#
# In a package, an entry point registers them for good; metrics, criteria and sources of models work alike.
# :doc:`/extending` has an example of each.
