"""The contact sheet of a gMAD competition: the pairs of every level side by side, as figures 4 and 5 of UNIQUE.

W. Zhang et al., "Uncertainty-aware blind image quality assessment in the laboratory and wild", IEEE TIP 30, 2021.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from tfiqa.errors import PictureError
from tfiqa.evaluation.gmad import Clash, Competition, Ranking
from tfiqa.reports.gmad_pictures import LONGEST_SIDE, Thumbnail
from tfiqa.reports.page import EMPTY

STYLE = """:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 100rem; margin: 0 auto; padding: 1rem; color: #1b1b1b; background: #eee; }
h2 { margin-top: 3rem; border-bottom: 2px solid #888; }
h3 { margin: 2rem 0 .5rem; }
h4 { margin: 0 0 .3rem; font-size: 1rem; }
a { color: #0b4a8f; }
a:focus-visible, .wide:focus-visible { outline: 3px solid #0b4a8f; outline-offset: 2px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { position: static; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0; background: #fff; }
caption { text-align: left; padding: .3rem 0; }
th, td { border: 1px solid #bbb; padding: .25rem .6rem; text-align: right; }
th[scope=row] { text-align: left; }
.note { border-left: 4px solid #8a5a00; background: #fdf6e7; padding: .5rem .8rem; }
.level { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1rem; align-items: start; }
article { background: #fff; padding: .8rem; border-radius: .3rem; }
article p { margin: .2rem 0; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem; margin-top: .6rem; align-items: start; }
figure { margin: 0; min-width: 0; }
figure img { width: 100%; height: auto; display: block; }
figcaption { font-size: .85rem; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.missing { aspect-ratio: 4 / 3; display: grid; place-items: center; text-align: center; border: 2px dashed #888; }
.missing { box-sizing: border-box; padding: .5rem; font-size: .85rem; overflow-wrap: anywhere; }
@media (max-width: 30rem) { body { padding: .5rem; } article { padding: .5rem; } }"""
HOW_TO_READ = (
    "At each level the defender holds both pictures to be of nearly equal quality, while the attacker sets them as far apart as "
    "it can. If you see what the attacker sees, the defender is wrong; if they look alike, the attacker is."
)
ALONE = (
    "Nobody has judged these pairs. The figures say how far apart the attacker sets pictures that the defender holds to be "
    "nearly equal: how much the two disagree, not who is right. That is for eyes to tell."
)
JUDGED = (
    "Aggressiveness: mean preference for what the attacker holds to be better, -100 to 100. Resistance: 100 less the mean "
    "absolute preference; at 100 people see no difference either, as the defender says. High is good in both. Preferences: {by}."
)
REDUCED = "Shown with {side} pixels at most: judge sharpness and noise on the originals, a click away."
ATTACK_COLUMNS = {  # column: (header, decimals)
    "levels": ("levels", 0),
    "pairs": ("pairs", 0),
    "attacker_deviations": ("attacker's difference, deviations", 2),
    "attacker_percentiles": ("attacker's difference, percentiles", 1),
    "defender_deviations": ("defender's difference, deviations", 2),
    "judged": ("judged pairs", 0),
    "aggressiveness": ("aggressiveness of the attacker", 1),
    "resistance": ("resistance of the defender", 1),
}
Row = dict[Any, Any]


@dataclass(frozen=True)
class Shown:
    """Where the page finds its pictures.

    Args:
        thumbnails: of every picture in a pair, or why there is none.
        thumbnail_folder: relative to the page.
        root: where the pictures' names start.
        folder: of the page.
    """

    thumbnails: Mapping[str, Thumbnail | PictureError]
    thumbnail_folder: str
    root: Path
    folder: Path

    def picture(self, name: str, description: str) -> str:
        """The thumbnail as a link to the picture's file, or why there is none; `description` is HTML."""
        thumbnail = self.thumbnails[name]
        if isinstance(thumbnail, PictureError):
            return f'<div class="missing">no picture: {escape(thumbnail.reason)}</div>'
        place = quote(os.fsencode(os.path.relpath(self.root / name, self.folder).replace(os.sep, "/")))
        return (
            f'<a href="{place}"><img loading="lazy" src="{self.thumbnail_folder}/{thumbnail.file}" '
            f'width="{thumbnail.width}" height="{thumbnail.height}" alt="{description}"></a>'
        )

    def some_reduced(self) -> bool:
        """Whether any picture is larger than shown."""
        return any(isinstance(one, Thumbnail) and one.reduced for one in self.thumbnails.values())


def sheet_html(competition: Competition, shown: Shown) -> str:
    """The page of a competition as HTML that needs nothing but the thumbnails."""
    names = [player.name for player in competition.players]
    rows = {key: part.to_dict("records") for key, part in competition.pairs.groupby(["attacker", "defender", "level"])}

    def of_match(clash: Clash) -> tuple[int, int]:  # the same whoever attacks
        one, other = sorted((names.index(clash.attacker.name), names.index(clash.defender.name)))
        return one, other

    contents, sections = [], []
    matches = groupby(sorted(competition.clashes, key=of_match), key=of_match)  # stable: the first named attacks first
    for number, ((one, other), clashes) in enumerate(matches, start=1):
        title = f"{escape(names[one])} and {escape(names[other])}"
        contents.append(f'<li><a href="#match{number}">{title}</a></li>')
        levels = "\n".join(_levels(clashes, rows, shown))
        sections.append(f'<section id="match{number}"><h2>{title}</h2>\n{levels}\n</section>')
    about = [
        HOW_TO_READ,
        f"{len(competition.playground.pictures):,} pictures. The left picture of a pair is the better one by the attacker.",
    ]
    if shown.some_reduced():
        about.append(REDUCED.format(side=LONGEST_SIDE))
    note = JUDGED.format(by=competition.judged_by) if competition.judged_by else ALONE
    body = [
        '<a class="skip" href="#match1">Skip to the pairs</a>',
        "<header><h1>gMAD competition</h1>",
        *(f"<p>{text}</p>" for text in about),
        f'<p class="note">{note}</p></header>',
        "<main>",
        _attacks(competition.attacks),
        *([_ranking(competition.ranking)] if competition.ranking else []),
        *([f'<nav aria-label="Matches"><ul>{"".join(contents)}</ul></nav>'] if len(contents) > 1 else []),
        *sections,
        "</main>",
    ]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>gMAD: {escape(', '.join(names))}</title><style>\n{STYLE}\n</style>"
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(body) + "\n</body></html>\n"


def _levels(clashes: Iterable[Clash], rows: Mapping[Any, Sequence[Row]], shown: Shown) -> Iterable[str]:
    """A match level by level, an attack beside its reverse."""
    by_level = sorted(clashes, key=lambda clash: clash.level.number)
    last = by_level[-1].level.number
    ends = {1: ", the lowest quality", last: ", the highest quality"} if last > 1 else {}
    for level, at_level in groupby(by_level, key=lambda clash: clash.level.number):
        articles = [
            _article(clash, rows.get((clash.attacker.name, clash.defender.name, level), []), shown)
            for clash in at_level
        ]
        heading = f"<h3>Level {level} of {last}{ends.get(level, '')}</h3>"
        yield "\n".join([heading, '<div class="level">', *articles, "</div>"])


def _article(clash: Clash, pairs: Sequence[Row], shown: Shown) -> str:
    """One attack at one level."""
    attacker, defender, level = escape(clash.attacker.name), escape(clash.defender.name), clash.level
    parts = [
        f"<h4>{defender} fixed, attacked by {attacker}</h4>",
        f"<p>{defender} about {level.centre:.4g} ({level.low:.4g} to {level.high:.4g}): {len(level.members):,} pictures</p>",
    ]
    for row in pairs:
        text = (
            f"{attacker} sets them {row['attacker_difference']:.4g} apart ({row['attacker_deviations']:.2g} deviations)"
        )
        if not math.isnan(row.get("preference", math.nan)):
            text += f"; preference for the left one: {row['preference']:.1f} of 100"
        figures = _figure(row, "best", shown) + _figure(row, "worst", shown)
        parts.append(f'<p>{text}.</p><div class="pair">{figures}</div>')
    if clash.shortfall:
        parts.append(f"<p>{escape(clash.shortfall)}.</p>")
    return f"<article>{''.join(parts)}</article>"


def _figure(row: Row, side: str, shown: Shown) -> str:
    name = row[side]
    told = escape(os.fsencode(name).decode("utf-8", "replace"))  # file names need not be UTF-8, the page is
    description = f"{told}, the {'better' if side == 'best' else 'worse'} one by {escape(row['attacker'])}"
    scores = [f"{escape(row[role])}: {row[f'{role}_{side}']:.4g}" for role in ("attacker", "defender")]
    return f"<figure>{shown.picture(name, description)}<figcaption>{'<br>'.join([told, *scores])}</figcaption></figure>"


def _attacks(attacks: pd.DataFrame) -> str:
    columns = {column: told for column, told in ATTACK_COLUMNS.items() if column in attacks}
    rows = [
        (f"{row['attacker']} attacks {row['defender']}", *(_cell(row[name], told[1]) for name, told in columns.items()))
        for row in attacks.to_dict("records")
    ]
    caption = "Attacks, all levels together; each level counts by its pictures"
    return _table(caption, ["attack", *(title for title, _ in columns.values())], rows)


def _ranking(ranking: Ranking) -> str:
    rows = [
        (name, _cell(score, 2), _cell(ranking.resistance[name], 2))
        for name, score in sorted(ranking.aggressiveness.items(), key=lambda item: -item[1])
    ]
    caption = "Global ranking scores (Thurstone's case V), mean 0, higher is better"
    return _table(caption, ["player", "aggressiveness", "resistance"], rows)


def _table(caption: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["".join(f'<th scope="col">{escape(name)}</th>' for name in header)]
    lines += [
        f'<th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{cell}</td>" for cell in row[1:]) for row in rows
    ]
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f"<table><caption>{escape(caption)}</caption>\n{body}\n</table></div>"
    )


def _cell(value: float, digits: int) -> str:
    return EMPTY if math.isnan(value) else f"{value:.{digits}f}"
