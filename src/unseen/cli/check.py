"""``unseen check``: methods × criteria, with the witness of each verdict."""

from __future__ import annotations

from unseen.cli.messages import print_json, say
from unseen.cli.options import Flag, Listed
from unseen.system.process import wait_passively
from unseen.system.progress import progress_bar

HELP = """Hold criteria against methods: what holds, what fails and on which witness.

Each METHOD, with its options, is asked on small networks with a known property.
A criterion holds on all of them, fails on one, or is not applicable. Give "all"
for every method. No photograph is needed; all takes some minutes.

  unseen check integrated-gradients saliency
  unseen check shapley:segments=20 --criteria symmetry,conservation --witness
  unseen check occlusion --removal ad
  unseen check all --markdown > table.md
"""


def check(
    methods: list[str],
    /,
    *,
    criteria: Listed = None,
    removal: str = "black",
    seed: int = 0,
    witness: Flag = False,
    markdown: Flag = False,
    json: Flag = False,
) -> int:
    """Hold criteria against methods.

    Parameters
    ----------
    methods
        Names from "unseen list methods", with options, separated by spaces or commas; or all.
    criteria
        Names from "unseen list criteria", separated by commas; all by default.
    removal
        How methods that hide do it, from "unseen list removals".
    seed
        Random seed.
    witness
        Print also, for each verdict, what was found.
    markdown
        Print the table as Markdown, and nothing else.
    json
        Print one JSON object a line for each verdict, and nothing else, on stdout.
    """  # noqa: D405, D411, D416
    wait_passively()
    from unseen.criteria import CRITERIA
    from unseen.criteria.checks import as_markdown, as_text, table
    from unseen.explainers.catalogue import METHODS
    from unseen.pipeline.explain import Request
    from unseen.removal import REMOVALS

    specs = tuple(METHODS) if methods == ["all"] else METHODS.split(methods)
    names = CRITERIA.split(criteria) or tuple(CRITERIA)
    for spec in specs:
        METHODS.create(spec)
    for name in names:
        CRITERIA[name]
    REMOVALS.create(removal)
    Request(seed=seed)
    cells = {}
    with progress_bar("checking", unit="verdicts") as watch:
        for method, criterion, verdict in table(specs, names, removal, seed, watch):
            cells[method, criterion] = verdict
            if json:
                about = {"status": verdict.status, "reason": verdict.reason, "numbers": dict(verdict.numbers)}
                print_json({"method": method, "criterion": criterion, "removal": removal, "seed": seed, **about})
    if json:
        return 0
    say(as_markdown(cells, removal) if markdown else as_text(cells))
    if witness:
        say("")
        for (method, criterion), verdict in cells.items():
            say(f"{method}, {criterion}: {verdict.status}: {verdict.reason}")
    return 0
