"""Methods that follow the score's gradient to the pixels."""

from __future__ import annotations

from unseen.explainers.entry import map_entry

_SHRIKUMAR = (
    "Shrikumar, Greenside & Kundaje, Learning Important Features Through Propagating Activation Differences, 2017"
)

_ZERO_POINT = "Lymperopoulos, A Study of Explainable AI: The Concept of Zero Information, 2023, chapter 8, Algorithm 1"

ENTRIES = {
    "saliency": map_entry(
        "gradients.gradient:Saliency",
        "the absolute gradient: how sensitive the score is to each pixel",
        "Simonyan, Vedaldi & Zisserman, Deep Inside Convolutional Networks, 2014",
    ),
    "input-x-gradient": map_entry(
        "gradients.gradient:InputXGradient",
        "gradient times input: what each pixel adds, to first order",
        _SHRIKUMAR,
    ),
    "integrated-gradients": map_entry(
        "gradients.integrated:IntegratedGradients",
        "what the change from a baseline to the photograph adds, by gradients on the way",
        "Sundararajan, Taly & Yan, Axiomatic Attribution for Deep Networks, ICML 2017",
        "17 to 300 with a gradient",
    ),
    "expected-gradients": map_entry(
        "gradients.integrated:ExpectedGradients",
        "integrated gradients averaged over many baselines",
        "Erion et al., Improving performance of deep learning models with axiomatic attribution priors, 2021",
        "200 with a gradient and 201",
    ),
    "smoothgrad": map_entry(
        "gradients.gradient:NoisyGradients",
        "the mean gradient of noisy copies",
        "Smilkov et al., SmoothGrad: removing noise by adding noise, 2017",
        "50 with a gradient",
        statistic="mean",
    ),
    "smoothgrad-squared": map_entry(
        "gradients.gradient:NoisyGradients",
        "the mean squared gradient of noisy copies",
        "Hooker et al., A Benchmark for Interpretability Methods in Deep Neural Networks, 2019",
        "50 with a gradient",
        statistic="square",
    ),
    "vargrad": map_entry(
        "gradients.gradient:NoisyGradients",
        "the variance of the gradients of noisy copies",
        "Adebayo et al., Local explanation methods lack sensitivity to parameter values, 2018",
        "50 with a gradient",
        statistic="variance",
    ),
    "deconvnet": map_entry(
        "gradients.rectifiers:RectifiedGradient",
        "positive signals passed back through every ReLU",
        "Zeiler & Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014",
        rule="deconvnet",
    ),
    "guided-backprop": map_entry(
        "gradients.rectifiers:RectifiedGradient",
        "positive signals passed back through the ReLUs that were open",
        "Springenberg et al., Striving for Simplicity: The All Convolutional Net, 2015",
        rule="guided",
    ),
    "zipo": map_entry(
        "gradients.zero_point:ZeroPoint",
        "what must change until the classifier can make nothing of the photograph",
        _ZERO_POINT,
        "10 to 200 with a gradient, and 5",
        information="all",
    ),
    "zipo-class": map_entry(
        "gradients.zero_point:ZeroPoint",
        "what must change until nothing of the class is left, and of the others all",
        _ZERO_POINT,
        "10 to 200 with a gradient, and 5",
        information="class",
    ),
}
