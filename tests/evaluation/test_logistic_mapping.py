import numpy as np
import pandas as pd
import pytest
import scipy.io
from scipy.optimize import curve_fit

from tfiqa.errors import InvalidInput
from tfiqa.evaluation.correlation import krcc, plcc, rmse, srcc
from tfiqa.evaluation.mapping import FORMULAS, Mapping, fit_mapping


def logistic4(q, b1, b2, b3, b4):
    return b2 + (b1 - b2) / (1 + np.exp(-(q - b3) / abs(b4)))


def logistic5(q, b1, b2, b3, b4, b5):
    return b1 * (0.5 - 1 / (1 + np.exp(b2 * (q - b3)))) + b4 * q + b5


CURVES = {"logistic4": (logistic4, (90, 12, 0.6, 0.08)), "logistic5": (logistic5, (50, 9, 0.55, 20, 40))}
Q = np.linspace(0, 1, 60)


@pytest.mark.parametrize("kind", FORMULAS)
def test_a_mapping_is_its_formula(kind):
    curve, parameters = CURVES[kind]
    np.testing.assert_allclose(Mapping(kind, parameters, 60, True)(Q), curve(Q, *parameters), rtol=1e-12)


@pytest.mark.parametrize("kind", FORMULAS)
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("size", [1, 1e-6, 1e8])
def test_the_parameters_of_a_curve_without_noise_are_found(kind, sign, size):
    curve, parameters = CURVES[kind]
    mapping = fit_mapping(Q * size, sign * curve(Q, *parameters), kind)
    assert mapping.converged
    assert mapping.n == 60
    np.testing.assert_allclose(mapping(Q * size), sign * curve(Q, *parameters), atol=1e-4)
    found = np.array(mapping.parameters)
    if kind == "logistic4":
        expected = [sign * parameters[0], sign * parameters[1], parameters[2] * size, parameters[3] * size]
        if sign < 0:
            expected[:2] = [-90, -12]
    else:
        expected = [sign * 50, 9 / size, 0.55 * size, sign * 20 / size, sign * 40]
    np.testing.assert_allclose(found, expected, rtol=1e-3)


@pytest.mark.parametrize("kind", FORMULAS)
@pytest.mark.parametrize("seed", range(3))
def test_no_local_search_finds_a_better_curve(kind, seed):
    rng = np.random.default_rng(seed)
    curve, parameters = CURVES[kind]
    q = rng.uniform(0, 1, 200)
    scores = curve(q, *parameters) + rng.normal(0, 4, 200)
    ours = rmse(fit_mapping(q, scores, kind)(q), scores)
    theirs, _ = curve_fit(curve, q, scores, p0=parameters, maxfev=20000)
    assert ours <= rmse(curve(q, *theirs), scores) * (1 + 1e-6)


@pytest.mark.parametrize("kind", FORMULAS)
@pytest.mark.parametrize(
    "scores", [(Q - 0.5) ** 2, np.sin(9 * Q), np.where(Q > 0.4, 1.0, 0.0), np.exp(5 * Q), 3 * Q + 1]
)
def test_the_curve_never_turns_back(kind, scores):
    steps = np.diff(fit_mapping(Q, scores, kind)(np.linspace(0, 1, 5001)))
    tolerance = 1e-9 * np.abs(steps).max()
    assert (steps >= -tolerance).all() or (steps <= tolerance).all()


def test_a_straight_line_stays_one():
    for kind in FORMULAS:
        np.testing.assert_allclose(fit_mapping(Q, 3 * Q + 1, kind)(Q), 3 * Q + 1, atol=1e-3)


def test_far_predictions_do_not_overflow():
    for kind, (_, parameters) in CURVES.items():
        assert np.isfinite(Mapping(kind, parameters, 60, True)([-1e6, 1e6])).all()


