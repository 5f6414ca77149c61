"""What all tests share."""

import os

# As the commands set them, so that numbers computed in this process equal a command's.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"

from pathlib import Path

import pytest
from PIL import Image, ImageFilter
from scenes import scene

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared():
    """The folder of reference vectors and real data beside the project; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"reference data not at hand: {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory):
    """Sixteen pictures from sharp to blurred with a manifest `photos.csv` whose score falls with the blur."""
    folder = tmp_path_factory.mktemp("photos")
    rows = ["image,score,group,brightness,colorfulness,contrast,noisiness,sharpness"]
    for i in range(16):
        blur = i % 4
        picture = Image.fromarray(scene(i // 4)).filter(ImageFilter.GaussianBlur(blur))
        name = f"photo {i}.jpg" if i % 2 else f"photo {i}.png"
        picture.save(folder / name)
        rows.append(f"{name},{90 - 25 * blur},scene {i // 4},50,60,70,80,{90 - 20 * blur}")
    (folder / "photos.csv").write_text("\n".join(rows) + "\n")
    return folder


FIT_SETTINGS = {
    "data.crop": 64,
    "data.crops_per_picture": 1,
    "training.epochs": 3,
    "training.frozen_epochs": 1,
    "training.batch_size": 4,
}


@pytest.fixture(scope="session")
def fit_arguments(photo_folder):
    """The command line of a small training run, without its --output."""
    settings = [part for key, value in FIT_SETTINGS.items() for part in ("--set", f"{key}={value}")]
    fractions = ["--set", "split={train: 0.5, validation: 0.25, test: 0.25, seed: 1}"]
    return ["fit", "quickstart", "--data", str(photo_folder / "photos.csv"), *fractions, *settings]


@pytest.fixture(scope="session")
def trained_run(fit_arguments, tmp_path_factory):
    """The run folder of a small, uninterrupted training run."""
    import subprocess
    import sys

    folder = tmp_path_factory.mktemp("run") / "run"
    tfiqa = Path(sys.executable).parent / "tfiqa"
    done = subprocess.run([tfiqa, *fit_arguments, "--output", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder
