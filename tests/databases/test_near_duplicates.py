import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter
from scenes import scene

from tfiqa.databases import near_duplicates
from tfiqa.databases.manifest import UNKNOWN_SCALE, Manifest
from tfiqa.databases.near_duplicates import (
    THRESHOLD,
    fingerprint,
    group_near_duplicates,
    near_duplicate_pairs,
)
from tfiqa.errors import ManifestError


def crop(picture, dy, dx):
    return picture[dy : dy + 160, dx : dx + 220]


def variants(seed):
    """A view, darkened, brightened and clipped, blurred, coarsely compressed, and taken from a little aside."""
    wide = scene(seed, 176, 240)
    view = crop(wide, 8, 10)
    blurred = Image.fromarray(view).filter(ImageFilter.GaussianBlur(2))
    return [
        view,
        (view * 0.25).astype(np.uint8),
        np.clip(view * 1.6, 0, 255).astype(np.uint8),
        np.asarray(blurred),
        view // 16 * 16,
        crop(wide, 12, 4),
    ]


def test_variants_of_a_view_are_found_and_other_views_are_not():
    prints = np.stack([fingerprint(picture) for seed in range(6) for picture in variants(seed)])
    view = np.repeat(np.arange(6), 6)
    pairs, scores = near_duplicate_pairs(prints)
    assert (view[pairs[:, 0]] == view[pairs[:, 1]]).all()
    assert len(pairs) == 6 * 15
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert ((scores >= THRESHOLD) & (scores <= 1 + 1e-5)).all()


def test_the_score_is_the_best_correlation_over_small_shifts():
    prints = np.stack([fingerprint(picture) for picture in variants(1)[::5]])
    (pair,), (score,) = near_duplicate_pairs(prints, 0.1)
    first, second = np.pad(prints, ((0, 0), (3, 3), (3, 3))).astype(np.float64)
    by_hand = max((first * np.roll(second, (dy, dx), axis=(0, 1))).sum() for dy in range(-3, 4) for dx in range(-3, 4))
    assert pair.tolist() == [0, 1]
    assert score == pytest.approx(by_hand, abs=1e-5)


def test_flat_pictures_resemble_nothing_and_any_size_is_taken():
    flat = [fingerprint(np.full((h, w, 3), value, np.uint8)) for h, w, value in ((5, 9, 0), (40, 40, 255), (1, 1, 7))]
    assert not np.any(flat)
    assert len(near_duplicate_pairs(np.stack(flat))[0]) == 0
    assert len(near_duplicate_pairs(np.empty((0, 32, 32), np.float32))[0]) == 0


@pytest.fixture
def manifest(tmp_path):
    names = []
    for seed in range(3):
        for place, picture in enumerate(variants(seed)[:2]):
            names.append(str(tmp_path / f"{seed}_{place}.png"))
            Image.fromarray(picture).save(names[-1])
    table = pd.DataFrame({"image": names, "score": 1.0, "group": ["a", None, None, None, "b", "b"]})
    return Manifest(table, None, UNKNOWN_SCALE)


def test_groups_grow_and_untouched_ones_keep_their_names(manifest):
    steps = []
    grouped = group_near_duplicates(manifest, progress=lambda done, total: steps.append((done, total)))
    assert grouped.table["group"].tolist() == ["near 0_0.png"] * 2 + ["near 1_0.png"] * 2 + ["b"] * 2
    assert steps[-1] == (6, 6)
    assert manifest.table["group"].isna().sum() == 3


def test_what_was_grouped_stays_grouped_across_views(manifest):
    manifest.table["group"] = ["x", None, "x", None, None, None]
    groups = group_near_duplicates(manifest).table["group"]
    assert groups.iloc[:4].nunique() == 1
    assert groups.iloc[4:].unique().tolist() == ["near 2_0.png"]


def test_groups_are_the_components_of_the_pairs(monkeypatch, manifest):
    monkeypatch.setattr(near_duplicates, "SCREENED_AT_ONCE", 10)  # so that joining goes on from block to block
    monkeypatch.setattr(near_duplicates, "PAIRS_AT_ONCE", 2)
    assert group_near_duplicates(manifest).table["group"].nunique() == 3


def test_a_picture_that_cannot_be_decoded_is_named(manifest, tmp_path):
    (tmp_path / "1_0.png").write_bytes(b"no picture")
    with pytest.raises(ManifestError, match=r"no near-duplicates without every picture: .*1_0\.png"):
        group_near_duplicates(manifest)


def test_real_photographs(shared):
    from tfiqa.databases import prepare

    manifest = prepare("biq2021", shared / "data" / "biq2021").manifest
    known = manifest.table["group"]
    found = group_near_duplicates(Manifest(manifest.table.drop(columns="group"), manifest.path, manifest.scale)).table[
        "group"
    ]
    same = known.groupby(known).filter(lambda rows: len(rows) > 1)
    kept = same.groupby(same).apply(lambda rows: found[rows.index].notna().all() and found[rows.index].nunique() == 1)
    assert int(kept.sum()) == 27  # of the 31 groups that came with the labels; two of the others show different views
    assert found.notna().sum() == 136
