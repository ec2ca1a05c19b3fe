"""What is known of tensors is forgotten with them, until Python ends."""

from __future__ import annotations

import sys

import pytest
import torch

from unseen.removal.deactivation import tensor_table
from unseen.removal.deactivation.tensor_table import TensorTable


def test_values_are_found_by_identity_and_forgotten_with_their_tensor() -> None:
    table = TensorTable[str]()
    one, other = torch.zeros(2), torch.zeros(2)
    table[one] = "one"
    assert table.get(one) == "one"
    assert table.get(other) is None
    del one
    assert not table._entries


def test_tensors_that_outlive_the_names_of_the_module_go_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    table, tensor = TensorTable[str](), torch.zeros(2)
    table[tensor] = "last"
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    for name in [name for name in vars(tensor_table) if not name.startswith("__")]:
        monkeypatch.setattr(tensor_table, name, None)  # as Python does when it ends
    del tensor
    assert not told
    assert not table._entries
