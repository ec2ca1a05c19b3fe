"""Training a small masked autoencoder on a folder of photographs; it can be stopped and goes on where it was."""

from __future__ import annotations

import io
import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from math import cos, pi
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict

import torch
from torch import Tensor

from unseen.errors import ModelError, OutputError, UnseenError, first_line
from unseen.inputs.contents import contents_digest
from unseen.inputs.streams import Seed
from unseen.removal.generative.autoencoder import Autoencoder, quietly
from unseen.removal.generative.design import Design
from unseen.removal.generative.judging import HeldOutPhotographs
from unseen.removal.generative.photographs import Photographs, random_crops, read_photographs, split
from unseen.system.files import check_writable, exclusive, replace_file, scratch
from unseen.system.options import Count, Meaning, Options, Share
from unseen.system.pictures import png
from unseen.system.progress import ProgressListener
from unseen.system.schema import MalformedError, checked, read_json

FORMAT = "unseen masked autoencoder 1"
CHECKPOINT, RECORD, PICTURE = "checkpoint.pt", "training.json", "reconstruction.png"
_DRAWN = 10
"""Epochs between two pictures."""


@dataclass(frozen=True)
class MaeTraining(Options):
    """How an autoencoder is trained: AdamW, a short warm-up and half a cosine, three quarters of the patches hidden.

    Raises:
        ParameterError: a parameter outside its range.
    """

    design: Annotated[Design, Meaning("the sizes of the autoencoder")] = field(default_factory=Design)
    epochs: Annotated[int, Count("how often every photograph is seen")] = 100
    batch: Annotated[int, Count("how many photographs a step takes")] = 32
    rate: Annotated[float, Share("the largest learning rate", ends="(]")] = 1e-3
    decay: Annotated[float, Share("the weight decay", ends="[)")] = 0.05
    held_out: Annotated[float, Share("how much of the photographs is judged by, and not trained on", ends="()")] = 0.1
    seed: Seed = 0

    def rate_at(self, step: int, steps: int) -> float:
        """The learning rate of a step, counted from 0: a rise over the first twentieth, then half a cosine to 0."""
        rise = max(1, steps // 20)
        if step < rise:
            return self.rate * (step + 1) / rise
        return self.rate * 0.5 * (1 + cos(pi * (step - rise) / max(1, steps - rise)))


@dataclass(frozen=True)
class Trained:
    """What training gave.

    Attributes:
        folder: where the autoencoder lies, as ``mae:FOLDER`` and transformers read it.
        losses: mean training loss of each epoch, in normalised pixels.
        errors: mean squared error on hidden pixels of the held-out photographs after each epoch.
        plain: the same of what needs no training; see :class:`~unseen.removal.generative.judging.HeldOutPhotographs`.
        photographs: how many were trained on, and held out.
    """

    folder: Path
    losses: tuple[float, ...]
    errors: tuple[float, ...]
    plain: dict[str, float]
    photographs: tuple[int, int]

    @property
    def gain(self) -> float:
        """Share of the normalised convolution's error that is saved; not positive where training was of no use."""
        return 1 - self.errors[-1] / self.plain["normalised convolution"]

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**asdict(self), "folder": str(self.folder), "gain": self.gain}


def train_autoencoder(
    photos: Path,
    out: Path,
    training: MaeTraining,
    *,
    device: torch.device | str = "cpu",
    progress: ProgressListener | None = None,
) -> Trained:
    """Train, and write the autoencoder into ``out`` with a record and a picture.

    After every epoch a checkpoint is written; the same call goes on from it, and on a CPU ends with the same weights
    as a run that was not interrupted. What is finished is not done again. On a GPU that has bfloat16 the passes run in
    it, while weights and their updates stay float32.

    Args:
        photos: folder of photographs, which may lie in folders inside it.
        out: folder of the result.
        training: how.
        device: where.
        progress: told of every photograph read and every photograph trained on.

    Raises:
        PhotoError: no such folder, or a photograph that cannot be read.
        ParameterError: too few photographs.
        OutputError: the folder belongs to another training, another one is at work in it, or it cannot be written.
        ModelError: transformers is missing, or the loss is no longer finite.
    """
    check_writable(out)
    autoencoder = training.design.build(training.seed)
    read = read_photographs(
        photos, size=training.design.size, share=training.held_out, seed=training.seed, progress=progress
    )
    held_out = HeldOutPhotographs(autoencoder, read.held_out, training.seed)
    with exclusive(out, "another training", wait=0):
        run = _Run(training, read, autoencoder, held_out, out, torch.device(device))
        run.resume(photos)
        if len(run.losses) < training.epochs or not (out / "model.safetensors").exists():
            run.finish(progress)
        counts = len(read.train), len(read.held_out)
        found = Trained(out, tuple(run.losses), tuple(run.errors), held_out.plain, counts)
        record = {**run.identity, **found.to_dict(), "finished": True}
        del record["folder"]
        replace_file(out / RECORD, (json.dumps(record, indent=1) + "\n").encode())
        (out / CHECKPOINT).unlink(missing_ok=True)
    return found


