"""Which engine runs the passes of a classifier that need nothing but its answers.

A pass begins in torch. When it has been asked of :data:`PAYS` photographs, and they took long enough for a recording of
half a second to pay, it is recorded for ONNX Runtime, compared with torch on photographs that were just asked about,
and timed; the faster of the two goes on. Nothing else changes: whoever looks inside the network, or needs its
gradients, has torch. Within an explanation no pass changes its engine, so that its numbers compare: what they run on is
decided before the first evaluation that counts, if much is to come, or else when the explanation is over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any, get_args

import torch
from torch import Tensor, nn

from unseen.classifier.backend_names import BackendName
from unseen.classifier.failures import out_of_memory
from unseen.classifier.fingerprint import identity, revision, structure
from unseen.classifier.graph.recorded import RecordedPass
from unseen.classifier.rounding import rounding
from unseen.errors import ModelError, NotRecordedError, ParameterError, UnseenError, first_line
from unseen.system.context import holding

PLAIN = "plain"
"""The pass without masks, of what is painted, too."""
_READ = "the logits behind its probabilities are read inside the network"
PAYS = 64
"""Photographs, masked or not, of which a pass is asked in torch before it is decided what it runs on."""
_LONG = 0.25
"""Seconds that they take where it pays to record the pass: less than a recording, for most requests go on for long."""
_COMPARED = 8
"""Photographs on which the two are compared and timed."""
_ROUNDS = 2
"""How often each is timed; the shorter time counts, for others may be at work meanwhile."""
_FASTER = 0.95
"""What the recorded pass may take of the other's time."""

WORTH = 300
"""Photographs asked about so far, and yet to come, from which on a pass is decided before an explanation begins."""
_AHEAD = 2.0
"""Seconds that those yet to come take in torch where it pays to record the pass and to compare the two."""

_TORCH_ALONE = ContextVar("torch alone", default=False)
_TO_COME: ContextVar[int | None] = ContextVar("to come", default=None)
"""Photographs of the explanation that begins; 0 while one is under way; ``None`` outside of any."""


def torch_alone() -> AbstractContextManager[None]:
    """Inside, every pass runs in torch: for checks that compare passes more closely than engines agree."""
    return holding(_TORCH_ALONE, True)


def to_come(photographs: int) -> AbstractContextManager[None]:
    """Inside, passes are decided for so many photographs that are yet to come, or, for 0, not at all."""
    return holding(_TO_COME, photographs)


