"""How fast the distortions are, beside other packages, and where the time of the weak-label generator goes.

    python tools/benchmark_distortions.py                        every distortion, and what else can do the same
    python tools/benchmark_distortions.py --generator FOLDER     the generator, on pictures of a folder

Milliseconds are those of one 512x384 picture on one processor, the best of several turns in which all packages take part,
so that noise hits all; the mean is over the five levels. scikit-image is always there; albumentations and
imagecorruptions are shown where they are installed (`pip install albumentations imagecorruptions`). They do the operation
alone: KADID's two contrast stretches, 8 bits in and out included, are ours only.

--generator labels the first --pictures pictures of the folder at 512x384, each with all 25 types at five levels, as one
worker process does, once the measures are traced. It tells what the time goes into and what KADIS-700k would take.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage import color, filters, restoration, util
from skimage.data import astronaut

from tfiqa import distortions
from tfiqa.distortions import DISTORTIONS, LEVELS

TURNS = 5
PEER_LEVEL = 4  # at which packages are compared
KADIS = 700_000
CORES = (2, 64, 1000)
Peer = Callable[[NDArray[np.uint8], float], Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generator", metavar="FOLDER", help="label pictures of this folder")
    parser.add_argument("--pictures", type=int, default=3)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    if arguments.generator:
        benchmark_generator(arguments.generator, arguments.pictures)
    else:
        benchmark_distortions()


def benchmark_distortions() -> None:
    picture = astronaut()[:384]
    peers = _peers()
    print(f"| distortion | ms a picture | megapixels a second | other packages at level {PEER_LEVEL}: ms (ours) |")
    print("| --- | --- | --- | --- |")
    means = []
    for each in DISTORTIONS:
        best = _best([partial(distortions.apply, each.name, picture, level) for level in LEVELS])
        means.append(sum(best) / len(best))
        compared = _compared(each.name, picture, each.amounts[PEER_LEVEL - 1], peers.get(each.name, {}))
        print(
            f"| {each.name} | {1e3 * means[-1]:.0f} | {picture.size / 3e6 / means[-1]:.1f} | {compared} |", flush=True
        )
    print(f"| mean | {1e3 * np.mean(means):.0f} | {picture.size / 3e6 / np.mean(means):.1f} | |")


def _compared(name: str, picture: NDArray[np.uint8], amount: float, peers: dict[str, Peer]) -> str:
    if not peers:
        return ""
    ours, *theirs = _best(
        [
            partial(distortions.apply, name, picture, PEER_LEVEL),
            *(partial(peer, picture, amount) for peer in peers.values()),
        ]
    )
    told = ", ".join(f"{package} {1e3 * seconds:.0f}" for package, seconds in zip(peers, theirs, strict=True))
    return f"{told} ({1e3 * ours:.0f})"


def _best(functions: list[Callable[[], Any]]) -> list[float]:
    """Seconds of each function's best call; they take turns."""
    best = [float("inf")] * len(functions)
    for _ in range(TURNS):
        for place, function in enumerate(functions):
            start = time.perf_counter()
            function()
            best[place] = min(best[place], time.perf_counter() - start)
    return best


def _peers() -> dict[str, dict[str, Peer]]:
    """By distortion, what other packages have that does the same to a picture."""
    found: dict[str, dict[str, Peer]] = {
        "gaussian_blur": {"scikit-image": lambda x, a: filters.gaussian(x, a, truncate=2, channel_axis=-1)},
        "color_saturation_1": {"scikit-image": lambda x, a: color.hsv2rgb(color.rgb2hsv(x) * [1, a, 1])},
        "color_saturation_2": {"scikit-image": lambda x, a: color.lab2rgb(color.rgb2lab(x) * [1, a, a])},
        "white_noise": {"scikit-image": lambda x, a: util.random_noise(x, "gaussian", var=a)},
        "impulse_noise": {"scikit-image": lambda x, a: util.random_noise(x, "s&p", amount=a)},
        "multiplicative_noise": {"scikit-image": lambda x, a: util.random_noise(x, "speckle", var=a)},
        "denoise": {"scikit-image": _scikit_denoise},
    }
    for add in (_add_albumentations, _add_imagecorruptions):
        try:
            add(found)
        except ImportError as error:
            print(f"(not compared: {error})")
    return found


def _scikit_denoise(picture: NDArray[np.uint8], variance: float) -> Any:
    """Its default patches, which search 11 pixels around."""
    noisy = util.random_noise(picture, "gaussian", var=variance)
    return restoration.denoise_nl_means(noisy, h=0.87 * variance**0.5, channel_axis=-1, fast_mode=True)


