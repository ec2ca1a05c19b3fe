"""MAE-ZIP: a masked autoencoder's guess, moved until the classifier reads nothing from it.

Lymperopoulos, *A Study of Explainable AI: The Concept of Zero Information*, 2023, chapter 10, Eq. 56–60. The mask token
in the hidden slots gets an addend z, optimised for each photograph and mask. Where the thesis is silent or wrong, what
is done here:

* Optimiser and steps are not stated: Adam from z = 0, and the z of the smallest loss is taken, not the last.
* Eq. 58 takes M^lat ⊙ f^e(x) as the reference. Features there see beyond the visible part, so that the hidden part
  leaks into the picture through the loss. By default the reference features are those of the photograph with the hidden
  pixels replaced by the mean of the visible ones around them; or those of the visible part alone, the network's
  activations of the rest switched off.
* Eq. 58 masks the second term only, which also draws features of the hidden part to 0.
* Eq. 58 and 60 print squared norms. L_z is that, a sum over the addends of the hidden slots. L_F is a mean over the
  features unless ``norm=sum``, so that its weight does not hang on how large the network's last maps are.
* Weights are those of section 12.2; section 12.1 has 0.01 for the background.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Annotated, Literal
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unseen.classifier import Classifier
from unseen.classifier.adam import Adam, settled
from unseen.classifier.differentiation import differentiated
from unseen.classifier.fingerprint import revision
from unseen.errors import NotApplicableError
from unseen.removal.deactivation.activation import ActivationDeactivation
from unseen.removal.deactivation.features import Following, last_features
from unseen.removal.deactivation.masked_model import masked_model
from unseen.removal.fills.constant import ConstantFill
from unseen.removal.fills.painting import Solving
from unseen.removal.generative.autoencoder import Autoencoder, resampled
from unseen.removal.generative.masked_autoencoder import MaskedAutoencoder, assembled, check_photograph, visible_only
from unseen.removal.masked import MaskedForward
from unseen.removal.memory import digest
from unseen.system.options import Count, Meaning, Number, Positive
from unseen.system.spelling import spec

KEPT = 256
"""Pictures of one classifier that are kept, so that a mask that is asked for again is not optimised again."""

_KNOWN: WeakKeyDictionary[Classifier, OrderedDict[Hashable, tuple[Tensor, bool]]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Filled:
    """What the optimisation gave.

    Attributes:
        picture: x′ at the best step, in [0, 1].
        zero: x⁰ at the best step, in [0, 1] (Eq. 57).
        foreground: L_F at every step (Eq. 58), shape (steps, N), not weighted.
        background: L_B, minus an entropy in nats (Eq. 59); likewise.
        size: L_z (Eq. 60); likewise.
        total: the weighted sum.
        best: the step that was taken, for each photograph.
    """

    picture: Float[Tensor, "N 3 H W"]
    zero: Float[Tensor, "N 3 H W"]
    foreground: Float[Tensor, "T N"]
    background: Float[Tensor, "T N"]
    size: Float[Tensor, "T N"]
    total: Float[Tensor, "T N"]
    best: Int[Tensor, " N"]

    @property
    def settled(self) -> Bool[Tensor, " N"]:
        """See :func:`~unseen.classifier.adam.settled`."""
        return settled(self.total)


@dataclass(frozen=True)
class MaeZip(Solving, MaskedAutoencoder):
    """Hidden patches are painted by a masked autoencoder whose mask tokens are optimised to carry no information.

    It costs hundreds of passes a mask. The picture does not depend on what is hidden, unless the reference is the
    photograph. Gradients reach visible pixels only directly, not through the optimisation.

    Raises:
        ParameterError: a parameter outside its range.
        ModelError: (when bound) see :func:`~unseen.removal.generative.autoencoder.load_autoencoder`.
        NotApplicableError: (when bound) the network has no feature map with positions.
    """

    steps: Annotated[int, Count("how many steps the optimisation takes")] = 50
    rate: Annotated[float, Positive("Adam's rate of learning")] = 0.05
    foreground: Annotated[float, Number("the weight of L_F, which keeps the features of the visible part", 0)] = 10.0
    background: Annotated[
        float, Number("the weight of L_B, which makes the classifier undecided about the hidden part alone", 0)
    ] = 1.0
    minimal: Annotated[float, Number("the weight of L_z, which keeps z small", 0)] = 1e-4
    reference: Annotated[
        Literal["filled", "ad", "photograph"],
        Meaning(
            "whose features the visible part should keep: of the photograph with hidden pixels filled by their "
            "neighbours, of the visible part where ``ad`` switches off the rest, or of the photograph, which leaks"
        ),
    ] = "filled"
    norm: Annotated[
        Literal["mean", "sum"],
        Meaning(
            "what L_F is of the squared differences of features: their mean, or as printed (Eq. 58) their sum, which "
            "is as many times larger as there are features"
        ),
    ] = "mean"
    foreground_only: Annotated[
        bool, Meaning("whether features of the hidden part are left free; as printed they are drawn to 0")
    ] = False
    inside = True

    @property
    def content(self) -> str:
        """The checksum of the autoencoder's weights."""
        return MaskedAutoencoder(self.model).content

    @property
    def name(self) -> str:
        """``mae-zip:``, the model, and what is set otherwise than by default."""
        return spec("mae-zip", self, bare=True)

    def forward(self, classifier: Classifier, image: Float[Tensor, "C H W"]) -> MaskedForward:
        """See :meth:`Removal.forward`; whether there is an autoencoder, and a feature map to keep, is found now."""
        check_photograph(classifier, self.name)
        self.autoencoder(classifier.device)
        _followed(classifier, image)
        return super().forward(classifier, image)

    @property
    def shortfall(self) -> str:
        """See :meth:`Solving.shortfall`."""
        return "the loss of mae-zip was still falling when its steps were over; raise steps"

    def filled(
        self, classifier: Classifier, pixels: Float[Tensor, "N C H W"], masks: Float[Tensor, "N H W"]
    ) -> tuple[Float[Tensor, "N C H W"], Bool[Tensor, " N"]]:
        """See :meth:`Solving.filled`; what was painted is remembered, and where nothing is hidden nothing is."""
        autoencoder = self.autoencoder(classifier.device)
        with classifier.evaluating():  # what is remembered of a classifier belongs to one thread at a time, too
            return self._remembered(classifier, autoencoder, pixels, masks)

    def _remembered(
        self, classifier: Classifier, autoencoder: Autoencoder, pixels: Tensor, masks: Tensor
    ) -> tuple[Tensor, Tensor]:
        known = _KNOWN.setdefault(classifier, OrderedDict())
        state = self, autoencoder, revision(classifier.model)
        whole = [bool((mask > 0).all()) for mask in masks]
        keys = [(*state, digest(one.detach()), digest(mask)) for one, mask in zip(pixels, masks, strict=True)]
        asked = [number for number, key in enumerate(keys) if not whole[number] and key not in keys[:number]]
        new = [number for number in asked if keys[number] not in known]
        if new:
            filled = mae_zip(classifier, autoencoder, pixels[new].detach(), masks[new], self)
            made = zip(filled.picture.cpu(), filled.settled.tolist(), strict=True)
            known.update(zip((keys[number] for number in new), made, strict=True))
        for number in asked:
            known.move_to_end(keys[number])
        everything = zip(pixels, whole, keys, strict=True)
        pictures, settled = zip(
            *((one, True) if hides_nothing else known[key] for one, hides_nothing, key in everything), strict=True
        )
        while len(known) > KEPT:
            known.popitem(last=False)
        visible = masks[:, None] > 0
        if not self.paste:
            visible = visible.all(-1, keepdim=True).all(-2, keepdim=True)
        painted = torch.where(visible, pixels, torch.stack([picture.to(pixels) for picture in pictures]))
        return painted, torch.tensor(settled)


