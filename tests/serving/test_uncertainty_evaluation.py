"""The evaluation of models that tell their uncertainty, and scores of theirs in files."""

import json

import numpy as np
import pandas as pd
import pytest
from uncertain_scorer import named_pictures, uncertain_scorer

from tfiqa.databases.manifest import Manifest
from tfiqa.databases.opinion_deviations import with_deviations
from tfiqa.databases.rescaling import RESCALED
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.pipelines.labelled_pictures import LabelledPictures
from tfiqa.score_scale import ScoreScale
from tfiqa.serving.evaluation import evaluate_scorer
from tfiqa.serving.uncertain_scores import read_uncertain_scores, require_uncertainty

DMOS = ScoreScale(0.0, 10.0, False, "DMOS")
QUALITIES = [(3.0, 0.5), (2.0, 0.6), (1.0, 0.4), (0.5, 0.3)]


@pytest.fixture
def data(tmp_path):
    """Four pictures whose DMOS is 8 less the quality, with the same deviations, and one that cannot be scored."""
    (tmp_path / "broken.png").write_text("x")
    images = [*map(str, named_pictures(tmp_path, QUALITIES)), str(tmp_path / "broken.png")]
    scores = [*(8 - quality for quality, _ in QUALITIES), 1.0]
    table = pd.DataFrame({"image": images, "score": scores, "score_std": [0.5, 0.6, 0.4, 0.3, 0.2]})
    return Manifest(table, None, DMOS)


def test_perfect_uncertainty(data, tmp_path):
    found = evaluate_scorer(uncertain_scorer(tmp_path / "m.keras"), LabelledPictures.of(data))
    assert found.report.srcc == pytest.approx(1)
    assert (found.calibration.pictures, found.calibration.pairs) == (4, 6)
    assert found.calibration.fidelity == pytest.approx(0, abs=1e-9)
    assert found.calibration.deviation_srcc == pytest.approx(1)
    assert found.table.columns.tolist() == ["image", "score", "score_std", "quality", "uncertainty"]
    assert len(found.errors) == 1
    assert "fidelity loss" in found.to_text()
    written = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert written["calibration"]["truth"] == "thurstone"


def test_the_manifest_of_a_run_over_several_databases_is_judged_database_by_database(data, tmp_path):
    table = data.table.assign(score=[0.0, 100.0, 0.0, 100.0, 50.0], database=["a", "a", "b", "b", "b"])
    found = evaluate_scorer(
        uncertain_scorer(tmp_path / "m.keras"), LabelledPictures.of(Manifest(table, None, RESCALED))
    )
    assert {name: report.srcc for name, report in found.report.databases.items()} == {"a": -1, "b": -1}
    assert (found.calibration.pairs, found.calibration.possible) == (2, 2)


def test_estimated_deviations_are_told(data, tmp_path):
    bare = Manifest(data.table.drop(columns="score_std"), None, DMOS)
    scorer = uncertain_scorer(tmp_path / "m.keras")
    found = evaluate_scorer(scorer, LabelledPictures.of(with_deviations(bare, 0.1)))
    assert "score_std of 4 of 4 pictures is estimated, not measured" in found.to_text()
    assert evaluate_scorer(scorer, LabelledPictures.of(bare)).calibration.truth == "binary"


def test_a_model_without_uncertainty_has_no_calibration(data, tmp_path):
    found = evaluate_scorer(uncertain_scorer(tmp_path / "m.keras", uncertainty=False), LabelledPictures.of(data))
    assert found.calibration is None
    assert "calibration" not in found.to_dict()
    assert "score_std" not in found.table


def test_known_scores_are_not_computed_again(data, tmp_path):
    scorer = uncertain_scorer(tmp_path / "m.keras")
    pictures = LabelledPictures.of(data)
    rows = list(scorer.rows(pictures.sources))
    asked = scorer.predictor.asked
    found = evaluate_scorer(scorer, pictures, scored=rows)
    assert scorer.predictor.asked == asked
    assert found.table.equals(evaluate_scorer(scorer, pictures).table)


def test_scores_must_be_numbers(data, tmp_path):
    data.table.loc[2, "score"] = np.nan
    with pytest.raises(ManifestError, match="score is missing in row 4"):
        evaluate_scorer(uncertain_scorer(tmp_path / "m.keras"), LabelledPictures.of(data))


def test_a_model_must_tell_its_uncertainty(tmp_path):
    require_uncertainty(uncertain_scorer(tmp_path / "m.keras"))
    with pytest.raises(InvalidInput, match="does not tell the uncertainty"):
        require_uncertainty(uncertain_scorer(tmp_path / "m.keras", uncertainty=False))


def test_scores_from_a_file(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("path,quality,uncertainty,error\na.png,1.5,0.2,\nb.png,,,broken\n")
    rows, higher_is_better = read_uncertain_scores(path)
    assert rows[0] == {"path": "a.png", "quality": 1.5, "uncertainty": 0.2, "error": None}
    assert (rows[1]["path"], rows[1]["quality"]) == ("b.png", None)
    assert "b.png: " in rows[1]["error"]
    assert higher_is_better


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,quality\na,1\n", "no column 'uncertainty'"),
        ("path,quality,uncertainty\na,1,-0.1\n", "uncertainty is negative in row 2"),
        ("path,quality,uncertainty\na,inf,0.1\n", "quality is beyond 1e[+]100 in row 2"),
        ("path,quality,uncertainty\na,1,1\nb,1,1e308\n", "uncertainty is beyond 1e[+]100 in row 3"),
        ("path,quality,uncertainty\na,1,1\nb,1,1\n./a,2,1\n", r"earlier row in row 4 \(first: './a'\)"),
        ("path,quality,uncertainty\na,good,0.1\n", "quality is not a number in row 2"),
    ],
)
def test_files_that_are_no_scores(text, message, tmp_path):
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(ManifestError, match=message):
        read_uncertain_scores(tmp_path / "s.csv")