def _add_albumentations(found: dict[str, dict[str, Peer]]) -> None:
    import albumentations

    def transform(make: Callable[[float], Any]) -> Peer:
        made: dict[float, Any] = {}

        def run(picture: NDArray[np.uint8], amount: float) -> Any:
            if amount not in made:
                made[amount] = make(amount)
            return made[amount](image=picture)["image"]

        return run

    transforms: dict[str, Callable[[float], Any]] = {
        "gaussian_blur": lambda a: albumentations.GaussianBlur(blur_limit=0, sigma_limit=(a, a), p=1),
        "lens_blur": lambda a: albumentations.Defocus(radius=(int(a), int(a)), alias_blur=(0.1, 0.1), p=1),
        "motion_blur": lambda a: albumentations.MotionBlur(blur_limit=(int(a) | 1, int(a) | 1), p=1),
        "jpeg": lambda a: albumentations.ImageCompression(quality_range=(int(a), int(a)), p=1),
        "white_noise": lambda a: albumentations.GaussNoise(std_range=(a**0.5, a**0.5), p=1),
        "impulse_noise": lambda a: albumentations.SaltAndPepper(amount=(a, a), p=1),
    }
    for name, make in transforms.items():
        found.setdefault(name, {})["albumentations"] = transform(make)


def _add_imagecorruptions(found: dict[str, dict[str, Peer]]) -> None:
    from imagecorruptions import corrupt

    names = {
        "lens_blur": "defocus_blur",
        "motion_blur": "motion_blur",
        "jpeg": "jpeg_compression",
        "white_noise": "gaussian_noise",
        "impulse_noise": "impulse_noise",
        "multiplicative_noise": "speckle_noise",
        "brighten": "brightness",
        "pixelate": "pixelate",
    }

    def peer(picture: NDArray[np.uint8], amount: float, *, theirs: str) -> Any:  # it has amounts of its own
        return corrupt(picture, corruption_name=theirs, severity=PEER_LEVEL)

    for name, theirs in names.items():
        try:
            peer(astronaut()[:64, :64], 0, theirs=theirs)
        except Exception as error:  # it has not been kept up with NumPy and scikit-image
            print(f"(imagecorruptions {theirs}: {type(error).__name__}: {error})")
            continue
        found.setdefault(name, {})["imagecorruptions"] = partial(peer, theirs=theirs)


class _Here:
    """A runner in this process, whose measures stay traced from one job to the next."""

    def run(
        self, function: Callable[[Any], Any], items: Sequence[Any], **_: Any
    ) -> Generator[tuple[Any, Any], None, None]:
        for item in items:
            yield item, function(item)


def benchmark_generator(folder: str, pictures: int) -> None:
    from tfiqa.cli.tensorflow_start import load_tensorflow
    from tfiqa.features.worker_start import start_worker

    start_worker(load_tensorflow)

    import pandas as pd

    from tfiqa.databases.manifest import UNKNOWN_SCALE, Manifest
    from tfiqa.features.weak_labels.job import WeakLabelJob
    from tfiqa.features.weak_labels.settings import Settings
    from tfiqa.full_reference import ELEVEN
    from tfiqa.images.discovery import find_pictures

    paths = [str(path.resolve()) for path in find_pictures([folder])[:pictures]]
    with tempfile.TemporaryDirectory() as target:
        for name, chosen, draw in (("warm-up", paths[:1], "one"), ("timed", paths, "all")):
            manifest = Manifest(pd.DataFrame({"image": chosen}), None, UNKNOWN_SCALE)
            job = WeakLabelJob(manifest, f"{target}/{name}", Settings(ELEVEN, draw, 0, (512, 384)))
            start = time.perf_counter()
            finished = job.run(_Here())
            seconds = time.perf_counter() - start
        assert finished
        size = sum(shard.bytes for shard in finished.shard_list.shards)
    rows = finished.shard_list.rows
    print(f"{rows} labelled pictures in {seconds:.1f} s: {rows / seconds:.1f} a second on one processor")
    for part, took in finished.seconds.items():
        print(f"    {part:8} {1e3 * took / rows:6.1f} ms a picture  {took / seconds:5.1%}")
    print(f"    rest     {1e3 * (seconds - sum(finished.seconds.values())) / rows:6.1f} ms a picture")
    print(f"KADIS-700k: {size / rows * KADIS / 1e9:.0f} GB of records; " + _costs(seconds / rows))


def _costs(seconds_each: float) -> str:
    hours = {cores: KADIS * seconds_each / cores / 3600 for cores in CORES}
    return ", ".join(
        f"{cores} processors {each:.1f} hours" if each >= 1 else f"{cores} processors {60 * each:.0f} minutes"
        for cores, each in hours.items()
    )


if __name__ == "__main__":
    main()
