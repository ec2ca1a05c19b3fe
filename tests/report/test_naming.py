from __future__ import annotations

from unseen.report.naming import GAMMA, meanings


def test_each_name_is_explained_once_and_without_its_options() -> None:
    found = meanings(["rise:masks=100", "rise:masks=200", "plug-in"], ["grey", "ad:pooled"], parts=True)
    assert [name for name, _ in found] == ["rise", "grey", "ad", "γ"]
    assert found[0][1].startswith("a method: ")
    assert found[1] == ("grey", "a way to hide: mid-grey pixels (0.5)")
    assert found[3] == GAMMA
    assert meanings([], []) == []
    assert "photograph" not in str(meanings(["occlusion"], ["noise"], "signal"))