def split_of(trained: Path) -> tuple[list[Path], list[Path]]:
    """The photographs that an autoencoder was not trained on, by which it may be judged, and those that it was.

    Args:
        trained: the folder that :func:`train_autoencoder` wrote.

    Raises:
        ModelError: it is no such folder, or its photographs have moved or are no longer those that it was trained with.
    """
    try:
        record: _Record = read_json(trained / RECORD, _Record)
        folder = Path(record["photographs_from"])
        held_out, others = split(folder, share=record["held_out"], seed=record["seed"])
    except (OSError, MalformedError, RuntimeError, UnseenError) as error:
        raise ModelError(f"what {trained} was not trained on cannot be told ({error}); train it again") from None
    if contents_digest([*held_out, *others]) != record["content"]:
        raise ModelError(f"{folder} no longer holds the photographs that {trained} was trained on; train it again")
    return held_out, others


class _Record(TypedDict):
    format: str
    photographs_from: str
    content: str
    held_out: float
    seed: int
    finished: NotRequired[bool]
    losses: NotRequired[list[float]]
    errors: NotRequired[list[float]]


class _Run:
    """One training, between two epochs."""

    def __init__(
        self,
        training: MaeTraining,
        photos: Photographs,
        autoencoder: Autoencoder,
        held_out: HeldOutPhotographs,
        out: Path,
        device: torch.device,
    ) -> None:
        self.training, self.photos, self.autoencoder = training, photos, autoencoder
        self.held_out, self.out, self.device = held_out, out, device
        self.network = autoencoder.network.to(device)
        learnt = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        groups = [
            {"params": [p for p in learnt if p.ndim > 1], "weight_decay": training.decay},
            {"params": [p for p in learnt if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=training.rate, betas=(0.9, 0.95))
        self.losses: list[float] = []
        self.errors: list[float] = []
        self.identity: dict[str, Any] = {}

    def resume(self, photos: Path) -> None:
        """Take up what lies in the folder, if it is of the same training."""
        held_out, others = split(photos, share=self.training.held_out, seed=self.training.seed)
        self.identity = {
            "format": FORMAT,
            "photographs_from": str(photos.absolute()),
            "content": contents_digest([*held_out, *others]),
            **asdict(self.training),
        }
        record = self.out / RECORD
        if not record.exists():
            if (self.out / "config.json").exists():
                raise OutputError(f"{self.out} holds another model; choose another --out")
            return
        try:
            found: _Record = read_json(record, _Record)
            self._check({**found})
            if found.get("finished"):
                self._take(found.get("losses"), found.get("errors"))
                return
            state = torch.load(self.out / CHECKPOINT, map_location=self.device, weights_only=True)
            self._check(state["identity"])
            self.network.load_state_dict(state["network"])
            self.optimiser.load_state_dict(state["optimiser"])
            self._take(state["losses"], state["errors"])
        except OutputError:
            raise
        except FileNotFoundError:
            return  # stopped before the first epoch ended
        except Exception as error:  # readers of damaged files raise whatever they stumble over
            told = f"{self.out} is damaged ({first_line(error)}); remove it, and training begins anew"
            raise OutputError(told) from None

    def _check(self, found: dict[str, Any]) -> None:
        other = next((key for key, value in self.identity.items() if found.get(key) != value), None)
        if other is not None:
            raise OutputError(
                f"{self.out} belongs to a training with another {other} ({found.get(other)}, now "
                f"{self.identity[other]}); choose another --out"
            )

    def _take(self, losses: object, errors: object) -> None:
        """The epochs that are done."""
        self.losses = checked(losses, list[float], "losses")
        self.errors = checked(errors, list[float], "errors")
        if not (0 < len(self.losses) == len(self.errors) <= self.training.epochs):
            raise MalformedError(f"{len(self.losses)} losses and {len(self.errors)} errors")

    def finish(self, progress: ProgressListener | None) -> None:
        """All epochs that are left, each saved; then the autoencoder."""
        replace_file(self.out / RECORD, (json.dumps(self.identity, indent=1) + "\n").encode())
        for epoch in range(len(self.losses), self.training.epochs):
            self.losses.append(self._epoch(epoch, progress))
            self.errors.append(self.held_out.error(self.held_out.guessed(self._evaluated())))
            self._checkpoint()
        self._save()

    def _evaluated(self) -> Autoencoder:
        self.network.eval()
        return self.autoencoder

    def _epoch(self, epoch: int, progress: ProgressListener | None) -> float:
        """What is random is drawn from the seed and the epoch, so that no generator's state need be kept."""
        generator = torch.Generator().manual_seed((self.training.seed + 1) * 1_000_003 + epoch)
        count, batch = len(self.photos.train), self.training.batch
        per_epoch = -(-count // batch)
        order = torch.randperm(count, generator=generator)
        self.network.train()
        total = torch.zeros((), device=self.device, dtype=torch.float32)
        for number, some in enumerate(order.tensor_split(per_epoch)):
            step = epoch * per_epoch + number
            for group in self.optimiser.param_groups:
                group["lr"] = self.training.rate_at(step, self.training.epochs * per_epoch)
            loss = self._step([int(place) for place in some], generator)
            total += loss * len(some)
            if progress is not None:
                seen = epoch * count + min(count, (number + 1) * batch)
                progress(self._stage(epoch), seen, self.training.epochs * count)
        mean = float(total) / count
        if mean != mean or mean == float("inf"):
            raise ModelError("training diverged: the loss is not finite; use a smaller rate")
        return mean

    def _step(self, places: list[int], generator: torch.Generator) -> Tensor:
        pixels = random_crops([self.photos.train[place] for place in places], self.training.design.size, generator)
        noise = torch.rand(len(places), self.autoencoder.grid**2, generator=generator, dtype=torch.float32).to(
            self.device
        )
        prepared = self.autoencoder.prepared(pixels.to(self.device))
        with torch.enable_grad(), _half(self.device):
            loss: Tensor = self.network(prepared, noise=noise).loss.float()
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return loss.detach()

    def _stage(self, epoch: int) -> str:
        where = f"epoch {epoch + 1} of {self.training.epochs}"
        if not self.errors:
            return where
        return f"{where}, error {self.errors[-1]:.4f} (plain {self.held_out.plain['normalised convolution']:.4f})"

    def _checkpoint(self) -> None:
        buffer = io.BytesIO()
        state = {
            "identity": self.identity,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "losses": self.losses,
            "errors": self.errors,
        }
        torch.save(state, buffer)
        replace_file(self.out / CHECKPOINT, buffer.getvalue())
        if len(self.losses) == self.training.epochs or len(self.losses) % _DRAWN == 0:
            replace_file(self.out / PICTURE, png(self.held_out.picture(self._evaluated())))

    def _save(self) -> None:
        """In transformers' format, the weights first: without config.json the folder is no model yet."""
        with scratch(self.out) as place, quietly():
            self.network.save_pretrained(place)
            written = {path.name: path.read_bytes() for path in place.iterdir()}
        statistics = {
            "image_processor_type": "ViTImageProcessor",
            "do_normalize": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": self.autoencoder.mean,
            "image_std": self.autoencoder.std,
            "resample": 2,
            "rescale_factor": 1 / 255,
            "size": {"height": self.autoencoder.side, "width": self.autoencoder.side},
        }
        written["preprocessor_config.json"] = (json.dumps(statistics, indent=1) + "\n").encode()
        for name in sorted(written, key=lambda name: name == "config.json"):
            replace_file(self.out / name, written[name])


def _half(device: torch.device) -> AbstractContextManager[Any]:
    """bfloat16 where a GPU computes in it; it needs no scaling of the loss."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()
