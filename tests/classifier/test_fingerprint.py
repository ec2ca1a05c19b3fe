from __future__ import annotations

import hashlib
import importlib
from pathlib import Path

import pytest
import torch
from torch import nn

from unseen import Classifier, Preprocessing
from unseen.classifier.fingerprint import _code, fingerprint, revision, structure


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


def test_the_definition() -> None:
    layer = nn.Linear(2, 1, bias=False)
    text = b"weight torch.float32 (1, 2)\n" + layer.weight.detach().numpy().tobytes()
    assert fingerprint(layer) == hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize("name", ["0.weight", "1.running_mean", "1.num_batches_tracked"])
def test_any_tensor_changes_fingerprint_and_revision(name: str) -> None:
    changed = network()
    before = fingerprint(changed), revision(changed)
    assert before[0] == fingerprint(network())
    assert before == (fingerprint(changed), revision(changed))
    changed.state_dict()[name].add_(1)
    assert fingerprint(changed) != before[0]
    assert revision(changed) != before[1]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_dtypes(dtype: torch.dtype) -> None:
    assert fingerprint(network().to(dtype)) != fingerprint(network())


def test_order_in_memory_does_not_matter_and_odd_tensors_are_no_obstacle() -> None:
    layer = nn.Conv2d(3, 4, 3)
    plain = fingerprint(layer)
    assert fingerprint(layer.to(memory_format=torch.channels_last)) == plain
    layer.register_buffer("sparse", torch.eye(2).to_sparse())
    layer.register_buffer("empty", torch.zeros(0))
    layer.register_buffer("complex", torch.zeros(2, dtype=torch.complex64).conj())
    with torch.inference_mode():
        layer.register_buffer("inference", torch.zeros(2))
    assert fingerprint(layer) != plain
    assert revision(layer) == revision(layer)


def shuffled(values: torch.Tensor) -> torch.Tensor:
    return values.flatten().flip(0).reshape(values.shape)


BEHIND = {
    "scaled": lambda tensor: tensor.data.mul_(2),
    "negated": lambda tensor: tensor.data.neg_(),
    "one value": lambda tensor: tensor.data.flatten()[-1:].add_(1),
    "shuffled": lambda tensor: tensor.data.copy_(shuffled(tensor.data.clone())),
    "replaced": lambda tensor: setattr(tensor, "data", tensor.data + 1),
    "by numpy": lambda tensor: tensor.detach().numpy().__iadd__(1),
}


@pytest.mark.parametrize("change", BEHIND)
@pytest.mark.parametrize("size", [3, 700])
@pytest.mark.parametrize("name", ["0.weight", "1.running_mean"])
def test_what_is_changed_behind_autograds_back_is_noticed(change: str, size: int, name: str) -> None:
    torch.manual_seed(0)
    changed = nn.Sequential(nn.Linear(size, size), nn.BatchNorm1d(size))
    torch.nn.init.normal_(changed[1].running_mean)
    classifier = Classifier(changed, Preprocessing((1, 1), None))
    before = revision(changed), classifier.fingerprint
    assert before == (revision(changed), classifier.fingerprint)
    BEHIND[change](changed.state_dict(keep_vars=True)[name])
    assert revision(changed) != before[0]
    assert classifier.fingerprint == fingerprint(changed)
    assert classifier.fingerprint != before[1]


def test_a_lazy_network_is_no_obstacle() -> None:
    assert revision(nn.Sequential(nn.LazyLinear(3))) is not None


def test_weights_that_are_packed_sparse_or_not_saved_count(recwarn: pytest.WarningsRecorder) -> None:
    def quantised(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        layers = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
        return torch.ao.quantization.quantize_dynamic(layers, {nn.Linear}, torch.qint8)

    def buffered(value: float, sparse: bool) -> nn.Module:
        module = nn.Module()
        kept = torch.eye(3) * value
        module.register_buffer("kept", kept.to_sparse() if sparse else kept, persistent=sparse)
        return module

    assert fingerprint(quantised(0)) == fingerprint(quantised(0)) != fingerprint(quantised(1))
    for sparse in (True, False):
        assert fingerprint(buffered(1, sparse)) == fingerprint(buffered(1, sparse)) != fingerprint(buffered(2, sparse))
    scripted = [torch.jit.script(quantised(seed)) for seed in (0, 0, 1)]
    one, same, other = (Classifier(network, Preprocessing((2, 2), None)).fingerprint for network in scripted)
    assert one == same != other
    recwarn.clear()  # torch is to give up its own quantisation


def test_the_structure_tells_settings_and_code_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert structure(nn.Sequential(nn.ReLU())) != structure(nn.Sequential(nn.GELU()))
    monkeypatch.syspath_prepend(tmp_path)
    found = {}
    for name, end in {"one": ".relu()", "same": ".relu()  # as before", "another": ".sigmoid()"}.items():
        lines = ["from torch import nn", "class Net(nn.Linear):", "    def forward(self, x):"]
        (tmp_path / f"net_{name}.py").write_text("\n".join([*lines, f"        return super().forward(x){end}"]))
        kind = importlib.import_module(f"net_{name}").Net
        code = _code(kind)
        assert code
        found[name] = code
    assert found["one"] == found["same"] != found["another"]
    network = importlib.import_module("net_one").Net(2, 2)
    assert structure(network) == structure(network) != structure(importlib.import_module("net_another").Net(2, 2))


def test_a_state_dict_is_made_once() -> None:
    """It is long work where layers unpack their weights for each."""
    network, asked = nn.Linear(2, 2), []
    network.register_state_dict_post_hook(lambda *told: asked.append(told))
    fingerprint(network)
    assert len(asked) == 1
