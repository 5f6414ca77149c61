"""The page of many quality maps: one HTML file with the pictures in it, those with the worst places first."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import quote

from tfiqa.score_scale import ScoreScale

MOST_SHOWN = 200  # pictures: a page of about 20 MB
MOST_ERRORS = 200
STYLE = """:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 80rem; margin: 0 auto; padding: 1rem; color: #1b1b1b; background: #eee; }
article { background: #fff; padding: .8rem; border-radius: .3rem; margin: 1rem 0; }
h2 { font-size: 1.1rem; margin: 0 0 .3rem; overflow-wrap: anywhere; }
article p { margin: .2rem 0; font-variant-numeric: tabular-nums; }
img { max-width: 100%; height: auto; display: block; margin: .5rem auto 0; }
a { color: #0b4a8f; }
a:focus-visible { outline: 3px solid #0b4a8f; outline-offset: 2px; }
.note { border-left: 4px solid #8a5a00; background: #fdf6e7; padding: .5rem .8rem; }
li { overflow-wrap: anywhere; }"""
HOW_TO_READ = (
    "Pictures are sorted by the score of their worst block, the worst first. The numbered boxes are the worst blocks that do not "
    "touch each other. Bright is a high score, dark a low one; unless limits were given, each map has colours of its own, as its "
    "bar says."
)


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture in the gallery: its row of the table, and its figure as a JPEG."""

    row: Mapping[str, Any]
    jpeg: bytes


def gallery_html(title: str, scale: ScoreScale, shown: Sequence[Shown], rows: Sequence[Mapping[str, Any]]) -> str:
    """The page, which needs no other file; a click on a figure opens the one beside the page.

    Args:
        title: what it is called.
        scale: of the scores.
        shown: the pictures, in order.
        rows: of the whole table, whose errors are listed.
    """
    errors = [row["error"] for row in rows if row["error"] is not None]
    mapped = len(rows) - len(errors)
    count = f"{mapped:,} pictures" if len(shown) == mapped else f"The worst {len(shown):,} of {mapped:,} pictures"
    body = [
        f"<header><h1>{_text(title)}</h1>",
        f"<p>{count}; the scores of all are in <a href='maps.csv'>maps.csv</a>. Scores are {_text(str(scale))}.</p>",
        f'<p class="note">{HOW_TO_READ}</p></header>',
        "<main>",
        *map(_article, shown),
        *([_failures(errors)] if errors else []),
        "</main>",
    ]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>\n{STYLE}\n</style>"
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(body) + "\n</body></html>\n"


def _article(shown: Shown) -> str:
    row = shown.row
    name = _text(row["image"])
    scores = f"quality {row['quality']:.4g}"
    if row["category"] is not None:
        scores += f", normalised {row['normalised']:.1f}: {row['category']}"
    left, top, right, bottom = (row[f"worst_{edge}"] for edge in ("left", "top", "right", "bottom"))
    place = f"columns {left:.0f} to {right:.0f}, rows {top:.0f} to {bottom:.0f}"
    data = base64.b64encode(shown.jpeg).decode()
    link = quote(os.fsencode(row["figure"]))
    return (
        f"<article><h2>{name}</h2><p>{scores}; worst block {row['worst_quality']:.4g}, {place}</p>"
        f'<a href="{link}"><img loading="lazy" alt="{name} with its worst blocks, and its quality map" '
        f'src="data:image/jpeg;base64,{data}"></a></article>'
    )


def _failures(errors: Sequence[str]) -> str:
    items = "".join(f"<li>{_text(error)}</li>" for error in errors[:MOST_ERRORS])
    more = f"<p>And {len(errors) - MOST_ERRORS:,} more, in maps.csv.</p>" if len(errors) > MOST_ERRORS else ""
    return f"<section><h2>Without a map: {len(errors):,}</h2><ul>{items}</ul>{more}</section>"


def _text(text: str) -> str:
    """HTML of a text that may hold a file name, which need not be UTF-8, as the page is."""
    return escape(os.fsencode(text).decode("utf-8", "replace"))
