from __future__ import annotations

import pytest
import torch
from torch import Tensor

from helpers.cells import SIZE, Cells, Rule, Wavering, cell, conjunction, disjunction, graded, masked, show
from helpers.processor import generator
from unseen.explainers.sufficient.criterion import Criterion, Rise, rise_of
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explanation.roles import Asked

pytestmark = pytest.mark.numerics
NO_OTHERS = torch.zeros(0, SIZE, SIZE, dtype=torch.bool)
ROLES: list[Asked] = ["sufficient", "necessary", "both"]


def criterion(rule: Rule, gamma: float = 0.5, role: Asked = "sufficient", target: int = 0) -> Criterion:
    return Criterion(Evaluator(masked(rule), target), gamma, role)


def always(visible: Tensor) -> Tensor:
    return visible[:, 0] | True


def test_the_rise_is_counted_from_what_the_model_says_of_nothing() -> None:
    rise = Rise(nothing=0.2, everything=0.8, answers_nothing=False)
    assert (rise.floor(0), rise.floor(1), rise.floor(0.5)) == pytest.approx((0.2, 0.8, 0.5))
    assert (rise.ceiling(0), rise.ceiling(1), rise.ceiling(0.25)) == pytest.approx((0.8, 0.2, 0.65))


@pytest.mark.parametrize("nothing", [0.0, 0.001, 0.2, 0.8, 0.9])
@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9])
def test_the_share_of_the_rise_asks_for_more_than_that_of_the_whole_probability(nothing: float, gamma: float) -> None:
    """Chanchal et al. 2025, section 5, ask for γ · p(all): what passes here passes there, and the same if p(nothing) = 0."""
    rise = Rise(nothing, everything=0.8, answers_nothing=False)
    assert rise.floor(gamma) - gamma * 0.8 == pytest.approx((1 - gamma) * nothing)


@pytest.mark.parametrize(
    ("nothing", "everything", "answers", "default"),
    [
        (0.90, 0.95, True, True),
        (0.97, 0.95, True, True),
        (0.50, 0.95, True, False),  # it is named without a photograph, and far surer with it
        (0.90, 0.95, False, False),  # another class is the answer to nothing
        (0.001, 0.04, False, False),
    ],
)
def test_a_class_that_the_photograph_does_not_raise_is_the_answer_to_nothing(
    nothing: float, everything: float, answers: bool, default: bool
) -> None:
    assert Rise(nothing, everything, answers).default is default


def test_a_sufficient_set_keeps_the_decision_and_its_share_of_the_rise() -> None:
    evaluate = Evaluator(masked(graded(0, 1)), 0)
    nothing, one, two = evaluate([show(), show(0), show(0, 1)]).probability.tolist()
    reached = (one - nothing) / (two - nothing)
    for gamma, expected in (
        (0.0, [False, True, True]),
        (reached - 0.01, [False, True, True]),
        (reached + 0.01, [False, False, True]),
    ):
        assert Criterion(evaluate, gamma)([show(), show(0), show(0, 1)]).passes.tolist() == expected


def test_a_necessary_set_takes_the_decision_and_its_share_of_the_rise() -> None:
    sets = [show(), show(0), show(0, 1), show(0, 1, 2), ~show()]
    evaluate = Evaluator(masked(graded(0, 1, 2)), 0)
    nothing, one, three = evaluate([show(), show(0), show(0, 1, 2)]).probability.tolist()
    assert Criterion(evaluate, 0.0, "necessary")(sets).passes.tolist() == [False, False, False, True, True]
    shy = Evaluator(masked(lambda visible: 1.0 * visible[:, [0, 1, 2]].sum(1) - 1.5), 0)  # a majority
    assert Criterion(shy, 0.0, "necessary")(sets).passes.tolist() == [False, False, True, True, True]
    assert Criterion(shy, 0.9, "necessary")(sets).passes.tolist() == [False, False, False, True, True]
    assert nothing < 0.5 < one < three


def test_a_set_that_is_both_is_tried_hidden_only_where_it_suffices() -> None:
    model = masked(disjunction(0, 5))
    verdicts = Criterion(Evaluator(model, 0), 0.0, "both")([show(0), show(5), show(0, 5), show(1)])
    assert verdicts.passes.tolist() == [False, False, True, False]
    assert model.evaluations == 4 + 3 + 2  # all visible; hidden what passes; nothing and everything


def test_of_the_answer_to_nothing_a_necessary_set_lets_another_class_win() -> None:
    def rule(visible: Tensor) -> Tensor:
        return ~visible[:, 5] | visible[:, 6]

    asked = criterion(rule, 0.5, "necessary")
    assert asked.rise.default
    assert asked([show(5), show(6), show(5, 6), show()]).passes.tolist() == [False, True, False, False]


def test_where_nothing_keeps_the_decision_but_the_rise_is_clear_the_rise_counts() -> None:
    asked = criterion(lambda visible: 0.2 + 2.0 * visible[:, 3], 0.5, "necessary")
    assert asked.rise.answers_nothing
    assert not asked.rise.default
    assert asked([show(3), show(4)]).passes.tolist() == [True, False]


def test_an_empty_set_does_nothing() -> None:
    for role in ROLES:
        assert not bool(criterion(graded(0, 1), 0.5, role)([show()]).passes)
    assert bool(criterion(always, 0.0)([show()]).passes)  # of an answer to nothing, nothing suffices
    assert bool(criterion(always, 0.0, "necessary", target=1)([show()]).passes)  # it is not decided for anyhow


