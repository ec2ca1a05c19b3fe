"""Methods that hide parts of the photograph and watch the score."""

from __future__ import annotations

from unseen.explainers.entry import map_entry

ENTRIES = {
    "occlusion": map_entry(
        "hiding.occlusion:Occlusion",
        "how far the score falls when a sliding window hides a part",
        "Zeiler & Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014",
        "about 200 per photograph",
    ),
    "rise": map_entry(
        "hiding.rise:Rise",
        "the mean score of random masks that show a pixel",
        "Petsiuk, Das & Saenko, RISE: Randomized Input Sampling for Explanation of Black-box Models, BMVC 2018",
        "2000 per photograph",
    ),
    "lime": map_entry(
        "hiding.lime:Lime",
        "coefficients of a linear model of the score on which segments are shown",
        "Ribeiro, Singh & Guestrin, Why Should I Trust You? Explaining the Predictions of Any Classifier, KDD 2016",
        "1000 per photograph",
    ),
    "shapley": map_entry(
        "hiding.shapley:Shapley",
        "fair shares of segments in the change of the score from all hidden to all shown",
        "Lundberg & Lee, A Unified Approach to Interpreting Model Predictions, NeurIPS 2017; "
        "Covert & Lee, Improving KernelSHAP, AISTATS 2021",
        "at most 2000 per photograph",
    ),
    "shapley-interactions": map_entry(
        "hiding.interactions:ShapleyInteractions",
        "what segments add to the score alone, and pairs of them together",
        "Tsai, Yeh & Ravikumar, Faith-Shap: The Faithful Shapley Interaction Index, JMLR 2023",
        "at most 2000 per photograph",
    ),
    "sobol": map_entry(
        "hiding.sobol:Sobol",
        "shares of cells in the variance of the score when all of them vary at once",
        "Fel et al., Look at the Variance! Efficient Black-box Explanations with Sobol-based Sensitivity Analysis, "
        "NeurIPS 2021",
        "about 1100 per photograph, 2100 with soft masks",
    ),
    "hsic": map_entry(
        "hiding.hsic:Hsic",
        "how strongly the score depends, in any form, on whether a cell is shown",
        "Novello, Fel & Vigouroux, Making Sense of Dependence: Efficient Black-box Explanations Using Dependence "
        "Measure, NeurIPS 2022",
        "1500 per photograph",
    ),
    "extremal-perturbation": map_entry(
        "hiding.extremal:ExtremalPerturbation",
        "for several sizes, the smooth region that keeps the score best when it alone is shown",
        "Fong, Patrick & Vedaldi, Understanding Deep Networks via Extremal Perturbations and Smooth Masks, ICCV 2019",
        "400 with a gradient",
    ),
    "meaningful-perturbation": map_entry(
        "hiding.regions:Region",
        "a small smooth region that destroys the score when it is hidden, whatever its exact place",
        "Fong & Vedaldi, Interpretable Explanations of Black Boxes by Meaningful Perturbation, ICCV 2017",
        "200 with a gradient",
        game="destroy",
        power=3.0,
        jitter=0.02,
    ),
    "smallest-destroying-region": map_entry(
        "hiding.regions:Region",
        "the smallest region found that destroys the score when it is hidden",
        "Dabkowski & Gal, Real Time Image Saliency for Black Box Classifiers, NeurIPS 2017",
        "200 with a gradient",
        game="destroy",
    ),
    "smallest-sufficient-region": map_entry(
        "hiding.regions:Region",
        "the smallest region found that keeps the score when it alone is shown",
        "Dabkowski & Gal, Real Time Image Saliency for Black Box Classifiers, NeurIPS 2017",
        "200 with a gradient",
        game="keep",
    ),
    "iassa": map_entry(
        "hiding.iassa:Iassa",
        "windows where the map is high until it settles, shared between places that look alike to a network",
        "Vasu & Long, Iterative and Adaptive Sampling with Spatial Attention for Black-Box Model Explanations, "
        "WACV 2020",
        "1000 per photograph",
    ),
}
