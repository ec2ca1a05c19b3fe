"""Models at a place: the user's own file, ONNX, TorchScript, an address; from Python and from the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import unseen
from helpers.server import serving
from unseen import Classifier, Preprocessing, load_classifier
from unseen.classifier import remote
from unseen.cli import main
from unseen.errors import ModelError, NotApplicableError, ParameterError, UnknownNameError, UnseenError

IMAGES = torch.rand(5, 3, 32, 48, generator=torch.Generator().manual_seed(0))
PIXELS = "size=32x48,mean=0,0,0,std=1,1,1"

MODEL = """
import numpy as np
import torch
from unseen import Classifier, Preprocessing
from beside import FACTOR

def predict(batch):
    left, right = np.split(batch, 2, axis=3)
    return FACTOR * np.stack([left.mean((1, 2, 3)), right.mean((1, 2, 3))], 1)

def classifier():
    return Classifier(predict, Preprocessing((32, 48), None, mean=(0, 0, 0), std=(1, 1, 1)), ["left", "right"])

class Net(torch.nn.Module):
    def forward(self, x):
        return FACTOR * torch.stack([half.mean((1, 2, 3)) for half in x.chunk(2, 3)], 1)

class Needy(Net):
    def __init__(self, size): super().__init__()

ready = classifier()
network = Net()
def broken(): raise RuntimeError("no weights here")
def nothing(): return 3
"""


class Net(nn.Module):
    def __init__(self, factor: float = 8.0) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * torch.stack([half.mean((1, 2, 3)) for half in x.chunk(2, 3)], 1)


EXPECTED = Net()(IMAGES).detach()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSES", (0.0, 0.0))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "beside.py").write_text("FACTOR = 8.0")
    path = tmp_path / "mine@home.py"
    path.write_text(MODEL)
    return path


@pytest.fixture(autouse=True)
def forgotten() -> None:
    sys.modules.pop("beside", None)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    numbers = np.full((32, 48, 3), 60, np.uint8)
    numbers[8:24, 4:20] = 250
    Image.fromarray(numbers).save(path)
    return path


def explained(capsys: pytest.CaptureFixture[str], photo: Path, out: Path, *words: str) -> tuple[int, str, str]:
    usual = {"--method": "occlusion", "--removal": "black", "--device": "cpu"}
    asked = [word for name, value in usual.items() if name not in words for word in (name, value)]
    code = main(["explain", str(photo), "--out", str(out), *asked, *words])
    told = capsys.readouterr()
    return code, told.out, told.err


# ---- the user's own file ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["predict", "classifier", "ready", "Net", "network"])
def test_whatever_a_file_holds_is_a_model(file: Path, name: str) -> None:
    path = list(sys.path)
    classifier = load_classifier(f"python:{file}:{name}", preprocessing=PIXELS, labels=["l", "r"])
    torch.testing.assert_close(classifier.logits(IMAGES), EXPECTED)
    assert (classifier.labels, classifier.name, classifier.notes) == (("l", "r"), f"python:{file}:{name}", ())
    assert sys.path == path


def test_a_classifier_keeps_what_it_says_of_itself(file: Path) -> None:
    classifier = load_classifier(f"python:{file}:classifier")
    assert (classifier.labels, classifier.preprocessing.size) == (("left", "right"), (32, 48))
    assert (
        load_classifier(f"python:{file}:classifier", preprocessing="interpolation=nearest").preprocessing.mean
        == (0,) * 3
    )


def test_a_network_without_a_preprocessing_is_noted(file: Path) -> None:
    (note,) = load_classifier(f"python:{file}:Net").notes
    assert "Net is a network without a preprocessing: that of ImageNet's networks is taken" in note


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("python:{file}", ParameterError, "write python:FILE.py:NAME"),
        ("python:{file}:a-b", ParameterError, "write python:FILE.py:NAME"),
        ("python:{folder}/no.py:x", ModelError, "there is no file"),
        ("python:http://host/x.py:x", ModelError, "with a file on this machine"),
        ("python:{file}:pedict", UnknownNameError, "has no 'pedict': did you mean 'predict'"),
        ("python:{file}:Needy", ParameterError, r"is the class Needy\(size\); name a function without arguments"),
        ("python:{file}:broken", ModelError, r"fails \(RuntimeError: no weights here, line 23\)"),
        ("python:{file}:nothing", ParameterError, "gives an int; let it return an unseen.Classifier"),
        ("python:{file}:FACTOR", ParameterError, "gives a float; let it return"),
        ("python:{file}:predict", ParameterError, "does not say what it is fed; give a preprocessing"),
        ("python:{folder}/bad.py:x", ModelError, r"fails when it is run \(SyntaxError.*, line 2\); mend it"),
        ("python:{folder}/ends.py:x", ModelError, "fails when it is run .SystemExit"),
        ("python:{folder}/text.txt:x", ModelError, "its name must end in .py"),
        ("python:", ParameterError, "write 'python:FILE.py:NAME'"),
    ],
)
def test_other_files_are_told_what_is_wrong(file: Path, spec: str, error: type[UnseenError], message: str) -> None:
    (file.parent / "bad.py").write_text("x = 1\nx = (\n")
    (file.parent / "ends.py").write_text("raise SystemExit(3)")
    (file.parent / "text.txt").write_text("x = 1")
    before = set(sys.modules)
    with pytest.raises(error, match=message):
        load_classifier(spec.format(file=file, folder=file.parent))
    new = set(sys.modules) - before
    assert not [name for name in new if name.startswith("unseen_model_") and not hasattr(sys.modules[name], "ready")]


def test_from_the_command_line_with_the_record_fed_back(
    file: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = f"python:{file}:predict"
    code, _, err = explained(capsys, photo, tmp_path / "a", "--model", spec)
    assert code == 2
    assert "give a preprocessing (--preprocessing size=224" in err
    code, out, _ = explained(capsys, photo, tmp_path / "a", "--model", spec, "--preprocessing", PIXELS)
    assert code == 0
    assert "class 0" in out
    record = tmp_path / "a" / "photo" / "explanation.json"
    about = json.loads(record.read_text())["provenance"]
    assert about["classifier"]["black_box"]["kind"] == "a plain function"
    assert "--preprocessing size=32,48,resize=none" in about["command"]
    code, _, _ = explained(capsys, photo, tmp_path / "b", "--model", spec, "--preprocessing", str(record))
    assert code == 0
    again = json.loads((tmp_path / "b" / "photo" / "explanation.json").read_text())["provenance"]
    assert again["classifier"]["preprocessing"] == about["classifier"]["preprocessing"]
    assert again["classifier"]["fingerprint"] == about["classifier"]["fingerprint"]


def test_the_default_removal_is_refused_with_a_remedy(
    file: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ("--model", f"python:{file}:classifier")
    code, _, err = explained(capsys, photo, tmp_path / "a", *model, "--removal", "ad")
    assert code == 2
    assert "removal 'ad' looks inside the model" in err
    assert "choose a removal that paints, such as 'grey'" in err
    code, out, err = explained(capsys, photo, tmp_path / "a", *model, "--removal", "grey")
    assert (code, err) == (0, "")
    assert "left" in out


# ---- ONNX ------------------------------------------------------------------------------------------------------------

onnx = pytest.mark.skipif(
    torch.__version__.startswith("2.6."), reason="PyTorch 2.6 does not export with the newest onnxscript"
)


def graph(path: Path, shape: list[int | str], *, kind: int = 1, last: bool = False, outputs: int = 1) -> Path:
    """A real file: the mean of each channel, written node by node."""
    helper = pytest.importorskip("onnx").helper
    axes = [1, 2] if last else [2, 3]
    names = [f"out{number}" for number in range(outputs)]
    nodes = [helper.make_node("ReduceMean", ["images"], [name], axes=axes, keepdims=0) for name in names]
    given = helper.make_tensor_value_info("images", kind, shape)
    made = [helper.make_tensor_value_info(name, kind, None) for name in names]
    model = helper.make_model(
        helper.make_graph(nodes, "means", [given], made), opset_imports=[helper.make_opsetid("", 13)], ir_version=8
    )
    path.write_bytes(model.SerializeToString())
    return path


MEANS = IMAGES.mean((2, 3))


@onnx
def test_an_exported_network(tmp_path: Path) -> None:
    from unseen.classifier.inference import export

    export(Net().eval(), IMAGES[:2], tmp_path / "net.onnx")
    classifier = load_classifier(f"onnx:{tmp_path / 'net.onnx'}", preprocessing="mean=0,0,0,std=1,1,1")
    assert classifier.preprocessing.size == (32, 48)
    torch.testing.assert_close(classifier.logits(IMAGES), EXPECTED)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        (["n", 3, 32, 48], {}),
        ([1, 3, 32, 48], {}),
        ([2, 3, 32, 48], {}),
        (["n", 32, 48, 3], {"last": True}),
        (["n", 3, "h", "w"], {}),
        (["n", 3, 32, 48], {"kind": 11}),
    ],
)
def test_whatever_shape_a_file_has(tmp_path: Path, shape: list[int | str], options: dict[str, int]) -> None:
    path = graph(tmp_path / "means.onnx", shape, **options)
    classifier = load_classifier(f"onnx:{path}", preprocessing=PIXELS, labels=["r", "g", "b"])
    torch.testing.assert_close(classifier.logits(IMAGES), MEANS)
    assert classifier.fingerprint == load_classifier(f"onnx:{path}", preprocessing=PIXELS).fingerprint


def test_what_a_file_says_is_read_and_what_it_does_not_say_is_noted(tmp_path: Path) -> None:
    fixed = load_classifier(f"onnx:{graph(tmp_path / 'a.onnx', ['n', 3, 32, 48])}")
    assert fixed.preprocessing == Preprocessing((32, 48), None)
    assert "does not say how photographs were prepared" in fixed.notes[0]
    free = load_classifier(f"onnx:{graph(tmp_path / 'b.onnx', ['n', 3, 'h', 'w'])}")
    assert free.preprocessing == Preprocessing()
    assert "leaves the size of its input open" in free.notes[0]
    several = load_classifier(f"onnx:{graph(tmp_path / 'c.onnx', ['n', 3, 32, 48], outputs=2)}", preprocessing=PIXELS)
    found = several.call(several.normalise(IMAGES))
    assert isinstance(found, dict)
    assert list(found) == ["out0", "out1"]


def test_channels_are_read_from_the_file(tmp_path: Path) -> None:
    path = graph(tmp_path / "four.onnx", ["n", 4, 32, 48])
    classifier = load_classifier(f"onnx:{path}")
    assert classifier.preprocessing.channels == 4
    assert "does not say how its 4 channels were prepared" in classifier.notes[0]
    given = load_classifier(f"onnx:{path}", preprocessing="mean=0,0,0,0,std=1,1,1,1")
    bands = torch.rand(2, 4, 32, 48, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(given.logits(bands), bands.mean((2, 3)))
    assert given.notes == ()


def test_other_files_of_onnx_are_told_what_is_wrong(tmp_path: Path) -> None:
    def refused(message: str, spec: str, **options: str) -> None:
        with pytest.raises(UnseenError, match=message):
            load_classifier(spec, **options).logits(IMAGES)  # type: ignore[arg-type]

    refused("there is no file", f"onnx:{tmp_path / 'no.onnx'}")
    (tmp_path / "noise.onnx").write_bytes(b"noise")
    refused("noise.onnx cannot be read .*; check that it is an ONNX file", f"onnx:{tmp_path / 'noise.onnx'}")
    flat = graph(tmp_path / "flat.onnx", ["n", 3, 32, 48], kind=6)
    refused(r"is tensor\(int32\) of shape .*; export it to take float", f"onnx:{flat}")
    fixed = f"onnx:{graph(tmp_path / 'a.onnx', ['n', 3, 20, 20])}"
    refused("takes images of 3 × 20 × 20 .*, not of 3 × 32 × 48", fixed, preprocessing=PIXELS)


def test_a_file_of_onnx_from_the_command_line(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = ("--model", f"onnx:{graph(tmp_path / 'means.onnx', ['n', 3, 32, 48])}")
    code, out, err = explained(capsys, photo, tmp_path / "a", *model)
    assert code == 0
    assert "unseen: note:" in err
    assert "does not say how photographs were prepared" in err
    assert "does not say" not in out  # told once
    record = json.loads((tmp_path / "a" / "photo" / "explanation.json").read_text())
    assert any("does not say" in note for note in record["notes"])
    assert explained(capsys, photo, tmp_path / "a", *model, "--preprocessing", PIXELS)[2] == ""
    code, _, err = explained(capsys, photo, tmp_path / "a", *model, "--method", "grad-cam")
    assert code == 2
    assert "method 'grad-cam' looks inside the model" in err


# ---- TorchScript -----------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_file_of_torchscript(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    torch.jit.trace(Net().eval(), IMAGES).save(str(path))
    classifier = load_classifier(f"torchscript:{path}", preprocessing=PIXELS, device="cpu")
    torch.testing.assert_close(classifier.logits(IMAGES), EXPECTED)
    image = IMAGES[0]
    network = Classifier(Net(), Preprocessing((32, 48), None, mean=(0, 0, 0), std=(1, 1, 1)))
    for method in ("occlusion", "saliency"):  # it has gradients
        found, expected = (unseen.explain(image, one, method=method, removal="black") for one in (classifier, network))
        torch.testing.assert_close(found.saliency, expected.saliency)
    for method in ("grad-cam", "iassa", "lrp-gamma", "lrp-epsilon", "deeplift"):  # which follow every function
        with pytest.raises(NotApplicableError, match="the compiled module"):
            unseen.explain(image, classifier, method=method, removal="black")
    with pytest.raises(NotApplicableError, match=r"compiled module.* or choose a removal that paints"):
        unseen.explain(image, classifier, method="occlusion")
    assert "does not say how photographs are prepared" in load_classifier(f"torchscript:{path}").notes[0]


def test_other_files_are_no_torchscript(tmp_path: Path) -> None:
    torch.save(Net().state_dict(), tmp_path / "weights.pt")
    with pytest.raises(ModelError, match=r"is no file of TorchScript .*NAME@PATH"):
        load_classifier(f"torchscript:{tmp_path / 'weights.pt'}")
    with pytest.raises(ModelError, match="there is no file"):
        load_classifier(f"torchscript:{tmp_path / 'no.pt'}")


# ---- the manual ------------------------------------------------------------------------------------------------------

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize(
    "words",
    ["of_network", "of_function --removal grey", "scores --preprocessing size=64,mean=0,0,0,std=1,1,1 --removal grey"],
)
def test_the_manuals_model_is_explained(
    words: str, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (EXAMPLES.parent / "docs" / "models.md").read_text().replace("\\\n    ", "")
    assert f"$ unseen explain photo.jpg --model python:examples/own_model.py:{words}\n" in page
    asked = f"python:{EXAMPLES / 'own_model.py'}:{words}".split()
    code, _, err = explained(capsys, photo, tmp_path / "a", "--model", *asked)
    assert (code, err) == (0, "")


# ---- an address ------------------------------------------------------------------------------------------------------


def test_an_address_from_the_command_line(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as server:
        code, out, err = explained(capsys, photo, tmp_path / "a", "--model", f"{server.address}/m@1")
        assert (code, err) == (0, "")
        assert any(name in out for name in ("red", "green", "blue"))
        assert set(server.seen) == {"GET /m@1", "POST /m@1"}
        server.faults = [(200, {}, b'{"preprocessing": {"sice": 3}}')]
        code, _, err = explained(capsys, photo, tmp_path / "b", "--model", server.address)
        assert code == 2
        assert "describes a preprocessing that cannot be used: a preprocessing has no 'sice'" in err
    code, _, err = explained(capsys, photo, tmp_path / "b", "--model", server.address)
    assert code == 2
    assert "does not answer" in err


def test_a_black_box_stays_on_the_cpu(file: Path) -> None:
    with pytest.raises(ParameterError, match="is asked from the CPU; leave the device out"):
        load_classifier(f"python:{file}:predict", preprocessing=PIXELS, device="meta")
