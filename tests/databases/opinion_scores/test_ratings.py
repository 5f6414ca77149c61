import numpy as np
import pandas as pd
import pytest

from tfiqa.databases.opinion_scores import ratings_from_table, read_ratings
from tfiqa.errors import InvalidInput, ManifestError


def table(**columns):
    values = {"subject": ["a", "a", "b"], "stimulus": ["x", "y", "x"], "score": ["1", "2", "3"], **columns}
    return pd.DataFrame({name: cells for name, cells in values.items() if cells is not None})


def told(frame, **options):
    with pytest.raises(ManifestError) as error:
        ratings_from_table(frame, name="r.csv", **options)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_names_stay_text(tmp_path, ending):
    path = tmp_path / f"r.{ending}"
    frame = table(subject=["007", "007", "7"], session=["1", "01", "1"], order=["3", "1", "2"])
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    ratings = read_ratings(path)
    assert list(ratings.table["subject"]) == ["007", "007", "7"]
    assert list(ratings.table["session"]) == ["1", "01", "1"]
    assert ratings.scores.tolist() == [1, 2, 3]
    assert (len(ratings), ratings.low, ratings.high, ratings.name) == (3, 0, 100, str(path))


def test_numbers_as_names_are_text_too(tmp_path):
    path = tmp_path / "r.parquet"
    table(subject=[7, 7, 8], stimulus=[1, 2, 1], score=[1, 2, 3]).to_parquet(path)
    ratings = read_ratings(path)
    assert list(ratings.table["subject"]) == ["7", "7", "8"]
    assert list(ratings.table["stimulus"].cat.categories) == ["1", "2"]


def test_without_sessions_each_subject_has_one():
    assert ratings_from_table(table()).table["session"].nunique() == 1


@pytest.mark.parametrize(
    ("column", "given"),
    [
        ("subject", "observer"),
        ("stimulus", "Image Name"),
        ("score", "Rating"),
        ("subject", "subjct"),
        ("score", "Score"),
    ],
)
def test_another_name_is_answered_with_a_hint(column, given):
    text = told(table().rename(columns={column: given}))
    assert f"column {column!r} is missing" in text
    assert f"(did you mean {given!r}?)" in text


@pytest.mark.parametrize("given", ["Session", "sesion", "HIT", "session_id"])
def test_a_misnamed_session_is_not_passed_over(given):
    assert (
        told(table(**{given: ["1", "2", "1"]}))
        == f"r.csv: column {given!r} is not read: call it 'session', or remove it"
    )


def test_other_columns_are_not_taken_for_sessions():
    assert len(ratings_from_table(table(version=["1", "2", "1"], order=["1", "2", "3"]))) == 3
    assert len(ratings_from_table(table(session=["1", "1", "1"], session_id=["p", "q", "r"]))) == 3


def test_every_problem_is_told_with_its_rows():
    text = told(
        table(subject=["a", "", "b"], session=["1", "1", None], score=["1", "two", "101"]).assign(
            stimulus=["x", None, "y"]
        )
    )
    assert "subject is missing in row 3" in text
    assert "session is missing in row 4" in text
    assert "stimulus is missing in row 3" in text
    assert "score is not a number in row 3 (first: 'two')" in text
    assert "score is outside 0..100 in row 4 (first: '101')" in text


@pytest.mark.parametrize("blank", ["", "NA", None, np.nan])
def test_blank_scores_are_refused(blank):
    assert "score is missing in row 3" in told(table(score=["1", blank, "3"]))


def test_scores_outside_of_the_scale_are_refused():
    assert "score is outside 1..5 in rows 2, 4 (first: '0.9')" in told(table(score=["0.9", "5", "inf"]), low=1, high=5)


def test_no_rows():
    assert told(table().iloc[:0]) == "r.csv: it has no rows"


@pytest.mark.parametrize(("low", "high"), [(5, 1), (1, 1), (0, float("inf")), (float("nan"), 1)])
def test_a_scale_needs_an_extent(low, high):
    with pytest.raises(InvalidInput, match="finite low < high"):
        ratings_from_table(table(), low=low, high=high)
