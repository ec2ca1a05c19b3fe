"""The contract: from what a model returns to one score per target, and what is told and decided by scores.

A *target* is something that a model can be asked about: a class, a finding's presence or its absence, a value. Each is
a column of the scores, and everything downstream indexes that column.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated

from jaxtyping import Bool, Float, Int
from torch import Tensor

from unseen.classifier.answers import Step, numbers_of
from unseen.classifier.outputs.readings import told
from unseen.errors import NotApplicableError
from unseen.system.options import Meaning, Options

Key = Annotated[
    Step | tuple[Step, ...] | None,
    Meaning(
        "which entry of a dictionary, tuple, list or object that the model returns holds its numbers; several lead "
        "into one inside another"
    ),
]


class Outputs(Options, ABC):
    """What a model's numbers mean.

    A subclass defines :meth:`scores`, :meth:`readings` and :meth:`holds`; what else differs from classes that exclude
    each other it overrides. It is best a frozen dataclass whose fields are its options.

    Example:
        >>> from unseen.classifier.outputs import OUTPUTS
        >>> findings = OUTPUTS.create("sigmoid:threshold=0.3")
        >>> findings.labels(("mass", "nodule"))
        ('mass', 'nodule', 'no mass', 'no nodule')
        >>> scores = findings.scores(torch.tensor([[-0.5, 2.0]]), 1, "network")
        >>> findings.holds(scores, 0)  # sigmoid(−0.5) = 0.38 is above 0.3
        tensor([True])
    """

    key: Key = None

    unit: str | None = None
    """The unit of the readings, which may be empty; ``None`` where they are probabilities."""

    spelled: bool = True
    """Whether a spec can make them again; not where they hold an array that is in no file."""

    linear: bool = True
    """Whether scores are sums of what the model returns, so that what is known of its numbers is known of them."""

    joint: bool = False
    """Whether several targets can hold at once, so that they can be asked together."""

    relative: bool = False
    """Whether decisions are about one image; :meth:`bound` is overridden, and is told of it."""

    @abstractmethod
    def scores(self, answer: object, count: int, name: str) -> Float[Tensor, "N T"]:
        """One differentiable score per image and target: what attributions explain.

        Args:
            answer: what the model returned for a batch.
            count: of images in the batch, N.
            name: of the model, for messages.

        Raises:
            ModelError: the answer is of another form.
        """

    def sums(self, answer: object, name: str) -> bool:
        """Whether the scores of this answer are sums of its numbers; arguments as of :meth:`scores`.

        Where they are not, what makes scores of it is a part of the network to whatever follows its functions.
        """
        del answer, name
        return self.linear

    def numbers(self, targets: int) -> int:
        """Of how many of the model's numbers so many targets are made; each has a label."""
        return targets

    def magnitudes(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, " T"]:
        """How large the numbers are by whose rounding each target's scores may differ.

        Scores of one kind come out of the same sums, so that it is the largest of all, and of log-odds, of which those
        around 0 are differences of larger ones, 1 at least.
        """
        return scores.abs().amax().clamp(min=1).expand(scores.shape[1])

    def degree(self, scores: Float[Tensor, "N T"], target: int) -> Float[Tensor, " N"]:
        """How far the decision for the target goes, in [0, 1]: its probability, where readings are such.

        Parts are asked for a share of it, and curves show it.
        """
        return self.readings(scores)[:, target]

    def watching(self) -> AbstractContextManager[object]:
        """What a pass runs in whose answer :meth:`scores` is asked about; nothing as a rule."""
        return nullcontext()

    def logits(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N K"] | None:
        """The numbers that the model returned as logits, if the scores are of such; no probabilities may be among them.

        See :mod:`unseen.classifier.contradictions`.
        """
        del scores
        return None

    def returned(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N K"] | None:
        """The last linear numbers that have these scores: logits, values, what stood before a softmax, cosines.

        ``None`` where scores do not tell them.
        """
        return self.logits(scores)

    @abstractmethod
    def readings(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N T"]:
        """What people are told of each target: its probability, or its value; differentiable."""

    @abstractmethod
    def holds(self, scores: Float[Tensor, "N T"], target: int) -> Bool[Tensor, " N"]:
        """Whether each image is decided for the target: what a part must keep."""

    def margins(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N T"]:
        """How far each score is above where its target holds, if several can at once (:attr:`joint`)."""
        raise NotImplementedError

    def labels(self, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """The names of the targets, from those that the user gave, one per output; ``None`` where there are none.

        Raises:
            ParameterError: names that these outputs cannot have.
        """
        return names

    def unnamed(self, target: int, targets: int) -> str:
        """What a target is called where no labels were given.

        Args:
            target: its index.
            targets: how many there are; 0 where that is not known yet.
        """
        del targets
        return f"class {target}"

    def listed(self, targets: int) -> Sequence[int]:
        """The targets that are told in a list of the model's answers."""
        return range(targets)

    def top(self, scores: Float[Tensor, " T"]) -> int:
        """The target that is explained of an image if none is asked for."""
        return int(scores.argmax())

    def instead(self, scores: Float[Tensor, " T"], target: int) -> int:
        """The target that is told where the decision for another one does not hold: what is said in its place."""
        del target
        return self.top(scores)

    def told(self, reading: float) -> str:
        """A reading as people read it."""
        return told(reading, self.unit)

    def bound(self, full: Float[Tensor, " T"]) -> Outputs:
        """The same outputs where decisions are about one image; themselves where they are not :attr:`relative`.

        Args:
            full: the scores of the whole image.
        """
        del full
        return self

    # ---- what fills and removals compute with ---------------------------------------------------------------

    def logs(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N T"]:
        """Logarithms of the probabilities of all targets.

        Raises:
            NotApplicableError: readings are no probabilities.
        """
        del scores
        raise self._no_probabilities()

    def others(self, scores: Float[Tensor, "N T"], column: Int[Tensor, "N 1"]) -> Float[Tensor, "N T"]:
        """The same of the other targets where nothing is asked of one; −∞ for it and what it decides.

        Raises:
            NotApplicableError: readings are no probabilities.
        """
        del scores, column
        raise self._no_probabilities()

    def alternatives(self, targets: int) -> int:
        """Of how many targets one holds; each has the probability 1 / n where nothing is known."""
        return targets

    def _no_probabilities(self) -> NotApplicableError:
        return NotApplicableError(
            f"the outputs are {type(self).__name__}, no probabilities, so that no image is without information for "
            "them; choose a method and a removal that ask for none, such as 'rise' under 'ad'"
        )

    def mean(self, scores: Float[Tensor, "D N T"]) -> Float[Tensor, "N T"]:
        """Scores whose readings are the mean of the passes' readings; what agrees gives its own scores back."""
        return scores.mean(0)

    def _numbers(self, answer: object, count: int, name: str) -> Float[Tensor, "N K"]:
        return numbers_of(answer, count, name, self.key)
