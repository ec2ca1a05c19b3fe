from __future__ import annotations

from pathlib import Path

import pytest

from unseen.app.access import VARIABLE, Access
from unseen.errors import ParameterError

PASSWORD = "correct horse battery"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_this_machine_needs_no_password(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert Access.of(host, 7860).password is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_another_address_does_and_the_remedies_work(host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(ParameterError, match="give a password") as refused:
        Access.of(host, 7860)
    assert VARIABLE in str(refused.value)
    assert "--password-file" in str(refused.value)
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    assert Access.of(host, 7860, tmp_path / "password").password == PASSWORD
    monkeypatch.setenv(VARIABLE, PASSWORD)
    assert Access.of(host, 7860).names is None


def test_what_is_no_password_or_port_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="give at least 12"):
        Access("0.0.0.0", 7860, "short")
    with pytest.raises(ParameterError, match="cannot be read"):
        Access.of("0.0.0.0", 7860, tmp_path / "nowhere")
    with pytest.raises(ParameterError, match="outside"):
        Access("127.0.0.1", 70000)


def test_only_the_name_and_the_password_let_in() -> None:
    access = Access("0.0.0.0", 7860, PASSWORD)
    assert access.lets_in("unseen", PASSWORD)
    assert not access.lets_in("unseen", PASSWORD[:-1])
    assert not access.lets_in("admin", PASSWORD)
    assert not access.lets_in("ünseen", "")
    assert PASSWORD not in repr(access)
