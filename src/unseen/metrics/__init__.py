"""Judges of explanations; ``unseen list metrics`` shows them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from unseen.registry import Entry, Registry

Need = Literal["method", "gradients", "annotation", "retraining", "set"]
"""What a metric needs besides the map: the method that made it, to ask it again; the network's gradients; the object's
pixels; networks trained anew; other photographs."""


@dataclass(frozen=True, kw_only=True)
class MetricEntry(Entry):
    """What is known of a metric without importing it.

    Attributes:
        judges: ``map`` for a :class:`~unseen.metrics.case.Metric`; ``part`` for what judges the parts that suffice,
            one for each γ; ``training`` for what has a driver of its own, ``unseen retrain``.
        better: which values are better; empty where neither is.
        range: the values that are possible.
        needs: see :data:`Need`.
        weakness: what it is known to get wrong.
        over: for a metric whose values are classes that the model names: ``module:function`` that makes one number of
            those of a set and of the explained classes, (N,) each; empty where the set's number is the mean.
    """

    judges: Literal["map", "part", "training"] = "map"
    better: Literal["higher", "lower", ""]
    range: str
    needs: tuple[Need, ...] = ()
    weakness: str
    over: str = ""

    def over_set(self, values: Sequence[float], targets: Sequence[int]) -> float:
        """The number of a set of photographs: by :attr:`over`, or the mean."""
        if not self.over:
            return sum(values) / len(values)
        module, _, attribute = self.over.partition(":")
        return float(getattr(importlib.import_module(module), attribute)(values, targets))

    @property
    def remarks(self) -> tuple[str, ...]:
        """Also which values are better, what it needs and what it gets wrong."""
        better = f"{self.better} is better" if self.better else "not for ranking"
        needs = f"; needs: {', '.join(self.needs)}" if self.needs else ""
        return (*super().remarks, f"{better}, {self.range}{needs}; weakness: {self.weakness}")


_HOOKER = "Hooker et al., A Benchmark for Interpretability Methods in Deep Neural Networks, NeurIPS 2019, section 3"
_SEED_001 = "Chanchal, Kelly & Chockler, Activation-Deactivation"
_RISE = "Petsiuk, Das & Saenko, RISE, BMVC 2018, section 4"
_GOMEZ = "Gomez, Fréour & Mouchère, Metrics for saliency map evaluation, ICPRAI 2022"
_GRAD_CAM_PP = "Chattopadhay et al., Grad-CAM++, WACV 2018, section 4"
_SOFT_COST = "2; 9 where masks must be hard"
_SEED_002 = "Lymperopoulos, A Study of Explainable AI: The Concept of Zero Information, 2023"
_YEH = "Yeh et al., On the (In)fidelity and Sensitivity of Explanations, NeurIPS 2019"
_POPPI = "Poppi et al., Revisiting the Evaluation of Class Activation Mapping for Explainability, CVPRW 2021"

_ROAD: tuple[tuple[str, str, str, str, Literal["higher", "lower"], str], ...] = (
    (
        "road",
        "combined",
        "half the difference between how often the class is kept without the least and without the most salient pixels",
        "18",
        "higher",
        "−0.5 to 0.5",
    ),
    ("road-morf", "morf", "how often the class is kept as the most salient pixels are hidden", "9", "lower", "0 to 1"),
    (
        "road-lerf",
        "lerf",
        "how often the class is kept as the least salient pixels are hidden",
        "9",
        "higher",
        "0 to 1",
    ),
)

_PASSES = "at most 169, most with gradients"
_ROBUSTNESS_S: tuple[tuple[str, str, str, str, Literal["higher", "lower"], str], ...] = (
    (
        "robustness-s",
        "balance",
        "the smallest change outside the salient pixels that changes the class, as a share of that and the one inside",
        "at most 338, most with gradients",
        "higher",
        "0 to 1",
    ),
    (
        "robustness-s-inside",
        "inside",
        "norm of the smallest change of the salient pixels that changes the class",
        _PASSES,
        "lower",
        "above 0, infinite where none was found",
    ),
    (
        "robustness-s-outside",
        "outside",
        "norm of the smallest change of all but the salient pixels that changes the class",
        _PASSES,
        "higher",
        "above 0, infinite where none was found",
    ),
)

_VASU = "Vasu & Long, Iterative and Adaptive Sampling with Spatial Attention, WACV 2020"
_KHAKZAR = "Khakzar et al., Do Explanations Explain? Model Knows Best, CVPR 2022"
_PEOPLE = "measures agreement with people, whom the model need not follow"
_OPTIMISED = "patches are adversarial, on noise; what is null when hidden may still have a gradient or a probability"

METRICS: Registry[Any] = Registry(
    "metric",
    "unseen.metrics",
    {
        "size": MetricEntry(
            "unseen.metrics.parts:size",
            "share of the photograph's pixels that the part shows",
            f"{_SEED_001}, 5.3",
            "0",
            judges="part",
            better="lower",
            range="0 to 1",
            weakness="says nothing of what the part is worth elsewhere",
        ),
        "confidence": MetricEntry(
            "unseen.metrics.parts:confidence",
            "probability of the class on the part alone, over that on the photograph",
            f"{_SEED_001}, 5.4",
            "0",
            judges="part",
            better="higher",
            range="0 and more",
            weakness="larger parts have more of it",
        ),
        "confidence-distance": MetricEntry(
            "unseen.metrics.parts:confidence_distance",
            "how far that is from the γ that was asked for",
            f"{_SEED_001}, 5.4",
            "0",
            judges="part",
            better="lower",
            range="0 and more",
            weakness="tells how fine the search is, not how good the part",
        ),
        "robustness-colours": MetricEntry(
            "unseen.metrics.robustness:SolidColours",
            "share of solid colours (K1) on which the unmodified network names the class of the planted part",
            f"{_SEED_001}, Definition 2 and 5.1",
            "1 per colour and part",
            judges="part",
            better="higher",
            range="0 to 1",
            weakness="favours parts that were found on a solid colour, and larger parts",
        ),
        "robustness-photos": MetricEntry(
            "unseen.metrics.robustness:OtherPhotographs",
            "the same on photographs of other classes (K2)",
            f"{_SEED_001}, Definition 2 and 5.2",
            "1 per photograph and part, 1 per photograph to know its class",
            judges="part",
            better="higher",
            range="0 to 1",
            needs=("set",),
            weakness="favours larger parts",
        ),
        "deletion": MetricEntry(
            "unseen.metrics.curves:Deletion",
            "area under the score while pixels are hidden, most salient first",
            f"{_RISE}; Lymperopoulos 2023, 4.3.5 (which has the direction wrong)",
            "steps + 1, two of them shared with insertion",
            better="lower",
            range="0 to 1 for probabilities, more if normalised",
            weakness="ignores saliency values; half-hidden photographs are like none; rewards what breaks the model",
        ),
        "insertion": MetricEntry(
            "unseen.metrics.curves:Insertion",
            "area under the score while pixels are shown, most salient first",
            f"{_RISE}; Lymperopoulos 2023, 4.3.5",
            "steps + 1, two of them shared with deletion",
            better="higher",
            range="0 to 1 for probabilities, more if normalised",
            weakness="ignores saliency values; favours compact maps; what it begins from decides much",
        ),
        "deletion-correlation": MetricEntry(
            "unseen.metrics.curves:DeletionCorrelation",
            "correlation of each step's loss of score with its mean saliency, while pixels are hidden",
            f"{_GOMEZ}; Lymperopoulos 2023, 4.3.6",
            "steps + 1, all of them shared with deletion",
            better="higher",
            range="-1 to 1",
            weakness="few steps decide it where the score falls at once; half-hidden photographs are like none",
        ),
        "insertion-correlation": MetricEntry(
            "unseen.metrics.curves:InsertionCorrelation",
            "correlation of each step's gain of score with its mean saliency, while pixels are shown",
            f"{_GOMEZ}; Lymperopoulos 2023, 4.3.6",
            "steps + 1, all of them shared with insertion",
            better="higher",
            range="-1 to 1",
            weakness="a model that needs several parts before it is sure gains late, where saliency is low",
        ),
        "pixel-level": MetricEntry(
            "unseen.metrics.pixel_level:PixelLevel",
            "another metric over the number of activated pixels; for reproducing IASSA's table, not for ranking",
            "Vasu & Long, IASSA, WACV 2020, 4.1 and Table 1",
            "that of the other metric, shared with it",
            better="",
            range="that of the other metric, in much smaller numbers; 0 and more for deletion",
            weakness="rewards maps for their size: large ones under deletion, tiny ones elsewhere; never rank by it",
        ),
        "average-drop": MetricEntry(
            "unseen.metrics.drop:AverageDrop",
            "share of the probability lost when only what the map marks is shown, as a soft mask",
            f"{_GRAD_CAM_PP}; Lymperopoulos 2023, equation 31 (which lacks 1/N and gives both directions)",
            _SOFT_COST,
            better="lower",
            range="0 to 1",
            weakness="a map that marks everything is perfect; blends of photograph and fill are unlike any photograph",
        ),
        "increase-in-confidence": MetricEntry(
            "unseen.metrics.drop:IncreaseInConfidence",
            "whether the class is more probable when only what the map marks is shown",
            f"{_GRAD_CAM_PP}; Lymperopoulos 2023, 4.3.1",
            f"{_SOFT_COST}, shared with average-drop",
            better="higher",
            range="0 or 1",
            weakness="the least increase counts as much as the largest; sure photographs can hardly have one",
        ),
        "average-gain": MetricEntry(
            "unseen.metrics.drop:AverageGain",
            "share of the doubt that goes when only what the map marks is shown",
            "Zhang et al., Opti-CAM, CVIU 2024, section 4",
            f"{_SOFT_COST}, shared with average-drop",
            better="higher",
            range="0 to 1",
            weakness="near a probability of 1 tiny differences decide; maps can be optimised for it, as Opti-CAM's are",
        ),
        "top-k-ablation": MetricEntry(
            "unseen.metrics.ablation:TopKAblation",
            "the class that the network names when only the top of the map is visible; over a set, its F1",
            "Haug et al., On Baselines for Local Feature Attributions, 2021; Lymperopoulos 2023, 4.3.2",
            "1",
            better="higher",
            range="0 to 1 over a set; of one photograph a class",
            needs=("set",),
            weakness="one cut for all photographs; tells as much of the removal as of the map",
            over="unseen.metrics.ablation:macro_f1",
        ),
        "average-sensitivity": MetricEntry(
            "unseen.metrics.sensitivity:Sensitivity",
            "mean change of the map, relative to it, when the photograph hardly changes",
            f"Bhatt, Weller & Moura, Evaluating and Aggregating Feature-based Model Explanations, IJCAI 2020; {_YEH}",
            "the method's own, 10 times",
            {"statistic": "mean"},
            better="lower",
            range="0 and more",
            needs=("method",),
            weakness="a map that ignores the photograph wins",
        ),
        "max-sensitivity": MetricEntry(
            "unseen.metrics.sensitivity:Sensitivity",
            "largest change of the map, relative to it, when the photograph hardly changes",
            f"{_YEH}, Definition 3.1",
            "the method's own, 10 times",
            {"statistic": "max"},
            better="lower",
            range="0 and more",
            needs=("method",),
            weakness="a map that ignores the photograph wins; grows with the number of samples",
        ),
        "coherency": MetricEntry(
            "unseen.metrics.coherency:Coherency",
            "correlation of the map with that of the photograph seen through it, scaled to 0 … 1",
            f"{_POPPI}; {_SEED_002}, Eq. 33",
            "the method's own, once",
            better="higher",
            range="0 to 1",
            needs=("method",),
            weakness="a map that ignores the photograph wins; 0.5 is no correlation; needs a removal with soft masks",
        ),
        "complexity": MetricEntry(
            "unseen.metrics.coherency:Complexity",
            "mean of the map after min–max scaling: how much of the photograph it claims",
            _POPPI,
            "0",
            better="lower",
            range="0 to 1",
            weakness="one bright pixel anywhere wins; for a signed map zero is not low",
        ),
        "adcc": MetricEntry(
            "unseen.metrics.coherency:Adcc",
            "harmonic mean of coherency, 1 − complexity and 1 − average drop",
            f"{_POPPI}; {_SEED_002}, 4.3.7",
            "2, and the method's own once",
            better="higher",
            range="0 to 1",
            needs=("method",),
            weakness="inherits the bias of the fill in two of its three parts; needs a removal with soft masks",
        ),
        "parameter-randomisation": MetricEntry(
            "unseen.metrics.randomisation:ParameterRandomisation",
            "similarity of the map to those of the network with more and more layers drawn anew",
            "Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018, section 3",
            "the method's own, 8 times",
            better="lower",
            range="-1 to 1",
            needs=("method",),
            weakness="noisy maps win; the order of layers decides how much of the network is left; randomised networks "
            "whose map is empty are left out",
        ),
        "attmask": MetricEntry(
            "unseen.metrics.zero_information:AttMask",
            "how far hiding changes the map of what stays visible and leaves any on what is hidden",
            f"{_SEED_002}, Eq. 62",
            "the method's own, once",
            better="lower",
            range="0 to 1, to 4 for maps with negative values",
            needs=("method",),
            weakness="judges the removal, by a map that is itself not known to be right",
        ),
        "attribution-shift": MetricEntry(
            "unseen.metrics.attribution_shift:AttributionShift",
            "1 − correlation of the visible squares' saliency before and after the rest is hidden",
            f"{_SEED_002}, 6.5 (idea; the formula is ours)",
            "the method's own, once",
            better="lower",
            range="0 to 2; 1 is nothing in common",
            needs=("method",),
            weakness="a map that ignores the network may win; noisy maps shift most; judges the removal and the method "
            "together",
        ),
        "accuracy-preservation": MetricEntry(
            "unseen.metrics.zero_information:AccuracyPreservation",
            "whether the network names the same class when only the top of the map is visible",
            f"{_SEED_002}, Eq. 63",
            "2",
            better="higher",
            range="0 or 1; its mean over photographs is the paper's",
            weakness="judges the removal as much as the map; one bit for each photograph",
        ),
        "sensitivity-n": MetricEntry(
            "unseen.metrics.faithfulness:SensitivityN",
            "correlation of the map's sum over random patches with the drop of the score when they are hidden",
            "Ancona et al., Towards Better Understanding of Gradient-Based Attribution Methods, ICLR 2018, section 4; "
            "at one n also the faithfulness correlation of Bhatt et al., Evaluating and Aggregating Feature-Based "
            "Model Explanations, IJCAI 2020, Eq. 2",
            "1 per subset, 1 for the photograph",
            better="higher",
            range="−1 to 1",
            weakness="judges only hiding that is scattered; noisy: a standard error of 1/√subsets",
        ),
        "infidelity": MetricEntry(
            "unseen.metrics.faithfulness:Infidelity",
            "squared distance of the map's sum over a random square from the drop of the score when it is hidden",
            "Yeh et al., On the (In)fidelity and Sensitivity of Explanations, NeurIPS 2019, Definition 2.1",
            "1 per square, 1 for the photograph",
            better="lower",
            range="0 to 1; 0 and more where not relative",
            weakness="favours maps made by hiding squares of that size",
        ),
        **{
            name: MetricEntry(
                "unseen.metrics.road:Road",
                summary,
                "Rong et al., A Consistent and Efficient Evaluation Strategy for Attribution Methods (ROAD), ICML 2022",
                cost,
                {"order": order},
                better=better,
                range=values,
                weakness="the paper's only under the removal 'linear'; few values on a single photograph",
            )
            for name, order, summary, cost, better, values in _ROAD
        },
        **{
            name: MetricEntry(
                "unseen.metrics.robustness_s:RobustnessS",
                summary,
                "Hsieh et al., Evaluations and Methods for Explanation through Robustness Analysis, ICLR 2021",
                cost,
                {"region": region},
                better=better,
                range=values,
                needs=("gradients",),
                weakness="an upper bound by an attack that follows gradients, and so favours maps of gradients; "
                "imperceptible changes say little of what is seen",
            )
            for name, region, summary, cost, better, values in _ROBUSTNESS_S
        },
        "pointing-game": MetricEntry(
            "unseen.metrics.localisation:PointingGame",
            "whether the map's maximum lies on the object, or within a tolerance of it",
            "Zhang et al., Top-down Neural Attention by Excitation Backprop, IJCV 2018; "
            "Lymperopoulos 2023, 4.2.1, Eq. 28",
            "0",
            better="higher",
            range="0 to 1",
            needs=("annotation",),
            weakness=_PEOPLE + ", and looks at a single pixel",
        ),
        "localisation-energy": MetricEntry(
            "unseen.metrics.localisation:LocalisationEnergy",
            "share of the positive saliency that lies on the object (energy-based pointing game)",
            "Wang et al., Score-CAM: Score-Weighted Visual Explanations for CNNs, CVPR workshops 2020, 4.3",
            "0",
            better="higher",
            range="0 to 1",
            needs=("annotation",),
            weakness=_PEOPLE + ", and favours large objects",
        ),
        "rank-accuracy": MetricEntry(
            "unseen.metrics.localisation:RankAccuracy",
            "share of the highest pixels that lies on the object, as many as it has (or the top k)",
            "Arras, Osman & Samek, CLEVR-XAI, Information Fusion 2022",
            "0",
            better="higher",
            range="0 to 1",
            needs=("annotation",),
            weakness=_PEOPLE + ", and favours large objects",
        ),
        "iou": MetricEntry(
            "unseen.metrics.localisation:IoU",
            "intersection over union of the object and of what lies above a share of the map's maximum",
            f"{_VASU}, Eq. 8 and 4.1",
            "0",
            better="higher",
            range="0 to 1",
            needs=("annotation",),
            weakness=_PEOPLE + ", and depends on the threshold, which suits smooth maps",
        ),
        "f1": MetricEntry(
            "unseen.metrics.localisation:F1",
            "F1 of the object's pixels by what lies above a share of the map's maximum; 2·IoU / (1 + IoU)",
            f"{_VASU}, Eq. 8 and 4.1",
            "0",
            better="higher",
            range="0 to 1",
            needs=("annotation",),
            weakness=_PEOPLE + ", and ranks single maps as IoU does",
        ),
        "grid-pointing": MetricEntry(
            "unseen.metrics.grid:GridPointing",
            "share of the positive saliency on the photograph's own cell in a grid with photographs of other classes",
            "Böhle, Fritz & Schiele, Convolutional Dynamic Alignment Networks for Interpretable Classifications, "
            "CVPR 2021; Lymperopoulos 2023, 4.2.2",
            "one explanation, and about 7 to find the other photographs",
            better="higher",
            range="0 to 1",
            needs=("method", "set"),
            weakness="the network has never seen grids, and may rightly use other cells",
        ),
        "difull": MetricEntry(
            "unseen.metrics.grid:DiFull",
            "the same where the network sees each cell by itself, so that every other cell is certainly wrong",
            "Rao, Böhle & Schiele, Towards Better Understanding Attribution Methods, CVPR 2022; "
            "Lymperopoulos 2023, 4.2.2",
            "one explanation with passes cells² times as long, and about 8 to find the other photographs",
            better="higher",
            range="0 to 1",
            needs=("method", "set"),
            weakness="every method that goes back from the score passes; it finds leaks between places only",
        ),
        "null-feature": MetricEntry(
            "unseen.metrics.optimised_features:OptimisedFeatures",
            "share of positive saliency on a patch made for the class, against one made to be nothing to it",
            f"{_KHAKZAR}; Lymperopoulos 2023, 4.2.3, Eqs. 29 and 30",
            "one explanation; 120 with a gradient once for each class",
            {"scenario": "null"},
            better="higher",
            range="0 to 1",
            needs=("method", "gradients"),
            weakness=_OPTIMISED,
        ),
        "single-feature": MetricEntry(
            "unseen.metrics.optimised_features:OptimisedFeatures",
            "share of positive saliency on a patch made for one class alone, against noise; for another, off the patch",
            f"{_KHAKZAR}; Lymperopoulos 2023, 4.2.3",
            "two explanations; 40 with a gradient once for each class",
            {"scenario": "single"},
            better="higher",
            range="0 to 1",
            needs=("method", "gradients"),
            weakness="the patch is adversarial and its background noise, far from photographs",
        ),
        "double-feature": MetricEntry(
            "unseen.metrics.optimised_features:OptimisedFeatures",
            "the same for two patches made for two classes, each explained: is the map on its own class's patch?",
            f"{_KHAKZAR}; Lymperopoulos 2023, 4.2.3",
            "two explanations; 120 with a gradient once for each class",
            {"scenario": "double"},
            better="higher",
            range="0 to 1",
            needs=("method", "gradients"),
            weakness=_OPTIMISED,
        ),
        "roar": MetricEntry(
            "unseen.evaluation.retraining.roar:RemoveAndRetrain",
            "mean accuracy of networks trained anew on photographs whose most important pixels are hidden",
            _HOOKER,
            "15 networks per method, and 1 map per photograph",
            {"order": "top"},
            judges="training",
            better="lower",
            range="0 to 1",
            needs=("method", "retraining", "set"),
            weakness="the mask's shape may tell the class; a new network may have other reasons than the explained one",
        ),
        "kar": MetricEntry(
            "unseen.evaluation.retraining.roar:RemoveAndRetrain",
            "the same with the least important pixels hidden",
            _HOOKER,
            "15 networks per method, and 1 map per photograph",
            {"order": "bottom"},
            judges="training",
            better="higher",
            range="0 to 1",
            needs=("method", "retraining", "set"),
            weakness="the mask's shape may tell the class, which here counts in the method's favour",
        ),
        "data-randomisation": MetricEntry(
            "unseen.evaluation.retraining.labels:DataRandomisation",
            "likeness of the maps of networks that learnt true and shuffled labels",
            "Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018, section 4",
            "9 networks, and 9 maps per method and photograph",
            judges="training",
            better="lower",
            range="-1 to 1",
            needs=("method", "retraining", "set"),
            weakness="says that a map depends on what was learnt, not that it is right",
        ),
    },
)
"""What ``unseen evaluate`` and ``unseen retrain`` measure."""

__all__ = ["METRICS", "MetricEntry", "Need"]
