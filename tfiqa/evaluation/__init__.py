"""Agreement of predictions with human scores: coefficients, logistic mappings, reports."""

from tfiqa.evaluation.correlation import krcc, plcc, rmse, srcc
from tfiqa.evaluation.mapping import Mapping, fit_mapping
from tfiqa.evaluation.report import EvaluationReport, evaluate_predictions

__all__ = ["EvaluationReport", "Mapping", "evaluate_predictions", "fit_mapping", "krcc", "plcc", "rmse", "srcc"]
