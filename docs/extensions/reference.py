"""The API reference: a page for every package, with every public name of every module, made from the source tree.

Nothing has to be listed by hand, so nothing can be forgotten. References to a name by the face that hands it on
(``unseen.Explanation``) are led to where it is defined; what belongs to other packages is left as plain text.
"""

import ast
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

SOURCE = Path(importlib.util.find_spec("unseen").origin).parent

PACKAGES = {
    "unseen": "Everyday use",
    "unseen.inputs": "Inputs",
    "unseen.classifier": "Classifier",
    "unseen.removal": "Removals",
    "unseen.explanation": "Explanation",
    "unseen.explainers": "Explainers",
    "unseen.pipeline": "Explain and compare",
    "unseen.metrics": "Metrics",
    "unseen.criteria": "Criteria",
    "unseen.evaluation": "Evaluation",
    "unseen.trials": "Hide it yourself",
    "unseen.report": "Report",
    "unseen.system": "System",
}
"""The pages in the order of the corridor; the command line and the page in the browser explain themselves."""

ELSEWHERE = [
    ("py:.*", rf"({'|'.join(sorted(sys.stdlib_module_names))})\..*"),
    ("py:.*", r"(hypothesis|jaxtyping|matplotlib|numpy|PIL|safetensors|torch|transformers|nn|np|F)\..*"),
    (
        "py:.*",
        r"(Tensor|Float|Bool|Int|Shaped|Figure|Axes|Colormap|Module|Function|NDArray|Any|Path|(Image.)?Image|optional|T|R)",
    ),
    ("py:.*", r"unseen\..*\.(_\w+|T|R)"),  # private bases, and type variables
    ("py:.*", r"[\s'\"]*[*#]?[\w*+|\s.…'\"-]*['\"]|['\"].*|[\w*]+( [\w*]+)*'?"),
]
"""Names of other packages, and the axes of arrays, which jaxtyping writes as types."""


def modules(package: str) -> Iterator[str]:
    """The modules of a package, its own face first; of ``unseen`` itself those that stand beside the packages."""
    folder = SOURCE.joinpath(*package.split(".")[1:])
    if package == "unseen":
        yield from (f"unseen.{path.stem}" for path in sorted(folder.glob("*.py")) if not path.stem.startswith("__"))
        return
    for path in sorted(folder.rglob("*.py")):
        parts = ("unseen", *path.relative_to(SOURCE).with_suffix("").parts)
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def face(package: str) -> list[str]:
    """What a package hands on from its modules, as ``module.name``: what its stub says."""
    stub = SOURCE.joinpath(*package.split(".")[1:], "__init__.pyi")
    statements = ast.parse(stub.read_text("utf-8")).body if stub.exists() else []
    return [
        f"{package}.{node.module}.{alias.name}"
        for node in statements
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]


def page(package: str, title: str) -> str:
    """A page of the reference, as MyST Markdown."""
    lines = [f"# {title}: `{package}`", "", "Examples begin with [these lines](#first-lines).", ""]
    handed = face(package)
    if handed:
        lines += [f"From `{package}` itself:", "", *(f"- {{py:obj}}`{name}`" for name in handed), ""]
    for module in modules(package):
        if package != module:
            lines += [f"## {module.removeprefix('unseen.')}", ""]
        lines += ["```{eval-rst}", f".. automodule:: {module}", "   :ignore-module-all:", "```", ""]
    return "\n".join(lines)


def write(folder: Path) -> None:
    """Write all pages, those that changed only, so that a second build is quick."""
    folder.mkdir(parents=True, exist_ok=True)
    for package, title in PACKAGES.items():
        path, text = folder / f"{package}.md", page(package, title)
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def home_of(target: str) -> str | None:
    """Where a name is defined that a face hands on: ``unseen.Part`` is ``unseen.explanation.findings.Part``."""
    package, _, rest = target.rpartition(".")
    while package:
        if package in PACKAGES or package.startswith("unseen"):
            try:
                thing = getattr(importlib.import_module(package), rest.split(".")[0], None)
            except ImportError:
                thing = None
            home = getattr(thing, "__module__", None)
            if home is not None and home != package:
                return f"{home}.{rest}"
        package, _, last = package.rpartition(".")
        rest = f"{last}.{rest}"
    return None


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element) -> nodes.reference | None:
    """Lead a reference by a face's name, or by the end of a name that no other shares, to the definition."""
    if node.get("refdomain") != "py":
        return None
    domain: Any = env.get_domain("py")
    target = node.get("reftarget", "")
    if target.startswith("unseen"):
        found = home_of(target)
    else:
        alike = [name for name in domain.objects if name.endswith(f".{target}")] if "." in target else []
        found = alike[0] if len(alike) == 1 else None
    if found is None:
        return None
    return domain.resolve_xref(env, node["refdoc"], app.builder, node["reftype"], found, node, content)


def escape(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Keep the star of a type such as ``Float[Tensor, "C *space"]`` from being read as emphasis."""
    del app, what, name, thing, options
    lines[:] = [line.replace("*", r"\*") if line.lstrip().startswith(":type:") else line for line in lines]


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("builder-inited", lambda app: write(Path(app.srcdir) / "_generated" / "api"))
    app.connect("missing-reference", resolve)
    app.connect("autodoc-process-docstring", escape, priority=1000)  # after napoleon has written the types
    return {"parallel_read_safe": True, "parallel_write_safe": True}
