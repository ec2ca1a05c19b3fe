"""The model under explanation: a network, how photographs are prepared for it, and its labels.

Outside a :class:`Classifier` an input is float32 of shape ``(C, *space)``, in shares of its declared range: RGB in
[0, 1] of shape (3, height, width) is a photograph. Normalisation happens inside. This is the only place that knows
devices and dtypes: everything that comes out is float32 on the CPU unless a caller asks for the differentiable path.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from unseen.classifier import answers
from unseen.classifier.autograd_graph import mend_batch_norms
from unseen.classifier.backend import Backend
from unseen.classifier.black_box import METHODS_THAT_ASK, box_in, probed, refuse_black_box
from unseen.classifier.borrowing import borrowed, own_device, own_precision, unwrapped
from unseen.classifier.failures import blamed, out_of_memory
from unseen.classifier.fingerprint import fingerprint, revision, structure
from unseen.classifier.folding import LAYOUTS, lean
from unseen.classifier.functions import PlainFunction
from unseen.classifier.inference import OnnxNetwork, check_exportable, export
from unseen.classifier.outputs.base import Outputs
from unseen.classifier.outputs.catalogue import OUTPUTS
from unseen.classifier.outputs.together import Together
from unseen.classifier.prepared import Prepared
from unseen.classifier.preprocessing import Preprocessing, probe
from unseen.classifier.rounding import tolerance
from unseen.classifier.targets import Target, target_index, targets_of
from unseen.classifier.transformed import Transform, fed_by
from unseen.errors import ModelError, NotOptimisedError, UnseenError
from unseen.inputs.photo import PhotoSource
from unseen.system.arguments import Integer, Labels, label_names


class Classifier:
    """A trained classifier of images, signals or volumes together with its preprocessing and labels.

    The network is used in evaluation mode, by one thread at a time, and without touching its parameters; whatever is
    switched for a call is put back after it. It stays on the device and in the dtype in which it is given, also where
    the caller is under ``torch.autocast``.

    Args:
        model: maps normalised inputs, ``(N, C, *space)``, to numbers, as a rule of shape (N, K). ``DataParallel`` and
            ``DistributedDataParallel`` are taken off. A plain function of a batch is a model, too: see
            :class:`~unseen.classifier.functions.PlainFunction`; whatever looks inside a network refuses it.
        preprocessing: how photographs are prepared; the default is the usual one of ImageNet models. A function has no
            usual one. A transform of your own will do, such as a ``Compose`` of torchvision or albumentations: see
            :class:`~unseen.classifier.transformed.Transformed`.
        labels: the K names, in the order of the model's outputs, or with their indices: ``{index: name}`` or
            ``{name: index}``; ``None`` names them "class 0" and so on.
        outputs: what the model's numbers mean, as a spec of ``unseen list outputs`` or an object of
            :class:`unseen.classifier.outputs.Outputs`: ``"logits"`` (one class of K is on top), ``"sigmoid"``
            (independent findings), ``"binary"`` (one logit, two classes), ``"probabilities"``, ``"value"``.
        name: what records call the model; the class name of the network by default.

    Attributes:
        backend: the engine of passes that need nothing but answers; torch, unless another is put here.
        box: the model, or the part of it, of which only the answers are known, if there is one.
        is_assumed: whether nobody said what the numbers mean, so that they are taken for logits.
        is_optimised: whether :meth:`optimised` or :meth:`accelerated` made this classifier.
        labels: the names of the targets, one per column of the scores: the K classes; of K findings their names, then
            "no " before each.
        names: the labels as they were given, one per number that the model returns.
        notes: what a reader of its explanations must know of where it comes from, in plain sentences.
        options: of the command line that made it, by name, such as the file of its labels; for records.

    Raises:
        ParameterError: a model, preprocessing or labels of another kind.
        ModelError: (on use) the network does not return finite logits of shape (N, K), or K differs from the
            number of labels.

    Example:
        >>> import torch
        >>> from unseen import Classifier, Preprocessing
        >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2))
        >>> classifier = Classifier(network, Preprocessing(size=(2, 2), resize=None), ["cat", "dog"])
        >>> classifier.logits(torch.rand(5, 3, 2, 2)).shape
        torch.Size([5, 2])
    """

    def __init__(
        self,
        model: nn.Module | Callable[[Any], Any],
        preprocessing: Preprocessing | Transform | None = None,
        labels: Labels | None = None,
        *,
        outputs: str | Outputs | None = None,
        name: str | None = None,
    ) -> None:
        network = model if isinstance(model, nn.Module) else PlainFunction(model)
        self.preprocessing = fed_by(preprocessing, network.title if isinstance(network, PlainFunction) else None)
        self.model = model = unwrapped(network)
        self.outputs, self.is_assumed = OUTPUTS.resolve("logits" if outputs is None else outputs), outputs is None
        self.names = label_names(labels) if labels is not None else None
        self.labels = self.outputs.labels(self.names)
        self._targets = len(self.labels or ())
        self.box = box_in(model)
        self.name = name or (self.box.title if self.box is model else type(model).__name__)
        parameter = next((p for p in model.parameters() if p.is_floating_point()), None)
        self.device = parameter.device if parameter is not None else torch.device("cpu")
        self.dtype = parameter.dtype if parameter is not None else torch.float32
        with own_precision():
            self.statistics: Tensor = self.preprocessing.statistics.to(self.device)
        self._is_fixed = self.preprocessing.standardise is None
        self.memory_format = torch.contiguous_format
        self.is_optimised = False
        self.backend = Backend()
        self.notes: tuple[str, ...] = ()
        self.options: dict[str, str] = {}
        self._fingerprint: tuple[Hashable, str] | None = None
        self._origin: Classifier | None = None

    # ---- photographs in -------------------------------------------------------------------------------------

    def prepare(self, photo: PhotoSource) -> Float[Tensor, "C *space"]:
        """The photograph as the network sees it, before normalisation: float32, in shares of the range, so in [0, 1].

        A tensor ``(C, *space)``, or an array ``(*space, C)`` of floats, of exactly the network's input size is that
        already and passes untouched, not even rounded. Everything else is a picture, which is scaled and cropped.

        Raises:
            PhotoError: see :func:`unseen.inputs.photo.open_photo`.
        """
        return self.prepared(photo).pixels

    @own_precision()
    def prepared(self, photo: PhotoSource) -> Prepared:
        """The same, with what was done to the photograph.

        Raises:
            PhotoError: see :func:`unseen.inputs.photo.open_photo`.
        """
        return self.preprocessing.prepared(photo)

    def normalise(self, pixels: Float[Tensor, "N C *space"]) -> Float[Tensor, "N C *space"]:
        """(pixels − mean) / std, on the network's device and in its dtype; differentiable.

        Under a preprocessing that standardises, each image counts as a full photograph, unless the classifier is
        :meth:`fixed_on` one; statistics are constants for gradients.
        """
        pixels = pixels.to(self.device)
        mean, std = (self.statistics if self._is_fixed else self.preprocessing.statistics_of(pixels)).unbind()
        normal = (pixels - mean) / std
        return normal.to(self.dtype).contiguous(memory_format=self.memory_format)

    def fixed_on(self, image: Float[Tensor, "C *space"]) -> Classifier:
        """This classifier for parts of one photograph: what standardises it stays that of the full photograph.

        Without per-image standardisation, or if it is fixed already, the classifier itself.
        """
        fixed = self if self._is_fixed else self._view()
        if fixed is not self:
            with torch.no_grad(), own_precision():
                fixed.statistics = self.preprocessing.statistics_of(image[None].to(self.device))[:, 0].clone()
            fixed._is_fixed = True
        return fixed

    def unfixed(self) -> Classifier:
        """This classifier for other photographs than the one it is :meth:`fixed_on`: each has statistics of its own."""
        if not self._is_fixed or self.preprocessing.standardise is None:
            return self
        free = self._view()
        free._is_fixed = False
        return free

    # ---- the network ----------------------------------------------------------------------------------------

    def forward(self, pixels: Float[Tensor, "N C *space"]) -> Float[Tensor, "N T"]:
        """Scores of a batch on the network's device, differentiable in ``pixels``; one pass, no batching."""
        return self.check(self.call(self.normalise(pixels)), len(pixels))

    @torch.no_grad()  # not inference_mode: what a network caches must stay usable for gradients
    def logits(self, pixels: Float[Tensor, "N C *space"]) -> Float[Tensor, "N T"]:
        """Scores of a batch as float32 on the CPU, without gradients; one pass, no batching."""
        self.backend.renew(self.model)
        return self.forward(pixels).float().cpu()

    def call(self, normalised: Float[Tensor, "N C *space"], following: TorchFunctionMode | None = None) -> object:
        """What the network returns for a normalised batch, in evaluation mode and not yet checked.

        Args:
            normalised: see :meth:`normalise`.
            following: shown every torch function that the network calls.

        Raises:
            ModelError: the network's own code fails; errors of memory come out as they are, for smaller batches may do.
            InternalError: what follows the pass fails, and the network by itself does not.
        """
        try:
            with self.evaluating(), own_device(self.device), following or nullcontext(), self.outputs.watching() as by:
                alone = following is None and self.box is None
                output: object = self.backend.plain(self.model, normalised, by) if alone else self.model(normalised)
                return output
        except Exception as error:
            if isinstance(error, UnseenError) or out_of_memory(error):
                raise
            raise blamed(error, self.name, tuple(normalised.shape), lambda: self._plainly(normalised)) from error

    def check(self, output: object, count: int, following: TorchFunctionMode | None = None) -> Float[Tensor, "N T"]:
        """The scores of ``count`` images in what the network returned for them.

        What makes scores of it is shown to ``following`` as the network's functions were, unless it is but sums.

        Raises:
            ModelError: they are not what :attr:`outputs` says, not finite, or not as many as the labels.
        """
        with nullcontext() if following is None or self.outputs.sums(output, self.name) else following:
            scores = self.outputs.scores(output, count, self.name)
        self._targets = scores.shape[1]
        if self.labels is not None:
            numbers = self.outputs.numbers
            answers.check_labels(numbers(self._targets), numbers(len(self.labels)), self.name)
        answers.check_finite(scores, self.name)
        if self.device.type == "cpu" and scores.requires_grad:
            mend_batch_norms(scores)
        return scores

    def reading(self, outputs: Outputs) -> Classifier:
        """The same classifier where its numbers mean something else; the network is shared."""
        if outputs is self.outputs:
            return self
        other = self._view()
        other.outputs = outputs
        other.labels = outputs.labels(self.names)
        return other

    @property
    def origin(self) -> Classifier:
        """The classifier of which this is a view, or itself: what is known of the network is known of both."""
        return self._origin or self

    def _view(self) -> Classifier:
        view = copy.copy(self)
        view._origin = self.origin
        return view

    def deciding(self, image: Float[Tensor, "C *space"]) -> Classifier:
        """The same for this photograph: its statistics, and decisions about it, where outputs are relative: a pass."""
        free, bound = self.unfixed(), self.outputs.bound
        return free.reading(bound(free.logits(image[None])[0])) if self.outputs.relative else free

    def running(
        self, network: nn.Module, outputs: Outputs | None = None, preprocessing: Preprocessing | None = None
    ) -> Classifier:
        """Another network in the place of this one; what is not given is this one's, and the labels are."""
        fed = preprocessing or self.preprocessing
        other = Classifier(network, fed, self.names, outputs=outputs or self.outputs, name=self.name)
        other.notes, other.options = self.notes, self.options
        other.backend = Backend(self.backend.name)
        other.is_assumed = self.is_assumed and outputs is None
        if self._is_fixed and fed is self.preprocessing:
            other.statistics, other._is_fixed = self.statistics, True
        return other

    @torch.no_grad()
    def _plainly(self, normalised: Tensor) -> None:
        with self.evaluating(), own_device(self.device), torch._C.DisableTorchFunction():
            self.model(normalised.detach().clone())

    def evaluating(self) -> AbstractContextManager[None]:
        """The network for this thread alone and in evaluation mode; :func:`~unseen.classifier.borrowing.borrowed`."""
        return borrowed(self.model)

    def frozen(self) -> AbstractContextManager[None]:
        """As :meth:`evaluating`, and no parameter needs a gradient: a tensor needs one if it depends on the input.

        It lasts through the backward pass, in which a network with checkpoints runs once more.

        Raises:
            NotApplicableError: the network was made under ``torch.inference_mode``, or is a black box.
        """
        refuse_black_box(self.model, self.name, "a gradient", METHODS_THAT_ASK)
        return borrowed(self.model, frozen=True)

    # ---- labels ---------------------------------------------------------------------------------------------

    def label(self, index: int) -> str:
        """The name of target ``index``."""
        return self.labels[index] if self.labels is not None else self.outputs.unnamed(index, self._targets)

    def target_index(self, target: str | Integer) -> int:
        """The index of the target that a user means by a name or a number.

        Raises:
            UnseenError: see :func:`unseen.classifier.targets.target_index`.
        """
        return target_index(target, self.labels, self.name, self._unnamed)

    def asked(self, target: Target) -> tuple[Classifier, int]:
        """Who can be asked about a target, and its index: this classifier, unless several findings are one target.

        Raises:
            UnseenError: see :func:`unseen.classifier.targets.targets_of`.
        """
        targets = targets_of(target, self.labels, self.name, self._unnamed)
        if len(targets) == 1:
            return self, targets[0]
        together = self.reading(Together(self.outputs, targets))
        return together, len(together.labels) - 1 if together.labels is not None else -1

    def _unnamed(self) -> tuple[str, ...]:
        if not self._targets:  # only a pass tells
            self.logits(probe(self.preprocessing, 1))
        return tuple(self.outputs.unnamed(index, self._targets) for index in range(self._targets))

    # ---- speed ----------------------------------------------------------------------------------------------

    @property
    def fingerprint(self) -> str:
        """The :func:`~unseen.classifier.fingerprint.fingerprint` of the network; an optimised copy has its original's.

        It is kept until the weights are changed or replaced.
        """
        if self._origin is not None:
            return self._origin.fingerprint
        current = None if self.is_optimised else revision(self.model)
        if self._fingerprint is None or self._fingerprint[0] != current:
            answers = probed(self.model, lambda: self.logits(probe(self.preprocessing, 2)))
            self._fingerprint = (current, fingerprint(self.model, answers))
        return self._fingerprint[1]

    def same(self, one: Tensor, other: Tensor, among: Tensor | None = None) -> bool:
        """Whether scores of the same images, (T,) or (N, T), differ by no more than rounding.

        Those of other images ``among`` which they are, (N, T), tell how large such scores are: a value may be near 0.
        """
        size = self.outputs.magnitudes(torch.cat([one.reshape(-1, one.shape[-1]), *([] if among is None else [among])]))
        return bool(((one - other).abs() <= tolerance(self.dtype, self.device) * size).all())

    def optimised(self) -> Classifier:
        """A copy of this classifier for fast inference: batch norms folded, activations in place, channels last.

        The original network is not touched. A network that cannot be traced keeps its batch norms; a black box, or what
        is scripted, is returned as it is. The copy's logits are compared with the original's on a random image first.

        Raises:
            NotOptimisedError: the network cannot be copied, or the copy's logits differ from the original's by more
                than rounding.
            ModelError: the network itself fails.
        """
        if self.box is self.model or isinstance(self.model, torch.jit.ScriptModule):
            return self
        images = probe(self.preprocessing, 2)
        expected = self.logits(images)
        for copied in (lean, copy.deepcopy):
            with contextlib.suppress(Exception):  # a copy that cannot be made or used fails in any way it likes
                fast = self._fast(copied(self.model))
                if self.same(expected, fast.logits(images)):
                    return fast
        raise NotOptimisedError(
            f"{self.name} cannot be optimised, because a copy fails or its logits differ; use it as it is"
        )

    def accelerated(self, folder: str | PathLike[str]) -> Classifier:
        """A copy of this classifier on ONNX Runtime, for many passes without gradients on a CPU.

        It is a black box: removals and methods that look inside the network refuse it. The copy's logits are compared
        with the original's on random images, in two batch sizes, before it is returned.

        Args:
            folder: keeps the exported network, under the fingerprint of its weights and structure, for the next time.

        Raises:
            ModelError: the extra ``onnx`` is not installed; the network is not float32 on the CPU, has an operation
                without an ONNX form, or its copy's logits differ from its own by more than rounding.
        """
        check_exportable(self.name, self.box, self.device, self.dtype)
        size = "x".join(map(str, self.preprocessing.size))
        path = Path(folder) / f"{self.fingerprint}-{structure(self.model)}-{size}.onnx"
        images = probe(self.preprocessing, 3)
        if not path.exists():
            with self.evaluating():
                export(self.model, self.normalise(images[:2]), path)
        fast = self._copy(OnnxNetwork(path, torch.get_num_threads()))
        if not all(self.same(self.logits(images[:count]), fast.logits(images[:count])) for count in (1, 3)):
            raise ModelError(f"{self.name} says something else on ONNX Runtime; use it as it is, or delete {path}")
        return fast

    def _fast(self, network: nn.Module) -> Classifier:
        network = network.eval().requires_grad_(False)
        fast = self._copy(network.to(memory_format=LAYOUTS[self.preprocessing.axes]))  # type: ignore[call-overload]
        fast.memory_format = LAYOUTS[self.preprocessing.axes]
        return fast

    def _copy(self, network: nn.Module) -> Classifier:
        copied = self.running(network)
        copied.is_optimised = True
        copied._fingerprint = (None, self.fingerprint)
        return copied
