import json

import numpy as np
import pytest

from tfiqa.errors import InvalidInput
from tfiqa.evaluation.correlation import krcc, plcc, srcc
from tfiqa.evaluation.report import evaluate_predictions
from tfiqa.score_scale import ScoreScale

MOS = ScoreScale(0, 100, True, "our MOS")
DMOS = ScoreScale(0, 100, False, "our DMOS")
OTHER = ScoreScale(None, None, True, "model score")


def data(n=80, noise=6, seed=0):
    rng = np.random.default_rng(seed)
    quality = rng.uniform(0, 1, n)
    return quality, 100 / (1 + np.exp(-8 * (quality - 0.5))) + rng.normal(0, noise, n)


def evaluate(predictions, scores, prediction_scale=OTHER, score_scale=MOS, **options):
    return evaluate_predictions(
        predictions, scores, prediction_scale=prediction_scale, score_scale=score_scale, **options
    )


def test_figures_are_those_of_the_whole_set():
    predictions, scores = data()
    report = evaluate(predictions, scores)
    assert (report.srcc, report.krcc) == (srcc(predictions, scores), krcc(predictions, scores))
    assert report.plcc == plcc(predictions, scores)
    assert report.pictures == 80
    four, five = report.mapped
    assert four.plcc > report.plcc
    assert four.plcc == plcc(four.mapping(predictions), scores)
    assert five.rmse == pytest.approx(np.sqrt(np.mean((five.mapping(predictions) - scores) ** 2)))
    assert five.rmse <= four.rmse * (1 + 1e-6)


@pytest.mark.parametrize("prediction_sign", [1, -1])
@pytest.mark.parametrize("score_sign", [1, -1])
def test_agreement_is_positive_whatever_the_directions(prediction_sign, score_sign):
    predictions, scores = data()
    expected = evaluate(predictions, scores)
    report = evaluate(
        prediction_sign * predictions,
        50 + score_sign * scores,
        ScoreScale(None, None, prediction_sign > 0, "p"),
        ScoreScale(None, None, score_sign > 0, "s"),
        repeats=20,
    )
    for figure in ("srcc", "krcc", "plcc"):
        assert getattr(report, figure) == pytest.approx(getattr(expected, figure), abs=1e-12)
        assert report.intervals[figure][0] > 0
    for ours, theirs in zip(report.mapped, expected.mapped, strict=True):
        assert ours.plcc == pytest.approx(theirs.plcc, abs=1e-5)
        assert ours.rmse == pytest.approx(theirs.rmse, rel=1e-4)
        assert report.intervals[f"plcc_{ours.kind}"][0] > 0


def test_a_model_that_is_the_wrong_way_round_shows_it():
    predictions, scores = data()
    assert evaluate(predictions, scores, score_scale=DMOS).srcc < -0.8


def test_plain_rmse_only_on_one_scale():
    predictions, scores = data()
    assert evaluate(predictions, scores).rmse is None
    assert evaluate(scores + 3, scores, MOS, MOS).rmse == pytest.approx(3)


def test_too_few_or_constant_predictions_leave_a_reason_in_place_of_a_mapping():
    report = evaluate([1, 2, 3, 4], [1, 3, 2, 5])
    four, five = report.mapped
    assert four.mapping is not None
    assert (five.mapping, five.plcc, five.rmse) == (None, None, None)
    assert "5 parameters" in five.reason
    constant = evaluate([1, 1, 1], [1, 2, 3])
    assert np.isnan(constant.srcc)
    assert constant.to_dict()["srcc"] is None
    assert (
        constant.to_dict()["mappings"]["logistic4"]["reason"]
        == four.kind + " has 4 parameters, but there are only 1 different predictions"
    )
    assert "undefined" in constant.to_text()
    assert "logistic5: none, logistic5 has 5 parameters" in constant.to_text()


