"""Quadratics and their minima: closed forms, every support tried, SciPy's least squares, and what must hold of all."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls
from torch import Tensor

from helpers.quadratics import KINDS, least_squares, problems, quadratic_of
from unseen.errors import ParameterError
from unseen.explainers.aggregation.quadratic import (
    TOLERANCE,
    Quadratic,
    non_negative,
    non_negative_direction,
    non_negative_residual,
    on_simplex,
    simplex_residual,
)


def plain(matrix: Tensor, linear: Tensor | None = None) -> Quadratic:
    """Without a constant, and without a linear part unless one is given."""
    linear = matrix.new_zeros(matrix.shape[:-1]) if linear is None else linear
    return Quadratic(matrix, linear, matrix.new_zeros(matrix.shape[:-2]))


def best_of_all_supports(q: Quadratic, *, simplex: bool) -> float:
    """The least value over the minima on every face, by solving for each with NumPy."""
    matrix, linear, constant = q.matrix.numpy(), q.linear.numpy(), float(q.constant)
    k, best = len(linear), np.inf if simplex else constant
    for size in range(1, k + 1):
        for chosen in map(list, combinations(range(k), size)):
            part = matrix[np.ix_(chosen, chosen)]
            edge = np.ones((size, 1))
            if simplex:
                system = np.block([[part, edge], [edge.T, np.zeros((1, 1))]])
                found = np.linalg.lstsq(system, np.append(linear[chosen], 1.0), rcond=None)[0][:size]
            else:
                found = np.linalg.lstsq(part, linear[chosen], rcond=None)[0]
            if (found >= 0).all() and (not simplex or abs(found.sum() - 1) < 1e-9):
                best = min(best, found @ part @ found - 2 * linear[chosen] @ found + constant)
    return float(best)


def test_a_quadratic_is_its_formula_and_its_gradient_what_torch_derives() -> None:
    q = problems("regular", 5, 3, 0)
    weights = torch.rand(5, 3, dtype=torch.float64, requires_grad=True)
    for i in range(5):
        w = weights[i]
        assert q(weights)[i].item() == pytest.approx((w @ q.matrix[i] @ w - 2 * q.linear[i] @ w + q.constant[i]).item())
    (derived,) = torch.autograd.grad(q(weights).sum(), weights)
    torch.testing.assert_close(q.gradient(weights.detach()), derived)


def test_quadratics_add_and_scale_as_their_values_do() -> None:
    one, other, weights = problems("regular", 4, 3, 1), problems("regular", 4, 3, 2), torch.rand(4, 3).double()
    each = torch.tensor([0.0, 0.5, 1.0, 2.0], dtype=torch.float64)
    torch.testing.assert_close((0.3 * one + other * each)(weights), 0.3 * one(weights) + each * other(weights))


def test_one_method_has_all_the_weight() -> None:
    assert on_simplex(plain(torch.tensor([[3.0]]), torch.tensor([-7.0]))).tolist() == [1.0]


def test_two_methods_follow_the_closed_form() -> None:
    """w₁ = (A₂₂ − A₁₂ + b₁ − b₂) / (A₁₁ + A₂₂ − 2A₁₂), cut off at 0 and 1."""
    q = problems("regular", 200, 2, 3)
    a, b = q.matrix, q.linear
    first = (a[:, 1, 1] - a[:, 0, 1] + b[:, 0] - b[:, 1]) / (a[:, 0, 0] + a[:, 1, 1] - 2 * a[:, 0, 1])
    first = first.clamp(0, 1)
    assert 20 < ((first > 0) & (first < 1)).sum() < 200
    torch.testing.assert_close(on_simplex(q), torch.stack([first, 1 - first], -1), rtol=0, atol=1e-8)


def test_independent_losses_give_weights_inverse_to_them() -> None:
    losses = torch.tensor([1.0, 2.0, 4.0, 0.5], dtype=torch.float64)
    torch.testing.assert_close(on_simplex(plain(torch.diag(losses))), (1 / losses) / (1 / losses).sum())


def test_independent_columns_give_their_own_regression_where_it_is_positive() -> None:
    sizes, linear = torch.tensor([1.0, 2.0, 4.0]).double(), torch.tensor([3.0, -1.0, 2.0]).double()
    found = non_negative(plain(torch.diag(sizes), linear))
    torch.testing.assert_close(found, torch.tensor([3.0, 0.0, 0.5]).double())
    assert found[1] == 0


def test_of_no_use_is_exactly_zero() -> None:
    q = problems("regular", 3, 4, 4)
    against = Quadratic(q.matrix, -q.matrix.sum(-1).abs() - 1, q.constant)
    assert not non_negative(against).any()


@pytest.mark.parametrize("flat", [0.0, 1.0])
def test_where_nothing_matters_all_weights_are_equal(flat: float) -> None:
    assert torch.allclose(
        on_simplex(plain(torch.full((2, 5, 5), flat, dtype=torch.float64))), torch.tensor(0.2).double()
    )


def test_without_a_matrix_the_best_method_has_all_the_weight() -> None:
    linear = torch.tensor([1.0, 3.0, 2.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(
        on_simplex(plain(torch.zeros(4, 4).double(), linear)),
        torch.tensor([0, 0.5, 0, 0.5]).double(),
        atol=1e-6,
        rtol=0,
    )


@pytest.mark.parametrize("minimise", [on_simplex, non_negative])
def test_a_method_given_twice_shares_the_weight_that_it_has_alone(minimise: object) -> None:
    q = problems("regular", 100, 4, 5)
    twice = [0, 1, 2, 3, 0]
    alone = minimise(q)  # type: ignore[operator]
    shared = minimise(Quadratic(q.matrix[:, twice][:, :, twice], q.linear[:, twice], q.constant))  # type: ignore[operator]
    expected = torch.cat([alone[:, :1] / 2, alone[:, 1:], alone[:, :1] / 2], 1)
    assert (alone[:, 0] > 0.01).sum() > 20
    torch.testing.assert_close(shared, expected, rtol=0, atol=1e-5)


def test_a_method_of_nothing_has_no_weight_in_least_squares() -> None:
    columns, wanted = least_squares("regular", 10, 3, 6)
    with_nothing = torch.cat([columns, torch.zeros_like(columns[..., :1])], -1)
    found = non_negative(quadratic_of(with_nothing, wanted))
    assert not found[:, 3].any()
    torch.testing.assert_close(found[:, :3], non_negative(quadratic_of(columns, wanted)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("homogeneous", [True, False])
def test_no_support_has_a_smaller_minimum_on_the_simplex(kind: str, homogeneous: bool) -> None:
    q = problems(kind, 15, 5, 7)
    if homogeneous:
        q = Quadratic(q.matrix, torch.zeros_like(q.linear), q.constant)
    values = q(on_simplex(q))
    for i in range(15):
        best = best_of_all_supports(Quadratic(q.matrix[i], q.linear[i], q.constant[i]), simplex=True)
        assert values[i].item() == pytest.approx(best, abs=1e-10 * float(q.matrix[i].abs().max()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [1, 2, 6, 20])
def test_least_squares_are_scipys(kind: str, k: int) -> None:
    columns, wanted = least_squares(kind, 20, k, 8)
    q = quadratic_of(columns, wanted)
    found = non_negative(q)
    assert (non_negative_residual(q, found) <= TOLERANCE).all()
    for i in range(20):
        peer, distance = nnls(columns[i].numpy(), wanted[i].numpy())
        assert float((columns[i] @ found[i] - wanted[i]).norm()) == pytest.approx(distance, rel=1e-8)
        if kind in ("regular", "of many sizes"):
            np.testing.assert_allclose(found[i].numpy(), peer, rtol=1e-6, atol=1e-12)
            assert ((found[i].numpy() > 0) == (peer > 0)).all()


@st.composite
def drawn(draw: st.DrawFn) -> Quadratic:
    kind, k = draw(st.sampled_from(KINDS)), draw(st.integers(1, 12))
    q = problems(kind, draw(st.integers(1, 4)), k, draw(st.integers(0, 10**6)))
    return q * 10.0 ** draw(st.integers(-12, 12))


@given(drawn())
def test_every_answer_on_the_simplex_has_its_certificate(q: Quadratic) -> None:
    w = on_simplex(q)
    assert (w >= 0).all()
    torch.testing.assert_close(w.sum(-1), torch.ones_like(q.constant))
    assert (simplex_residual(q, w) <= TOLERANCE).all()


@given(drawn())
def test_every_answer_of_least_squares_has_its_certificate(q: Quadratic) -> None:
    v = non_negative(q)
    assert (v >= 0).all()
    assert (non_negative_residual(q, v) <= TOLERANCE).all()


@given(drawn())
def test_never_worse_than_a_single_method_or_their_mean(q: Quadratic) -> None:
    k = q.linear.shape[-1]
    best = q(on_simplex(q))
    slack = TOLERANCE * 2 * (q.matrix.abs().amax((-2, -1)) + q.linear.abs().amax(-1)) + 1e-15 * q.constant.abs()
    for other in [*torch.eye(k).double(), torch.full((k,), 1 / k).double()]:
        assert (best <= q(other.expand_as(q.linear)) + slack).all()


@given(drawn(), st.integers(0, 10**6))
def test_the_gap_bounds_what_is_lost(q: Quadratic, seed: int) -> None:
    weights = torch.rand(q.linear.shape, generator=torch.Generator().manual_seed(seed)).double()
    weights = weights / weights.sum(-1, keepdim=True)
    scale = 2 * (q.matrix.abs().amax((-2, -1)) + q.linear.abs().amax(-1))
    lost = (q(weights) - q(on_simplex(q))) / scale
    assert (lost <= simplex_residual(q, weights) + 1e-12 * (1 + q.constant.abs() / scale)).all()


@given(st.integers(1, 8), st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_the_order_of_the_methods_does_not_matter(k: int, seed: int, chance: object) -> None:
    q, order = problems("regular", 3, k, seed), list(range(k))
    chance.shuffle(order)  # type: ignore[attr-defined]
    turned = Quadratic(q.matrix[:, order][:, :, order], q.linear[:, order], q.constant)
    torch.testing.assert_close(on_simplex(turned), on_simplex(q)[:, order], rtol=0, atol=1e-9)
    torch.testing.assert_close(non_negative(turned), non_negative(q)[:, order], rtol=1e-9, atol=1e-9)


@given(st.integers(1, 8), st.integers(0, 10**6), st.integers(-12, 12))
def test_the_scale_of_the_loss_does_not_matter(k: int, seed: int, power: int) -> None:
    q = problems("regular", 3, k, seed)
    torch.testing.assert_close(on_simplex(q * 10.0**power), on_simplex(q), rtol=0, atol=1e-9)
    torch.testing.assert_close(non_negative(q * 10.0**power), non_negative(q), rtol=1e-9, atol=1e-9)


def test_the_scale_of_each_method_does_not_matter_to_what_least_squares_explain() -> None:
    columns, wanted = least_squares("regular", 20, 5, 9)
    sizes = torch.tensor([1e-6, 1e-3, 1.0, 1e3, 1e6]).double()
    torch.testing.assert_close(
        non_negative(quadratic_of(columns * sizes, wanted)) * sizes, non_negative(quadratic_of(columns, wanted))
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_its_problems_one_by_one(kind: str) -> None:
    q = problems(kind, 24, 6, 10)
    pair = Quadratic(q.matrix.reshape(4, 6, 6, 6), q.linear.reshape(4, 6, 6), q.constant.reshape(4, 6))
    for minimise in (on_simplex, non_negative):
        whole = minimise(q)
        one_by_one = [minimise(Quadratic(q.matrix[i], q.linear[i], q.constant[i])) for i in range(24)]
        torch.testing.assert_close(torch.stack(one_by_one), whole, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(minimise(pair), whole.reshape(4, 6, 6), rtol=1e-5, atol=1e-5)


def test_a_batch_of_none_has_no_answers() -> None:
    assert on_simplex(problems("regular", 0, 3, 0)).shape == (0, 3)


def test_residuals_are_large_away_from_the_minimum() -> None:
    q = plain(torch.diag(torch.tensor([1.0, 2.0]).double()), torch.tensor([1.0, 0.0]).double())
    assert simplex_residual(q, torch.tensor([0.0, 1.0]).double()) == pytest.approx(1.0)
    assert non_negative_residual(q, torch.tensor([0.0, 0.0]).double()) == pytest.approx(1.0)
    assert non_negative_residual(q, torch.tensor([1.0, 0.0]).double()) == 0.0


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("minimise", [on_simplex, non_negative])
@pytest.mark.parametrize(
    ("matrix", "linear", "named"),
    [
        ([[1.0, 0.5], [0.0, 1.0]], [0.0, 0.0], "not symmetric"),
        ([[1.0, float("nan")], [float("nan"), 1.0]], [0.0, 0.0], "not finite"),
        ([[1.0, 0.0], [0.0, 1.0]], [float("inf"), 0.0], "not finite"),
        ([[1.0, 2.0], [2.0, 1.0]], [0.0, 0.0], "eigenvalue of -0.5"),
        ([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0, 0.0], "make no quadratic"),
    ],
)
def test_what_is_no_convex_quadratic_is_refused(
    minimise: object, matrix: list[list[float]], linear: list[float], named: str
) -> None:
    with pytest.raises(ParameterError, match=named):
        minimise(plain(torch.tensor(matrix), torch.tensor(linear)))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("matrix", "linear"), [([[1.0, -1.0], [-1.0, 1.0]], [1.0, 1.0]), ([[1.0, 0.0], [0.0, 0.0]], [0.0, 1.0])]
)
def test_least_squares_without_a_minimum_are_refused(matrix: list[list[float]], linear: list[float]) -> None:
    with pytest.raises(ParameterError, match="no minimum"):
        non_negative(plain(torch.tensor(matrix), torch.tensor(linear)))


@given(drawn())
def test_the_direction_is_that_of_least_squares(q: Quadratic) -> None:
    found = non_negative(q)
    total = found.sum(-1, keepdim=True)
    torch.testing.assert_close(non_negative_direction(q), found / torch.where(total > 0, total, 1))


@pytest.mark.parametrize(
    ("matrix", "linear", "direction"),
    [
        ([[1.0, -1.0], [-1.0, 1.0]], [1.0, 1.0], [0.5, 0.5]),
        ([[1.0, -1.0], [-1.0, 1.0]], [2.0, -1.0], [0.5, 0.5]),
        ([[1.0, 0.0], [0.0, 0.0]], [0.0, 1.0], [0.0, 1.0]),
        ([[1.0, 0.0], [0.0, 0.0]], [5.0, 1e-3], [0.0, 1.0]),
        ([[1.0, 0.0], [0.0, 0.0]], [5.0, -1.0], [1.0, 0.0]),
        ([[1.0, 0.0], [0.0, 0.0]], [-5.0, -1.0], [0.0, 0.0]),
        ([[4.0, -2.0, 0.0], [-2.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [1.0, 1.0, 9.0], [1 / 3, 2 / 3, 0.0]),
    ],
)
def test_the_direction_is_one_that_costs_nothing_where_there_is_one(
    matrix: list[list[float]], linear: list[float], direction: list[float]
) -> None:
    found = non_negative_direction(plain(torch.tensor(matrix).double(), torch.tensor(linear).double()))
    assert found.tolist() == pytest.approx(direction, abs=1e-5)
