"""The pictures that `tfiqa_small` learns from besides the rated ones: which there are, and their features and VSI."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from codec_ladders import CODECS, need_codecs
from everyday_processing import processed
from phone_damage import KINDS
from tfiqa_small_data import PRISTINE_SCORE, Features, Pixels, Split, decoded, picture_features, resized

from tfiqa.distortions import LEVELS, NAMES, apply
from tfiqa.errors import InvalidInput

PART = 250  # pictures of a file
SIDES = (320, 384, 448, 512)  # pixels of the shorter side, drawn for each photograph
CODED = ("h265", "webp", "avif")  # codecs beside the 25 distortions
WORST, BEST = 1, 60  # the codecs' quality
QUALITIES = 2  # of a photograph, by each codec
LOSSLESS_QUALITIES = (2, 8, 16, 24, 32, 42, 55)  # of a picture of gb82
LOSSLESS_SIDES = (512, 384)
LOSSLESS_DISTORTED = 384
ORIGINAL_SIDES = (256, *SIDES)
ORIGINAL = "original"  # in the place of a distortion; its level is 0
PROCESSED = "processed"  # the same, for `everyday_processing`
PROCESSED_COPIES = 8  # of each rated photograph and each lossless picture
PHONE_LEVELS = 100  # from the least to the most damage of a phone
LEAST, MOST = -0.3, 1.3  # of it, 0 being `phone_damage`'s mild and 1 its strong
PHONE_AMOUNTS = 2  # of each kind, of a photograph
LOSSLESS_PHONE_LEVELS = (10, 40, 70, 95)


class Task(NamedTuple):
    """A picture to make: its shorter side has `side` pixels; `level` is a codec's quality where `distortion` is a codec, and
    0..PHONE_LEVELS where it is a phone's damage."""

    image: str
    group: str
    side: int
    distortion: str
    level: int
    seed: int


def material(table: pd.DataFrame, splits: Sequence[Split], lossless: Sequence[str]) -> list[Task]:
    """What is to be made of the rated photographs (columns image, score, group) and of lossless pictures.

    Of each group of photographs the best, down to PRISTINE_SCORE, at a size of its own: every distortion at two levels where a
    split tests on it, as it is missing when that split is fitted, else at one; every codec at two qualities, every phone's damage
    at two amounts. Of each lossless picture every level and more qualities and amounts. Besides, all of them undistorted in every
    size; and copies of all photographs, processed as usual.
    """
    tested = set().union(*(table["image"].iloc[split.test] for split in splits))
    best = table.sort_values("score", ascending=False, kind="stable").drop_duplicates("group")
    rng = np.random.default_rng(7)
    made: list[tuple[Any, ...]] = []
    chosen: list[tuple[str, str, int]] = []
    for image, group in best.loc[best["score"] >= PRISTINE_SCORE, ["image", "group"]].itertuples(index=False):
        side = int(rng.choice(SIDES))
        chosen.append((image, group, side))
        count = 2 if image in tested else 1
        for name in NAMES:
            made += [(image, group, side, name, int(i) + 1) for i in rng.choice(len(LEVELS), count, replace=False)]
        for name in CODED:
            made += [(image, group, side, name, int(i) + WORST) for i in rng.choice(BEST, QUALITIES, replace=False)]
    for image in lossless:
        made += [(image, image, *each) for each in _of_lossless()]
    sides = {each[:3] for each in made} | {(*each[:2], side) for each in made for side in ORIGINAL_SIDES}
    made += [(*each, ORIGINAL, 0) for each in sorted(sides)]
    rng = np.random.default_rng(8)
    made += _of_phones(chosen, lossless, rng)
    rated = [*table[["image", "group"]].itertuples(index=False, name=None), *((image, image) for image in lossless)]
    made += [
        (*each, int(side), PROCESSED, 0) for each in rated for side in rng.choice(ORIGINAL_SIDES, PROCESSED_COPIES)
    ]
    return [Task._make((*each, seed)) for seed, each in enumerate(made)]


def _of_lossless() -> list[tuple[int, str, int]]:
    coded = [(side, name, quality) for side in LOSSLESS_SIDES for name in CODED for quality in LOSSLESS_QUALITIES]
    return coded + [(LOSSLESS_DISTORTED, name, level) for name in NAMES for level in LEVELS]


def _of_phones(
    chosen: Sequence[tuple[str, str, int]], lossless: Sequence[str], rng: np.random.Generator
) -> list[tuple[Any, ...]]:
    made: list[tuple[Any, ...]] = []
    for each in chosen:
        for kind in KINDS:
            made += [(*each, kind, int(i)) for i in rng.choice(PHONE_LEVELS + 1, PHONE_AMOUNTS, replace=False)]
    levels = [(LOSSLESS_DISTORTED, kind, level) for kind in KINDS for level in LOSSLESS_PHONE_LEVELS]
    return made + [(image, image, *each) for image in lossless for each in levels]


