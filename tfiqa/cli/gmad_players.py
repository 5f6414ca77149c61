"""The players of `tfiqa gmad`: from what is typed to scores of the pictures."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfiqa.cli.output import say, say_some

if TYPE_CHECKING:
    import numpy as np

    from tfiqa.evaluation.gmad import Player, Playground, ScoreFile

MODEL_SCORES = "scores"  # folder of the models' scores in the output folder


@dataclass(frozen=True)
class Source:
    """Where a player's scores come from.

    Args:
        name: the player's.
        path: a score file or a model.
        file: the score file as read; None for a model.
    """

    name: str
    path: Path
    file: ScoreFile | None


@dataclass(frozen=True)
class LeftOut:
    """Pictures that one player has no score of.

    Args:
        unlisted: its score file does not name them.
        failed: the model failed on them, or their score is blank or not finite.
    """

    unlisted: int
    failed: int


def read_source(text: str) -> Source:
    """The source that [NAME=]MODEL, [NAME=]FILE or [NAME=]FILE:COLUMN means; a score file is read at once.

    Raises ManifestError for a score file that cannot be used.
    """
    from tfiqa.evaluation.gmad import read_score_file
    from tfiqa.evaluation.gmad.score_file import SCORE_FILE_ENDINGS

    name, sign, place = text.partition("=")
    if not sign or os.path.exists(text):
        name, place = "", text
    path, column = Path(place), None
    if ":" in place and not path.exists():
        start, _, end = place.rpartition(":")
        if start.lower().endswith(SCORE_FILE_ENDINGS):
            path, column = Path(start), end
    if path.suffix.lower() not in SCORE_FILE_ENDINGS:
        return Source(name or (path.name if path.is_dir() else path.stem), path, None)
    return Source(name or (f"{path.stem}:{column}" if column else path.stem), path, read_score_file(path, column))


def gather_players(
    sources: Sequence[Source], playground: Playground, lower_is_better: Collection[str], output: Path, batch_size: int
) -> tuple[list[Player], Playground, dict[str, LeftOut]]:
    """The players with their scores of the pictures that all of them have a score of, and those pictures.

    Args:
        sources: of the players.
        playground: all pictures.
        lower_is_better: names of players whose scores are so, whatever their source tells.
        output: the folder where models' scores are kept.
        batch_size: of models.

    Raises:
        InvalidInput: no picture has a score by all; a model cannot be used; a player's scores are all alike.
        ManifestError: a score file names a picture twice.
    """
    import numpy as np

    from tfiqa.errors import InvalidInput
    from tfiqa.evaluation.gmad import Player

    models = [source.path for source in sources if source.file is None]
    if models:
        from tfiqa.cli.tensorflow_start import load_tensorflow

        load_tensorflow()

        from tfiqa.serving.scorer import find_model

        for path in models:
            find_model(path)  # a slip shows before the first model has worked for hours
    scores, higher, left_out = [], [], {}
    for source in sources:
        if source.file is not None:
            values, named = playground.scores_of(source.file)
            is_higher = source.file.higher_is_better
        else:
            values, is_higher = _by_model(source, playground, output, batch_size)
            named = np.ones(len(values), bool)
        finite = np.isfinite(values)
        counts = LeftOut(int(np.count_nonzero(~named)), int(np.count_nonzero(named & ~finite)))
        if counts != LeftOut(0, 0):
            left_out[source.name] = counts
            say(
                f"{source.name}: {counts.unlisted} pictures are not in it, {counts.failed} have no finite score; left out"
            )
        scores.append(values)
        higher.append(is_higher and source.name not in lower_is_better)
    common = np.all(np.isfinite(scores), axis=0)
    if not common.any():
        have = ", ".join(
            f"{source.name} scores {np.isfinite(values).sum()}" for source, values in zip(sources, scores, strict=True)
        )
        raise InvalidInput(f"no picture has a score by all players: of {len(common)} pictures {have}")
    players = [
        Player(source.name, values[common], is_higher)
        for source, values, is_higher in zip(sources, scores, higher, strict=True)
    ]
    return players, playground.only(common), left_out


def _by_model(source: Source, playground: Playground, output: Path, batch_size: int) -> tuple[np.ndarray, bool]:
    import numpy as np

    from tfiqa.cli.progress import picture_progress
    from tfiqa.errors import InvalidInput
    from tfiqa.serving.kept_scores import kept_rows
    from tfiqa.serving.scorer import Scorer

    scorer = Scorer.load(source.path, batch_size=batch_size)
    if "quality" not in scorer.columns:
        raise InvalidInput(f"{scorer.source} gives no quality; it gives {', '.join(scorer.columns)}")
    assert scorer.info.scale is not None  # Scorer refuses models without one
    say(f"{source.name}: {scorer.source}, {scorer.info.scale}")
    folder, progress = output / MODEL_SCORES, picture_progress(source.name)
    rows = kept_rows(scorer, playground.paths(), folder, source.name, progress=progress, tell=say)
    say_some("failed", [row["error"] for row in rows if row["error"] is not None])
    values = [np.nan if row["error"] is not None else row["quality"] for row in rows]
    return np.array(values), scorer.info.scale.higher_is_better
