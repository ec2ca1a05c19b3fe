"""Which device a name stands for on this machine."""

from __future__ import annotations

import torch

from unseen.errors import ParameterError, first_line


def resolve_device(device: str | torch.device | None = "auto") -> torch.device:
    """The device that ``"auto"`` (or ``None``) stands for, or the one that is named.

    Raises:
        ParameterError: the named device does not exist on this machine.
    """
    if device is None or device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        torch.empty(0, device=resolved)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = first_line(error)
        raise ParameterError(f"device {str(device)!r} cannot be used ({reason}); try 'auto' or 'cpu'") from None
    return resolved
