"""Methods that hand the logit back through the layers by rules of their own."""

from __future__ import annotations

from unseen.explainers.entry import map_entry

_SHRIKUMAR = (
    "Shrikumar, Greenside & Kundaje, Learning Important Features Through Propagating Activation Differences, 2017"
)

ENTRIES = {
    "lrp-epsilon": map_entry(
        "propagation.lrp:Lrp",
        "the logit handed back through the layers, in proportion to what each input contributed",
        "Bach et al., On Pixel-Wise Explanations by Layer-Wise Relevance Propagation, 2015, equation 58",
        variant="epsilon",
    ),
    "lrp-alpha-beta": map_entry(
        "propagation.lrp:Lrp",
        "the logit handed back through the layers, positive and negative contributions apart",
        "Bach et al., On Pixel-Wise Explanations by Layer-Wise Relevance Propagation, 2015, equation 60",
        variant="alpha-beta",
    ),
    "lrp-gamma": map_entry(
        "propagation.lrp:Lrp",
        "the logit handed back through the layers, positive contributions favoured",
        "Montavon et al., Layer-Wise Relevance Propagation: An Overview, 2019",
        variant="gamma",
    ),
    "attn-lrp": map_entry(
        "propagation.lrp:AttnLrp",
        "the logit handed back through a transformer's layers, by way of attention weights, too",
        "Achtibat et al., AttnLRP: Attention-Aware Layer-Wise Relevance Propagation for Transformers, ICML 2024",
    ),
    "deep-taylor": map_entry(
        "propagation.lrp:Lrp",
        "the logit handed back by Taylor expansions at the layers of a ReLU network",
        "Montavon et al., Explaining nonlinear classification decisions with deep Taylor decomposition, 2017",
        variant="deep-taylor",
    ),
    "deeplift": map_entry(
        "propagation.deeplift:DeepLift",
        "how each pixel's difference from a baseline changes the logit, by differences of activations",
        _SHRIKUMAR,
        "1 and 1 with a gradient",
    ),
    "deepshap": map_entry(
        "propagation.deeplift:DeepShap",
        "the same, averaged over many baselines",
        "Lundberg & Lee, A Unified Approach to Interpreting Model Predictions, NeurIPS 2017, section 4.2",
        "25 and 25 with a gradient",
    ),
    "fullgrad": map_entry(
        "propagation.fullgrad:FullGrad",
        "what the photograph and every bias of the network adds to the logit, each by its gradient",
        "Srinivas & Fleuret, Full-Gradient Representation for Neural Network Visualization, NeurIPS 2019",
        "1 and 1 with a gradient",
    ),
}
