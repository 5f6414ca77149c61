"""The folder of a gMAD competition: tables, a summary and the contact sheet."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tfiqa.databases.table_file import write_table
from tfiqa.errors import PictureError
from tfiqa.evaluation.gmad import Competition
from tfiqa.files import storage_errors, write_text
from tfiqa.reports.gmad_pictures import write_thumbnails
from tfiqa.reports.gmad_sheet import Shown, sheet_html

PAGE, PAIRS, ATTACKS, SUMMARY, THUMBNAILS = "index.html", "pairs.csv", "matrix.csv", "summary.json", "pictures"


def write_competition(competition: Competition, folder: Path, about: Mapping[str, Any]) -> list[PictureError]:
    """Writes pairs.csv, matrix.csv, summary.json, the folder pictures and index.html, each file whole or not at all.

    Args:
        competition: what to write.
        folder: made where it is missing.
        about: further entries of summary.json.

    Returns:
        Why pictures could not be shown.

    Raises:
        StorageError: the system refuses.
    """
    with storage_errors(folder):
        (folder / THUMBNAILS).mkdir(parents=True, exist_ok=True)
    write_table(competition.pairs, folder / PAIRS)
    write_table(competition.attacks, folder / ATTACKS)
    text = json.dumps({**about, **summary(competition)}, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(folder / SUMMARY, text + "\n")
    shown = sorted({*competition.pairs["best"], *competition.pairs["worst"]})
    files = ((name, competition.playground.root / name) for name in shown)
    thumbnails = write_thumbnails(files, folder / THUMBNAILS)
    write_text(
        folder / PAGE, sheet_html(competition, Shown(thumbnails, THUMBNAILS, competition.playground.root, folder))
    )
    return [thumbnail for thumbnail in thumbnails.values() if isinstance(thumbnail, PictureError)]


def summary(competition: Competition) -> dict[str, Any]:
    """The competition's figures, JSON-ready; what is undefined is None."""
    attacks = [
        {column: None if isinstance(value, float) and math.isnan(value) else value for column, value in row.items()}
        for row in competition.attacks.to_dict("records")
    ]
    players = [
        {
            "name": player.name,
            "higher_is_better": player.higher_is_better,
            "lowest": float(player.scores.min()),
            "highest": float(player.scores.max()),
            "deviation": player.deviation,
        }
        for player in competition.players
    ]
    shortfalls = [
        {
            "attacker": clash.attacker.name,
            "defender": clash.defender.name,
            "level": clash.level.number,
            "pairs": len(clash.pairs),
            "reason": clash.shortfall,
        }
        for clash in competition.clashes
        if clash.shortfall
    ]
    return {
        "pictures": len(competition.playground.pictures),
        "players": players,
        "attacks": attacks,
        "shortfalls": shortfalls,
        "judged_by": competition.judged_by,
        "ranking": asdict(competition.ranking) if competition.ranking else None,
    }
