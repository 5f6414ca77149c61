import csv

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from statistics_by_hand import aggd, aggd_mean, normalised, texture

from tfiqa.errors import CheckpointError, InvalidInput
from tfiqa.images.matlab_resize import resize_matrix
from tfiqa.models.baselines import niqe

SHIFTS = [(0, 1), (1, 0), (1, 1), (1, -1)]
ONE_BLOCK = 13.135421736633  # of rocket_small, whose score by the authors' code is an accident


def by_hand(grey, side=96):
    """Rows of features, and sharpness, of a picture of whole blocks."""
    found = []
    for _ in range(2):
        values, deviations = normalised(grey, "edge")
        rows, sharpness = [], []
        for column in range(0, grey.shape[1], side):
            for row in range(0, grey.shape[0], side):
                block = values[row : row + side, column : column + side]
                shape, left, right = aggd(block)
                numbers = [shape, (left + right) / 2]
                for shift in SHIFTS:
                    shape, left, right = aggd(block * np.roll(block, shift, axis=(0, 1)))
                    numbers += [shape, aggd_mean(shape, left, right), left, right]
                rows.append(numbers)
                sharpness.append(deviations[row : row + side, column : column + side].mean())
        found.append((rows, sharpness))
        first, second = (resize_matrix(length, "bicubic", scale=0.5) for length in grey.shape)
        grey, side = first @ grey @ second.T, side // 2
    return np.concatenate([rows for rows, _ in found], axis=1), np.array(found[0][1])


@pytest.fixture(scope="module")
def pictures():
    return [texture(200, 300, seed, channels=(3,)) for seed in range(10)]


@pytest.fixture(scope="module")
def model(pictures):
    return niqe.fit(pictures)


def test_blocks_by_hand():
    image = texture(192, 192).astype(float)
    image[96:] *= 0.6  # the lower blocks are dull
    image[:96, 96:] *= 0.9
    image = image.astype(np.uint8)
    rows, sharpness = by_hand(image.astype(float))
    uncropped = np.pad(image, ((0, 30), (0, 95)), mode="reflect")
    np.testing.assert_allclose(niqe.features(uncropped), rows, rtol=1e-9, atol=1e-12)
    assert list(sharpness > 0.75 * sharpness.max()) == [True, False, True, False]  # down the columns
    np.testing.assert_allclose(niqe.sharp_features(uncropped), rows[::2], rtol=1e-9, atol=1e-12)


def test_blocks_go_down_the_columns_first():
    image = np.concatenate([texture(192, 96, seed) for seed in range(3)], axis=1)
    rows = niqe.features(image)
    assert rows.shape == (6, 36)
    np.testing.assert_array_equal(niqe.features(image[:, :192])[:2], rows[:2])  # the next column changes their border


def test_fewer_pixels_than_a_block():
    with pytest.raises(InvalidInput, match=r"NIQE needs at least 96 pixels each way. Received: 200 x 95 pixels"):
        niqe.features(texture(95, 200))


def test_the_score_is_a_distance(model, pictures):
    rows = niqe.features(pictures[0])
    apart = model.mean - rows.mean(axis=0)
    precision = np.linalg.inv((model.covariance + np.cov(rows.T)) / 2)
    assert niqe.score(pictures[0], model) == pytest.approx(np.sqrt(apart @ precision @ apart), rel=1e-6)
    blurred = np.asarray(Image.fromarray(pictures[0]).resize((150, 100)).resize((300, 200)))
    assert niqe.score(blurred, model) > 3 * niqe.score(pictures[0], model)


def test_blocks_without_texture_count_for_what_they_have(model, pictures):
    image = pictures[0].copy()
    image[:96, :96] = 50
    rows = niqe.features(image)
    assert np.isnan(rows[0]).any()
    assert not np.isnan(rows[1:]).any()
    apart = model.mean - np.nanmean(rows, axis=0)
    precision = np.linalg.inv((model.covariance + np.cov(rows[1:].T)) / 2)
    assert niqe.score(image, model) == pytest.approx(np.sqrt(apart @ precision @ apart), rel=1e-6)
    with pytest.raises(InvalidInput, match="has too little texture for NIQE"):
        niqe.score(np.full((96, 96), 50, np.uint8), model)


def test_one_block_has_no_covariance(model):
    image = texture(100, 100)
    apart = model.mean - niqe.features(image)[0]
    expected = np.sqrt(apart @ np.linalg.inv(model.covariance / 2) @ apart)
    assert niqe.score(image, model) == pytest.approx(expected, rel=1e-6)