def test_verification_is_of_the_set_alone_and_in_a_batch() -> None:
    class MoodyInBatches(Cells):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * (1 if (len(x) == 1) == self.passes_alone else -1)

    for passes_alone in (True, False):
        moody = MoodyInBatches(conjunction(0))
        moody.passes_alone = passes_alone
        asked = Criterion(Evaluator(masked(moody.rule, model=moody), 0), 0.0)
        assert not asked.verify(cell(0), NO_OTHERS).passes
        assert not asked.verify(cell(0), torch.stack([cell(1), cell(2)])).passes
    calm = criterion(conjunction(0), 0.0)
    assert calm.verify(cell(0), NO_OTHERS).passes
    assert not calm.verify(cell(1), NO_OTHERS).passes


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("others", [NO_OTHERS, torch.stack([cell(3), cell(7), cell(9)])])
def test_verification_is_in_the_company_of_other_sets(role: Asked, others: Tensor) -> None:
    """The network leaks: each image is judged with the mean of its batch."""

    class Leaking(Cells):
        def forward(self, x: Tensor) -> Tensor:
            own = x.mean(dim=0) if len(x) > 1 else x
            return super().forward((x + 2 * (1 - own)) / 3 if role == "necessary" else (x + 2 * own) / 3)

    for model, passes in ((Leaking, False), (Cells, True)):
        network = model(conjunction(0))
        asked = Criterion(Evaluator(masked(network.rule, model=network), 0), 0.0, role)
        assert asked.verify(cell(0), others).passes == passes


def test_the_company_is_tried_as_well() -> None:
    others = torch.stack([show(0, 1), show(2), show(0), show(3)])
    found = criterion(conjunction(0), 0.5).verify(show(0, 5), others).by_chance
    assert found is not None
    assert (found.passing, found.tried, found.share) == (2, 4, 0.5)
    assert found.low < 0.5 < found.high
    assert criterion(conjunction(0)).verify(show(0), NO_OTHERS).by_chance is None


@pytest.mark.parametrize(
    ("batch_size", "batches"), [(1, [1, 1]), (2, [1, 1, 2, 2]), (3, [1, 1, 3, 3]), (64, [1, 1, 8, 8])]
)
def test_verification_keeps_to_the_batch_size(batch_size: int, batches: list[int]) -> None:
    class Counting(Cells):
        def forward(self, x: Tensor) -> Tensor:
            sizes.append(len(x))
            return super().forward(x)

    sizes: list[int] = []
    network = Counting(disjunction(0, 5))
    model = masked(network.rule, model=network, batch_size=batch_size)
    asked = Criterion(Evaluator(model, 0), 0.0, "both")
    assert not asked.rise.default
    sizes.clear()
    assert asked.verify(show(0, 5), NO_OTHERS).passes
    assert sizes == batches
    assert not asked.verify(show(0), NO_OTHERS).passes
    assert not Criterion(Evaluator(model, 0), 0.0).verify(show(1), NO_OTHERS).passes


def test_one_at_a_time_the_company_is_tried_all_the_same() -> None:
    model = masked(conjunction(0), batch_size=1)
    found = Criterion(Evaluator(model, 0), 0.5).verify(show(0), torch.stack([show(0, 1), show(2)]))
    assert found.passes
    assert found.by_chance is not None
    assert (found.by_chance.passing, found.by_chance.tried) == (1, 2)


@pytest.mark.parametrize("moody_alone", [True, False])
@pytest.mark.parametrize("role", ["necessary", "both"])
def test_the_hidden_side_is_verified_alone_and_in_a_batch(moody_alone: bool, role: Asked) -> None:
    class Moody(Cells):
        def forward(self, x: Tensor) -> Tensor:
            self.rule = disjunction(0, 5) if (len(x) == 1) == moody_alone else conjunction(0)
            return super().forward(x)

    moody = Moody(conjunction(0))
    evaluate = Evaluator(masked(moody.rule, model=moody), 0)
    assert Criterion(evaluate, 0.0).verify(cell(0), NO_OTHERS).passes
    assert not Criterion(evaluate, 0.0, role).verify(cell(0), NO_OTHERS).passes


@pytest.mark.parametrize("role", ROLES)
def test_rounding_that_depends_on_the_batch_is_no_reason_to_fail(role: Asked) -> None:
    """What says exactly what the photograph says keeps all of the rise, in whatever batch either is evaluated."""
    rule = graded(0, 5)
    for batch_size in range(1, 9):
        model = masked(rule, model=Wavering(rule), batch_size=batch_size)
        asked = Criterion(Evaluator(model, 0), 1.0, role)
        random = torch.rand(3, SIZE, SIZE, generator=generator(0)) > 0.5
        assert bool(asked([*random, show(0, 5)]).passes[-1])
        assert asked.verify(show(0, 5), NO_OTHERS).passes
        assert not bool(asked([show(0)]).passes)
        assert not asked.verify(show(0), NO_OTHERS).passes


def test_nothing_and_everything_are_evaluated_once_for_all_criteria() -> None:
    model = masked(graded(0, 5))
    evaluate = Evaluator(model, 0)
    rises = {rise_of(evaluate), *(Criterion(evaluate, gamma).rise for gamma in (0.1, 0.5))}
    assert len(rises) == 1
    assert model.evaluations == 2
