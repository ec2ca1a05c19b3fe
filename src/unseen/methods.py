"""Ways of explaining a decision, by name; ``unseen list methods`` shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from unseen.registry import Entry, Registry, settable, written

if TYPE_CHECKING:
    from unseen.explanation import Findings
    from unseen.removal import MaskedClassifier


@runtime_checkable
class Method(Protocol):
    """A frozen dataclass whose fields are the method's parameters; calling it searches one photograph."""

    def __call__(
        self,
        masked: MaskedClassifier,
        target: int,
        *,
        confidence: Sequence[float] = (0.5,),
        seed: int = 0,
        parts: int = 1,
        contrastive: bool = False,
    ) -> Findings:
        """Explain why the model says class ``target`` of the photograph that ``masked`` shows it.

        Args:
            masked: masks (N, H, W) → logits (N, K).
            target: class index.
            confidence: thresholds γ in [0, 1]; a part is wanted for each.
            seed: of everything random.
            parts: how many disjoint parts are wanted per γ, at least 1.
            contrastive: whether hiding a part must also change the class.
        """


METHODS: Registry[Method] = Registry(
    "method",
    "unseen.methods",
    {
        "causal": Entry(
            "unseen.causal:Causal",
            "responsibility of every pixel by a causal search, and the smallest part found that suffices",
            "Chockler, Kelly & Kroening, Causal Explanations for Image Classifiers (ReX), 2024",
            "about 300 per photograph with a fill, 600 with ad",
        ),
        "lime": Entry(
            "unseen.attribution:Lime",
            "coefficients of a linear model of the score on which segments are shown",
            "Ribeiro, Singh & Guestrin, Why Should I Trust You? Explaining the Predictions of Any Classifier, KDD 2016",
            "1000 per photograph, and 70 for curves and parts",
        ),
        "occlusion": Entry(
            "unseen.attribution:Occlusion",
            "how far the score falls when a sliding window hides a part",
            "Zeiler & Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014",
            "about 200 per photograph, and 70 for curves and parts",
        ),
        "rise": Entry(
            "unseen.attribution:Rise",
            "the mean score of random masks that show a pixel",
            "Petsiuk, Das & Saenko, RISE: Randomized Input Sampling for Explanation of Black-box Models, BMVC 2018",
            "2000 per photograph, and 70 for curves and parts",
        ),
        "shapley": Entry(
            "unseen.attribution:Shapley",
            "fair shares of segments in the change of the score from all hidden to all shown",
            "Lundberg & Lee, A Unified Approach to Interpreting Model Predictions, NeurIPS 2017; "
            "Covert & Lee, Improving KernelSHAP, AISTATS 2021",
            "at most 2000 per photograph, and 70 for curves and parts",
        ),
    },
)


def spec_of(method: object) -> str:
    """The spec that makes ``METHODS.create`` build ``method`` again; its class's name if it is not registered."""
    kind = type(method)
    name = next((name for name in METHODS if METHODS[name].load() is kind), kind.__name__)
    values = {f.name: (getattr(method, f.name), f.default) for f in settable(method)}
    options = ",".join(f"{key}={written(value)}" for key, (value, default) in values.items() if value != default)
    return f"{name}:{options}" if options else name
