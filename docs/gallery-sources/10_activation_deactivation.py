"""
Activation–Deactivation, step by step
=====================================

How can a part be hidden without painting anything? By following it through the network. Where pixels are hidden, the
activations that depend on them are switched off before the next layer mixes them with others. This page draws the
masks that travel with the activations, layer by layer.
"""

import matplotlib.pyplot as plt
import torch
from matplotlib.colors import ListedColormap
from skimage.data import coffee

import unseen
from unseen.removal.deactivation.activation import ActivationDeactivation

classifier = unseen.load_classifier("efficientnet-lite0")
image = classifier.prepare(coffee())
mask = torch.zeros(1, *image.shape[1:])
mask[:, 20:150, 45:190] = 1  # only the cup is visible


SIZES = (112, 56, 28, 14, 7)
"""The resolutions of this network's feature maps."""


def travel(removal):
    """The logits of one pass, and the masks of its feature maps by their resolution: the first and the last of each."""
    seen = {}

    def watch(run, function, operands, output):
        found = run.positions(output)
        if found is not None and found.grid.size[0] in SIZES:
            first, _ = seen.get(found.grid.size[0], (found.grid.active, None))
            seen[found.grid.size[0]] = first, found.grid.active

    logits = removal.watched(classifier, image, mask)(image[None], watch)
    return logits, seen


def draw(place, active, title):
    """The photograph through the positions that are on."""
    place.imshow(image.permute(1, 2, 0).numpy())
    shade = ListedColormap(["#202020e0", "#ffffff00"])
    place.imshow(active[0, 0].numpy(), cmap=shade, vmin=0, vmax=1, extent=(0, 224, 224, 0), interpolation="nearest")
    place.set_title(f"{title}\n{active[0, 0].mean():.0%} on", size=9)
    place.axis("off")


# %%
# In the form of the paper a position is on as soon as anything in its window is on. So the visible part *grows* on
# its way: a deep position that touches the cup at all sees the cup, surrounded by emptiness. Of each resolution the
# first mask is drawn, and the last.

logits, seen = travel(ActivationDeactivation())
figure, rows = plt.subplots(2, len(SIZES), figsize=(10, 4.9), layout="constrained")
for column, size in zip(rows.T, SIZES, strict=True):
    for place, active, what in zip(column, seen[size], ("first", "last"), strict=True):
        draw(place, active, f"{size} × {size}, {what}")

# %%
# The ``pooled`` form keeps to the photograph: at every resolution a position is on if any pixel behind it is visible.
# The mask never grows by more than a cell, and the network sees a true cut-out.

_, pooled = travel(ActivationDeactivation(travel="pooled"))
figure, axes = plt.subplots(1, len(SIZES), figsize=(10, 2.5), layout="constrained")
for place, size in zip(axes, SIZES, strict=True):
    draw(place, pooled[size][1], f"{size} × {size}")

# %%
# What holds is tested on every supported architecture, and easily seen here. First, a mask that hides nothing changes
# nothing:

removal = ActivationDeactivation()
masked = removal.bind(classifier, image)
plain = classifier.logits(image[None])
print("largest change of a logit with nothing hidden:", float((masked(torch.ones_like(mask)) - plain).abs().max()))

# %%
# Second, what is hidden cannot matter. With other pixels in the hidden part the network says the same:

other = torch.where(mask[0] > 0, image, torch.rand_like(image))
again = removal.watched(classifier, image, mask)(other[None], lambda *_: None)
print("largest change with noise in the hidden part:", float((again - logits).abs().max()))

# %%
# And what does the network say of the cup alone?

probability = masked(mask).softmax(1)[0]
for index in probability.argsort(descending=True)[:3].tolist():
    print(f"{classifier.label(index)} {probability[index]:.1%}")

# %%
# :doc:`/policies` measures which form serves what; :doc:`/architectures` lists the networks that it follows.
