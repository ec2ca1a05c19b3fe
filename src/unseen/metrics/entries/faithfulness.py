"""Judges that hide or show a part and compare what happens with what the map foretells."""

from __future__ import annotations

from unseen.metrics.entries.sources import ACTIVATION_DEACTIVATION, ZERO_INFORMATION
from unseen.metrics.entry import MetricEntry

ENTRIES = {
    "top-k-ablation": MetricEntry(
        "unseen.metrics.ablation:TopKAblation",
        "the class that the network names when only the top of the map is visible; over a set, its F1",
        f"Haug et al., On Baselines for Local Feature Attributions, 2021; {ZERO_INFORMATION}, section 4.3.2",
        "1",
        better="higher",
        range="0 to 1 over a set; of one photograph a class",
        needs=("set",),
        weakness="one cut for all photographs; tells as much of the removal as of the map",
        over="unseen.metrics.ablation:macro_f1",
    ),
    "accuracy-preservation": MetricEntry(
        "unseen.metrics.zero_information:AccuracyPreservation",
        "whether the network names the same class when only the top of the map is visible",
        f"{ZERO_INFORMATION}, Eq. 63",
        "2",
        better="higher",
        range="0 or 1; its mean over photographs is the paper's",
        weakness="judges the removal as much as the map; one bit for each photograph",
    ),
    "accuracy": MetricEntry(
        "unseen.metrics.accuracy:Accuracy",
        "whether the model is right about the full photograph; the mean is its accuracy on the sample",
        f"{ACTIVATION_DEACTIVATION}, Table D1",
        "1",
        better="",
        range="0 or 1",
        needs=("classes",),
        weakness="tells of the model alone: every map has the same value",
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
}