def test_intervals_hold_the_figure_and_are_reproducible():
    predictions, scores = data()
    report = evaluate(predictions, scores, repeats=200, seed=3)
    for name, _, value in report.figures():
        if name.startswith("rmse"):
            assert name not in report.intervals
        else:
            low, high = report.intervals[name]
            assert low < value < high
    assert report.intervals == evaluate(predictions, scores, repeats=200, seed=3).intervals
    assert report.intervals != evaluate(predictions, scores, repeats=200, seed=4).intervals


def test_interval_of_plcc_agrees_with_theory():
    rng = np.random.default_rng(1)
    x = rng.standard_normal(400)
    y = 0.6 * x + 0.8 * rng.standard_normal(400)
    report = evaluate(x, y, repeats=400)
    half = 1.96 / np.sqrt(400 - 3)  # Fisher's transformation
    expected = np.tanh([np.arctanh(report.plcc) - half, np.arctanh(report.plcc) + half])
    np.testing.assert_allclose(report.intervals["plcc"], expected, atol=0.02)


def test_whole_groups_are_drawn():
    predictions, scores = data(40, noise=30)
    copies = np.tile(predictions, 10), np.tile(scores, 10)
    single = evaluate(predictions, scores, repeats=150).intervals["srcc"]
    grouped = evaluate(*copies, groups=np.tile(np.arange(40), 10), repeats=150)
    alone = evaluate(*copies, repeats=150).intervals["srcc"]
    assert grouped.groups == 40
    np.testing.assert_allclose(grouped.intervals["srcc"], single, atol=0.02)
    assert np.ptp(alone) < 0.5 * np.ptp(single)


def test_pictures_without_a_group_are_their_own():
    predictions, scores = data(10)
    report = evaluate(predictions, scores, groups=["a", "a", None, np.nan, "b", "b", "b", None, None, None], repeats=5)
    assert report.groups == 7  # a, b and five alone


def test_dictionary_is_json_and_says_what_the_figures_rest_on():
    predictions, scores = data()
    values = json.loads(json.dumps(evaluate(predictions, scores, repeats=10).to_dict(), allow_nan=False))
    assert values["score_scale"] == MOS.to_dict()
    assert values["prediction_scale"] == OTHER.to_dict()
    assert values["rmse"] is None
    assert values["mappings"]["logistic4"]["fitted_on"] == "the evaluated pictures"
    assert len(values["mappings"]["logistic5"]["parameters"]) == 5
    assert values["plcc_logistic5"] >= values["plcc"]
    assert len(values["intervals"]["srcc"]) == 2
    assert values["intervals"]["repeats"] == 10
    assert "intervals" not in evaluate(predictions, scores).to_dict()


def test_text_names_scales_mappings_and_the_set_they_were_fitted_on():
    predictions, scores = data()
    text = evaluate(predictions, scores, repeats=10, seed=2).to_text()
    assert "80 pictures" in text
    assert "our MOS 0 to 100, higher is better" in text
    assert "model score, higher is better" in text
    assert "b2 + (b1 - b2) / (1 + exp(-(q - b3) / |b4|)); b1 = " in text
    assert "fitted on the evaluated pictures" in text
    assert "10 bootstrap draws of 80 groups, seed 2" in text
    rows = [line for line in text.splitlines() if line.startswith(("SRCC", "KRCC", "PLCC", "RMSE after"))]
    assert len(rows) == 7
    assert len({row.index(".") for row in rows if row.startswith(("SRCC", "KRCC", "PLCC"))}) == 1


@pytest.mark.parametrize(
    ("predictions", "scores", "options", "told"),
    [
        ([], [], {}, "nothing to evaluate"),
        ([1, 2], [1], {}, "of one length"),
        ([1, 2], [1, np.nan], {}, "scores must be finite"),
        ([1, 2], [1, 2], {"groups": ["a"], "repeats": 5}, r"shape \(2,\)\. Received: shape \(1,\)"),
        ([1, 2], [1, 2], {"groups": ["a", "a"], "repeats": 5}, "at least two groups"),
    ],
)
def test_bad_input_is_refused(predictions, scores, options, told):
    with pytest.raises(InvalidInput, match=told):
        evaluate(predictions, scores, **options)
