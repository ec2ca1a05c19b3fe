"""Which architectures Activation–Deactivation follows: exact, blind to what is hidden, and at what cost.

    python -m benchmarks.tables.architectures [--names tv:resnet50 …] [--rounds 3] [--json rows.json]
        [--out docs/architectures.md]

Needs torchvision, timm, transformers and MONAI (`make matrix` sets them up). Every architecture is built by its own
library, at its own size, with random weights whose activations keep their scale; no weights are downloaded. For both
ways in which the mask travels: a photograph of which nothing is hidden, in a batch with others of which something is,
must have the plain network's logits to the last bit; other pixels where the mask hides must leave the logits equal to
the last bit. The cost is the median, over the rounds, of the processor time of a masked pass over that of a plain pass
just after, in batches of 16 with the masks of a causal search, on one thread. A run that was stopped goes on after the
rows in --json.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
from pathlib import Path
from typing import Any

import torch

from benchmarks.shared import seconds
from benchmarks.spaces import SIGNALS, VOLUMES, built
from benchmarks.speed.masked_forward import split_masks
from benchmarks.zoo import build, randomise
from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError
from unseen.removal import REMOVALS
from unseen.system.process import tune_allocator

NAMES = """
tv:resnet50 tv:vgg16 tv:densenet121 tv:regnet_y_400mf tv:efficientnet_v2_s tv:mobilenet_v3_small tv:googlenet
tv:inception_v3 tv:shufflenet_v2_x1_0 tv:convnext_tiny tv:vit_b_16 tv:swin_t tv:swin_v2_t tv:maxvit_t
timm:efficientnet_lite0 timm:resnetv2_50x1_bit timm:convnextv2_atto timm:mobilenetv4_conv_small timm:ghostnet_100
timm:hrnet_w18_small timm:tresnet_m timm:gcresnet33ts timm:vit_tiny_patch16_224 timm:vit_base_patch16_reg4_gap_256
timm:deit_tiny_distilled_patch16_224 timm:beit_base_patch16_224 timm:eva02_tiny_patch14_224 timm:cait_xxs24_224
timm:xcit_nano_12_p16_224 timm:swin_tiny_patch4_window7_224 timm:swinv2_tiny_window8_256 timm:coatnet_nano_rw_224
timm:maxvit_pico_rw_256 timm:pvt_v2_b0 timm:twins_svt_small timm:nest_tiny timm:levit_128s timm:efficientformer_l1
timm:mobilevit_xxs timm:edgenext_xx_small timm:focalnet_tiny_srf timm:poolformer_s12 timm:convmixer_768_32
timm:mixer_s32_224 timm:resmlp_12_224 timm:gmlp_s16_224 timm:coat_tiny timm:volo_d1_224 timm:hiera_tiny_224
timm:mvitv2_tiny hf:ResNet hf:ConvNext hf:ViT hf:DeiT hf:Beit hf:Dinov2 hf:Swin hf:Swinv2 hf:MobileViT hf:FocalNet
""".split()
SIZES = {"inception_v3": 299, "256": 256}
POLICIES = ("ad", "ad:pooled")
BATCH = 16
HEAD = """# Architectures

Which networks `ad` follows, and how well. Made by

```console
$ make matrix
```

with torchvision {torchvision}, timm {timm}, transformers {transformers} and MONAI {monai}, random weights; networks of
images at their own size.

- *Exact*: with nothing hidden the logits are to the last bit those of the plain network in the same batch, also beside
  photographs of which something is hidden.
- *Blind*: other pixels where the mask hides leave the logits equal to the last bit. Every policy of `ad` guarantees it:
  hidden pixels are zeroed before anything mixes them with others.
- *Cost*: processor time of a masked pass over that of a plain one; batches of {batch}, one thread, median of {rounds}
  rounds.
- *Crop*, of signals and volumes: under `ad:pooled` half of the input, shown alone, gives the logits of the network that
  is fed this half and nothing else. Empty where the network sees other things of a crop: positions that are learnt,
  windows and strides that lie otherwise.

Networks named `own:` are written after their papers (`benchmarks/spaces.py`)."""
IMAGES_HEAD = """| architecture | exact | blind | cost, dilating | cost, pooled |
| --- | --- | --- | --- | --- |"""
SPACES_HEAD = """| architecture | input | exact | blind | crop | cost, dilating | cost, pooled |
| --- | --- | --- | --- | --- | --- | --- |"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", nargs="+", default=[*NAMES, *SIGNALS, *VOLUMES])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    tune_allocator()
    known = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    for name in options.names:
        if name not in known:
            known[name] = examine(name, options.rounds)
            if options.json:
                options.json.write_text(json.dumps(known, indent=1))
        print(row(name, known[name]), flush=True)
    if options.out:
        options.out.write_text(table({name: known[name] for name in options.names}, options.rounds))


