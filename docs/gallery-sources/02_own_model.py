"""
Your own model of three classes
===============================

Any network that maps photographs to numbers can be explained as it is. This one says whether a leaf is healthy, or
has rust or mildew. Leaves and network are made here, in a few seconds, so that the right answer is known: it is the
spot.
"""

import torch
from torch import nn

KINDS = ["healthy", "rust", "mildew"]
COLOURS = {"rust": (0.9, 0.3, 0.1), "mildew": (1.0, 1.0, 1.0)}


def leaves(kinds, seed=0, size=64):
    """Photographs (N, 3, size, size) of green leaves, with a round spot of the colour of the disease, if any."""
    stream = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    photos = []
    for kind in kinds:
        veins = 0.06 * torch.sin(0.5 * x + 0.25 * (y - size / 2).abs())
        green = torch.tensor([0.15, 0.45, 0.15])[:, None, None] + veins
        photo = green + 0.04 * torch.randn(3, size, size, generator=stream)
        row, column = torch.randint(10, size - 10, (2,), generator=stream).tolist()
        spot = (y - row) ** 2 + (x - column) ** 2 < 49
        if KINDS[kind] in COLOURS:
            colour = torch.tensor(COLOURS[KINDS[kind]])[:, None, None]
            photo = torch.where(spot, 0.8 * colour + 0.2 * photo, photo)
        photos.append(photo.clamp(0, 1))
    return torch.stack(photos)


classes = torch.arange(3).repeat(40)
photos = leaves(classes.tolist())

# %%
# An ordinary network, trained in an ordinary way. It wants its input normalised: pixels minus 0.5, divided by 0.25.

torch.manual_seed(0)
network = nn.Sequential(
    nn.Conv2d(3, 16, 5, stride=2, padding=2),
    nn.ReLU(),
    nn.Conv2d(16, 16, 3, padding=1),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(16, 3),
)
optimiser = torch.optim.Adam(network.parameters(), 0.01)
for _ in range(80):
    optimiser.zero_grad()
    nn.functional.cross_entropy(network((photos - 0.5) / 0.25), classes).backward()
    optimiser.step()

# %%
# Three things make it a classifier that can be explained: the network, how a photograph becomes its input, and the
# names of its outputs in their order.

from unseen import Classifier, Preprocessing, explain

preprocessing = Preprocessing(size=64, resize=None, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
classifier = Classifier(network, preprocessing, labels=KINDS)

# %%
# A leaf that it has never seen. What is hidden takes the photograph's mean colour, here a plain green: a leaf without
# a spot. The map is dark where the spot is, and the part on which alone the network still says "rust" is a piece of
# it.

(leaf,) = leaves([1], seed=7)
explanation = explain(leaf, classifier, removal="channel-mean", part="sufficient", backgrounds=0)
explanation.plot()

# %%
# The other kinds, with ``plot`` on axes of our own. The healthy leaf is a lesson: a network has to say something of a
# photograph on which there is nothing to see, and this one says "healthy". No part of a leaf makes it say so, and the
# explanation tells that instead of inventing one.

import matplotlib.pyplot as plt

figure, rows = plt.subplots(2, 3, figsize=(7.5, 5.4), layout="constrained")
for kind, (above, below) in enumerate(rows.T):
    (leaf,) = leaves([kind], seed=20 + kind)
    found = explain(leaf, classifier, removal="channel-mean", part="sufficient", chance=0, backgrounds=0)
    above.imshow(leaf.permute(1, 2, 0).numpy())
    above.set_title(f"{found.label}, {found.told}")
    above.axis("off")
    found.plot(below)
    for note in found.notes:
        print(f"{found.label}: {note}")

# %%
# The command line takes the same model as a function in a file, ``--model python:my_model.py:build``; the page
# :doc:`/own-model` has that, and findings, values, grey images, functions and ONNX files.
