"""
Necessary and sufficient
========================

"What made the model say that?" is two questions. A part is *sufficient* if the model decides the same when it sees
nothing else. A part is *necessary* if the model decides otherwise when it sees everything else. The answers are
rarely the same pixels: a decision with two sufficient parts hangs by neither of them.
"""

from skimage.data import coffee

import unseen

explanation = unseen.explain(
    coffee(),
    method="layer-cam",
    part=["sufficient", "necessary", "both"],
    chance=0,
    backgrounds=0,
)
explanation.plot()

# %%
# The map here is Layer-CAM's, which costs one pass: parts are searched along any map, and each is checked by itself,
# so that a poor map gives large parts and never false ones.

for part in explanation.parts:
    print(f"{part.role}: {part.fraction:.1%} of the pixels, verified: {part.verified}")

# %%
# The third part answers both questions at once: alone it suffices, and without it the decision is gone. Here it is
# the part that suffices; where a decision has two reasons, it is larger than either.
#
# How much of the decision must stay? ``confidence`` says it: at 0 the class only has to stay on top; the closer to 1,
# the more of the rise in probability, from what the model says of nothing to what it says of the photograph, a part
# must keep. The map is shared, so several thresholds cost little more than one.

import matplotlib.pyplot as plt
import torch

several = unseen.explain(
    coffee(),
    method="layer-cam",
    part="sufficient",
    confidence=[0, 0.5, 0.9],
    chance=0,
    backgrounds=0,
)
figure, axes = plt.subplots(1, 3, figsize=(9, 3.3), layout="constrained")
for place, part in zip(axes, several.parts, strict=True):
    alone = torch.where(part.mask, several.image, torch.tensor(0.93))
    place.imshow(alone.permute(1, 2, 0).numpy())
    place.set_title(
        f"γ = {part.confidence_threshold:g}: {part.fraction:.0%} of the pixels, alone {part.confidence:.0%}", size=9
    )
    place.axis("off")

# %%
# The definitions, and what is proved about a part's size, are on :doc:`/causal`.