@pytest.mark.parametrize("kind", FORMULAS)
def test_units_do_not_change_the_fit(kind):
    rng = np.random.default_rng(5)
    q = rng.standard_normal(80)
    scores = np.tanh(q) + 0.3 * rng.standard_normal(80)
    plain, scaled = fit_mapping(q, scores, kind), fit_mapping(1000 * q + 7, 50 - 20 * scores, kind)
    np.testing.assert_allclose(scaled(1000 * q + 7), 50 - 20 * plain(q), atol=2e-3)


@pytest.mark.parametrize(
    ("q", "scores", "kind", "told"),
    [
        ([1, 2, 3], [1, 2, 3], "logistic4", "logistic4 has 4 parameters, but there are only 3 different predictions"),
        ([1, 1, 2, 2, 3, 3], [1, 2, 3, 4, 5, 6], "logistic5", "5 parameters, but there are only 3 different"),
        ([1, 2, 3, 4, 5], [7] * 5, "logistic4", "all scores are 7"),
        ([1, 2, 3, 4, 5], [1, 2, 3, 4, np.nan], "logistic5", "must be finite"),
        ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5], "logistic6", "unknown mapping 'logistic6'"),
    ],
)
def test_what_cannot_be_fitted_is_refused(q, scores, kind, told):
    with pytest.raises(InvalidInput, match=told):
        fit_mapping(q, scores, kind)


def test_text_and_dictionary_tell_formula_and_parameters():
    mapping = Mapping("logistic4", (90.0, 12.0, 0.6, 0.08), 60, True)
    assert str(mapping) == f"logistic4: {FORMULAS['logistic4']}; b1 = 90, b2 = 12, b3 = 0.6, b4 = 0.08"
    assert mapping.to_dict()["parameters"] == [90.0, 12.0, 0.6, 0.08]
    assert mapping.to_dict()["formula"] == FORMULAS["logistic4"]


# Published SRCC, KRCC and PLCC after the 5-parameter logistic: L. Zhang et al., FSIM, IEEE TIP 2011; W. Xue et al.,
# GMSD, IEEE TIP 2014. GMSD's PLCC on TID2008 comes from a curve that turns back a little.
@pytest.mark.parametrize(
    ("measure", "database", "published", "tolerance"),
    [
        ("FSIM", "TID2008", (0.8805, 0.6946, 0.8738), 6e-5),
        ("FSIM", "CSIQ", (0.9242, 0.7567, 0.9120), 6e-5),
        ("GMSD", "TID2008", (0.8907, None, 0.8789), 3e-4),
        ("GMSD", "CSIQ", (0.9570, None, 0.9541), 6e-5),
    ],
)
def test_published_results_are_reproduced(shared, measure, database, published, tolerance):
    folder = shared / "data" / "metric_tables" / f"{measure}_author_scores"
    if measure == "FSIM":
        values = scipy.io.loadmat(folder / f"FSIMOn{database}.mat")[f"FSIMOn{database}"]
        predictions, scores = values[:, 0], values[:, 2]
    else:
        values = scipy.io.loadmat(folder / f"GMSD_{database}.mat")
        prediction, score = ("GMSD_csiq", "dmos_csiq") if database == "CSIQ" else ("GMSD_tid", "mos_tid")
        predictions, scores = values[prediction], values[score]
    mapping = fit_mapping(predictions, scores, "logistic5")
    assert abs(srcc(predictions, scores)) == pytest.approx(published[0], abs=6e-5)
    if published[1]:
        assert abs(krcc(predictions, scores)) == pytest.approx(published[1], abs=6e-5)
    assert plcc(mapping(predictions), scores) == pytest.approx(published[2], abs=tolerance)
    assert mapping.converged


def test_the_longer_curve_never_fits_worse_on_real_measures(shared):
    table = pd.read_csv(shared / "data" / "metric_tables" / "TID2013_metrics_lucia15" / "data.csv")
    for measure in ("PSNR", "SSIM", "VIF", "GMSD"):
        four, five = (
            rmse(fit_mapping(table[measure], table["MOS"], kind)(table[measure]), table["MOS"]) for kind in FORMULAS
        )
        assert five <= four * (1 + 1e-6)
