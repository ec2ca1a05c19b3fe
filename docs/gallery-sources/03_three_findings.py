"""
Three findings on a grey image
==============================

Not every model names one class. This one inspects grey pictures of metal plates and answers three questions, each for
itself: is there a scratch, a dent, a stain? A plate may have all of them, or none. Each finding has an explanation of
its own, and so has the absence of one.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from unseen import Classifier, Preprocessing, explain

FINDINGS = ["scratch", "dent", "stain"]
SIDE = 64


def plates(findings, seed):
    """Grey pictures (N, 1, 64, 64) of brushed metal with the findings that are asked for, (N, 3)."""
    stream = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    pictures = []
    for scratch, dent, stain in findings:
        brushed = torch.randn(SIDE, 1, generator=stream).expand(-1, SIDE)
        plate = 0.6 + 0.03 * brushed + 0.02 * torch.randn(SIDE, SIDE, generator=stream)
        rows = torch.randint(12, SIDE - 12, (3,), generator=stream).tolist()
        columns = torch.randint(12, SIDE - 12, (3,), generator=stream).tolist()
        if scratch:
            line = ((x - columns[0]) - 0.6 * (y - rows[0])).abs() < 1.2
            plate = torch.where(line & ((y - rows[0]).abs() < 11), 0.95, plate)
        if dent:
            plate = plate - 0.35 * torch.exp(-((y - rows[1]) ** 2 + (x - columns[1]) ** 2) / 40)
        if stain:
            ring = (((y - rows[2]) ** 2 + (x - columns[2]) ** 2).float().sqrt() - 8).abs() < 1.5
            plate = torch.where(ring, 0.3, plate)
        pictures.append(plate.clamp(0, 1)[None])
    return torch.stack(pictures)


present = (torch.rand(300, 3, generator=torch.Generator().manual_seed(1)) < 0.5).float()
pictures = plates(present.tolist(), seed=0)

torch.manual_seed(0)
network = nn.Sequential(
    nn.Conv2d(1, 12, 5, stride=2, padding=2),
    nn.ReLU(),
    nn.Conv2d(12, 24, 5, stride=2, padding=2),
    nn.ReLU(),
    nn.Conv2d(24, 24, 3, padding=1),
    nn.ReLU(),
    nn.AdaptiveMaxPool2d(1),
    nn.Flatten(),
    nn.Linear(24, 3),
)
optimiser = torch.optim.Adam(network.parameters(), 0.004)
for _ in range(120):
    some = torch.randint(len(pictures), (64,))
    optimiser.zero_grad()
    nn.functional.binary_cross_entropy_with_logits(network((pictures[some] - 0.5) / 0.25), present[some]).backward()
    optimiser.step()

# %%
# ``outputs="sigmoid"`` says what the numbers mean: each is a finding of its own. One number for ``mean`` and ``std``
# says that the network takes one grey channel.

classifier = Classifier(
    network,
    Preprocessing(size=SIDE, resize=None, mean=0.5, std=0.25),
    labels=FINDINGS,
    outputs="sigmoid",
)
fresh = (torch.rand(200, 3, generator=torch.Generator().manual_seed(3)) < 0.5).float()
found = network((plates(fresh.tolist(), seed=2) - 0.5) / 0.25) > 0
correct = (found == fresh.bool()).float().mean(0)
print(", ".join(f"{name}: {share:.0%} correct" for name, share in zip(FINDINGS, correct.tolist(), strict=True)))

# %%
# One plate with everything. For each finding we ask for the smallest part *without* which the network does not see it
# any more. What is hidden is filled up from its surroundings, as if the metal went on. Every finding has a map of its
# own; the outlines lie where the damage is, and the other two findings do not matter.

(plate,) = plates([(1, 1, 1)], seed=39)
figure, axes = plt.subplots(1, 4, figsize=(9, 2.7), layout="constrained")
axes[0].imshow(plate[0].numpy(), cmap="gray", vmin=0, vmax=1)
axes[0].set_title("the plate", size=9)
axes[0].axis("off")
for place, finding in zip(axes[1:], FINDINGS, strict=True):
    found = explain(
        plate,
        classifier,
        target=finding,
        method="causal:role=necessary",
        removal="neighbour",
        part="necessary",
        chance=0,
        backgrounds=0,
    )
    found.plot(place)
    place.set_title(f"{finding}, {found.told}", size=9)
    for part in found.parts:
        print(f"{finding}: without {part.fraction:.1%} of the pixels {found.told} becomes {part.confidence:.1%}")

# %%
# That a finding is *absent* is a target, too. On a plate without a stain the answer "no stain" needs no part of the
# picture: with nothing to see the network says so as well, and the explanation says that instead of inventing a
# reason.

(clean,) = plates([(1, 1, 0)], seed=12)
absent = explain(clean, classifier, target="no stain", removal="neighbour", chance=0, backgrounds=0)
print(absent)
for note in absent.notes:
    print("Note:", note)

# %%
# :doc:`/outputs` has the other things that numbers may mean: a value, a box, a region, an embedding.
