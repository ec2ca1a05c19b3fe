"""Records that were written earlier, perhaps by an older version, perhaps by somebody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unseen.errors import OutputError
from unseen.system.schema import MalformedError, read_json


def record_of(path: Path, kind: Any) -> Any:
    """The content of a JSON record.

    Args:
        path: of the file.
        kind: what it must look like; see :mod:`unseen.system.schema`.

    Raises:
        OutputError: it cannot be read, or is of another form.
    """
    try:
        return read_json(path, kind)
    except OSError as error:
        raise OutputError(f"{path} cannot be read ({error.strerror}); check its permissions") from None
    except MalformedError as error:
        raise OutputError(f"{path} is damaged or of another kind ({error}); make it again") from None
