"""Ways of explaining a decision, by name; ``unseen list methods`` shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseen.registry import Entry, Registry, spec

if TYPE_CHECKING:
    from unseen.explainers.method import Method


_CURVES = "and 70 for curves and parts"
_ADEBAYO = "Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018"
_SHRIKUMAR = (
    "Shrikumar, Greenside & Kundaje, Learning Important Features Through Propagating Activation Differences, 2017"
)
_ZERO_POINT = "Lymperopoulos, A Study of Explainable AI: The Concept of Zero Information, 2023, chapter 8, Algorithm 1"


def _gradient(target: str, summary: str, citation: str, cost: str = "1 with a gradient", **arguments: str) -> Entry:
    return Entry(f"unseen.explainers.{target}", summary, citation, f"{cost}, {_CURVES}", arguments)


def _cam(weights: str, summary: str, citation: str, cost: str = "1 with a gradient") -> Entry:
    return Entry(
        "unseen.explainers.cam.cam:ActivationMap", summary, citation, f"{cost}, {_CURVES}", {"weights": weights}
    )


METHODS: Registry[Method] = Registry(
    "method",
    "unseen.methods",
    {
        "aggregate": Entry(
            "unseen.explainers.aggregation.method:Aggregation",
            "several methods mixed with the weights that serve robustness, faithfulness or both best",
            "Decker et al., Provably Better Explanations with Optimized Aggregation of Feature Attributions, ICML 2024",
            "every method four times, 128 with parts hidden, and 70 for curves and parts",
        ),
        "causal": Entry(
            "unseen.explainers.causal.method:Causal",
            "responsibility of every pixel by a causal search, and the smallest part found that suffices",
            "Chockler, Kelly & Kroening, Causal Explanations for Image Classifiers (ReX), 2024",
            "about 300 per photograph with a fill, 600 with ad",
        ),
        "iassa": Entry(
            "unseen.explainers.hiding.iassa:Iassa",
            "sampling until the map settles, shared between places that look alike to the classifier's own features",
            "Vasu & Long, Iterative and Adaptive Sampling with Spatial Attention for Black-Box Model Explanations, "
            "WACV 2020",
            "1000 per photograph, and 70 for curves and parts",
        ),
        "lime": Entry(
            "unseen.explainers.hiding.lime:Lime",
            "coefficients of a linear model of the score on which segments are shown",
            "Ribeiro, Singh & Guestrin, Why Should I Trust You? Explaining the Predictions of Any Classifier, KDD 2016",
            "1000 per photograph, and 70 for curves and parts",
        ),
        "occlusion": Entry(
            "unseen.explainers.hiding.occlusion:Occlusion",
            "how far the score falls when a sliding window hides a part",
            "Zeiler & Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014",
            "about 200 per photograph, and 70 for curves and parts",
        ),
        "rise": Entry(
            "unseen.explainers.hiding.rise:Rise",
            "the mean score of random masks that show a pixel",
            "Petsiuk, Das & Saenko, RISE: Randomized Input Sampling for Explanation of Black-box Models, BMVC 2018",
            "2000 per photograph, and 70 for curves and parts",
        ),
        "shapley": Entry(
            "unseen.explainers.hiding.shapley:Shapley",
            "fair shares of segments in the change of the score from all hidden to all shown",
            "Lundberg & Lee, A Unified Approach to Interpreting Model Predictions, NeurIPS 2017; "
            "Covert & Lee, Improving KernelSHAP, AISTATS 2021",
            "at most 2000 per photograph, and 70 for curves and parts",
        ),
        "saliency": _gradient(
            "gradients.gradient:Saliency",
            "the absolute gradient: how sensitive the score is to each pixel",
            "Simonyan, Vedaldi & Zisserman, Deep Inside Convolutional Networks, 2014",
        ),
        "input-x-gradient": _gradient(
            "gradients.gradient:InputXGradient",
            "gradient times input: what each pixel adds, to first order",
            _SHRIKUMAR,
        ),
        "deconvnet": _gradient(
            "gradients.rectifiers:RectifiedGradient",
            "positive signals passed back through every ReLU",
            "Zeiler & Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014",
            rule="deconvnet",
        ),
        "guided-backprop": _gradient(
            "gradients.rectifiers:RectifiedGradient",
            "positive signals passed back through the ReLUs that were open",
            "Springenberg et al., Striving for Simplicity: The All Convolutional Net, 2015",
            rule="guided",
        ),
        "integrated-gradients": _gradient(
            "gradients.integrated:IntegratedGradients",
            "what the change from a baseline to the photograph adds, by gradients on the way",
            "Sundararajan, Taly & Yan, Axiomatic Attribution for Deep Networks, ICML 2017",
            "17 to 300 with a gradient",
        ),
        "expected-gradients": _gradient(
            "gradients.integrated:ExpectedGradients",
            "integrated gradients averaged over many baselines",
            "Erion et al., Improving performance of deep learning models with axiomatic attribution priors, 2021",
            "200 with a gradient and 201",
        ),
        "smoothgrad": _gradient(
            "gradients.gradient:NoisyGradients",
            "the mean gradient of noisy copies",
            "Smilkov et al., SmoothGrad: removing noise by adding noise, 2017",
            "50 with a gradient",
            statistic="mean",
        ),
        "smoothgrad-squared": _gradient(
            "gradients.gradient:NoisyGradients",
            "the mean squared gradient of noisy copies",
            "Hooker et al., A Benchmark for Interpretability Methods in Deep Neural Networks, 2019",
            "50 with a gradient",
            statistic="square",
        ),
        "vargrad": _gradient(
            "gradients.gradient:NoisyGradients",
            "the variance of the gradients of noisy copies",
            "Adebayo et al., Local explanation methods lack sensitivity to parameter values, 2018",
            "50 with a gradient",
            statistic="variance",
        ),
        "lrp-epsilon": _gradient(
            "propagation.lrp:Lrp",
            "the logit handed back through the layers, in proportion to what each input contributed",
            "Bach et al., On Pixel-Wise Explanations by Layer-Wise Relevance Propagation, 2015, equation 58",
            variant="epsilon",
        ),
        "lrp-alpha-beta": _gradient(
            "propagation.lrp:Lrp",
            "the same, positive and negative contributions apart",
            "Bach et al., On Pixel-Wise Explanations by Layer-Wise Relevance Propagation, 2015, equation 60",
            variant="alpha-beta",
        ),
        "lrp-gamma": _gradient(
            "propagation.lrp:Lrp",
            "the same, positive contributions favoured",
            "Montavon et al., Layer-Wise Relevance Propagation: An Overview, 2019",
            variant="gamma",
        ),
        "deep-taylor": _gradient(
            "propagation.lrp:Lrp",
            "the same by Taylor expansions at the layers of a ReLU network",
            "Montavon et al., Explaining nonlinear classification decisions with deep Taylor decomposition, 2017",
            variant="deep-taylor",
        ),
        "deeplift": _gradient(
            "propagation.deeplift:DeepLift",
            "how each pixel's difference from a baseline changes the logit, by differences of activations",
            _SHRIKUMAR,
            "1 and 1 with a gradient",
        ),
        "cam": _cam(
            "cam",
            "the last feature map, weighted by the head's own weights; needs average pooling and a linear head",
            "Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016",
            "1 with a gradient and 2",
        ),
        "grad-cam": _cam(
            "grad-cam",
            "the last feature map, weighted by mean gradients",
            "Selvaraju et al., Grad-CAM, ICCV 2017",
        ),
        "grad-cam++": _cam(
            "grad-cam++",
            "the last feature map, weighted by positive gradients of each position",
            "Chattopadhay et al., Grad-CAM++, WACV 2018",
        ),
        "xgrad-cam": _cam(
            "xgrad-cam",
            "the last feature map, weighted by gradients where it is active",
            "Fu et al., Axiom-based Grad-CAM, BMVC 2020",
        ),
        "layer-cam": _cam(
            "layer-cam",
            "the last feature map times its positive gradients, position by position",
            "Jiang et al., LayerCAM, IEEE TIP 2021",
        ),
        "eigen-cam": _cam(
            "eigen-cam",
            "the first principal component of the last feature map; the same for every class",
            "Muhammad & Yeasin, Eigen-CAM, IJCNN 2020",
        ),
        "ablation-cam": _cam(
            "ablation-cam",
            "the last feature map, weighted by how far the score falls without each channel",
            "Desai & Ramaswamy, Ablation-CAM, WACV 2020",
            "1 with a gradient and 1 per channel",
        ),
        "score-cam": Entry(
            "unseen.explainers.cam.masked_cam:ScoreCam",
            "the last feature map, weighted by the score of the photograph seen through each channel",
            "Wang et al., Score-CAM, CVPRW 2020",
            f"1 per channel of the last feature map, {_CURVES}",
        ),
        "opti-cam": Entry(
            "unseen.explainers.cam.masked_cam:OptiCam",
            "the mixture of channels through which the photograph keeps the highest score",
            "Zhang et al., Opti-CAM: Optimizing saliency maps for interpretability, CVIU 2024",
            f"100 with a gradient, {_CURVES}",
        ),
        "zipo": _gradient(
            "gradients.zero_point:ZeroPoint",
            "what must change until the classifier can make nothing of the photograph",
            _ZERO_POINT,
            "10 to 200 with a gradient, and 5",
            information="all",
        ),
        "zipo-class": _gradient(
            "gradients.zero_point:ZeroPoint",
            "what must change until nothing of the class is left, and of the others all",
            _ZERO_POINT,
            "10 to 200 with a gradient, and 5",
            information="class",
        ),
        "random": Entry(
            "unseen.explainers.controls:RandomMap",
            "control: noise, another for every photograph",
            _ADEBAYO,
            f"0, {_CURVES}",
        ),
        "uniform": Entry(
            "unseen.explainers.controls:UniformMap", "control: the same value everywhere", _ADEBAYO, f"0, {_CURVES}"
        ),
        "edges": Entry(
            "unseen.explainers.controls:Edges",
            "control: an edge detector, which knows the photograph and not the model",
            _ADEBAYO,
            f"0, {_CURVES}",
        ),
    },
)
"""What ``unseen list methods`` lists, and ``method=`` takes."""

CONTROLS = ("random", "uniform", "edges")
"""Methods that know nothing of the model: a metric that cannot tell others from them tells nothing."""


def spec_of(method: object) -> str:
    """The spec that makes ``METHODS.create`` build ``method`` again; its class's name if it is not registered."""
    kind = type(method)
    for name, entry in METHODS.entries.items():
        preset = entry.arguments
        if entry.names(kind) and all(getattr(method, key) == value for key, value in preset.items()):
            return spec(name, method, preset=preset)
    return spec(kind.__name__, method)
