"""The adapters with real packages; weights are random where none can be had, and go in as users' own files do."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage
import timm
import torch
import torchvision
import transformers
from PIL import Image
from safetensors.torch import save_file
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.mobilevit.image_processing_pil_mobilevit import MobileViTImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from unseen import load_classifier, open_photo
from unseen.classifier.zoo import weights as zoo_weights
from unseen.classifier.zoo.source import imagenet_labels
from unseen.errors import ModelError, UnknownNameError, UnseenError

PHOTO = open_photo(Path(skimage.__file__).parent / "data" / "coffee.png")


def saved(model: torch.nn.Module, path: Path) -> Path:
    """The model's weights in a file; the statistics of its batch norms made unlike their defaults."""
    torch.manual_seed(1)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
    if path.suffix == ".safetensors":
        save_file(model.state_dict(), path)
    else:
        torch.save(model.state_dict(), path)
    return path


def test_listing_models_imports_none_of_the_packages() -> None:
    code = "import sys; from unseen.classifier.zoo import MODELS; list(MODELS); sys.exit('timm' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- torchvision -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "efficientnet_v2_s", "squeezenet1_1", "swin_t"])
def test_torchvision_with_local_weights(tmp_path: Path, name: str) -> None:
    original = torchvision.models.get_model(name).eval()
    path = saved(original, tmp_path / "weights.pth")
    classifier = load_classifier(f"torchvision:{name}@{path}", device="cpu")
    published = torchvision.models.get_model_weights(name).DEFAULT
    expected = published.transforms()(PHOTO)
    torch.testing.assert_close(classifier.normalise(classifier.prepare(PHOTO)[None])[0], expected)
    with torch.no_grad():
        torch.testing.assert_close(classifier.logits(classifier.prepare(PHOTO)[None]), original(expected[None]))
    assert classifier.labels == tuple(published.meta["categories"])
    assert not classifier.model.training


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_torchvisions_inceptions_transform_their_input(tmp_path: Path, name: str) -> None:
    original = torchvision.models.get_model(name, init_weights=False, transform_input=True).eval()
    path = saved(original, tmp_path / "weights.pth")
    classifier = load_classifier(f"torchvision:{name}@{path}", device="cpu")
    pixels = classifier.prepare(PHOTO)[None]
    with torch.no_grad():
        torch.testing.assert_close(classifier.logits(pixels), original(classifier.normalise(pixels)))


@pytest.mark.parametrize("name", ["resnet18", "vgg11", "densenet121", "squeezenet1_0", "convnext_tiny", "maxvit_t"])
def test_torchvisions_number_of_classes_is_read_from_the_weights(tmp_path: Path, name: str) -> None:
    path = saved(torchvision.models.get_model(name, num_classes=7), tmp_path / "weights.safetensors")
    classifier = load_classifier(f"torchvision:{name}@{path}", device="cpu")
    assert classifier.labels is None
    size = classifier.preprocessing.size
    assert classifier.logits(torch.zeros(1, 3, *size)).shape == (1, 7)


def test_every_torchvision_classifier_has_preprocessing_that_we_reproduce() -> None:
    from unseen.classifier.zoo.from_torchvision import _preprocessing

    for name in torchvision.models.list_models(module=torchvision.models):
        _preprocessing(torchvision.models.get_model_weights(name).DEFAULT.transforms(), name)


def test_torchvision_checkpoints_as_people_save_them(tmp_path: Path) -> None:
    torch.manual_seed(0)
    original = torchvision.models.resnet18()
    original.fc = torch.nn.Sequential(torch.nn.Dropout(0.3), torch.nn.Linear(512, 5))
    saved(original, tmp_path / "own.pth")
    state = {f"model.{name}": value for name, value in original.state_dict().items()}
    torch.save({"state_dict": state, "pytorch-lightning_version": "2"}, tmp_path / "lightning.ckpt")
    for file in ("own.pth", "lightning.ckpt"):
        classifier = load_classifier(f"torchvision:resnet18@{tmp_path / file}", device="cpu")
        pixels = classifier.prepare(PHOTO)[None]
        with torch.no_grad():
            torch.testing.assert_close(classifier.logits(pixels), original.eval()(classifier.normalise(pixels)))
        assert "taken for dropout" in classifier.notes[0]


