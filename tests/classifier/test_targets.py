from __future__ import annotations

import pytest

from unseen.classifier.targets import target_index
from unseen.errors import ParameterError, UnknownNameError

FINDINGS = ("mass", "nodule", "no mass", "no nodule")


def test_a_finding_and_its_absence_are_targets_by_name_and_by_number() -> None:
    assert target_index("Nodule", FINDINGS, "Net") == 1
    assert target_index("no-nodule", FINDINGS, "Net") == 3
    assert target_index("2", FINDINGS, "Net") == 2
    assert target_index("no 1", FINDINGS, "Net") == 3
    assert target_index("no 1", (*FINDINGS, "no 1"), "Net") == 4
    with pytest.raises(UnknownNameError, match=r"Net has no class 'no 9'"):
        target_index("no 9", FINDINGS, "Net")
    with pytest.raises(UnknownNameError, match=r"Net has no class 'no noduls': .*no nodule"):
        target_index("no noduls", FINDINGS, "Net")
    with pytest.raises(ParameterError, match="outside 0 … 3"):
        target_index(4, FINDINGS, "Net")
