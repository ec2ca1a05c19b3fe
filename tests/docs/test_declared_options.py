from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from unseen.explainers.hiding.rise import Rise

HOOK = Path(__file__).parents[2] / "docs" / "extensions" / "declared_options.py"


def test_the_reference_tells_what_fields_declare() -> None:
    found = importlib.util.spec_from_file_location("declared_options", HOOK)
    assert found is not None
    assert found.loader is not None
    hook: Any = importlib.util.module_from_spec(found)
    found.loader.exec_module(hook)
    lines = ["Show random halves.", "", "Raises:", "    ParameterError: outside."]
    hook.add_options(None, "class", "Rise", Rise, None, lines)
    assert lines[2] == "Args:"
    assert "    visible: the probability that a cell is visible (in (0, 1)); by default 0.5." in lines
    assert lines[-2:] == ["Raises:", "    ParameterError: outside."]
