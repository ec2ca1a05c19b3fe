"""
Judging methods, with controls
==============================

A number for a map means little by itself. Is an insertion score of 0.5 good? It is if maps that know *nothing* of the
model score less. So every evaluation here judges controls as well: noise, the same value everywhere, and an edge
detector, which knows the photograph and not the network.
"""

import matplotlib.pyplot as plt
import numpy as np
from skimage.data import chelsea, coffee, rocket

import unseen
from unseen import METHODS, METRICS, REMOVALS
from unseen.explainers import map_of
from unseen.metrics.case import Case, judge

classifier = unseen.load_classifier("efficientnet-lite0").optimised()
explaining = ["grad-cam", "occlusion:window=0.25,stride=0.2", "input-x-gradient"]
controls = ["random", "uniform", "edges"]
removal = REMOVALS.create("blur:20")

# %%
# Three photographs, six maps of each. Two metrics: insertion shows the pixels in the order of the map and watches the
# class appear; deletion hides them and watches it go.

metrics = {name: METRICS.create(f"{name}:steps=8") for name in ("insertion", "deletion")}
maps, cases = {}, []
for photo in (coffee(), chelsea(), rocket()):
    image = classifier.prepare(photo)
    target = int(classifier.logits(image[None]).argmax())
    for spec in explaining + controls:
        masked = removal.bind(classifier, image)
        saliency = map_of(METHODS.create(spec), masked, target)
        maps.setdefault(spec, saliency)
        cases += [(Case(saliency, target, masked), metric) for metric in metrics.values()]

# %%
# ``judge`` takes all pairs at once: it fills batches across photographs, maps and metrics, and evaluates nothing
# twice.

values = np.array(judge(cases)).reshape(3, 6, 2)

figure, axes = plt.subplots(1, 6, figsize=(10, 2.1), layout="constrained")
for place, spec in zip(axes, explaining + controls, strict=True):
    place.imshow(maps[spec].numpy(), cmap="magma_r")
    place.set_title(spec.partition(":")[0], size=9)
    place.axis("off")

# %%
# One dot a photograph, the controls in grey. Higher is better on the left, lower on the right.

figure, axes = plt.subplots(1, 2, figsize=(9, 2.9), sharey=True, layout="constrained")
for place, name, column in zip(axes, metrics, values.transpose(2, 1, 0), strict=True):
    for row, (spec, dots) in enumerate(zip(explaining + controls, column, strict=True)):
        colour = "#999999" if spec in controls else "#0072b2"
        place.plot(dots, [row] * 3, "o", color=colour)
        place.plot(dots.mean(), row, "|", color=colour, ms=18, mew=2)
    place.set_title(name)
    place.set_yticks(range(6), [spec.partition(":")[0] for spec in explaining + controls])
    place.grid(color="#dddddd", lw=0.6)
axes[0].invert_yaxis()

# %%
# On these photographs gradient times input is among the best by deletion, and by insertion it is behind an edge
# detector: the two metrics do not ask the same. And three photographs prove nothing: one method against three
# controls takes seven before the test in ``unseen evaluate`` can tell them apart at all, and the report says so. The
# command does the same for a folder, with intervals, and goes on where it was stopped::
#
#     unseen evaluate photos/ --methods grad-cam,occlusion --removals blur:20 --metrics insertion,deletion
#
# On 50 photographs insertion and deletion ranked six methods under grey with a correlation of 0.01: see
# :doc:`/metrics`.
