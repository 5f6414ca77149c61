"""The consistency figures of subjective studies, from the reports that `tfiqa study --report` writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfiqa.errors import InvalidInput
from tfiqa.reports.runs import Spread, read_json


@dataclass(frozen=True)
class Agreement:
    """SRCC and PLCC, or why they are undefined.

    Args:
        srcc, plcc: means with their deviations.
        count: how many sub-group halvings, or subjects, they are the means of.
        undefined: why there are none; empty when there are.
    """

    srcc: Spread
    plcc: Spread
    count: int
    undefined: str = ""


@dataclass(frozen=True)
class StudyFigures:
    """A study's consistency.

    Args:
        ratings: the file of its ratings.
        subjects: how many took part.
        stimuli: how many were rated.
        rejection: by which rule raters were left out.
        method: what the scores are.
        sub_groups: random halves of the subjects with each other.
        single: subjects with the mean of all.
    """

    ratings: str
    subjects: int
    stimuli: int
    rejection: str
    method: str
    sub_groups: Agreement
    single: Agreement


def read_study(path: Path) -> StudyFigures:
    """The figures in a report. Raises InvalidInput when the file is none."""
    values = read_json(path)
    try:
        return StudyFigures(
            ratings=str(values["ratings_file"]),
            subjects=int(values["counts"]["subjects"]),
            stimuli=int(values["counts"]["stimuli"]),
            rejection=str(values["rejection"]),
            method=str(values["method"]),
            sub_groups=_agreement(values["sub_group_consistency"], "halvings"),
            single=_agreement(values["subject_consistency"], "subjects"),
        )
    except (KeyError, TypeError) as error:
        raise InvalidInput(f"{path} is no report of `tfiqa study --report`: {error} is not as it writes it") from error


def _agreement(values: dict[str, Any], count: str) -> Agreement:
    if "undefined" in values:
        return Agreement(Spread(None, None), Spread(None, None), 0, str(values["undefined"]))
    srcc, plcc = (Spread(values[name], values[f"{name}_std"]) for name in ("srcc", "plcc"))
    return Agreement(srcc, plcc, values[count])
