"""``unseen app``: the page in the browser."""

from __future__ import annotations

from pathlib import Path

from unseen.cli.loading import ready
from unseen.cli.messages import note, say
from unseen.cli.options import BUNDLED, ModelChoice
from unseen.system.process import wait_passively

HELP = """Open a page in the browser: explain a photograph without the command line.

Drop a photograph and see what the model says of it; find the parts that cause
it; hide parts yourself with a brush; compare methods. Everything stays on this
machine: the page loads nothing from elsewhere and sends nothing there. It needs
the extra "app": pip install 'unseen[app]'.

  unseen app
  unseen app --model python:my_model.py:build
  unseen app --results results

Only this machine can open it. For others, set a password and an address:

  UNSEEN_APP_PASSWORD=… unseen app --host 0.0.0.0
"""


def app(
    *,
    chosen: ModelChoice = BUNDLED,
    results: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 7860,
    password_file: Path | None = None,
) -> int:
    """Open a page in the browser: explain a photograph without the command line.

    Parameters
    ----------
    results
        Folder that "unseen evaluate" wrote, to be read on the page.
    host
        Address to listen on. Any but this machine's own needs a password: in UNSEEN_APP_PASSWORD, or --password-file.
    port
        0 takes a free one.
    password_file
        Text file with the password.
    """
    wait_passively()
    from unseen.app.access import USER, Access
    from unseen.app.evaluated import Evaluated
    from unseen.app.server import listening, serve

    access = Access.of(host, port, password_file)
    shown = None if results is None else Evaluated.of(results)
    if not access.is_private:
        note(
            f"everybody who can reach {host} and knows the password can use the page, as {USER!r}; what is sent is not "
            "encrypted, so put a proxy with TLS before it where you do not trust the network"
        )

    def opened(address: str) -> None:
        say(f"  page: {address}", "  Ctrl-C ends it.")

    with listening(access) as listener:
        try:
            serve(ready(chosen), access, listener, shown, opened)
        except KeyboardInterrupt:  # as the page says
            return 0
    return 0
