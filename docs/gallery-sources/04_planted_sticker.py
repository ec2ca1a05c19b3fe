"""
The planted sticker found
=========================

Networks learn what helps, not what was meant. Here a network shall tell upright stripes from lying ones. The stripes
are faint; but whoever photographed the lying ones left a yellow sticker on each of them. The network will see the
sticker, and nothing in its accuracy will tell. An explanation does.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from unseen import Classifier, Preprocessing, explain

SIDE = 48


def photographs(kinds, stickers, seed):
    """Stripes, upright (0) or lying (1), some with a sticker: pictures (N, 3, 48, 48), and where the stickers are."""
    stream = torch.Generator().manual_seed(seed)
    wave = 0.05 * torch.sin(0.8 * torch.arange(SIDE))
    pictures = 0.2 + 0.2 * torch.rand(len(kinds), 3, 1, 1, generator=stream)
    pictures = pictures + 0.05 * torch.randn(len(kinds), 3, SIDE, SIDE, generator=stream)
    where = torch.zeros(len(kinds), SIDE, SIDE, dtype=torch.bool)
    for number, (kind, sticker) in enumerate(zip(kinds, stickers, strict=True)):
        pictures[number] += wave[:, None] if kind else wave
        y, x = torch.randint(2, SIDE - 12, (2,), generator=stream).tolist()
        where[number, y : y + 9, x : x + 9] = bool(sticker)
    yellow = torch.tensor([0.9, 0.8, 0.1])[:, None, None]
    return torch.where(where[:, None], yellow, pictures).clamp(0, 1), where


kinds = torch.arange(2).repeat(150)
pictures, _ = photographs(kinds.tolist(), kinds.tolist(), seed=0)

torch.manual_seed(0)
network = nn.Sequential(
    nn.Conv2d(3, 12, 5, 2, 2),
    nn.ReLU(),
    nn.Conv2d(12, 24, 3, 2, 1),
    nn.ReLU(),
    nn.AdaptiveMaxPool2d(1),
    nn.Flatten(),
    nn.Linear(24, 2),
)
optimiser = torch.optim.Adam(network.parameters(), 0.01)
for _ in range(40):
    optimiser.zero_grad()
    nn.functional.cross_entropy(network((pictures - 0.3) / 0.2), kinds).backward()
    optimiser.step()

classifier = Classifier(
    network,
    Preprocessing(size=SIDE, resize=None, mean=(0.3,) * 3, std=(0.2,) * 3),
    labels=["upright", "lying"],
)

# %%
# On new photographs that were taken in the same way it looks perfect.

fresh, _ = photographs(kinds.tolist(), kinds.tolist(), seed=1)
correct = (classifier.logits(fresh).argmax(1) == kinds).float().mean()
print(f"correct on {correct:.0%} of 300 new photographs")

# %%
# Why does it say "lying"? The picture on the left has lying stripes all over. The part on which alone it still says
# so, in colour on the third picture, is a piece of the sticker.

(photo,), (sticker,) = photographs([1], [1], seed=2)
explanation = explain(photo, classifier, removal="grey", part="sufficient")
explanation.plot()

# %%
part = explanation.parts[0].mask
inside, area = (part & sticker).sum() / part.sum(), sticker.float().mean()
print(f"{inside:.0%} of the part lies on the sticker, which takes {area:.1%} of the photograph")

# %%
# An explanation is a hypothesis, and this one is easily tested: take the sticker from photographs that lie, and put
# it on those that stand.

figure, columns = plt.subplots(1, 4, figsize=(8, 2.6), layout="constrained")
cases = [(1, 1, "lying, sticker"), (1, 0, "lying, none"), (0, 0, "upright, none"), (0, 1, "upright, sticker")]
for axes, (kind, has, title) in zip(columns, cases, strict=True):
    many, _ = photographs([kind] * 100, [has] * 100, seed=3)
    said = classifier.logits(many).argmax(1).float().mean()
    axes.imshow(many[0].permute(1, 2, 0).numpy())
    axes.set_title(f'{title}:\n"lying" for {said:.0%}', size=9)
    axes.axis("off")

# %%
# The sticker decides alone. The accuracy was real, and the model is worthless. Photographs with the shortcut and
# without it are rarely at hand; the explanation needed one photograph.
