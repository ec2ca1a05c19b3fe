"""The criteria by name; ``unseen list criteria`` shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseen.registry import Entry, Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from unseen.criteria.verdict import Asked, Verdict

_IG = "Sundararajan, Taly & Yan, Axiomatic Attribution for Deep Networks, ICML 2017"
_SHAP = "Lundberg & Lee, A Unified Approach to Interpreting Model Predictions, NeurIPS 2017"
_LRP = "Bach et al., On Pixel-Wise Explanations by Layer-Wise Relevance Propagation, 2015"


def _criterion(target: str, summary: str, citation: str, maps: str) -> Entry:
    return Entry(f"unseen.criteria.{target}", summary, citation, f"{maps} maps")


CRITERIA: Registry[Callable[[Asked], Verdict]] = Registry(
    "criterion",
    "unseen.criteria",
    {
        "sensitivity-a": _criterion(
            "axioms:sensitivity_a",
            "the one feature in which photograph and baseline differ is credited if their scores differ",
            f"{_IG}, section 2.1",
            "2",
        ),
        "sensitivity-b": _criterion(
            "axioms:sensitivity_b",
            "a region on which the network does not depend is given nothing (dummy)",
            f"{_IG}, section 4; Shapley, A Value for n-Person Games, 1953",
            "4 to 20",
        ),
        "saturation": _criterion(
            "axioms:saturation",
            "a feature of which there is more than the score needs is credited all the same",
            "Shrikumar, Greenside & Kundaje, Learning Important Features Through Propagating Activation Differences, "
            "2017, figure 1",
            "1",
        ),
        "conservation": _criterion(
            "axioms:conservation",
            "the map adds up to the score, or to its difference from a baseline (completeness, local accuracy)",
            f"{_LRP}, equation 2; {_IG}, proposition 1; {_SHAP}, property 1",
            "6 to 24",
        ),
        "positivity": _criterion("axioms:positivity", "no value is negative", f"{_LRP}, definition 2", "6"),
        "symmetry": _criterion(
            "axioms:symmetry",
            "two features that the network treats alike, and that are alike, are given the same",
            f"{_IG}, section 4; Shapley, A Value for n-Person Games, 1953",
            "4 to 16",
        ),
        "linearity": _criterion(
            "pairs:linearity",
            "the map of a sum of networks is the sum of their maps",
            f"{_IG}, section 3; Shapley, A Value for n-Person Games, 1953",
            "6",
        ),
        "consistency": _criterion(
            "pairs:consistency",
            "a feature that adds more to another network, whatever else is shown, is given no less there",
            f"{_SHAP}, property 3",
            "12 to 48",
        ),
        "implementation-invariance": _criterion(
            "invariance:implementation_invariance",
            "two networks that compute the same function have the same map",
            f"{_IG}, section 2.2",
            "14",
        ),
        "input-shift": _criterion(
            "invariance:input_shift",
            "a constant added to the photograph, and taken back by the first bias, does not change the map",
            "Kindermans et al., The (Un)reliability of Saliency Methods, 2017",
            "4",
        ),
        "rotation": _criterion(
            "invariance:rotation",
            "of a photograph that is turned, and a network whose filters are turned, the map turns, too",
            "Crabbé & van der Schaar, Evaluating the Robustness of Interpretability Methods through Explanation "
            "Invariance and Equivariance, NeurIPS 2023",
            "6 to 36",
        ),
        "weak-dependence": _criterion(
            "invariance:weak_dependence",
            "within a piece of a piecewise linear network the map does not depend on the photograph",
            "Srinivas & Fleuret, Full-Gradient Representation for Neural Network Visualization, NeurIPS 2019, "
            "definition 2",
            "4",
        ),
        "continuity": _criterion(
            "invariance:continuity",
            "two photographs that approach each other have maps that do",
            "Fu et al., Axiom-based Grad-CAM, BMVC 2020; Montavon, Samek & Müller, Methods for interpreting and "
            "understanding deep neural networks, 2018, section 7.1",
            "16",
        ),
        "determinism": _criterion(
            "invariance:determinism", "the same seed gives the same map, to the last bit", "", "3"
        ),
    },
    contract="collections.abc:Callable",
    made=False,
)
"""What ``unseen check`` holds against methods."""
