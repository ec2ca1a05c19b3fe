"""Finds what fails on some of Linux, macOS and Windows in the text of a program."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_ELSEWHERE_MISSING = {
    "modules": {"fcntl", "grp", "msvcrt", "pty", "pwd", "resource", "syslog", "termios", "tty", "winreg"},
    "os": {
        "O_DIRECTORY", "O_NOFOLLOW", "chown", "fchmod", "fork", "getegid", "geteuid", "getgid", "getloadavg", "getpgid",
        "getuid", "killpg", "mkfifo", "nice", "register_at_fork", "sched_getaffinity", "sched_setaffinity", "setsid",
        "statvfs", "sysconf", "uname", "wait", "waitpid",
    },
    "signal": {
        "SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP", "SIGTSTP", "SIGUSR1",
        "SIGUSR2", "alarm", "pause", "pthread_kill", "pthread_sigmask", "setitimer", "sigwait",
    },
}  # fmt: skip
_RENAMES = "fails on Windows where the target exists: replace"
_OTHERWISE = {
    ("os", "link"): "links need a privilege on Windows",
    ("os", "rename"): _RENAMES,
    ("os", "symlink"): "links need a privilege on Windows",
    ("shlex", "join"): "quotes for POSIX only: unseen.system.shell.command_line",
    ("shlex", "quote"): "quotes for POSIX only: unseen.system.shell.command_line",
    ("tempfile", "NamedTemporaryFile"): "cannot be opened again on Windows: a TemporaryDirectory",
}
_METHODS = {
    "chmod": "Windows knows only whether a file may be written",
    "hardlink_to": "links need a privilege on Windows",
    "symlink_to": "links need a privilege on Windows",
}
_PLACES = ("/bin/", "/dev/", "/etc/", "/home/", "/proc", "/sys/", "/tmp", "/usr/", "/var/", "C:\\")
_GUARDS = {("sys", "platform"), ("os", "name"), ("platform", "system")}


def faults(source: str) -> list[str]:
    """``line: what it is``, in the order of the lines.

    What a function or module does after it looked at ``sys.platform`` or ``os.name`` is its own affair.
    """
    tree = ast.parse(source)
    return [f"{line}: {what}" for line, what in sorted(set(_of(tree)))]


def _of(scope: ast.AST) -> Iterator[tuple[int, str]]:
    """Faults of a module or function and of those in it, unless it asks which system it runs on."""
    own = [node for node in _walk(scope) if not isinstance(node, _SCOPES)]
    guarded = any(
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and (node.value.id, node.attr) in _GUARDS
        for node in own
    )
    for node in own:
        yield from _encodings(node)
        if not guarded:
            yield from _system(node)
    for node in _walk(scope):
        if isinstance(node, _SCOPES):
            yield from _of(node)


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _walk(scope: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a scope, inner scopes as a whole."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, _SCOPES):
            yield from _walk(child)


def _system(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Names that one of the systems lacks, or understands otherwise."""
    if isinstance(node, ast.Import):
        names = {alias.name.partition(".")[0] for alias in node.names}
        yield from ((node.lineno, f"{name} is not everywhere") for name in names & _ELSEWHERE_MISSING["modules"])
    elif isinstance(node, ast.ImportFrom) and node.module is not None:
        module = node.module.partition(".")[0]
        if module in _ELSEWHERE_MISSING["modules"]:
            yield node.lineno, f"{module} is not everywhere"
        for alias in node.names:
            yield from _attribute(node.lineno, module, alias.name)
    elif isinstance(node, ast.Attribute):
        if isinstance(node.value, ast.Name):
            yield from _attribute(node.lineno, node.value.id, node.attr)
    elif isinstance(node, ast.Call):
        yield from _call(node)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(_PLACES):
        yield node.lineno, f"{node.value!r} is no place on every system"


def _attribute(line: int, module: str, name: str) -> Iterator[tuple[int, str]]:
    if name in _ELSEWHERE_MISSING.get(module, ()):
        yield line, f"{module}.{name} is not everywhere"
    if (module, name) in _OTHERWISE:
        yield line, f"{module}.{name} {_OTHERWISE[module, name]}"


def _call(node: ast.Call) -> Iterator[tuple[int, str]]:
    name = _called(node)
    first = node.args[0] if node.args else None
    if name in _METHODS and isinstance(node.func, ast.Attribute):
        yield node.lineno, f".{name}: {_METHODS[name]}"
    if name == "rename" and isinstance(node.func, ast.Attribute):
        yield node.lineno, f".rename {_RENAMES}"
    if name in ("get_context", "set_start_method") and isinstance(first, ast.Constant) and first.value != "spawn":
        yield node.lineno, f"{name}({first.value!r}): only spawn is everywhere"
    if name == "CDLL" and isinstance(first, ast.Constant) and first.value is None:
        yield node.lineno, "CDLL(None) fails on Windows"
    if name == "str" and isinstance(first, ast.Call) and _called(first) == "relative_to":
        yield node.lineno, "a stored path has this system's separators: as_posix"


def _encodings(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Text that is read or written in whatever encoding the system prefers."""
    if not isinstance(node, ast.Call):
        return
    name, keywords = _called(node), {keyword.arg for keyword in node.keywords}
    text = name in ("read_text", "write_text") and len(node.args) < (1 if name == "read_text" else 2)
    if name == "open" and not _is_of(node, ("Image", "opener", "os", "tarfile", "wave", "webbrowser", "zipfile")):
        place = 1 if isinstance(node.func, ast.Name) else 0
        mode = (
            node.args[place]
            if len(node.args) > place
            else next((k.value for k in node.keywords if k.arg == "mode"), None)
        )
        text = not (isinstance(mode, ast.Constant) and "b" in str(mode.value))
    if text and "encoding" not in keywords:
        yield node.lineno, f"{name} without an encoding"


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _is_of(node: ast.Call, names: tuple[str, ...]) -> bool:
    return (
        isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and node.func.value.id in names
    )
