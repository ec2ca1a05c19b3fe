"""
Ways to hide, on one sheet
==========================

To hide a part of a photograph is to put something else there, and the model sees that, too. Here the same part is
hidden in ten ways; below each picture stands what the model says of it.
"""

import matplotlib.pyplot as plt
import torch
from skimage.data import coffee

import unseen
from unseen import REMOVALS

classifier = unseen.load_classifier("efficientnet-lite0").optimised()
image = classifier.prepare(coffee())
mask = torch.ones(1, *image.shape[1:])
mask[:, 60:130, 60:170] = 0  # the coffee itself

# %%
# ``bind`` joins a removal, a classifier and a photograph into something that takes masks and gives the model's
# answers. ``painted`` shows the picture that the model gets. The last two removals paint nothing: they switch off,
# inside the network, what depends on the hidden pixels. The stripes only mark where.

names = "black white grey channel-mean noise blur:20 neighbour max-distance ad ad:pooled,fill=neighbour".split()
stripes = ((torch.arange(224)[:, None] + torch.arange(224)) % 12 < 4).float() * 0.25 + 0.7

figure, grid = plt.subplots(2, 5, figsize=(10, 4.9), layout="constrained")
for place, name in zip(grid.flat, names, strict=True):
    masked = REMOVALS.create(name).bind(classifier, image)
    probability = masked(mask).softmax(1)[0]
    best = int(probability.argmax())
    shown = masked.painted(mask)[0] if masked.removal.paints else torch.where(mask[0] > 0, image, stripes)
    place.imshow(shown.permute(1, 2, 0).numpy())
    title = name.replace(",", ",\n")
    place.set_title(f"{title}\n{classifier.label(best)} {probability[best]:.0%}", size=8.5)
    place.axis("off")

# %%
# One photograph, one part, one network: and the answer depends on the paint. That is why every explanation here names
# its removal, why every map can be judged under another one, and why there are removals that paint nothing. How far
# each of them leads away from photographs was measured: :doc:`/distance`.
