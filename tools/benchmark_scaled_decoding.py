"""What decoding large JPEGs at a fraction of their size saves, and what it changes in the picture that a model sees.

    python tools/benchmark_scaled_decoding.py JPEG... [--pristine FOLDER] [--resize shorter_side:512] [--runs 5]

Each JPEG is decoded in full and at a half, a quarter and an eighth, as far as the size wanted is left, and brought to the size of
the resize policy. "times" is how many times the size wanted the reduced picture has; `*` marks the reduction that a protocol with
`scaled_decoding` takes. "psnr" compares with the picture decoded in full and scaled, in decibels (255 levels, all channels).
Times are milliseconds, the least of some runs, which take turns; TensorFlow's decoder, in exported models, gives the same pixels.

--pristine adds 12-megapixel JPEGs (quality 92, chroma halved) made of a folder's pictures: 4000x3000 laid side by side, from the
left and from the top, landscape pictures alone, again from the first when they end; the same without its last row and column; and
the first picture enlarged by Lanczos's filter to 4000 pixels across.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tfiqa.images.decode import decode_picture
from tfiqa.images.discovery import find_pictures
from tfiqa.images.resize import ResizePolicy, parse_policy, resize_bilinear
from tfiqa.images.scaled_decoding import REDUCTIONS, jpeg_reduction

WIDTH, HEIGHT = 4000, 3000
QUALITY = 92

Pixels = NDArray[np.uint8]


def stitched(pictures: list[Image.Image]) -> Image.Image:
    """Pictures of one size side by side, 4000x3000."""
    whole = Image.new("RGB", (WIDTH, HEIGHT))
    width, height = pictures[0].size
    places = [(left, top) for top in range(0, HEIGHT, height) for left in range(0, WIDTH, width)]
    for place, picture in zip(places, cycle(pictures), strict=False):
        whole.paste(picture, place)
    return whole


def made_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the JPEGs made of a folder's pictures."""
    pictures = [Image.fromarray(decode_picture(path)) for path in find_pictures([folder])]
    pictures = [picture for picture in pictures if picture.width >= picture.height]
    pictures = [picture for picture in pictures if picture.size == pictures[0].size]
    if not pictures:
        raise SystemExit(f"{folder} holds no landscape pictures")
    whole = stitched(pictures)
    first = pictures[0]
    across = (WIDTH, WIDTH * first.height // first.width)
    for name, picture in {
        "side by side": whole,
        "side by side, odd": whole.crop((0, 0, WIDTH - 1, HEIGHT - 1)),
        "enlarged": first.resize(across, Image.Resampling.LANCZOS),
    }.items():
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=QUALITY)
        yield name, stream.getvalue()


def decoded(data: bytes, reduction: int) -> Pixels:
    """The JPEG as stored, reduced while it is decoded."""
    image = Image.open(io.BytesIO(data))
    if reduction > 1:
        image.draft(None, (image.width // reduction, image.height // reduction))
    return np.asarray(image.convert("RGB"))


def psnr(picture: Pixels, other: Pixels) -> float:
    """Decibels; infinite for equal pictures."""
    error = np.mean((picture.astype(float) - other.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def least_times(work: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Milliseconds that each takes, the least of runs that take turns."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(runs):
        for name, function in work.items():
            begin = time.perf_counter()
            function()
            times[name].append(1e3 * (time.perf_counter() - begin))
    return {name: min(each) for name, each in times.items()}


def rows(name: str, data: bytes, policy: ResizePolicy, runs: int) -> Iterator[str]:
    """A line for each reduction of a JPEG."""
    width, height = Image.open(io.BytesIO(data)).size
    size = policy.output_size(height, width)
    taken = jpeg_reduction(policy, height, width)
    reductions = [1, *(each for each in reversed(REDUCTIONS) if height >= each * size[0] and width >= each * size[1])]
    pictures = {each: decoded(data, each) for each in reductions}
    resize = {
        each: partial(resize_bilinear, picture, *size, (height / each, width / each))
        for each, picture in pictures.items()
    }
    work: dict[str, Callable[[], object]] = {f"decode {each}": partial(decoded, data, each) for each in reductions}
    times = least_times(work | {f"resize {each}": resize[each] for each in reductions}, runs)
    whole = resize[1]()
    for each in reductions:
        mark = "*" if each == taken else " "
        left = min(height / each / size[0], width / each / size[1])
        decibels = "" if each == 1 else f"{psnr(resize[each](), whole):8.1f}"
        yield (
            f"{name[:24]:24} {f'{width}x{height}':>10} {len(data) / 1e6:5.1f} MB  1/{each}{mark} {left:6.2f} "
            f"{times[f'decode {each}']:8.0f} {times[f'resize {each}']:8.0f} {decibels:>8}"
        )


def main() -> None:
    """Prints a row for each picture and reduction."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jpegs", nargs="*", type=Path)
    parser.add_argument("--pristine", type=Path)
    parser.add_argument("--resize", default="shorter_side:512")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    policy = parse_policy(arguments.resize)
    pictures = [(path.stem, path.read_bytes()) for path in arguments.jpegs]
    if arguments.pristine:
        pictures.extend(made_of(arguments.pristine))
    print(f"{'picture':24} {'size':>10} {'':8}  part  times   decode   resize     psnr")
    for name, data in pictures:
        for row in rows(name, data, policy, arguments.runs):
            print(row, flush=True)


if __name__ == "__main__":
    main()
