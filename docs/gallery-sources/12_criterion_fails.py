"""
A criterion fails, with its witness
===================================

The literature states what every explanation ought to satisfy: two networks that compute the same function should get
the same map; a feature on which the network does not depend should get nothing. Such criteria can be run. To hold on
what was tried is no proof; to fail is one, and comes with the witness.
"""

import matplotlib.pyplot as plt

from unseen.criteria import check

for method in ("saliency", "integrated-gradients", "lrp-epsilon"):
    verdict = check(method, "implementation-invariance")
    print(f"{method} {verdict.status}: {verdict.reason}")

# %%
# Layer-wise relevance propagation works through the layers, so it matters how they are written. The witness is a pair
# of networks, the second of which writes ReLU6(x) as ReLU(x) − ReLU(x − 6). Their logits agree to twelve digits, for
# every photograph. Their maps do not.

before, after = verdict.maps["before"], verdict.maps["after"]
limit = float(before.abs().max())
figure, axes = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
for place, values, title in zip(
    axes, (before, after, after - before), ("one network", "the same function, rewritten", "difference"), strict=True
):
    image = place.imshow(values.numpy(), cmap="PuOr_r", vmin=-limit, vmax=limit)
    place.set_title(title)
    place.axis("off")
figure.colorbar(image, ax=axes, shrink=0.8)

# %%
# Another one: a photograph is black but for one red feature, and the network's answer rests on that feature alone.
# Surely it must be credited. The gradient is 0 there, because the network is saturated.

for method in ("saliency", "occlusion", "integrated-gradients"):
    verdict = check(method, "sensitivity-a")
    print(f"{method} {verdict.status}: {verdict.reason}")

# %%
# Criteria must not be read alone: a map that is the same everywhere satisfies ten of thirteen. The table of all
# methods, and what it says about the claims of the literature, is on :doc:`/criteria`; ``unseen check all`` makes it.
