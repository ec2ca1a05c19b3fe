"""The network on ONNX Runtime: the same logits, no gradients, nothing inside."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from unseen import Classifier, Preprocessing, load_classifier
from unseen.classifier.inference import OnnxNetwork
from unseen.errors import ModelError, NotApplicableError
from unseen.removal import REMOVALS

# Its exporter and the newest onnxscript cannot convert a batch norm, which accelerated() refuses in words.
pytestmark = pytest.mark.skipif(torch.__version__.startswith("2.6."), reason="PyTorch 2.6 exports no batch norm")

SMALL = Preprocessing((32, 32), None)


def small() -> Classifier:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return Classifier(nn.Sequential(*layers, nn.Linear(8, 4)), SMALL, ["a", "b", "c", "d"])


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Classifier, Classifier]:
    plain = small()
    return plain, plain.accelerated(tmp_path_factory.mktemp("onnx"))


@pytest.mark.parametrize("count", [1, 2, 7])
def test_logits_agree_in_every_batch_size(pair: tuple[Classifier, Classifier], count: int) -> None:
    plain, fast = pair
    pixels = torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(count))
    torch.testing.assert_close(fast.logits(pixels), plain.logits(pixels), rtol=0, atol=1e-5)


def test_a_trained_network_agrees(tmp_path: Path) -> None:
    plain = load_classifier("efficientnet-lite0", device="cpu")
    fast = plain.accelerated(tmp_path)
    pixels = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(fast.logits(pixels), plain.logits(pixels), rtol=0, atol=1e-4)
    assert (fast.fingerprint, fast.labels, fast.name) == (plain.fingerprint, plain.labels, plain.name)


def test_fills_work_on_it(pair: tuple[Classifier, Classifier]) -> None:
    plain, fast = pair
    image = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(3))
    masks = torch.rand(5, 32, 32, generator=torch.Generator().manual_seed(4)) > 0.5
    ours, theirs = (REMOVALS.create("grey").bind(c, image)(masks) for c in (fast, plain))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("space", [(40,), (8, 10, 12)])
def test_signals_and_volumes_run_on_it(space: tuple[int, ...], tmp_path: Path) -> None:
    """Copied, hidden under, and loaded by name; of another size or number of axes it is refused in one line."""
    axes = len(space)
    conv, norm, pool = (getattr(nn, f"{kind}{axes}d") for kind in ("Conv", "BatchNorm", "AdaptiveAvgPool"))
    torch.manual_seed(0)
    network = nn.Sequential(conv(2, 6, 3, 2, 1), norm(6), nn.ReLU(), pool(1), nn.Flatten(), nn.Linear(6, 3))
    plain = Classifier(network, Preprocessing(space, mean=(0.4, 0.5), std=(0.5, 0.4)), ["a", "b", "c"])
    fast = plain.accelerated(tmp_path)
    image = torch.rand(2, *space, generator=torch.Generator().manual_seed(3))
    masks = torch.rand(5, *space, generator=torch.Generator().manual_seed(4)) > 0.5
    ours, theirs = (REMOVALS.create("grey").bind(c, image)(masks) for c in (fast, plain))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    (file,) = tmp_path.glob("*.onnx")
    loaded = load_classifier(f"onnx:{file}", preprocessing="mean=0.4,0.5,std=0.5,0.4")
    assert (loaded.preprocessing.size, loaded.preprocessing.channels) == (space, 2)
    torch.testing.assert_close(loaded.logits(image[None]), plain.logits(image[None]), rtol=0, atol=1e-5)
    kind = "signal" if axes == 1 else "volume"
    for wrong in ((2, *space[1:], 7), (2, *space, 3)):
        with pytest.raises(ModelError, match=rf"takes {kind}s of 2 × .*; give a preprocessing of that size"):
            fast.model(torch.rand(1, *wrong))


def test_what_looks_inside_is_refused(pair: tuple[Classifier, Classifier]) -> None:
    _, fast = pair
    with pytest.raises(NotApplicableError, match="ONNX Runtime"):
        REMOVALS.create("ad").bind(fast, torch.rand(3, 32, 32))
    with pytest.raises(NotApplicableError, match="no gradients"):
        fast.forward(torch.rand(1, 3, 32, 32, requires_grad=True))


def test_the_export_is_kept_and_the_network_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = small()
    plain.model.train()
    state, flags = plain.fingerprint, [m.training for m in plain.model.modules()]
    plain.accelerated(tmp_path)
    assert plain.fingerprint == state
    assert [m.training for m in plain.model.modules()] == flags
    (kept,) = tmp_path.iterdir()
    monkeypatch.setattr(torch.onnx, "export", None)  # not needed again
    plain.accelerated(tmp_path)
    assert list(tmp_path.iterdir()) == [kept]


def test_other_weights_in_the_file_are_found_out(tmp_path: Path) -> None:
    plain = small()
    plain.accelerated(tmp_path)
    (kept,) = tmp_path.iterdir()
    other = small()
    with torch.no_grad():
        next(other.model.parameters()).add_(1)
    other.accelerated(tmp_path)
    (its,) = set(tmp_path.iterdir()) - {kept}
    kept.replace(its)
    with pytest.raises(ModelError, match="says something else on ONNX Runtime"):
        other.accelerated(tmp_path)


def test_a_damaged_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(ModelError, match=r"broken\.onnx cannot be read"):
        OnnxNetwork(path, threads=1)


@pytest.mark.parametrize("inside", [False, True], ids=["initialiser", "attribute"])
def test_weights_in_a_file_beside_it_are_part_of_who_it_is(
    inside: bool, pair: tuple[Classifier, Classifier], tmp_path: Path
) -> None:
    """Exporters put weights beside the network; those of another training have the same .onnx file."""
    plain, fast = pair
    network = onnx.load(fast.model._arguments[0])  # type: ignore[index]
    if inside:  # as constants of nodes
        weights = [tensor for tensor in network.graph.initializer if len(tensor.raw_data) >= 64]
        for tensor in weights:
            network.graph.node.insert(0, onnx.helper.make_node("Constant", [], [tensor.name], value=tensor))
            network.graph.initializer.remove(tensor)
    onnx.save(network, tmp_path / "net.onnx", save_as_external_data=True, location="net.bin", size_threshold=64,
              convert_attribute=True)  # fmt: skip
    pixels = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))

    def opened() -> Classifier:
        return Classifier(OnnxNetwork(tmp_path / "net.onnx", 1), SMALL)

    first, again = opened(), opened()
    torch.testing.assert_close(first.logits(pixels), plain.logits(pixels), rtol=0, atol=1e-5)
    weights = np.frombuffer((tmp_path / "net.bin").read_bytes(), np.float32) * 2
    (tmp_path / "net.bin").write_bytes(weights.tobytes())
    other = opened()
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert not torch.allclose(first.logits(pixels), other.logits(pixels))
    (tmp_path / "net.bin").unlink()
    with pytest.raises(ModelError, match=r"net\.bin cannot be read \(No such file"):
        opened()


class Stubborn(nn.Module):
    """Control flow on values, which an exporter cannot follow."""

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.flatten(1)[:, :2] if bool(pixels.mean() > 0) else pixels.flatten(1)[:, 2:4]


def test_a_network_without_an_onnx_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no ONNX form"):
        Classifier(Stubborn(), SMALL).accelerated(tmp_path)
    assert not list(tmp_path.iterdir())


def test_half_precision_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="float32 on the CPU"):
        Classifier(small().model.half(), SMALL).accelerated(tmp_path)


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ModelError, match=r"pip install 'unseen\[onnx\]'"):
        small().accelerated(tmp_path)
