"""Layer-wise relevance propagation: the score handed back from layer to layer, to each input by its share.

Sources: Bach et al., *On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance
Propagation*, PLOS ONE 2015 (ε, equation 58; αβ, equation 60); Montavon et al., *Layer-Wise Relevance Propagation: An
Overview*, 2019 (γ, table 1); Montavon et al., *Explaining nonlinear classification decisions with deep Taylor
decomposition*, Pattern Recognition 2017 (z⁺ and z^B). For what these leave open: gates and attention weights are held
constant, as are the standard deviations of normalisations (Ali et al., *XAI for Transformers*, ICML 2022), and the
relevance of a product of two signals is halved between them (Achtibat et al., *AttnLRP*, ICML 2024, propositions 3.2
and 3.3). Under that paper's rules attention weights get relevance, too, and hand it on through the softmax (proposition
3.1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.differentiation import differentiated
from unseen.errors import NotApplicableError
from unseen.explainers.gradients.derivatives import over_channels
from unseen.explainers.gradients.gradient import FromGradients
from unseen.explainers.propagation.lrp_pass import Relevance, RelevanceShares
from unseen.explainers.propagation.lrp_rules import ATTENTION_RULES, GATED, RULES
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explanation import Findings
from unseen.removal import MaskedClassifier

_LITTLE = 0.1
"""Share of the logit below which it is said that hardly anything reaches the pixels."""


def relevance(
    masked: MaskedClassifier, target: int, shares: RelevanceShares
) -> tuple[Float[Tensor, "C *space"], dict[str, float]]:
    """Relevance of every value of the network's normalised input for the logit of a class.

    Dense layers on vectors, as in a head, take the ε rule under every variant but ``deep-taylor``. Batch norms are
    folded into the layer before them. Biases, class tokens and other constants absorb relevance.

    Args:
        masked: the classifier and its photograph.
        target: class index.
        shares: the rule of weighted layers.

    Returns:
        Relevance, float32, and where it went: ``logit`` = ``relevance`` + ``absorbed`` + ``gap``, the last by rounding.

    Raises:
        NotApplicableError: the network has a function without a rule, or, for ``deep-taylor``, another activation than
            rectifiers, no layer that reads the photograph directly, or a logit that is not positive.
    """
    classifier = masked.classifier

    def evaluate(first: int, last: int) -> tuple[Tensor, dict[str, float]]:
        del first, last
        with torch.no_grad():
            inputs = classifier.normalise(masked.image[None])
            extremes = (classifier.normalise(torch.full_like(masked.image[None], colour)) for colour in (0.0, 1.0))
            low, high = (extreme.clone().requires_grad_() for extreme in extremes)
        run = Relevance(ATTENTION_RULES if shares.attends else RULES, GATED, shares, classifier, (low, high))
        with classifier.frozen(), torch.enable_grad():
            entered = inputs.clone().requires_grad_()
            output = classifier.call(run.enter(entered), run)
            logit = _logit(run, classifier.check(output, 1, run)[0, target])
            leaves = (entered, low, high) if run.boxed else (entered,)
            derivatives = differentiated(classifier, logit, leaves)
        found = sum(
            (leaf.detach() * slope for leaf, slope in zip(leaves, derivatives, strict=True)),
            torch.zeros((), dtype=torch.float32),
        )
        value, total = float(logit.detach()), float(found.double().sum())
        record = {"logit": value, "relevance": total, "absorbed": run.absorbed, "gap": value - total - run.absorbed}
        return found[0].float().cpu(), record

    (result,) = masked.in_batches(1, evaluate)
    return result


def _logit(run: Relevance, logit: Tensor) -> Tensor:
    if not logit.requires_grad:
        raise run.refusal("the output", "depends on the photograph only through what weighs signals, or not at all")
    if run.shares.variant == "deep-taylor":
        if not run.boxed:
            raise run.refusal(
                "the input", "is changed before the first layer with weights, which the z^B rule takes as is"
            )
        if float(logit.detach()) <= 0:
            raise NotApplicableError(
                f"deep-taylor decomposes a positive logit, and this is {float(logit.detach()):.3g}; "
                "explain a class whose logit is positive, or choose 'lrp-epsilon'"
            )
    return logit


@dataclass(frozen=True)
class Lrp(FromGradients, RelevanceShares):
    """Layer-wise relevance propagation: the logit handed back from layer to layer.

    Raises:
        ParameterError: an option outside its range.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.propagation.lrp import Lrp
        >>> saliency = map_of(Lrp("epsilon"), masked, target=0)
        >>> saliency.sum()  # the logit: without biases nothing is lost on the way
        tensor(6.2500)
    """

    score: Literal["logit"] = field(default="logit", init=False)
    stage: ClassVar[str] = "relevance"

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`relevance`."""
        del seed, domain
        found, record = relevance(evaluate.masked, evaluate.target, self)
        share = record["relevance"] / record["logit"] if record["logit"] else 0.0
        notes = (f"of the logit {record['logit']:.3g}, {100 * share:.2g} % reaches the pixels; biases take the rest",)
        return Findings(over_channels(found, self.channels), notes=notes if abs(share) < _LITTLE else (), record=record)


@dataclass(frozen=True)
class AttnLrp(Lrp):
    """Layer-wise relevance propagation in which attention weights, too, get relevance: queries and keys as values do.

    Source: Achtibat et al., *AttnLRP: Attention-Aware Layer-Wise Relevance Propagation for Transformers*, ICML 2024,
    proposition 3.1 (softmax), 3.2 and 3.3 (products). In a network without attention it is :class:`Lrp`.

    Raises:
        ParameterError: an option outside its range.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.propagation.lrp import AttnLrp, Lrp
        >>> held, found = (map_of(method, transformer, target=0) for method in (Lrp(), AttnLrp()))
        >>> held.shape, torch.equal(held, found)
        (torch.Size([32, 32]), False)
    """

    attends: ClassVar[bool] = True
