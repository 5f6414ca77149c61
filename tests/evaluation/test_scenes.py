import numpy as np
import pandas as pd

from tfiqa.evaluation.scenes import scene_accuracy


def test_any_label_is_right_and_rows_without_labels_do_not_count():
    truth = pd.DataFrame(
        {"scene_animal": [0.5, 0, 0, np.nan], "scene_plant": [0.5, 1, 0, np.nan], "scene_others": [0, 0, 1, np.nan]}
    )
    assert scene_accuracy(["plant", "plant", "animal", "plant"], truth) == 2 / 3
    assert scene_accuracy(["cityscape"] * 4, truth) == 0
    assert scene_accuracy(["plant"], truth.iloc[3:]) is None
