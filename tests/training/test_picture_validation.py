"""What an epoch's logs say of the validation pictures."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfiqa.databases.manifest import UNKNOWN_SCALE, Manifest
from tfiqa.evaluation.tasks import Task
from tfiqa.pipelines.labelled_pictures import LabelledPictures
from tfiqa.training.callbacks import PictureValidation

TRUTH = np.array([1.0, 2.0, 3.0, 4.0])


def logs(**predictions):
    """Those of a model with an output for each of `predictions`, all to be like TRUTH."""
    table = pd.DataFrame({"image": list("abcd"), **dict.fromkeys(predictions, TRUTH)})
    pictures = LabelledPictures.of(Manifest(table, Path("m.csv"), UNKNOWN_SCALE))
    rows = [{name: values[i : i + 1] for name, values in predictions.items()} for i in range(len(TRUTH))]
    tasks = [Task(name, name, UNKNOWN_SCALE, UNKNOWN_SCALE) for name in predictions]
    written = {}
    PictureValidation(lambda _: iter(rows), pictures, tasks).on_epoch_end(0, written)
    return written


def test_an_undefined_coefficient_counts_zero_in_a_mean():
    written = logs(same=TRUTH, constant=np.ones(4), reverse=-TRUTH, also=TRUTH)
    assert written["val_srcc"] == pytest.approx((1 + 0 - 1 + 1) / 4)
    assert written["val_plcc"] == pytest.approx((1 + 0 - 1 + 1) / 4)
    assert written["val_srcc_same"] == pytest.approx(1)
    assert np.isnan(written["val_srcc_constant"])


def test_of_a_single_task():
    assert logs(quality=2 * TRUTH) == pytest.approx({"val_srcc": 1, "val_plcc": 1})
    assert np.isnan(list(logs(quality=np.ones(4)).values())).all()
