"""Packages that only some models or speed-ups need: imported when they are used."""

from __future__ import annotations

import importlib
from types import ModuleType

from unseen.errors import ModelError


def require(module: str, extra: str) -> ModuleType:
    """Import an optional package.

    Raises:
        ModelError: it is not installed, or it does not work with the installed torch.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ModelError(f"{module} is not installed: pip install 'unseen[{extra}]'") from None
    except (RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        package = module.partition(".")[0]
        raise ModelError(
            f"{module} fails to import ({reason}); install builds of torch and {package} that belong together"
        ) from None
