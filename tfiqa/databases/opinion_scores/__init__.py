"""Subjective studies: from raw ratings to mean opinion scores."""

from tfiqa.databases.opinion_scores.consistency import (
    IntraclassCorrelations,
    SubGroupConsistency,
    SubjectConsistency,
    intraclass_correlations,
    sub_group_consistency,
    subject_consistency,
)
from tfiqa.databases.opinion_scores.mean_opinion import mean_opinion_scores, opinions_of, z_score_opinions
from tfiqa.databases.opinion_scores.ratings import Ratings, ratings_from_table, read_ratings
from tfiqa.databases.opinion_scores.rejection import Rejection, reject
from tfiqa.databases.opinion_scores.study import Study, run_study, write_scores

__all__ = [
    "IntraclassCorrelations",
    "Ratings",
    "Rejection",
    "Study",
    "SubGroupConsistency",
    "SubjectConsistency",
    "intraclass_correlations",
    "mean_opinion_scores",
    "opinions_of",
    "ratings_from_table",
    "read_ratings",
    "reject",
    "run_study",
    "sub_group_consistency",
    "subject_consistency",
    "write_scores",
    "z_score_opinions",
]
