"""``unseen mix``: the weights of a mixture of methods, learnt once on many photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from unseen.cli.loading import ready
from unseen.cli.messages import complain, note, print_json, say
from unseen.cli.options import BUNDLED, Flag, Listed, ModelChoice
from unseen.errors import OutputError, UnseenError
from unseen.system.process import wait_passively
from unseen.system.progress import progress_bar

HELP = """Learn the weights with which methods are mixed, once for a model.

"aggregate" finds the weights anew on every photograph, which asks each method
several times and hides parts a hundred times. Here they are found once, on all
photographs together; then each further photograph costs its maps alone.

OUT is a file, which the mixture reads:

  unseen mix photos/ --limit 20 --of grad-cam,occlusion --out mixture.json
  unseen explain cat.jpg \\
    --method aggregate:of=grad-cam/occlusion,weights=mixture.json
"""


def mix(
    photos: Annotated[list[Path], Parameter(name="PHOTO", negative="")],
    /,
    *,
    of: Listed = None,
    goal: Annotated[Literal["robustness", "faithfulness", "both"] | None, Parameter(name="--for")] = None,
    balance: Annotated[float | None, Parameter(name="--lambda")] = None,
    removal: str = "ad",
    limit: int | None = None,
    chosen: ModelChoice = BUNDLED,
    seed: int = 0,
    out: Path = Path("mixture.json"),
    json: Flag = False,
) -> int:
    """Learn the weights with which methods are mixed, once for a model.

    Parameters
    ----------
    photos
        Files, or folders whose photographs are taken; the model's top class of each is explained.
    of
        Methods to mix, separated by commas; by default those of "unseen list methods aggregate".
    goal
        What the weights should serve; by default both.
    balance
        λ, the weight of robustness where both goals are served.
    removal
        How parts are hidden: a name from "unseen list removals".
    limit
        Learn on so many of the photographs, at random.
    seed
        Random seed.
    out
        The file of the weights; checked before the work.
    json
        Print the weights as JSON, and nothing else, on stdout.
    """
    wait_passively()
    from unseen.classifier.decision import decide
    from unseen.cli.mixing import MIXING, mixed
    from unseen.explainers.aggregation.aggregating import AskedMaps, ask
    from unseen.explainers.aggregation.learning import learn
    from unseen.explainers.aggregation.method import Aggregation
    from unseen.explainers.catalogue import METHODS
    from unseen.inputs.finding import find_photos, sample
    from unseen.inputs.streams import stream_of
    from unseen.removal import REMOVALS
    from unseen.system.files import check_writable

    mixture = METHODS.create(mixed(MIXING, of, goal, balance))
    assert isinstance(mixture, Aggregation)
    hiding = REMOVALS.create(removal)
    found = sample(find_photos(photos), limit, seed)
    if out.is_dir():
        raise OutputError(f"{out} is a folder; name a file, such as {out / 'mixture.json'}")
    check_writable(out.parent)
    classifier = ready(chosen)
    observed: list[AskedMaps] = []
    failed = 0
    with progress_bar("photographs", unit="photographs") as listener:
        for number, path in enumerate(found):
            listener("photographs", number, len(found))
            try:
                decision = decide(path, classifier)
                masked = hiding.bind(decision.classifier, decision.image, geometry=decision.geometry)
                stream = stream_of(masked.image, seed)
                observed.append(
                    ask(masked, decision.target, mixture.methods, mixture, stream, seed=seed, goal=mixture.goal)
                )
            except UnseenError as error:
                failed += 1
                complain(error, str(path))
    if not observed:
        return 2
    learnt = learn(observed, mixture)
    about = {"goal": mixture.goal, "lambda": mixture.balance, "removal": removal, "seed": seed}
    learnt.save(out, classifier, **about)
    for name, reason in learnt.left_out.items():
        note(f"{name} is left out: on some photographs it {reason}")
    if json:
        print_json({"weights": dict(learnt.weights), "photographs": learnt.photographs})
    else:
        say("\n".join(f"  {100 * weight:5.1f} %  {name}" for name, weight in learnt.weights.items()))
        say(f"\nlearnt on {learnt.photographs} photographs: {out}")
    return 1 if failed else 0