def mae_zip(
    classifier: Classifier,
    autoencoder: Autoencoder,
    pixels: Float[Tensor, "N 3 H W"],
    masks: Float[Tensor, "N H W"],
    removal: MaeZip,
) -> Filled:
    """Optimise z of all photographs at once, each for itself.

    Args:
        classifier: f; its parameters receive no gradients.
        autoencoder: gᵉ and gᵈ, on the same device.
        pixels: the photographs.
        masks: 1 visible, 0 hidden.
        removal: settings.

    Raises:
        NotApplicableError: the network has no feature map with positions.
    """
    pixels = pixels.to(classifier.device)
    size = (int(pixels.shape[2]), int(pixels.shape[3]))
    hidden = autoencoder.hidden(masks, removal.threshold)
    passed = _followed(classifier, pixels[0])
    with torch.no_grad(), classifier.frozen():
        around = visible_only(autoencoder, pixels, masks)
        slots = autoencoder.embed(autoencoder.prepared(around), hidden)
        blank = autoencoder.network.decoder.mask_token.expand_as(slots)
        reference = passed(pixels if removal.reference == "photograph" else around)[1]
        if removal.reference == "ad":
            seen = masks.flatten(1).any(1)  # what shows nothing has no features
            reference = torch.zeros_like(reference)
            if bool(seen.any()):
                reference[seen] = deactivated_features(passed, classifier, pixels[seen], masks[seen]).to(reference)
        kept = latent_mask(passed, masks, removal.threshold)
        reference = reference * kept

    def pictures(z: Tensor) -> tuple[Tensor, Tensor]:
        both = torch.cat([slots, blank]), torch.cat([hidden, hidden]), torch.cat([z, z])
        shown, zero = autoencoder.picture(autoencoder.decode(*both)).chunk(2)
        picture = assembled(autoencoder, pixels, masks, around, hidden, shown, paste=removal.paste)
        return picture, resampled(zero, size).clamp(0, 1).to(pixels)

    def losses(z: Tensor) -> Float[Tensor, "3 N"]:
        logits, features = passed(torch.cat(pictures(z)))  # one pass instead of two
        features, logits = features[: len(z)], logits[len(z) :]
        if removal.foreground_only:
            features = features * kept
        squares = (features - reference).float().square()
        logarithms = classifier.outputs.logs(logits.float())
        return torch.stack(
            [
                squares.mean(1) if removal.norm == "mean" else squares.sum(1),
                (logarithms.exp() * logarithms).sum(1),
                (z * hidden[..., None]).square().sum((1, 2)),
            ]
        )

    z = slots.new_zeros(len(slots), hidden.shape[1], slots.shape[2]).requires_grad_()
    weights = slots.new_tensor([removal.foreground, removal.background, removal.minimal])
    adam = Adam(z.detach())
    history, least, taken = [], slots.new_full((len(slots),), torch.inf), z.detach().clone()
    with torch.enable_grad(), classifier.frozen():
        for _ in range(removal.steps):
            parts = losses(z)
            total = weights @ parts
            if not bool(total.isfinite().all()):
                raise NotApplicableError(f"the losses of mae-zip on {classifier.name} are not finite; choose 'mae'")
            with torch.no_grad():
                better = total < least
                taken[better], least[better] = z[better], total[better]
            history.append(torch.cat([parts, total[None]]).detach())
            (slope,) = differentiated(classifier, total.sum(), [z])
            z = (z.detach() - adam(slope, removal.rate)).requires_grad_()
    with torch.no_grad():
        picture, zero = pictures(taken)
    foreground, background, length, totals = torch.stack(history, 1)
    return Filled(picture, zero, foreground, background, length, totals, totals.argmin(0))


