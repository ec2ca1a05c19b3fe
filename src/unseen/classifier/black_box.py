"""Models of which only the answers are known: a plain function, a file of another engine, a server.

A black box is a module like any other for whoever asks it for numbers. What would look inside it, or differentiate it,
is refused by name before any work, here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from unseen.errors import NotApplicableError

METHODS_THAT_ASK = "choose a method that only asks, such as 'causal', 'occlusion' or 'rise'"
REMOVALS_THAT_PAINT = "choose a removal that paints, such as 'grey' or 'blur'"


class BlackBox(nn.Module):
    """Images in, numbers out; nothing is known of what is between. Subclasses define :meth:`ask`.

    Args:
        title: what it is called where the user gives no name.
        kind: what it is, in words: "a plain function".
        identity: what its answers follow from, as far as that can be read: a digest, an address.
        complete: whether nothing else can change its answers; else a probe's answers are part of its fingerprint.
    """

    def __init__(self, title: str, kind: str, identity: str, *, complete: bool) -> None:
        super().__init__()
        self.title, self.kind, self.identity, self.complete = title, kind, identity, complete

    def ask(self, images: Tensor) -> object:
        """What it says of normalised images, shape ``(N, C, *space)``, float32 on the CPU: tensors of N rows."""
        raise NotImplementedError

    @property
    def record(self) -> dict[str, Any]:
        """What it is and what is known of it, ready for JSON."""
        return {"kind": self.kind, "identity": self.identity, "identity_is_complete": self.complete}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of its answers must know, in plain sentences."""
        return ()

    def forward(self, normalised: Tensor) -> object:
        """The answers.

        Raises:
            NotApplicableError: a gradient is asked for.
        """
        if normalised.requires_grad and torch.is_grad_enabled():
            raise NotApplicableError(f"{self.title} is {self.kind} and computes no gradients; {METHODS_THAT_ASK}")
        return self.ask(normalised.detach())

    def __deepcopy__(self, memo: dict[int, Any]) -> BlackBox:
        """Itself: there is nothing inside that a copy could change."""
        return self


def box_in(network: nn.Module) -> BlackBox | None:
    """The first black box in a network, most often the network itself."""
    return next((module for module in network.modules() if isinstance(module, BlackBox)), None)


def refuse_black_box(network: nn.Module, name: str, who: str, remedy: str) -> None:
    """Refuse what needs more than answers of a network that gives nothing else.

    Args:
        network: that is to be explained.
        name: of the network, for the message.
        who: needs it, for the message: ``"method 'grad-cam'"``.
        remedy: what to do instead.

    Raises:
        NotApplicableError: the network is a black box.
    """
    box = box_in(network)
    if box is not None:
        raise NotApplicableError(
            f"{who} looks inside the model, and {name} is {box.kind}, of which only the answers are known; {remedy}"
        )


def refuse_closed(network: nn.Module, who: str, remedy: str = REMOVALS_THAT_PAINT) -> None:
    """Refuse to follow the functions that a network calls where they do not pass through torch's Python.

    Args:
        network: that is to be followed.
        who: follows it, for the message.
        remedy: what to do instead.

    Raises:
        NotApplicableError: a module of the network is a black box, scripted or compiled.
    """
    refuse_black_box(network, type(network).__name__, who, remedy)
    for name, module in network.named_modules():
        compiled = hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None
        if compiled or isinstance(module, torch.jit.ScriptModule):
            raise NotApplicableError(
                f"{who} cannot follow the compiled module {name or type(module).__name__!r}; "
                f"pass the original nn.Module (before torch.jit or torch.compile), or {remedy}"
            )


def probed(network: nn.Module, ask: Callable[[], Tensor]) -> str:
    """What tells a model from another of which all that can be read is the same: its answers to a probe, in short.

    Such are black boxes of one source or address, and scripted networks, which show no weights that are quantised.

    They are summed with fixed weights and rounded to four digits, so that another processor's rounding is hardly seen,
    and other weights are.

    Args:
        network: any; nothing is asked unless it holds such a part.
        ask: gives its answers to the probe.
    """
    if not any(map(_hides, network.modules())):
        return ""
    answers = ask().double()
    weights = torch.arange(1, answers.shape[1] + 1, dtype=torch.float64).cos()
    return " ".join(f"{number:.3e}" for number in (answers * weights).sum(1).tolist())


def _hides(module: nn.Module) -> bool:
    if isinstance(module, torch.jit.ScriptModule):
        return "quantized::" in str(getattr(module, "inlined_graph", ""))
    return isinstance(module, BlackBox) and not module.complete