def make_material(tasks: Sequence[Task], folder: Path, workers: int) -> None:
    """Writes `material_0000.npz` and so on into the folder: features (n, D) and VSI (n,) of PART tasks each.

    Files that are there already are left as they are.
    """
    from tqdm import tqdm

    codecs = [name for name in CODED if any(task.distortion == name for task in tasks)]
    need_codecs(codecs)
    folder.mkdir(parents=True, exist_ok=True)
    parts = {_part(folder, start): tasks[start : start + PART] for start in range(0, len(tasks), PART)}
    missing = {file: part for file, part in parts.items() if not file.exists()}
    with ProcessPoolExecutor(workers, get_context("spawn"), _prepare, (codecs,)) as pool:
        jobs = [pool.submit(_make_part, part, file) for file, part in missing.items()]
        for job in tqdm(as_completed(jobs), total=len(jobs), unit=f" x {PART} pictures"):
            job.result()


def read_material(tasks: Sequence[Task], folder: Path) -> tuple[Features, pd.DataFrame]:
    """The features, and rows with the columns of `Task`, picture (what was distorted, at which size) and vsi.

    Raises InvalidInput when the folder does not have them all, or those of other tasks.
    """
    features, vsi = [], []
    for start in range(0, len(tasks), PART):
        file = _part(folder, start)
        if not file.exists():
            raise InvalidInput(f"{file} is missing: run the step `distort` to its end")
        with np.load(file) as part:
            if part["names"].tolist() != [_name(task) for task in tasks[start : start + PART]]:
                raise InvalidInput(f"{file} holds other pictures; remove it and run the step `distort` again")
            features.append(part["features"])
            vsi.append(part["vsi"])
    table = pd.DataFrame(tasks, columns=list(Task._fields)).assign(vsi=np.concatenate(vsi))
    table["picture"] = table["image"] + "@" + table["side"].astype(str)
    return np.concatenate(features), table


def _name(task: Task) -> str:
    return f"{Path(task.image).name} {task.side} {task.distortion} {task.level} {task.seed}"


def _part(folder: Path, start: int) -> Path:
    return folder / f"material_{start // PART:04d}.npz"


def _prepare(codecs: Sequence[str]) -> None:
    """Each worker computes on one processor, and knows the codecs."""
    need_codecs(codecs)
    os.environ["OMP_NUM_THREADS"] = "1"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def _make_part(tasks: Sequence[Task], file: Path) -> None:
    features, vsi = [], []
    for task in tasks:
        made, quality = _made(task)
        features.append(picture_features(made))
        vsi.append(quality)
    unfinished = file.with_suffix(".part.npz")
    np.savez(
        unfinished,
        names=np.array([_name(task) for task in tasks]),
        features=np.stack(features),
        vsi=np.array(vsi, np.float32),
    )
    unfinished.rename(file)


def _made(task: Task) -> tuple[Pixels, float]:
    """The picture, and its VSI where there is an original of its size."""
    if task.distortion == PROCESSED:
        return processed(decoded(task.image), task.side, np.random.default_rng(task.seed)), np.nan
    original = _original(task.image, task.side)
    made = _distorted(original, task)
    return made, _vsi(original, made)


@functools.lru_cache(maxsize=4)
def _original(image: str, side: int) -> Pixels:
    pixels = decoded(image)
    return resized(pixels, side / min(pixels.shape[:2]))


def _distorted(pixels: Pixels, task: Task) -> Pixels:
    if task.distortion == ORIGINAL:
        return pixels
    random = np.random.default_rng(task.seed)
    if task.distortion in KINDS:
        return KINDS[task.distortion].apply(pixels, _phone_amount(task), random)
    if task.distortion in CODED:
        return CODECS[task.distortion].apply(pixels, task.level, random)[0]
    return apply(task.distortion, pixels, task.level, seed=task.seed)


def _phone_amount(task: Task) -> float:
    damage = KINDS[task.distortion]
    place = LEAST + (MOST - LEAST) * task.level / PHONE_LEVELS
    return float(damage.mild * (damage.strong / damage.mild) ** place)


def _vsi(reference: Pixels, distorted: Pixels) -> float:
    return float(_measure()(*(each[np.newaxis].astype(np.float32) for each in (reference, distorted)))[0])


@functools.cache
def _measure() -> Any:
    import tensorflow as tf

    from tfiqa.full_reference import vsi

    return tf.function(vsi, input_signature=[tf.TensorSpec((1, None, None, 3))] * 2)