def examine(name: str, rounds: int) -> dict[str, Any]:
    """Per policy whether it is exact and blind and its cost, or why it is refused."""
    classifier = classifier_of(name)
    stride = (SIGNALS | VOLUMES)[name].stride if name in SIGNALS | VOLUMES else 0
    found = {policy: attempt(classifier, policy, rounds) for policy in POLICIES}
    if stride:
        found["ad:pooled"]["crop"] = is_the_crop(classifier, stride)
    return found


def attempt(classifier: Classifier, policy: str, rounds: int) -> dict[str, Any]:
    """What a policy is worth, or why it is refused."""
    try:
        return judge(classifier, policy, rounds)
    except NotApplicableError as error:
        return {"refused": str(error).partition(";")[0]}


def classifier_of(name: str) -> Classifier:
    """The network, untrained, at its own size."""
    if name in SIGNALS | VOLUMES:
        network = (SIGNALS | VOLUMES)[name]
        half = (0.5,) * network.channels
        return Classifier(built(name), Preprocessing(network.space, None, mean=half, std=half), name=name)
    size = next((size for part, size in SIZES.items() if part in name), 224)
    model = randomise(build(name, size, small=False), size)
    return Classifier(model, Preprocessing((size, size), None), name=name)


@torch.inference_mode()
def is_the_crop(classifier: Classifier, stride: int) -> bool:
    """Whether half of an input, shown alone, has the logits of that half fed alone; in float64, which rounds less.

    Args:
        classifier: of any number of axes.
        stride: positions of its last map are so far apart along the first axis.
    """
    fed = classifier.preprocessing
    double = Classifier(copy.deepcopy(classifier.model).double(), fed, name=classifier.name)
    image = torch.rand(fed.channels, *fed.size, generator=torch.Generator().manual_seed(2)).double()
    half = max(stride, fed.size[0] // 2 // stride * stride)
    mask = torch.zeros(1, *fed.size)
    mask[:, :half] = 1
    shown = REMOVALS.create("ad:pooled").bind(double, image).forward(image[None], mask)
    crop = double.forward(image[None, :, :half])
    return bool((shown - crop).abs().max() <= 1e-8 * crop.abs().max())


@torch.inference_mode()
def judge(classifier: Classifier, policy: str, rounds: int) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    space, channels = classifier.preprocessing.size, classifier.preprocessing.channels
    image, other = torch.rand(2, channels, *space, generator=generator)
    searched = split_masks(BATCH, space, generator)
    masks = searched[:3].clone()
    masks[0], masks[1] = 1, 0
    bound = REMOVALS.create(policy).bind(classifier, image)
    pixels = image.expand(BATCH, *image.shape)
    plain, masked = classifier.forward(pixels[:3]), bound.forward(pixels[:3], masks)
    changed = torch.where(masks[:, None] > 0, pixels[:3], other)

    def pass_plain() -> object:
        return classifier.forward(pixels)

    def pass_masked() -> object:
        return bound.forward(pixels, searched)

    ratios = [seconds(pass_masked) / seconds(pass_plain) for _ in range(rounds)]
    return {
        "exact": torch.equal(masked[0], plain[0]),
        "blind": torch.equal(bound.forward(changed, masks), masked) and not torch.equal(masked[2], plain[2]),
        "cost": statistics.median(ratios),
    }


def table(found: dict[str, dict[str, Any]], rounds: int) -> str:
    from importlib.metadata import version

    versions = {package: version(package) for package in ("torchvision", "timm", "transformers", "monai")}
    sections = [HEAD.format(batch=BATCH, rounds=rounds, **versions)]
    for title, names in (("Images", NAMES), ("Signals", SIGNALS), ("Volumes and films", VOLUMES)):
        chosen = {name: result for name, result in found.items() if name in names}
        if chosen:
            spaces = names is not NAMES
            followed = sum("refused" not in result["ad"] for result in chosen.values())
            lines = [SPACES_HEAD if spaces else IMAGES_HEAD, *(row(name, chosen[name], spaces) for name in chosen)]
            refused = "; the others are refused with the reason above" if followed < len(chosen) else ""
            sections += [f"## {title}", "\n".join(lines), f"{followed} of {len(chosen)} are followed{refused}."]
    return "\n\n".join(sections) + "\n"


def row(name: str, result: dict[str, Any], spaces: bool = False) -> str:
    seen = [result[policy] for policy in POLICIES if "refused" not in result[policy]]
    size = f" {' × '.join(map(str, (SIGNALS | VOLUMES)[name].space))} |" if spaces else ""
    if not seen:
        return f"| `{name}` |{size} refused: {result['ad']['refused']} | | | |{' |' if spaces else ''}"
    exact, blind = (said(all(policy[key] for policy in seen)) for key in ("exact", "blind"))
    costs = [f"{result[p]['cost']:.2f}" if "cost" in result[p] else "refused" for p in POLICIES]
    crop = result["ad:pooled"].get("crop") if spaces else None
    cropped = f" {said(crop) if crop is not None else ''} |" if spaces else ""
    return f"| `{name}` |{size} {exact} | {blind} |{cropped} {' | '.join(costs)} |"


def said(holds: bool) -> str:
    return "yes" if holds else "**no**"


if __name__ == "__main__":
    main()
