"""Types 11 to 15 by their statistics."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from tfiqa import distortions


def middle_grey(side=220):
    """128 with both ends of the range in a corner, so that no stretch changes it."""
    picture = np.full((side, side, 3), 128, np.uint8)
    picture[0, 0], picture[0, 1] = 0, 255
    return picture


@pytest.mark.parametrize(("level", "variance"), list(enumerate([0.001, 0.002, 0.003, 0.005, 0.01], start=1)))
def test_white_noise_has_its_variance(level, variance):
    error = (distortions.apply("white_noise", middle_grey(), level) / 255 - 128 / 255)[1:]
    assert abs(error.mean()) < 0.001
    assert abs(error.var() / (variance + 1 / (12 * 255**2)) - 1) < 0.03
    across = np.corrcoef(error.reshape(-1, 3).T)
    assert np.abs(across - np.eye(3)).max() < 0.02


def test_color_noise_is_independent_in_ycbcr_and_amplified_in_blue():
    error = (distortions.apply("white_noise_color", middle_grey(), 5) / 255 - 128 / 255)[1:].reshape(-1, 3)
    gains = error.std(0) / np.sqrt(0.003)
    to_rgb = np.array([[1.1644, 0, 1.5960], [1.1644, -0.3918, -0.8130], [1.1644, 2.0172, 0]])  # BT.601, limited range
    assert np.abs(gains / np.linalg.norm(to_rgb, axis=1) - 1).max() < 0.02


@pytest.mark.parametrize(("level", "density"), list(enumerate([0.001, 0.005, 0.01, 0.02, 0.03], start=1)))
def test_impulses_hit_samples_and_are_half_black(level, density):
    noisy = distortions.apply("impulse_noise", middle_grey(), level)[1:]
    black, white = (noisy == 0).mean(), (noisy == 255).mean()
    spread = 5 * np.sqrt(density / noisy.size)
    assert abs(black - density / 2) < spread
    assert abs(white - density / 2) < spread
    hit = (noisy != 128).sum(-1)
    assert (hit[hit > 0] == 1).mean() > 0.9


def test_multiplicative_noise_is_uniform_and_in_proportion():
    picture = middle_grey()
    picture[110:] = 64
    noisy = distortions.apply("multiplicative_noise", picture, 5) / picture.clip(1)
    for part in (noisy[1:110], noisy[110:]):
        half_width = np.sqrt(12 * 0.05) / 2
        assert abs(part.mean() - 1) < 0.005
        assert abs(part.var() - 0.05) < 0.002
        assert part.min() > 1 - half_width - 0.01
        assert part.max() < 1 + half_width + 0.01
        assert (np.abs(part - 1) > 0.9 * half_width).mean() > 0.08  # 0.1 for a uniform variable


def test_denoising_takes_most_of_the_noise_away_and_less_at_higher_levels():
    from skimage.data import astronaut

    picture = astronaut()[:160, :200]
    denoised = [distortions.apply("denoise", picture, level, stretch=False) for level in range(1, 6)]
    psnr = [peak_signal_noise_ratio(picture, each) for each in denoised]
    assert all(np.diff(psnr) < 0)
    noisy_mse = 255**2 * np.array([0.01, 0.15])  # before the cut-off at 0 and 1
    assert psnr[0] > 10 * np.log10(255**2 / noisy_mse[0]) + 4
    assert psnr[4] > 10 * np.log10(255**2 / noisy_mse[1]) + 6