def test_a_model_is_of_the_sharp_blocks(model, pictures):
    rows = np.concatenate([niqe.sharp_features(picture) for picture in pictures])
    np.testing.assert_allclose(model.mean, rows.mean(axis=0))
    np.testing.assert_allclose(model.covariance, np.cov(rows.T))
    with pytest.raises(InvalidInput, match="has too little texture for NIQE"):  # else its shapes of .2 would count
        niqe.fit([*pictures, np.full((192, 288, 3), 50, np.uint8)])
    with pytest.raises(InvalidInput, match=r"at least two sharp blocks with texture. Received: 1"):
        niqe.fit([texture(96, 96)])
    with pytest.raises(InvalidInput, match=r"at least two sharp blocks with texture. Received: 0"):
        niqe.fit([])


def test_a_saved_model_is_the_same(model, tmp_path):
    model.save(tmp_path / "niqe.npz")
    again = niqe.load(tmp_path / "niqe.npz")
    np.testing.assert_array_equal(again.mean, model.mean)
    np.testing.assert_array_equal(again.covariance, model.covariance)


def test_matlab_parameters(model, tmp_path):
    savemat(tmp_path / "own.mat", {"mu_prisparam": model.mean[None], "cov_prisparam": model.covariance})
    np.testing.assert_array_equal(niqe.load(tmp_path / "own.mat").mean, model.mean)


def test_files_that_are_no_model(model, tmp_path):
    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    np.savez(tmp_path / "objects.npz", niqe_mean=np.array([{}]), niqe_covariance=np.zeros((36, 36)))
    np.savez(tmp_path / "small.npz", niqe_mean=np.zeros(36), niqe_covariance=np.zeros((35, 36)))
    savemat(tmp_path / "square.mat", {"mu_prisparam": np.zeros((6, 6)), "cov_prisparam": np.eye(36)})
    np.savez(tmp_path / "infinite.npz", niqe_mean=np.full(36, np.inf), niqe_covariance=np.zeros((36, 36)))
    np.savez(tmp_path / "words.npz", niqe_mean=np.full(36, "a"), niqe_covariance=np.zeros((36, 36)))
    savemat(tmp_path / "other.mat", {"mu": np.zeros(36)})
    (tmp_path / "text.npz").write_text("no")
    (tmp_path / "text.mat").write_text("no")
    for name, reason in {
        "other.npz": "is another kind of model: it has no 'niqe_mean'",
        "objects.npz": "is not a readable .npz file",
        "small.npz": "a NIQE model is a mean",
        "square.mat": r"a NIQE model is a mean .* Received: \(\(6, 6\)",
        "infinite.npz": "is not finite",
        "words.npz": "could not convert",
        "other.mat": "has no 'mu_prisparam'",
        "text.npz": "is not a readable .npz file",
        "text.mat": "is not a readable MATLAB file",
        "none.npz": "cannot read .*none.npz: No such file",
        "none.mat": "cannot read .*none.mat: No such file",
    }.items():
        with pytest.raises(CheckpointError, match=reason):
            niqe.load(tmp_path / name)


def test_the_authors_values(shared):
    """Every picture by the zero rule; those without flat regions by the plain code."""
    folder = shared / "no_reference"
    model = niqe.load(folder / "niqe_modelparameters.mat")
    compared = 0
    for row in csv.DictReader((folder / "scores.csv").open()):
        score = niqe.score(np.asarray(Image.open(folder / row["file"])), model)
        if row["file"].startswith("rocket_small"):
            assert score == pytest.approx(ONE_BLOCK, abs=1e-8)
            continue
        assert score == pytest.approx(float(row["niqe_zero_rule"]), abs=1e-9)
        if row["well_conditioned"] == "1":
            assert score == pytest.approx(float(row["niqe"]), abs=1e-9)
            compared += 1
    assert compared == 6


def test_a_model_of_the_authors_training(shared):
    folder = shared / "no_reference"
    with np.load(folder / "model_fit.npz") as expected:
        names = [key.removeprefix("niqe_sharp_open_") for key in expected.files if key.startswith("niqe_sharp_open_")]
        pictures = [np.asarray(Image.open(folder / f"{name}.png")) for name in names]
        model = niqe.fit(pictures)
        np.testing.assert_allclose(model.mean, expected["niqe_mu"][0], rtol=1e-9)
        np.testing.assert_allclose(model.covariance, expected["niqe_cov"], rtol=1e-8, atol=1e-12)
        scored = pictures[names.index(str(expected["niqe_score_picture"][0]).removeprefix("open/"))]
        assert niqe.score(scored, model) == pytest.approx(float(expected["niqe_score_with_new_model"][0, 0]), abs=1e-6)
