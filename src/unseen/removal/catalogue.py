"""The removals by name; ``unseen list removals`` shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseen.registry import Entry, Registry

if TYPE_CHECKING:
    from unseen.removal.masked import Removal

_ACTIVATION_DEACTIVATION = "Chanchal, Kelly & Chockler, Activation-Deactivation"
_ZERO_INFORMATION = "Lymperopoulos, A Study of Explainable AI: The Concept of Zero Information, 2023"


def _fill(colour: str, summary: str, citation: str = "") -> Entry:
    return Entry("unseen.removal.fills.constant:ConstantFill", summary, citation, "1 per mask", {"colour": colour})


def _inpainting(algorithm: str, citation: str) -> Entry:
    summary = "what is visible, continued inwards by OpenCV (extra: inpainting)"
    return Entry(
        "unseen.removal.fills.inpainting:Inpainting", summary, citation, "1 per mask", {"algorithm": algorithm}
    )


REMOVALS: Registry[Removal] = Registry(
    "removal",
    "unseen.removals",
    {
        "ad": Entry(
            "unseen.removal.deactivation.activation:ActivationDeactivation",
            "switch off the activations that depend on the hidden part; nothing is painted",
            f"{_ACTIVATION_DEACTIVATION}, Definition 5 and Algorithm 1",
            "1 per mask",
        ),
        "zero": _fill(
            "zero", "0 after normalisation: the training data's mean colour", f"{_ACTIVATION_DEACTIVATION}, section 5"
        ),
        "min": _fill(
            "min",
            "the minimum of the normalised photograph, in every channel",
            f"{_ACTIVATION_DEACTIVATION}, section 5",
        ),
        "max": _fill(
            "max",
            "the maximum of the normalised photograph, in every channel",
            f"{_ACTIVATION_DEACTIVATION}, section 5",
        ),
        "mean": _fill(
            "mean", "the mean of the normalised photograph, in every channel", f"{_ACTIVATION_DEACTIVATION}, section 5"
        ),
        "black": _fill("black", "black pixels"),
        "white": _fill("white", "white pixels"),
        "grey": _fill("grey", "mid-grey pixels (0.5)"),
        "channel-mean": _fill("channel-mean", "the photograph's mean colour"),
        "blur": Entry(
            "unseen.removal.fills.blur:Blur",
            "the photograph out of focus: a Gaussian of so many pixels' standard deviation",
            "Petsiuk et al., RISE, BMVC 2018, section 4; Fong & Vedaldi, ICCV 2017",
            "1 per mask",
        ),
        "linear": Entry(
            "unseen.removal.fills.linear:LinearImputation",
            "the weighted mean of the neighbours, solved for all hidden pixels together, and a little noise",
            "Rong et al., A Consistent and Efficient Evaluation Strategy for Attribution Methods (ROAD), ICML 2022, "
            "section 5",
            "1 per mask",
        ),
        "mae": Entry(
            "unseen.removal.generative.masked_autoencoder:MaskedAutoencoder",
            "what a masked autoencoder expects there; needs a model: mae:FOLDER or mae:facebook/vit-mae-base",
            "He et al., Masked Autoencoders Are Scalable Vision Learners, CVPR 2022",
            "1 per mask, and as many passes of the autoencoder",
        ),
        "mae-zip": Entry(
            "unseen.removal.generative.mae_zip:MaeZip",
            "what a masked autoencoder expects there, moved until it tells of no class; needs a model, as mae does",
            f"{_ZERO_INFORMATION}, chapter 10, Eq. 56–60",
            "1 per mask, after 50 steps of two passes forward and backward",
        ),
        "noise": Entry(
            "unseen.removal.fills.noise:Noise",
            "random numbers, uniform or around the photograph's mean colour",
            f"{_ZERO_INFORMATION}, section 6.2",
            "1 per mask",
        ),
        "add-noise": Entry(
            "unseen.removal.fills.noise:AddedNoise",
            "the photograph and noise on top of it",
            f"{_ZERO_INFORMATION}, section 6.2",
            "1 per mask",
        ),
        "max-distance": Entry(
            "unseen.removal.fills.distance:MaxDistance",
            "0 or 1 in every channel, whichever is farther",
            "Sturmfels, Lundberg & Lee, Visualizing the Impact of Feature Attribution Baselines, Distill 2020",
            "1 per mask",
        ),
        "averaged-max-distance": Entry(
            "unseen.removal.fills.distance:AveragedMaxDistance",
            "the mean score over random images that are far from the photograph in every value",
            f"{_ZERO_INFORMATION}, section 6.2; its reading is ours",
            "count (8) per mask",
        ),
        "neighbour": Entry(
            "unseen.removal.fills.neighbour:Neighbour",
            "the Gaussian-weighted mean of what is visible nearby, wider where nothing is",
            "Knutsson & Westin, Normalized and Differential Convolution, CVPR 1993",
            "1 per mask",
        ),
        "telea": _inpainting("telea", "Telea, An Image Inpainting Technique Based on the Fast Marching Method, 2004"),
        "navier-stokes": _inpainting(
            "navier-stokes",
            "Bertalmio, Bertozzi & Sapiro, Navier–Stokes, Fluid Dynamics, and Image and Video Inpainting, CVPR 2001",
        ),
        "marginal": Entry(
            "unseen.removal.fills.marginal:Marginal",
            "the mean score over other photographs in the hidden part (marginal:FOLDER)",
            f"{_ZERO_INFORMATION}, section 7.2.3, Eq. 45; Sundararajan & Najmi, The Many Shapley Values for Model "
            "Explanation, ICML 2020",
            "count (8) per mask",
        ),
        "donor": Entry(
            "unseen.removal.fills.donor:Donor",
            "one other photograph in the hidden part, a different one for every mask (donor:FOLDER)",
            f"after {_ACTIVATION_DEACTIVATION}, Definitions 1 and 2",
            "1 per mask",
        ),
        "dataset-mean": Entry(
            "unseen.removal.fills.dataset_mean:DatasetMean",
            "the mean image of a folder of photographs (dataset-mean:FOLDER)",
            f"{_ZERO_INFORMATION}, section 7.2",
            "1 per mask",
        ),
        "zip": Entry(
            "unseen.removal.zero_information.removals:Addition",
            "what changes nothing where it is added, and says nothing alone; optimised for every mask",
            f"{_ZERO_INFORMATION}, section 9.4, Algorithm 2",
            "40 to 200 with a gradient per mask, and 6",
        ),
        "zip-decomposition": Entry(
            "unseen.removal.zero_information.removals:Decomposition",
            "an image that says nothing, with which both parts add up to the photograph; optimised for every mask",
            f"{_ZERO_INFORMATION}, section 9.7, Eq. 52",
            "90 to 900 with a gradient per mask, and 7",
        ),
    },
    contract="unseen.removal.masked:Removal",
)
"""What ``unseen list removals`` lists, and ``removal=`` takes."""
