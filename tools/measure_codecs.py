"""How a model orders compressed pictures, and a stand-in for LIVE.

    pip install pillow-heif                                                        # for H.265; or name codecs by --codec
    python tools/measure_codecs.py kodak/ --model saved_models/tfiqa_small --size 512x384 --output codecs.csv

FOLDER has pristine pictures. Each goes through the ladders of `codec_ladders`: JPEG, JPEG 2000, WebP, AVIF and H.265 from high
to low quality, white noise and Gaussian blur from weak to strong. What is scored and measured is the decoded picture. Prints

- by codec the SRCC of the score with VSI, FSIMc, the bit rate and the step of the ladder: over all pictures, and the median
  over the contents of the SRCC within each; and how many steps to the next lower quality the score takes the same way;
- over JPEG 2000, JPEG, white noise and Gaussian blur, four of LIVE's five types, SRCC of the score with FSIMc and VSI. LIVE's
  people are not there: FSIM's own SRCC with their scores is about .96 (L. Zhang et al., IEEE TIP 2011). The fifth type, JPEG 2000
  streams with bit errors of a fading channel, is left out: Pillow writes no error-resilient streams.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import pandas as pd
from codec_ladders import CODECS, OTHERS, Ladder, Picture, need_codecs
from scored_pictures import agreement, parse_size, scores, tool_command
from tqdm import tqdm

if TYPE_CHECKING:
    from tfiqa.serving.scorer import Scorer

MEASURES = ("vsi", "fsimc")
LIVE = ("jpeg2000", "jpeg", "white_noise", "gaussian_blur")
AGAINST = {"vsi": "VSI", "fsimc": "FSIMc", "bits": "bits a pixel", "rank": "step"}


def worsened(picture: Picture, ladders: dict[str, Ladder], scorer: Scorer, seed: Sequence[int]) -> pd.DataFrame:
    """A row a ladder and step (0 the best): amount, bits a pixel (NaN without a file), measures and score."""
    from tfiqa.features.weak_labels.png import png_bytes
    from tfiqa.full_reference import measure_all

    parts = []
    for number, (name, ladder) in enumerate(ladders.items()):
        random = np.random.default_rng([*seed, number])
        made = [ladder.apply(picture, amount, random) for amount in ladder.amounts]
        versions = np.stack([version for version, _ in made])
        measured = measure_all(picture[np.newaxis], versions, measures=MEASURES)
        size = picture.shape[0] * picture.shape[1]
        parts.append(
            pd.DataFrame(
                {
                    "ladder": name,
                    "step": np.arange(len(made)),
                    "amount": ladder.amounts,
                    "bits": [np.nan if length is None else 8 * length / size for _, length in made],
                    **{measure: measured[measure].numpy() for measure in MEASURES},
                    "score": scores(scorer, [png_bytes(version) for version in versions]),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def steps_down(table: pd.DataFrame) -> tuple[int, int]:
    """How many steps from one quality to the next lower the score falls at, strictly, and of how many."""
    ordered = table.sort_values(["content", "ladder", "step"])
    falls = ordered.groupby(["content", "ladder"])["score"].diff().dropna() < 0
    return int(falls.sum()), len(falls)


def by_codec(table: pd.DataFrame) -> list[str]:
    """The Markdown table of codecs; cells are SRCC over all pictures and the median within a content."""
    table = table.assign(rank=-table["step"])
    lines = [f"| codec | {' | '.join(AGAINST.values())} | steps down |", "| --- " * (len(AGAINST) + 2) + "|"]
    coded = table[table["bits"].notna()]
    for name, rows in [*coded.groupby("ladder", sort=False), ("all", coded)]:
        cells = []
        for column in AGAINST:
            found = agreement(rows["score"], rows[column], rows["content"])
            cells.append(f"{found.overall:.4f}, {found.within:.4f}")
        right, every = steps_down(rows)
        lines.append(f"| {name} | {' | '.join(cells)} | {right} of {every} ({right / every:.0%}) |")
    return lines


def like_live(table: pd.DataFrame) -> list[str]:
    """The Markdown table of LIVE's types: SRCC of the score with the measures, and of the measures with each other.

    With its sign, which published figures do not have: a type whose order is upside down is not one that is understood.
    """
    table = table[table["ladder"].isin(LIVE)]
    lines = ["| type | score, FSIMc | score, VSI | FSIMc, VSI |", "| --- | --- | --- | --- |"]
    for name, rows in [*table.groupby("ladder", sort=False), ("all", table)]:
        pairs = [("score", "fsimc"), ("score", "vsi"), ("fsimc", "vsi")]
        found = [agreement(rows[one], rows[other], rows["content"]).overall for one, other in pairs]
        lines.append(f"| {name} | " + " | ".join(f"{each:.4f}" for each in found) + " |")
    return lines


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--model", type=click.Path(path_type=Path), required=True, help="As `tfiqa score --model` takes it.")
@click.option("--codec", "codecs", multiple=True, type=click.Choice(list(CODECS)), help="[default: all]")
@click.option("--size", help="WxH that the pictures are shrunk and cropped to, such as 512x384.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the noise.")
@click.option("--limit", type=click.IntRange(min=1), help="Only so many pictures.")
@click.option("--output", type=click.Path(path_type=Path), help="CSV of every version with its score and measures.")
def main(
    folder: Path,
    model: Path,
    codecs: tuple[str, ...],
    size: str | None,
    seed: int,
    limit: int | None,
    output: Path | None,
) -> None:
    """Measure a model on ladders of compressed, noisy and blurred pictures."""
    from tfiqa.features.weak_labels.shrink import shrunk
    from tfiqa.images.decode import decode_picture
    from tfiqa.images.discovery import find_pictures
    from tfiqa.serving.scorer import Scorer

    chosen = [name for name in CODECS if not codecs or name in codecs]
    need_codecs(chosen)
    wanted = parse_size(size)
    ladders = {name: CODECS[name] for name in chosen} | OTHERS
    scorer = Scorer.load(model)
    parts = []
    for number, path in enumerate(tqdm(find_pictures([folder])[:limit], unit=" contents", disable=None)):
        picture = decode_picture(path)
        if wanted:
            picture = shrunk(picture, *wanted)
        parts.append(
            worsened(picture, ladders, scorer, [seed, number]).assign(content=path.relative_to(folder).as_posix())
        )
    table = pd.concat(parts, ignore_index=True)
    if output:
        table.to_csv(output, index=False)
    click.echo(f"{len(table)} pictures of {len(parts)} contents\n")
    click.echo("\n".join(by_codec(table)))
    missing = [name for name in LIVE if name not in ladders]
    if missing:
        click.echo(f"\nThe table of LIVE's types needs --codec {' --codec '.join(missing)}")
    else:
        click.echo("\n" + "\n".join(like_live(table)))


if __name__ == "__main__":
    tool_command(main)
