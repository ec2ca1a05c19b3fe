"""Who may open the page: this machine alone, or whoever has the password."""

from __future__ import annotations

import hmac
import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path

from unseen.errors import ParameterError

USER = "unseen"
"""The name with which one logs in."""

VARIABLE = "UNSEEN_APP_PASSWORD"

_SHORTEST = 12


@dataclass(frozen=True)
class Access:
    """Where the page is, and what is asked of whoever opens it.

    Args:
        host: address on which the server listens.
        port: likewise; 0 takes a free one.
        password: what must be given to log in; ``None`` lets everybody in, which only this machine may do.

    Raises:
        ParameterError: another machine could open the page without a password, the password is short, or the port is
            outside 0 … 65,535.

    Example:
        >>> from unseen.app.access import Access
        >>> Access("127.0.0.1", 7860).is_private, Access("0.0.0.0", 7860, "correct horse battery").is_private
        (True, False)
    """

    host: str
    port: int
    password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ParameterError(f"port {self.port} is outside 0 … 65535; give another, such as 7860")
        if self.password is not None and len(self.password) < _SHORTEST:
            raise ParameterError(f"the password has {len(self.password)} characters; give at least {_SHORTEST}")
        if self.password is None and not self.is_private:
            raise ParameterError(
                f"on {self.host} other machines could open the page: give a password of at least {_SHORTEST} "
                f"characters in the environment variable {VARIABLE} or by --password-file FILE, or leave --host out"
            )

    @classmethod
    def of(cls, host: str, port: int, password_file: Path | None = None) -> Access:
        """The same with the password of a file, or of the environment.

        Raises:
            ParameterError: as above; or the file cannot be read.
        """
        return cls(host, port, _read(password_file) if password_file else os.environ.get(VARIABLE))

    @property
    def is_private(self) -> bool:
        """Whether nobody but this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def names(self) -> frozenset[str] | None:
        """What a browser may call the server; ``None`` where that cannot be known.

        A page on the internet may let its own name stand for this machine and so speak to what listens here; it is told
        apart by the name that it uses.
        """
        return frozenset(("localhost", "127.0.0.1", "::1", self.host)) if self.is_private else None

    def lets_in(self, user: str, password: str) -> bool:
        """Whether this is who may log in; it takes as long whatever is wrong."""
        assert self.password is not None
        named = hmac.compare_digest(user.encode(), USER.encode())
        return hmac.compare_digest(password.encode(), self.password.encode()) and named


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"the password file {path} cannot be read ({error}); name a text file") from None
