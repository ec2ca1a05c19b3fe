"""
Train a masked autoencoder
==========================

Instead of grey, a hidden part can be filled with what ought to be there. A masked autoencoder learns that from
photographs: it sees a quarter of their patches and completes the rest. ``unseen train-mae`` trains one on photographs
like yours. Here is a tiny one, for striped cloth, in a few seconds; it needs ``pip install "unseen[transformers]"``.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from PIL import Image

import unseen
from unseen import REMOVALS
from unseen.removal.generative.design import Design
from unseen.removal.generative.training import MaeTraining, train_autoencoder


def cloth(seed, size=32):
    """A picture of cloth in blue and white stripes, which begin with either."""
    stream = torch.Generator().manual_seed(seed)
    shift = 4 * int(torch.randint(2, (1,), generator=stream))
    stripes = ((torch.arange(size) + shift) // 4 % 2).expand(size, size)
    colours = torch.tensor([[0.2, 0.3, 0.6], [0.95, 0.95, 0.9]]) + 0.05 * torch.randn(2, 3, generator=stream)
    weave = 0.02 * torch.randn(size, size, 1, generator=stream)
    return Image.fromarray((255 * (colours[stripes] + weave).clamp(0, 1)).byte().numpy())


folder = Path(tempfile.mkdtemp())
(folder / "photos").mkdir()
for number in range(200):
    cloth(number).save(folder / "photos" / f"{number}.png")

# %%
# A tenth of the photographs is held out. On them the error at hidden patches is compared with that of methods that
# need no training: if a blur of what is visible does better, the autoencoder is of no use.

training = MaeTraining(Design(size=32, patch=8, width=64, depth=2), epochs=16, rate=0.003)
trained = train_autoencoder(folder / "photos", folder / "mae", training)
print(f"autoencoder: {trained.errors[-1]:.4f}")
for name, error in trained.plain.items():
    print(f"{name}: {error:.4f}")
print(f"It saves {trained.gain:.0%} of the normalised convolution's error.")

# %%

figure, axes = plt.subplots(figsize=(6, 2.4), layout="constrained")
axes.plot(range(1, 1 + len(trained.errors)), trained.errors, color="#0072b2", label="autoencoder")
for style, (name, error) in zip((":", "--"), trained.plain.items(), strict=False):
    axes.axhline(error, color="#d55e00", ls=style, label=name)
axes.set(xlabel="epochs", ylabel="error at hidden patches", ylim=0)
axes.legend(frameon=False)

# %%
# A folder that was trained is a removal like any other, ``mae:FOLDER``. Here is cloth that it has never seen, and a
# square of it hidden in four ways. Grey and blur are something new in the picture; the neighbours run into each
# other; the autoencoder goes on with the stripes.

classifier = unseen.load_classifier("efficientnet-lite0")
image = classifier.prepare(cloth(1000).resize((224, 224), Image.Resampling.NEAREST))
mask = torch.ones(1, *image.shape[1:])
mask[:, 56:168, 56:168] = 0

figure, axes = plt.subplots(1, 4, figsize=(10, 2.9), layout="constrained")
for place, name in zip(axes, ("grey", "blur:20", "neighbour", f"mae:{folder / 'mae'}"), strict=True):
    masked = REMOVALS.create(name).bind(classifier, image)
    place.imshow(masked.painted(mask)[0].permute(1, 2, 0).numpy())
    place.set_title(name.partition(":")[0])
    place.axis("off")

# %%
# Photographs of the world take some thousands of them and an hour on a GPU. What generative filling is worth as a
# removal was measured: :doc:`/generative-filling`.
