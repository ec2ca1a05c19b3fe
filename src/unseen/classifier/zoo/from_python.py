"""Models that the user's own code makes: ``python:FILE.py:NAME``. The file runs because the user named it."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from unseen.classifier.classifier import Classifier
from unseen.classifier.preprocessing import Preprocessing
from unseen.classifier.zoo.source import ASSUMED, Loaded, local_file
from unseen.errors import ModelError, ParameterError, UnknownNameError, UnseenError, first_line, nearest
from unseen.system.arguments import type_of

_WHAT = "an unseen.Classifier, a torch module or a function of a batch"


def load(name: str, weights: Path | None) -> Loaded:
    """What NAME of the local file FILE.py is, or returns where it is a function without arguments.

    Args:
        name: ``FILE.py:NAME``.
        weights: none.

    Raises:
        ParameterError: another form, or NAME is nothing of that kind.
        ModelError: there is no such file, or it fails.
        UnknownNameError: the file has no such name.
    """
    del weights
    file, colon, attribute = name.rpartition(":")
    if not colon or not file or not attribute.isidentifier():
        raise ParameterError(f"'python:{name}' does not name what makes the model; write python:FILE.py:NAME")
    path = local_file(file, "write python:FILE.py:NAME with a file on this machine")
    with _importable(path.absolute().parent):
        module = _run(path.absolute())
        if not hasattr(module, attribute):
            known = [one for one, value in vars(module).items() if callable(value) and not one.startswith("_")]
            raise UnknownNameError(f"{path} has no {attribute!r}: {nearest(attribute, known)}")
        made = _made(getattr(module, attribute), f"{path}:{attribute}")
    if isinstance(made, Classifier):
        return Loaded.of(made)
    assumed = f"{path}:{attribute} is a network without a preprocessing: {ASSUMED}"
    if isinstance(made, nn.Module):
        return Loaded(made, Preprocessing(), None, assumed=assumed)
    return Loaded(made, None, None)


def _run(path: Path) -> ModuleType:
    """The file as a module, under a name of its own, so that what it defines can be found again."""
    name = f"unseen_model_{sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ModelError(f"{path} is no file of Python; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
        raise _failed(f"{path} fails when it is run", error, path) from error
    return module


def _made(thing: object, where: str) -> Any:
    """The thing itself, or what it returns if it can be called without arguments."""
    if not isinstance(thing, nn.Module | Classifier) and callable(thing) and _needs_nothing(thing):
        try:
            thing = thing()
        except (Exception, SystemExit) as error:
            if isinstance(error, UnseenError):
                raise
            raise _failed(f"{where} fails", error, Path(where.rpartition(":")[0]).absolute()) from error
    elif isinstance(thing, type):
        raise ParameterError(
            f"{where} is the class {thing.__name__}{inspect.signature(thing)}; name a function without arguments that "
            "returns an object of it"
        )
    if isinstance(thing, type) or not (callable(thing) or isinstance(thing, Classifier)):
        raise ParameterError(f"{where} gives {type_of(thing)}; let it return {_WHAT}")
    return thing


def _needs_nothing(function: Any) -> bool:
    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError):
        return False
    return True


def _failed(what: str, error: BaseException, path: Path) -> ModelError:
    """With the last line of the file that ran."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == str(path) else line
    place = f", line {line}" if line is not None else ""
    return ModelError(f"{what} ({type(error).__name__}: {first_line(error)}{place}); mend it, and try it with python")


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Modules beside the file can be imported inside, as when it is run."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
