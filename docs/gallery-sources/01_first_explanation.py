"""
A first explanation
===================

A network looks at a photograph of a cup on a table and says "espresso". Which parts of the photograph made it say so?
One call answers. The network comes with the package, the photograph with scikit-image; with a photograph of yours,
give its path.
"""

import matplotlib.pyplot as plt
import torch
from skimage.data import coffee

import unseen

classifier = unseen.load_classifier("efficientnet-lite0").optimised()
explanation = unseen.explain(coffee(), classifier)
print(explanation)

# %%
# Three lines say what the model saw, what was found and what that took. Here it is in pictures: the photograph as the
# model sees it; the smallest part found on which *alone* the model still says "espresso"; and the smallest part found
# *without* which it says something else.

enough, needed = explanation.parts
blank = torch.tensor(0.94)
views = {
    f"{explanation.label}, {explanation.told}": explanation.image,
    f"this alone: still {explanation.label}, {enough.confidence:.0%}": torch.where(
        enough.mask, explanation.image, blank
    ),
    f"without this: {needed.instead.label}, {needed.instead.probability:.0%}": torch.where(
        needed.mask, blank, explanation.image
    ),
}
figure, axes = plt.subplots(1, 3, figsize=(10, 3.7), layout="constrained")
for place, (title, view) in zip(axes, views.items(), strict=True):
    place.imshow(view.permute(1, 2, 0).numpy())
    place.set_title(title)
    place.axis("off")

# %%
# Nothing about a part is a guess: each was shown to the model once more before it was reported, compared with others
# of its size and shape, and planted on other backgrounds. The panel says how that went, beside the map, in which a
# pixel is darker the more responsible it is, and the curves of what the model says while pixels are shown, or hidden,
# in the map's order.

explanation.plot()

# %%
# The numbers are attributes.

print(f"{enough.fraction:.1%} of the pixels alone: espresso {enough.confidence:.1%}, verified: {enough.verified}")
print(f"by chance {enough.by_chance.passing} of {enough.by_chance.tried} other places do the same")
print(f"on {enough.robustness.holding} of {enough.robustness.contexts} other backgrounds it is enough")

# %%
# The model sees the photograph scaled down and cropped. ``on_photo`` takes the answer back to the photograph itself,
# in pixels of its own.

left, top, width, height = explanation.on_photo().regions[0].box
print(f"The part lies in a box of {width:.0f} × {height:.0f} pixels at ({left:.0f}, {top:.0f}).")

# %%
# Where to go from here: :doc:`02_own_model` explains a model of your own, and :doc:`05_necessary_and_sufficient`
# tells the two kinds of parts apart. ``explanation.save("results/cup")`` keeps everything, with a report for a
# colleague.