def test_torchvision_of_another_size(tmp_path: Path) -> None:
    torch.manual_seed(0)
    original = torchvision.models.vit_b_32(image_size=96, num_classes=3).eval()
    classifier = load_classifier(f"torchvision:vit_b_32@{saved(original, tmp_path / 'vit.pth')}", device="cpu")
    assert (classifier.preprocessing.size, classifier.preprocessing.resize) == ((96, 96), 110)
    pixels = classifier.prepare(PHOTO)[None]
    with torch.no_grad():
        torch.testing.assert_close(classifier.logits(pixels), original(classifier.normalise(pixels)))


def test_torchvision_errors(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'resnet50'"):
        load_classifier("torchvision:resnet5O")
    path = saved(torchvision.models.resnet18(), tmp_path / "weights.pth")
    with pytest.raises(ModelError, match=r"does not fit ResNet: 198 missing \(layer1.0.conv3.weight"):
        load_classifier(f"torchvision:resnet50@{path}")


# ---- timm ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["resnet18.a1_in1k", "regnety_002", "vit_tiny_patch16_224", "deit_tiny_distilled_patch16_224"]
)
def test_timm_with_local_weights(tmp_path: Path, name: str) -> None:
    original = timm.create_model(name).eval()
    path = saved(original, tmp_path / "weights.safetensors")
    classifier = load_classifier(f"timm:{name}@{path}", device="cpu")
    config = timm.data.resolve_model_data_config(original)
    expected = timm.data.create_transform(**config, is_training=False)(PHOTO)
    torch.testing.assert_close(classifier.normalise(classifier.prepare(PHOTO)[None])[0], expected)
    with torch.no_grad():
        torch.testing.assert_close(classifier.logits(classifier.prepare(PHOTO)[None]), original(expected[None]))
    assert classifier.labels == imagenet_labels()


def test_a_network_is_built_once_if_it_is_the_usual_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, built, create = saved(timm.create_model("resnet18"), tmp_path / "weights.pth"), [], timm.create_model

    def counted(*given: Any, **options: Any) -> torch.nn.Module:
        built.append(options)
        return create(*given, **options)  # type: ignore[no-any-return]

    monkeypatch.setattr(timm, "create_model", counted)
    load_classifier(f"timm:resnet18@{path}", device="cpu")
    assert built == [{}]


def test_timm_fine_tuned_and_21k(tmp_path: Path) -> None:
    path = saved(timm.create_model("resnet18", num_classes=5), tmp_path / "five.pth")
    assert load_classifier(f"timm:resnet18@{path}", device="cpu").labels is None
    path = saved(timm.create_model("mobilenetv3_small_050", num_classes=21843), tmp_path / "21k.pth")
    labels = load_classifier(f"timm:mobilenetv3_small_050@{path}", device="cpu").labels
    assert labels is not None
    assert len(labels) == 21843


def test_most_timm_models_have_preprocessing_that_we_reproduce() -> None:
    from unseen.classifier.zoo.from_timm import _preprocessing

    seen: dict[tuple[object, ...], bool] = {}
    for name in timm.list_pretrained(exclude_filters=["*clip*", "*naflex*"]):
        config = timm.get_pretrained_cfg(name)
        if not config.num_classes:
            continue
        holder = torch.nn.Identity()
        holder.pretrained_cfg = config.to_dict()
        key = tuple(map(str, timm.data.resolve_model_data_config(holder).values()))
        if key not in seen:
            try:
                _preprocessing(holder, name)
                seen[key] = True
            except UnseenError:
                seen[key] = False
    assert len(seen) > 50
    assert np.mean(list(seen.values())) > 0.95


def test_timm_of_another_size_under_a_prefix(tmp_path: Path) -> None:
    torch.manual_seed(0)
    original = timm.create_model("vit_tiny_patch16_224", img_size=96, num_classes=3).eval()
    torch.save({f"net.backbone.{name}": value for name, value in original.state_dict().items()}, tmp_path / "vit.pth")
    classifier = load_classifier(f"timm:vit_tiny_patch16_224@{tmp_path / 'vit.pth'}", device="cpu")
    assert classifier.preprocessing.size == (96, 96)
    pixels = classifier.prepare(PHOTO)[None]
    with torch.no_grad():
        torch.testing.assert_close(classifier.logits(pixels), original(classifier.normalise(pixels)))


