import numpy as np
import pytest
from scipy import stats

from tfiqa.errors import InvalidInput
from tfiqa.evaluation.correlation import krcc, plcc, rmse, srcc

# by hand: ranks 1, 2.5, 2.5, 4 and 1, 4, 2.5, 2.5; three pairs agree, one disagrees, one is tied on either side
X, Y = [1, 2, 2, 3], [1, 3, 2, 2]


def test_values_with_ties_worked_by_hand():
    assert srcc(X, Y) == pytest.approx(0.5)
    assert krcc(X, Y) == pytest.approx((3 - 1) / 5)
    assert plcc(X, Y) == pytest.approx(0.5)
    assert rmse(X, Y) == pytest.approx(np.sqrt(0.5))


def test_agrees_with_the_definitions_on_many_values():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 30, 200).astype(float)
    y = x + rng.integers(-20, 20, 200)
    assert plcc(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert srcc(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    dx, dy = (np.sign(np.subtract.outer(v, v))[np.triu_indices(200, 1)] for v in (x, y))
    assert krcc(x, y) == pytest.approx((dx @ dy) / np.sqrt((dx != 0).sum() * (dy != 0).sum()))


@pytest.mark.parametrize("coefficient", [srcc, krcc, plcc])
def test_perfect_agreement_sign_and_symmetry(coefficient):
    x = np.array([3.0, 1.0, 2.0, 5.0, 4.0])
    assert coefficient(x, 2 * x - 7) == pytest.approx(1, abs=1e-15)
    assert coefficient(x, -x) == pytest.approx(-1, abs=1e-15)
    assert -1 <= coefficient(x, 0.1 * x) <= 1
    assert coefficient(X, Y) == pytest.approx(coefficient(Y, X))


@pytest.mark.parametrize("coefficient", [srcc, krcc, plcc])
@pytest.mark.parametrize(("x", "y"), [([], []), ([1], [2]), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [0.1, 0.1, 0.1])])
def test_undefined_is_nan_without_a_warning(coefficient, x, y):
    assert np.isnan(coefficient(x, y))


def test_rank_coefficients_do_not_change_under_a_monotonic_curve():
    x = np.random.default_rng(1).standard_normal(50)
    y = x + np.random.default_rng(2).standard_normal(50)
    assert srcc(np.exp(x), y) == srcc(x, y)
    assert krcc(x, y**3) == krcc(x, y)


def test_values_of_extreme_size_are_exact():
    x = np.random.default_rng(3).standard_normal(100)
    y = x + np.random.default_rng(4).standard_normal(100)
    assert plcc(x * 1e200, y * 1e-200) == pytest.approx(plcc(x, y), rel=1e-12)
    assert plcc(x + 1e6, y) == pytest.approx(plcc(x, y), rel=1e-8)


def test_columns_and_float32_are_taken():
    x = np.array([[1], [2], [2], [3]], np.float32)
    assert plcc(x, Y) == pytest.approx(0.5)
    assert rmse([], []) != rmse([], [])


def test_two_pictures_have_a_rank_correlation():
    assert [figure([1, 2], [3, 9]) for figure in (srcc, krcc, plcc)] == pytest.approx([1, 1, 1])
    assert [figure([1, 2], [9, 3]) for figure in (srcc, krcc, plcc)] == pytest.approx([-1, -1, -1])


@pytest.mark.parametrize(
    ("x", "y", "told"),
    [
        ([1, 2], [1, 2, 3], "of one length. Received: 2 and 3"),
        ([1, np.nan], [1, 2], "predictions must be finite. Received: nan at place 1"),
        ([1, 2], [np.inf, 2], "scores must be finite. Received: inf at place 0"),
        ([[1, 2], [3, 4]], [1, 2], r"shape \(N,\) or \(N, 1\). Received: \(2, 2\)"),
        (["a", "b"], [1, 2], "predictions must be numbers"),
    ],
)
@pytest.mark.parametrize("figure", [srcc, krcc, plcc, rmse])
def test_bad_input_is_refused(figure, x, y, told):
    with pytest.raises(InvalidInput, match=told):
        figure(x, y)
