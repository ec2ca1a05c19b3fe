"""Detectors, segmentation networks and embeddings as torchvision builds them, with random weights: what is asked of them.

Of a random network no answer is right; that the score is what its definition says, and that hiding what is far away
changes less than hiding the place itself, can be seen all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from unseen import METHODS, REMOVALS, Classifier, Preprocessing, explain
from unseen.classifier.outputs import Box, Embedding, Region
from unseen.cli import main
from unseen.errors import UnseenError
from unseen.explainers import map_of

torchvision = pytest.importorskip("torchvision")


def suppressed(boxes: Tensor, scores: Tensor, most: float) -> Tensor:
    """Non-maximum suppression as torchvision's operator defines it, which a build for other processors lacks."""
    overlap = torchvision.ops.box_iou(boxes.detach(), boxes.detach())
    kept: list[int] = []
    for index in scores.argsort(descending=True, stable=True).tolist():
        if not kept or float(overlap[index, kept].max()) <= most:
            kept.append(index)
    return torch.tensor(kept, dtype=torch.int64)


@pytest.fixture(scope="module", autouse=True)
def nms() -> Iterator[None]:
    """Detectors run where the operator does not load."""
    with pytest.MonkeyPatch.context() as patch:
        if not torchvision.extension._has_ops():
            patch.setattr(torchvision.ops.boxes, "nms", suppressed)
        yield


def steadied(network: nn.Module) -> nn.Module:
    """With statistics of noise in its batch norms: deep random networks say the same of everything without."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.rand(4, 3, 96, 96))
    return network.eval()


PHOTO = torch.rand(3, 96, 96, generator=torch.Generator().manual_seed(1))
PLAIN = Preprocessing((96, 96), None, mean=(0, 0, 0), std=(1, 1, 1))


@pytest.fixture(scope="module")
def detector() -> nn.Module:
    """A single-shot detector of torchvision on a small network."""
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(3, 8, 5, 4, 2), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU())
    backbone.out_channels = [16]
    parts = torchvision.models.detection
    anchors = parts.anchor_utils.DefaultBoxGenerator([[2]], scales=[0.3, 0.5])
    made = parts.ssd.SSD(backbone, anchors, (96, 96), 3, topk_candidates=20, detections_per_img=20)
    return made.eval().requires_grad_(False)


def test_the_score_of_ssdlite() -> None:
    torch.manual_seed(0)
    made = torchvision.models.detection.ssdlite320_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=3, topk_candidates=10
    ).eval()
    with torch.no_grad():
        (found,) = made(PHOTO[None])
    box = Box(tuple(found["boxes"][0].tolist()), int(found["labels"][0]))
    score = Classifier(made, PLAIN, ["the box"], outputs=box).logits(PHOTO[None])
    assert score.item() == pytest.approx(float(found["scores"][0]), rel=1e-3)


def test_a_box_of_a_single_shot_detector(detector: nn.Module) -> None:
    with torch.no_grad():
        (found,) = detector(PHOTO[None])
    place = int(found["scores"].argmax())
    outputs = Box(tuple(found["boxes"][place].tolist()), int(found["labels"][place]))
    classifier = Classifier(detector, PLAIN, ["the box"], outputs=outputs)
    assert classifier.logits(PHOTO[None]).item() == pytest.approx(float(found["scores"][place]), rel=1e-4)
    for method, removal in (("occlusion:window=0.4", "grey"), ("rise:masks=50", "blur"), ("saliency", "black")):
        explanation = explain(PHOTO, classifier, method=method, removal=removal)
        assert explanation.label == "the box"
        assert bool(explanation.saliency.isfinite().all())
        assert bool(explanation.saliency.any())


def test_what_a_detector_cannot_be_asked_is_refused_in_one_sentence(detector: nn.Module) -> None:
    with torch.no_grad():
        (found,) = detector(PHOTO[None])
    classifier = Classifier(
        detector, PLAIN, ["the box"], outputs=Box(tuple(found["boxes"][0].tolist()), int(found["labels"][0]))
    )
    for method, removal in (("zipo", "black"), ("lrp-gamma", "black"), ("occlusion", "ad")):
        with pytest.raises(UnseenError, match=r"^[^\n]+$"):
            explain(PHOTO, classifier, method=method, removal=removal)


@pytest.mark.parametrize("name", ["lraspp_mobilenet_v3_large", "deeplabv3_mobilenet_v3_large"])
def test_a_region_of_a_segmentation_network(name: str) -> None:
    torch.manual_seed(0)
    build = getattr(torchvision.models.segmentation, name)
    network = steadied(build(weights=None, weights_backbone=None, num_classes=4))
    region = torch.zeros(96, 96)
    region[30:60, 20:50] = 1
    classifier = Classifier(network, PLAIN, ["sky", "road", "car", "tree"], outputs=Region(region))
    with torch.no_grad():
        expected = network(PHOTO[None])["out"][0, :, 30:60, 20:50].mean((1, 2))
    torch.testing.assert_close(classifier.logits(PHOTO[None])[0], expected, atol=1e-4, rtol=1e-4)
    for method in ("occlusion:window=0.5,stride=0.5", "saliency"):
        explanation = explain(PHOTO, classifier, method=method, removal="grey", backgrounds=0, chance=0)
        assert explanation.target == int(expected.argmax())
        assert explanation.saliency.shape == (96, 96)
        assert bool(explanation.saliency.isfinite().all())
        assert bool(explanation.saliency.any())


def test_deeplab_is_explained_in_the_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its answer is a dictionary with an auxiliary head's logits beside its own, of the region that a picture shows."""
    (tmp_path / "net.py").write_text(
        "import torch, torchvision\n\n\ndef build():\n    torch.manual_seed(0)\n"
        "    segmentation = torchvision.models.segmentation\n"
        "    return segmentation.deeplabv3_mobilenet_v3_large(\n"
        "        weights=None, weights_backbone=None, num_classes=4, aux_loss=True\n    )\n",
        encoding="utf-8",
    )
    Image.fromarray((PHOTO.permute(1, 2, 0) * 255).byte().numpy()).save(tmp_path / "street.png")
    mask = Image.new("L", (96, 96))
    mask.paste(255, (20, 30, 50, 60))
    mask.save(tmp_path / "crossing.png")
    model = ["--model", f"python:{tmp_path / 'net.py'}:build", "--preprocessing", "size=96,resize=none"]
    asked = [*model, "--outputs", f"region:{tmp_path / 'crossing.png'}"]
    words = ["explain", str(tmp_path / "street.png"), *asked, "--method", "occlusion:window=0.5,stride=0.5"]
    quick = ["--removal", "grey", "--backgrounds", "0", "--out", str(tmp_path / "out")]
    assert main([*words, *quick]) == 0
    assert (tmp_path / "out" / "street" / "explanation.json").is_file()
    assert "class " in capsys.readouterr().out


def test_an_embedding_of_resnet() -> None:
    torch.manual_seed(0)
    network = torchvision.models.resnet18(weights=None).eval()
    network.fc = nn.Identity()
    with torch.no_grad():
        reference = network(PHOTO[None])[0]
    classifier = Classifier(network, PLAIN, outputs=Embedding(reference))
    assert classifier.logits(PHOTO[None]).item() == pytest.approx(1, abs=1e-5)
    for method, removal in (("occlusion:window=0.4", "grey"), ("occlusion:window=0.4", "ad"), ("grad-cam", "black")):
        saliency = map_of(METHODS.create(method), REMOVALS.create(removal).bind(classifier, PHOTO), 0)
        assert bool(saliency.isfinite().all())
        assert removal != "grey" or bool((saliency >= -1e-5).all())