def test_timm_of_one_channel(tmp_path: Path) -> None:
    torch.manual_seed(0)
    original = timm.create_model("resnet18", in_chans=1, num_classes=3).eval()
    classifier = load_classifier(f"timm:resnet18@{saved(original, tmp_path / 'grey.pth')}", device="cpu")
    assert classifier.preprocessing.channels == 1
    assert "takes 1 channels" in classifier.notes[0]
    pixels = torch.rand(2, 1, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(classifier.logits(pixels), original(classifier.normalise(pixels)))


def test_timm_errors(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'resnet50'"):
        load_classifier("timm:resnet5O")
    with pytest.raises(UnknownNameError, match=r"no pretrained weights 'resnet50.nonsense'"):
        load_classifier("timm:resnet50.nonsense")
    path = saved(timm.create_model("resnet18"), tmp_path / "weights.pth")
    with pytest.raises(ModelError, match="does not fit ResNet"):
        load_classifier(f"timm:resnet50@{path}")


def test_timm_takes_published_weights_from_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = timm.create_model("resnet18").eval()
    saved(original, tmp_path / "model.safetensors")
    asked: list[tuple[str, list[str]]] = []

    def download(repository: str, files: list[str], revision: str | None = None) -> Path:
        assert revision is None
        asked.append((repository, files))
        return tmp_path

    monkeypatch.setattr("unseen.classifier.zoo.from_timm.download_from_hub", download)
    classifier = load_classifier("timm:resnet18.a1_in1k", device="cpu")
    assert asked == [("timm/resnet18.a1_in1k", ["model.safetensors"])]
    pixels = classifier.prepare(PHOTO)[None]
    with torch.no_grad():
        torch.testing.assert_close(classifier.logits(pixels), original(classifier.normalise(pixels)))


# ---- transformers ----------------------------------------------------------------------------------------------------


def small_convnext(folder: Path, processor: Any = None, **options: Any) -> torch.nn.Module:
    names = {0: "ant", 1: "bee", 2: "cat"}
    torch.manual_seed(0)
    config = transformers.ConvNextConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 16, 16], id2label=names, label2id={v: k for k, v in names.items()}
    )
    model = transformers.ConvNextForImageClassification(config).eval()
    model.save_pretrained(folder, **options)
    (processor or ConvNextImageProcessorPil(size={"shortest_edge": 64}, crop_pct=0.8)).save_pretrained(folder)
    return model


PROCESSORS = {
    "convnext, cropped": ConvNextImageProcessorPil(size={"shortest_edge": 64}, crop_pct=0.8),
    "convnext, squashed": ConvNextImageProcessorPil(size={"shortest_edge": 384}),
    "vit": ViTImageProcessorPil(size={"height": 48, "width": 64}),
    "other range": ViTImageProcessorPil(size={"height": 64, "width": 64}, rescale_factor=1 / 127.5),
    "bytes": ViTImageProcessorPil(size={"height": 64, "width": 64}, do_rescale=False),
    "squashed and cropped": ViTImageProcessorPil(
        size={"height": 80, "width": 72}, do_center_crop=True, crop_size={"height": 64, "width": 64}
    ),
    "not normalised": ViTImageProcessorPil(size={"height": 64, "width": 64}, do_normalize=False),
}


@pytest.mark.parametrize("kind", PROCESSORS)
def test_transformers_from_a_folder(tmp_path: Path, kind: str) -> None:
    processor = PROCESSORS[kind]
    original = small_convnext(tmp_path, processor)
    classifier = load_classifier(f"hf:{tmp_path}", device="cpu")
    expected = processor(PHOTO, return_tensors="pt")["pixel_values"]
    ours = classifier.normalise(classifier.prepare(PHOTO)[None])
    assert ours.shape == expected.shape
    scale = float(expected.abs().max())
    assert float((ours - expected).abs().mean()) < 0.01 * scale  # transformers rounds odd crops the other way
    with torch.no_grad():
        torch.testing.assert_close(classifier.logits(classifier.prepare(PHOTO)[None]), original(ours).logits)
    assert classifier.labels == ("ant", "bee", "cat")


