"""Figures of compression ladders from scores that are known."""

import io

import numpy as np
import pandas as pd
import pytest
from codec_ladders import CODECS, OTHERS
from fake_scorer import FakeScorer
from measure_codecs import by_codec, like_live, steps_down, worsened
from PIL import Image
from scenes import scene


def ladder_rows(name, content, scores, bits=True):
    """A ladder whose measures fall by its steps."""
    steps = np.arange(len(scores))
    return pd.DataFrame(
        {
            "ladder": name,
            "content": content,
            "step": steps,
            "bits": 4.0 / (1 + steps) if bits else np.nan,
            "vsi": 1 - 0.1 * steps,
            "fsimc": 1 - 0.2 * steps**2,
            "score": np.array(scores, float),
        }
    )


def test_steps_down_are_counted_within_each_content_and_ladder():
    table = pd.concat(
        [
            ladder_rows("jpeg", "a", [9, 8, 8, 7]),  # equal scores are no step down
            ladder_rows("jpeg", "b", [1, 2, 3, 0]),
            ladder_rows("webp", "a", [5, 4, 3, 2]),
        ]
    )
    assert steps_down(table.sample(frac=1, random_state=1)) == (2 + 1 + 3, 9)


def test_codecs_are_measured_overall_and_within_contents():
    """Right in every content, but the better content's worst is above the other's best: 3 ties of ranks 1.5 to 5.5."""
    table = pd.concat([ladder_rows("jpeg", "a", [6, 5, 4]), ladder_rows("jpeg", "b", [3, 2, 1])], ignore_index=True)
    lines = by_codec(pd.concat([table, ladder_rows("white_noise", "a", [1, 2, 3], bits=False)]))
    # ranks of the step 5.5, 3.5, 1.5 twice, of the score 6 ... 1: covariance 8, variances 16 and 17.5
    within = f"{8 / np.sqrt(16 * 17.5):.4f}, 1.0000"
    assert lines[0] == "| codec | VSI | FSIMc | bits a pixel | step | steps down |"
    assert lines[2:] == [f"| {name} | {' | '.join([within] * 4)} | 4 of 4 (100%) |" for name in ("jpeg", "all")]


def test_the_stand_in_for_live_has_its_types_and_keeps_the_sign():
    parts = [ladder_rows("avif", "a", [1, 2, 3])]
    parts += [ladder_rows(name, "a", [1, 2, 3]) for name in ("jpeg", "jpeg2000")]
    parts += [ladder_rows(name, "a", [3, 1, 2], bits=False) for name in ("white_noise", "gaussian_blur")]
    lines = like_live(pd.concat(parts, ignore_index=True))
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| jpeg",
        "| jpeg2000",
        "| white_noise",
        "| gaussian_blur",
        "| all",
    ]
    assert lines[2] == "| jpeg | -1.0000 | -1.0000 | 1.0000 |"
    assert lines[4] == "| white_noise | 0.5000 | 0.5000 | 1.0000 |"
    assert lines[6] == "| all | -0.2500 | -0.2500 | 1.0000 |"


def test_a_picture_is_coded_measured_and_scored():
    picture = scene(1, 96, 128)
    scorer = FakeScorer(lambda version: -np.square(version.astype(float) - picture).mean())
    ladders = {"jpeg": CODECS["jpeg"], "white_noise": OTHERS["white_noise"]}
    table = worsened(picture, ladders, scorer, [0, 1])
    assert table["ladder"].tolist() == ["jpeg"] * 7 + ["white_noise"] * 6
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=50, subsampling="4:2:0")
    assert table["bits"][2] == pytest.approx(8 * len(stream.getvalue()) / (96 * 128))
    assert table["bits"][7:].isna().all()
    for name in ("vsi", "fsimc", "score"):
        assert (table.groupby("ladder")[name].diff().dropna() < 0).all()
    assert worsened(picture, ladders, scorer, [0, 1]).equals(table)
    assert not worsened(picture, ladders, scorer, [0, 2])["score"][7:].equals(table["score"][7:])
