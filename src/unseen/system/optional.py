"""Packages that only some models or speed-ups need: imported when they are used."""

from __future__ import annotations

import importlib
from types import ModuleType

from unseen.errors import ModelError, first_line


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
        package, reason = module.partition(".")[0], first_line(error)
        raise ModelError(
            f"{module} fails to import ({reason}); install builds of torch and {package} that belong together"
        ) from None