class Backend:
    """The engine of a classifier's passes, one for all its views.

    Args:
        name: ``torch``; ``onnxruntime``, which fails where a pass cannot be recorded; or ``auto``, the faster of them.
            Passes into which somebody looks, by hooks or for the logits before probabilities, run in torch.

    Attributes:
        passes: what each pass runs on, by its name, as far as that is decided; for records. It is cleared where an
            explanation begins.

    Raises:
        ParameterError: another name.
    """

    def __init__(self, name: str = "torch") -> None:
        if name not in get_args(BackendName):
            raise ParameterError(f"backend must be one of {', '.join(get_args(BackendName))}, got {name!r}")
        self.name = name
        self.passes: dict[str, str] = {}
        self._choices: dict[Hashable, Choice] = {}
        self._state: Hashable = None

    def renew(self, network: nn.Module) -> None:
        """Forget what was recorded of a network that is another one now; asked where work on a photograph begins.

        It reads the weights, some 20 ms for 100 MB, and so notices what nobody is told of: changes through ``.data`` or
        numpy, other modules, other settings.
        """
        if self.name == "torch":
            return
        now = revision(network), structure(network), _settings(network)
        if now != self._state:
            self._choices.clear()
        self._state = now

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process decides for itself."""
        return type(self), (self.name,)

    def undecided(self, key: Hashable, photographs: int) -> bool:
        """Whether a pass has yet to be decided, and so many photographs to come make it worth while."""
        found = self._choices.get(key)
        asked = 0 if found is None else found.asked
        return self.name == "auto" and not (found and found.decided) and asked + photographs >= WORTH

    def stays(self, title: str, reason: str) -> None:
        """Record that a pass runs in torch, and why."""
        if self.name != "torch":
            self.passes[title] = f"torch ({reason})"

    @property
    def notes(self) -> tuple[str, ...]:
        """What ran in torch although ONNX Runtime was asked for; plain sentences."""
        if self.name != "onnxruntime":
            return ()
        return tuple(
            f"not all ran on ONNX Runtime: {title} in {engine}"
            for title, engine in self.passes.items()
            if engine != "onnxruntime"
        )

    @property
    def engines(self) -> str:
        """What the passes ran on, in one line: ``torch``, or each pass with its engine."""
        return "; ".join(f"{title}: {engine}" for title, engine in self.passes.items()) or "torch"

    @property
    def record(self) -> dict[str, Any]:
        """What was asked for and what ran, ready for JSON."""
        return {"asked": self.name, "passes": dict(self.passes)}

    def plain(self, network: nn.Module, normalised: Tensor, by: object = None) -> object:
        """What a network returns for normalised photographs when nothing is hidden or all is painted.

        Args:
            network: that runs.
            normalised: photographs.
            by: what reads the logits behind its probabilities, if anything does.
        """
        choice = self.choice(network, PLAIN, PLAIN, network, read=by is not None)
        return network(normalised) if choice is None else choice.run(network, normalised)

    def choice(
        self, network: nn.Module, title: str, key: Hashable, recordable: Callable[..., object], *, read: bool = False
    ) -> Choice | None:
        """Who runs a pass; ``None`` where torch alone may.

        Args:
            network: that runs in it.
            title: of the pass, for records.
            key: of the pass, among those of this classifier.
            recordable: the pass in torch, of the same operations whatever the values are.
            read: whether the logits behind probabilities are read inside the network.
        """
        if self.name == "torch" or _TORCH_ALONE.get() or torch.is_grad_enabled():
            return None
        if read or _watched(network):
            self.stays(title, _READ if read else "a hook looks inside the network")
            return None
        found = self._choices.get(key)
        if found is None or found.network != identity(network):
            found = self._choices[key] = Choice(self, title, identity(network), recordable)
        return found


class Choice:
    """The engine of one pass: decided once."""

    def __init__(self, backend: Backend, title: str, network: Hashable, recordable: Callable[..., object]) -> None:
        self.network = network
        self._backend, self._title, self._recordable = backend, title, recordable
        self.asked, self._seconds = 0, 0.0
        self._recorded: RecordedPass | None = None
        self.decided = False
        self._engine = ""
        self._shape: tuple[int, ...] = ()
        self.share = 1.0
        """What the recorded pass takes of the time of the one in torch."""

    def run(self, in_torch: Callable[..., object], *inputs: Tensor) -> object:
        """The pass of normalised photographs, and their masks if it takes any.

        Args:
            in_torch: the same in torch.
            inputs: each with one row a photograph.

        Raises:
            ModelError: ONNX Runtime is asked for and cannot run the pass.
        """
        if not self.decided and self._due(inputs):
            self._decide(in_torch, inputs)
        if self.decided:
            self._backend.passes.setdefault(self._title, self._engine)
        if self._recorded is not None and tuple(inputs[0].shape[1:]) == self._shape:
            try:
                return self._recorded(*inputs)
            except Exception as error:  # ONNX Runtime has errors of its own
                if out_of_memory(error):
                    raise
                self._give_up(f"ONNX Runtime fails: {first_line(error)}", error)
        began = time.perf_counter()
        output = in_torch(*inputs)
        self._seconds += time.perf_counter() - began
        return output

    def pays(self, share: float) -> bool:
        """Whether it beats a pass in torch that takes but this share of the time of a whole one."""
        return self._recorded is not None and self.share < share

    def _due(self, inputs: tuple[Tensor, ...]) -> bool:
        before, self.asked = self.asked, self.asked + len(inputs[0])
        coming = _TO_COME.get()
        return self._backend.name == "onnxruntime" or (before >= PAYS if coming is None else coming > 0)

    def _pays(self, in_torch: Callable[..., object], inputs: tuple[Tensor, ...]) -> bool:
        """Whether torch takes long enough for what was asked, or is to come."""
        coming = _TO_COME.get()
        if coming is None:
            return self._seconds >= _LONG
        return _timed(in_torch, inputs)[0] / len(inputs[0]) * coming >= _AHEAD

    def _decide(self, in_torch: Callable[..., object], inputs: tuple[Tensor, ...]) -> None:
        self.decided = True
        must = self._backend.name == "onnxruntime"
        try:
            if not must and not self._pays(in_torch, inputs):
                raise NotRecordedError("too small for a recording to pay")
            recorded = self._compared(in_torch, inputs)
            if not must and self.share > _FASTER:
                raise NotRecordedError(f"ONNX Runtime takes {self.share:.2f} times as long")
        except Exception as error:  # a network may do what nobody thought of; torch runs it
            known = isinstance(error, UnseenError)
            self._give_up(str(error) if known else f"recording fails: {first_line(error)}", error)
            return
        self._recorded, self._shape = recorded, tuple(inputs[0].shape[1:])
        self._engine = "onnxruntime"

    def _give_up(self, reason: str, error: Exception) -> None:
        """Go on in torch, for this reason.

        Raises:
            ModelError: ONNX Runtime was asked for.
        """
        self._recorded = None
        if self._backend.name == "onnxruntime":
            raise ModelError(
                f"the {self._title} pass cannot run on ONNX Runtime: {reason}; choose the backend auto"
            ) from error
        self._engine = f"torch ({reason})"
        self._backend.stays(self._title, reason)

    def _compared(self, in_torch: Callable[..., object], inputs: tuple[Tensor, ...]) -> RecordedPass:
        """The recorded pass, where it says the same as torch.

        Raises:
            NotRecordedError: it does not, or cannot be.
        """
        if any((given.device.type, given.dtype) != ("cpu", torch.float32) for given in inputs):
            raise NotRecordedError("it is not float32 on the CPU")
        recorded = RecordedPass(self._recordable, *(given[:1] for given in inputs))
        inputs = tuple(given[:_COMPARED] for given in inputs)
        alone = tuple(given[:1] for given in inputs)
        strange = [(odd, *alone[1:]) for odd in (torch.zeros_like(alone[0]), -alone[0], 2 * alone[0].flip(-1))]
        if len(inputs) > 1:  # masks
            inputs = _with_others(*inputs)
        for some in (inputs, alone, *strange):  # steps may depend on how many there are, or on what they show
            _compare(_timed(in_torch, some)[1], _timed(recorded, some)[1])
        took = [min(_timed(run, inputs)[0] for _ in range(_ROUNDS)) for run in (recorded, in_torch)]  # both are warm
        self.share = took[0] / took[1]
        return recorded


def _timed(run: Callable[..., object], inputs: tuple[Tensor, ...]) -> tuple[float, object]:
    """The seconds that a pass takes, and what it says."""
    given = [each.clone() for each in inputs]  # a masked pass in torch may write into its input
    began = time.perf_counter()
    answer = run(*given)
    return time.perf_counter() - began, answer


def _compare(expected: object, got: object) -> None:
    """Refuse answers that differ by more than rounding, each by the largest number of its photograph.

    Raises:
        NotRecordedError: they do.
    """
    assert isinstance(expected, Tensor)
    assert isinstance(got, Tensor)
    if got.shape != expected.shape or not torch.equal(got.isfinite(), expected.isfinite()):
        raise NotRecordedError("ONNX Runtime says something else")
    rows, others = (torch.where(one.isfinite(), one, 0).flatten(1) for one in (expected, got))
    allowed = rounding(expected.dtype, expected.device) * rows.abs().amax(1).clamp(min=1)
    change = (rows - others).abs().amax(1)
    if bool((change > allowed).any()):
        raise NotRecordedError(f"ONNX Runtime says something else, by {float(change.max()):.2g}")


def _with_others(photographs: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """The same with masks unlike those of a search.

    Nothing hidden, everything, a part that begins within every layer's cell, and noise.
    """
    space = masks.shape[1:]
    others = masks.new_zeros(4, *space)
    others[0] = 1
    others[2][tuple(slice(side // 5, side // 2 + 1) for side in space)] = 1
    others[3] = (torch.rand(space, generator=torch.Generator().manual_seed(0)) > 0.5).to(masks)
    rows = photographs[:1].expand(len(others), *photographs.shape[1:])
    return torch.cat([photographs, rows]), torch.cat([masks, others])


def _settings(network: nn.Module) -> Hashable:
    """The modules themselves, and what they keep beside tensors and modules, as far as it is plain."""
    plain = (bool, int, float, str, tuple, list, type(None))
    return tuple(
        (
            name,
            id(module),
            id(module.__dict__.get("forward")) if "forward" in module.__dict__ else 0,
            repr({key: value for key, value in vars(module).items() if key[0] != "_" and isinstance(value, plain)}),
        )
        for name, module in network.named_modules()
    )


def _watched(network: nn.Module) -> bool:
    """Whether somebody is told of what happens inside."""
    if torch.nn.modules.module._has_any_global_hook():  # type: ignore[no-untyped-call]
        return True
    return any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