@pytest.mark.parametrize("resample", [0, 1, 2, 3])
def test_every_filter_that_pillow_and_we_share_is_kept(tmp_path: Path, resample: int) -> None:
    processor = ViTImageProcessorPil(size={"height": 64, "width": 64}, resample=resample)
    small_convnext(tmp_path, processor)
    classifier = load_classifier(f"hf:{tmp_path}", device="cpu")
    expected = processor(PHOTO, return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(classifier.normalise(classifier.prepare(PHOTO)[None]), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("resample", [4, 5, None])
def test_an_unknown_filter_is_refused(tmp_path: Path, resample: int | None) -> None:

    small_convnext(tmp_path)
    file = tmp_path / "preprocessor_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "resample": resample}))
    with pytest.raises(ModelError, match=rf"unknown filter \({resample}\)"):
        load_classifier(f"hf:{tmp_path}", device="cpu")


def test_a_processor_that_swaps_channels_is_refused(tmp_path: Path) -> None:
    processor = MobileViTImageProcessorPil(size={"shortest_edge": 72}, crop_size={"height": 64, "width": 64})
    small_convnext(tmp_path, processor)
    with pytest.raises(ModelError, match="is not a bicubic resize, centre crop and normalisation"):
        load_classifier(f"hf:{tmp_path}", device="cpu")


def test_transformers_errors(tmp_path: Path) -> None:
    small_convnext(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "other.bin")
    with pytest.raises(ModelError, match=r"has no model\.safetensors"):
        load_classifier(f"hf:{tmp_path}")
    (tmp_path / "other.bin").rename(tmp_path / "model.safetensors")
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match="preprocessor"):
        load_classifier(f"hf:{tmp_path}")


def test_a_backbone_without_a_trained_head_is_refused(tmp_path: Path) -> None:
    model = small_convnext(tmp_path)
    model.convnext.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"no trained classifier"):
        load_classifier(f"hf:{tmp_path}")


def test_code_of_a_repository_never_runs(tmp_path: Path) -> None:

    small_convnext(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["model_type"] = "mine"
    config["auto_map"] = {"AutoConfig": "evil.Config", "AutoModelForImageClassification": "evil.Model"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(ModelError, match="part of transformers"):
        load_classifier(f"hf:{tmp_path}")
    assert not (tmp_path / "ran").exists()


# ---- downloads -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", ["torchvision:resnet18", "timm:resnet18.a1_in1k", "hf:microsoft/resnet-50"])
def test_without_a_network_the_error_comes_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str) -> None:
    import time

    from huggingface_hub import constants

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))

    def unreachable(*_: object, **__: object) -> None:
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unreachable)
    began = time.monotonic()
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        load_classifier(spec)
    assert time.monotonic() - began < 5
    assert "\n" not in str(caught.value)


def test_a_download_that_holds_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "ran"),)

    checkpoints = tmp_path / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    url = torchvision.models.ResNet18_Weights.DEFAULT.url
    torch.save({"fc.weight": Bomb()}, checkpoints / url.rpartition("/")[2])
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(ModelError, match=r"\(it names posix\.mkdir\)"):
        load_classifier("torchvision:resnet18")
    assert not (tmp_path / "ran").exists()


def test_hub_downloads_ask_for_the_named_files_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    def snapshot(repository: str, **options: object) -> str:
        asked.update(options, repository=repository)
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    assert zoo_weights.download_from_hub("org/name", ["a.json"]) == tmp_path
    assert asked == {"repository": "org/name", "revision": None, "allow_patterns": ["a.json"]}


def test_photographs_and_sources_agree_on_odd_sizes(tmp_path: Path) -> None:
    path = saved(torchvision.models.resnet18(), tmp_path / "weights.pth")
    classifier = load_classifier(f"torchvision:resnet18@{path}", device="cpu")
    transform = torchvision.models.ResNet18_Weights.DEFAULT.transforms()
    for size in [(333, 257), (100, 901), (225, 224), (640, 480)]:
        photo = Image.effect_noise(size, 60).convert("RGB")
        torch.testing.assert_close(classifier.normalise(classifier.prepare(photo)[None])[0], transform(photo))