def deactivated_features(
    followed: Following, classifier: Classifier, pixels: Float[Tensor, "N C H W"], masks: Float[Tensor, "N H W"]
) -> Float[Tensor, "N F"]:
    """The features of the visible parts, by Activation–Deactivation: no hidden pixel reaches them.

    A true cut-out in which windows see the neighbours that are on (``ad:pooled,fill=neighbour``), so that the maps are
    near what a picture can have.

    Raises:
        NotApplicableError: Activation–Deactivation has no rule for the network.
    """
    hiding, found = ActivationDeactivation("pooled", fill="neighbour"), []
    for image, mask in zip(pixels.detach().float(), masks > 0, strict=True):
        seeing = masked_model(hiding.bind(classifier, image), mask)
        found.append(followed.by(seeing, image)(image[None].to(classifier.device))[1].detach())
    return torch.cat(found).to(pixels)


def latent_mask(followed: Following, masks: Float[Tensor, "N H W"], threshold: float) -> Bool[Tensor, "N F"]:
    """M^lat: which features have less than the threshold hidden beneath them."""
    return followed.shares(1 - masks) < threshold - 1e-5


def _followed(classifier: Classifier, image: Float[Tensor, "3 H W"]) -> Following:
    """Passes that give logits and the last features on which the network's answer to this photograph depends."""
    masked = ConstantFill("grey").bind(classifier, image.detach().float())
    top = classifier.outputs.top(classifier.logits(image[None])[0])
    return Following(classifier, image, last_features(masked, top).maps)
