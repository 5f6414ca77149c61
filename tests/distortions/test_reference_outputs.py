"""Against the reference outputs on two photographs, and against pictures of KADID-10k itself."""

import numpy as np
import pytest
from PIL import Image
from reference_outputs import is_equal, photograph, rows
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from tfiqa import distortions
from tfiqa.distortions import DISTORTIONS, NAMES, NUMBERS
from tfiqa.distortions.family import Call, to_bytes
from tfiqa.distortions.spatial import jitter
from tfiqa.distortions.stretch import stretched

# JPEG and JPEG 2000 depend on the codecs that Pillow comes with; they are held by PSNR.
EXACT = (
    "gaussian_blur lens_blur motion_blur color_diffusion color_shift color_saturation_1 color_saturation_2 brighten darken "
    "mean_shift non_eccentricity_patch pixelate quantization color_block high_sharpen contrast_change"
).split()
PSNR_TOLERANCE = {
    "color_quantization": 0.1,
    "jpeg2000": 0.6,
    "jpeg": 0.2,
    "white_noise": 0.25,
    "white_noise_color": 0.25,
    "impulse_noise": 0.6,
    "multiplicative_noise": 0.25,
}


@pytest.fixture(scope="module")
def reference(shared):
    return rows(shared)


@pytest.mark.parametrize("name", EXACT)
def test_byte_for_byte(name, reference):
    chosen = [row for row in reference if row["name"] == name]
    assert len(chosen) == 10
    for row in chosen:
        picture = distortions.apply(name, photograph(row["photo"]), row["level"], draw=row["choices"])
        assert is_equal(picture, row), f"{row['photo']} level {row['level']}"


@pytest.mark.parametrize("name", PSNR_TOLERANCE)
def test_by_psnr(name, reference):
    chosen = [row for row in reference if row["name"] == name]
    assert len(chosen) == 10
    for row in chosen:
        source = photograph(row["photo"])
        psnr = peak_signal_noise_ratio(source, distortions.apply(name, source, row["level"], seed=1))
        assert abs(psnr - float(row["PSNR"])) < PSNR_TOLERANCE[name], f"{row['photo']} level {row['level']}"


def kadid(shared, name):
    return np.asarray(Image.open(shared / "data/samples/kadid10k_samples/images" / name).convert("RGB"))


@pytest.mark.parametrize("level", [2, 5])
def test_blurs_of_kadid_are_met_to_the_byte(shared, level):
    source = kadid(shared, "I01.png")
    assert np.array_equal(distortions.apply("gaussian_blur", source, level), kadid(shared, f"I01_01_{level:02}.png"))


def test_color_quantization_of_kadid_is_met_to_the_byte(shared):
    ours = distortions.apply("color_quantization", kadid(shared, "I01.png"), 5)
    assert np.array_equal(ours, kadid(shared, "I01_06_05.png"))


def test_denoising_leaves_as_much_behind_as_kadids(shared):
    source, theirs = kadid(shared, "I01.png"), kadid(shared, "I01_15_05.png")
    ours = distortions.apply("denoise", source, 5)

    def ssim(picture):
        return structural_similarity(source, picture, channel_axis=-1, data_range=255)

    assert abs(peak_signal_noise_ratio(source, ours) - peak_signal_noise_ratio(source, theirs)) < 0.6
    assert abs(ssim(ours) - ssim(theirs)) < 0.01


def test_jitter_by_psnr_within_the_references_own_range(reference):
    """Single samples, drawn at random, decide how far the second stretch compresses the contrast, and with it the PSNR: by
    1 dB from seed to seed. With the range that the reference had, the PSNR is that of the reference."""
    chosen = [row for row in reference if row["name"] == "jitter"]
    assert len(chosen) == 10
    for row in chosen:
        source = photograph(row["photo"])
        amount = DISTORTIONS[NUMBERS["jitter"] - 1].amounts[row["level"] - 1]
        jittered = jitter(Call(stretched(source / 255), amount, np.random.default_rng(0)))
        low, high = float(row["min_before_mapmm"]), float(row["max_before_mapmm"])
        psnr = peak_signal_noise_ratio(source, to_bytes((jittered - low) / (high - low)))
        assert abs(psnr - float(row["PSNR"])) < 0.05, f"{row['photo']} level {row['level']}"


def test_every_type_is_held_to_something():
    assert {*EXACT, *PSNR_TOLERANCE, "denoise", "jitter"} == {*NAMES}
