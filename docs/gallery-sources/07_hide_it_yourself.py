"""
Hide it yourself
================

You may have a suspicion of your own: is it the cup, or the spoon beside it? Hide a part of your choice and see what
the model says without it, and of it alone.
"""

from skimage.data import coffee

import unseen

classifier = unseen.load_classifier("efficientnet-lite0").optimised()
trials = unseen.hide(coffee(), classifier, part="ellipse:170,70,270,170", removals=["ad", "grey", "blur:20"])
trials.plot()

# %%
# Two columns of answers for each removal. Where a removal paints, the picture is what the model got;
# Activation–Deactivation paints nothing. The answers in words:

for sentence in trials.words:
    print(sentence)

# %%
# A part can be a box, an ellipse, a polygon, a mask from a graphics program, or a part that was found. Here is the
# spoon, as a polygon, in pixels of the photograph. The espresso does not need it.

spoon = unseen.hide(
    coffee(),
    classifier,
    part="polygon:325,240,375,235,430,130,455,140,420,250,390,300,340,300",
    removals=["ad", "grey"],
)
for trial in spoon.trials:
    print(f"{trial.removal}: espresso {spoon.decision.probability:.1%}, without the spoon {trial.hidden.reading:.1%}")

# %%
# ``invert=True`` hides all *but* the part, ``unseen hide photo.jpg --part …`` does the same from the command line,
# and :doc:`/hide` has the rest.
