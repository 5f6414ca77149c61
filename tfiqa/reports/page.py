"""A page of text, tables and figures, as Markdown or as one HTML file that needs no other."""

from __future__ import annotations

import base64
import html
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tfiqa.errors import InvalidInput
from tfiqa.files import whole_file, write_text

ENDINGS = (".md", ".html")
EMPTY = "–"  # a cell without a figure
CODE = re.compile(r"(`[^`\n]*`)")
STYLE = """body { font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccc; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0; }
th, td { border: 1px solid #ccc; padding: .25rem .6rem; text-align: left; }
th { background: #f3f3f3; }
.paper { background: #eef3fa; }
.note { border-left: 4px solid #d08a00; background: #fdf6e7; padding: .5rem .8rem; }
pre { background: #f3f3f3; padding: .6rem; overflow-x: auto; }
img { max-width: 100%; }"""


@dataclass(frozen=True)
class Heading:
    """The title of a section."""

    text: str


@dataclass(frozen=True)
class Text:
    """A paragraph; what stands between backquotes is code."""

    text: str


@dataclass(frozen=True)
class Note:
    """A paragraph that must not be missed: what is absent, or how a figure must not be read."""

    text: str


@dataclass(frozen=True)
class Code:
    """Commands, as they are typed."""

    text: str


@dataclass(frozen=True)
class Table:
    """Rows of text.

    Args:
        columns: the headers; those that begin with "paper" are shaded.
        rows: one text a column.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Figure:
    """A picture.

    Args:
        name: ends the name of its file beside a Markdown page.
        png: its content.
        caption: what it shows.
    """

    name: str
    png: bytes
    caption: str


Block = Heading | Text | Note | Code | Table | Figure


@dataclass
class Page:
    """A title and what follows, in order."""

    title: str
    blocks: list[Block] = field(default_factory=list)

    def add(self, *blocks: Block) -> None:
        """Appends blocks."""
        self.blocks += blocks


def number(value: float | None, digits: int = 4) -> str:
    """A figure with that many decimals; "undefined" for None and NaN."""
    return "undefined" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def write_page(page: Page, path: Path) -> list[Path]:
    """Writes a page, each file whole or not at all, and returns the files: beside a Markdown page its figures as PNG files.

    Raises:
        InvalidInput: the ending is neither .md nor .html.
        StorageError: the system refuses.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise InvalidInput(f"a page ends in {' or '.join(ENDINGS)}. Received: {path.name}")
    if ending == ".html":
        write_text(path, to_html(page))
        return [path]
    files = {block.name: path.with_name(f"{path.stem}_{block.name}.png") for block in _figures(page)}
    for figure in _figures(page):
        with whole_file(files[figure.name]) as temporary:
            temporary.write_bytes(figure.png)
    write_text(path, to_markdown(page, {name: file.name for name, file in files.items()}))
    return [path, *files.values()]


def to_markdown(page: Page, files: dict[str, str]) -> str:
    """The page as GitHub's Markdown; `files` has each figure's file."""
    parts = [f"# {_markdown(page.title)}"]
    for block in page.blocks:
        match block:
            case Heading():
                parts.append(f"## {_markdown(block.text)}")
            case Text():
                parts.append(_markdown(block.text))
            case Note():
                parts.append(f"> **Note.** {_markdown(block.text)}")
            case Code():
                parts.append(f"```sh\n{block.text}\n```")
            case Table():
                lines = [block.columns, ["---"] * len(block.columns), *block.rows]
                parts.append("\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines))
            case Figure():
                parts.append(f"![{_markdown(block.caption)}](<{files[block.name]}>)\n\n*{_markdown(block.caption)}*")
    return "\n\n".join(parts) + "\n"


def to_html(page: Page) -> str:
    """The page as one HTML file, figures within."""
    parts = [f"<h1>{_html(page.title)}</h1>"]
    for block in page.blocks:
        match block:
            case Heading():
                parts.append(f"<h2>{_html(block.text)}</h2>")
            case Text():
                parts.append(f"<p>{_html(block.text)}</p>")
            case Note():
                parts.append(f'<p class="note">{_html(block.text)}</p>')
            case Code():
                parts.append(f"<pre>{html.escape(block.text)}</pre>")
            case Table():
                parts.append(_html_table(block))
            case Figure():
                data = base64.b64encode(block.png).decode()
                caption = _html(block.caption)
                parts.append(
                    f'<figure><img alt="{html.escape(block.caption)}" src="data:image/png;base64,{data}">'
                    f"<figcaption>{caption}</figcaption></figure>"
                )
    head = f'<meta charset="utf-8"><title>{html.escape(page.title)}</title><style>\n{STYLE}\n</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(parts) + "\n</body></html>\n"


def _figures(page: Page) -> list[Figure]:
    return [block for block in page.blocks if isinstance(block, Figure)]


def _html_table(table: Table) -> str:
    shades = [' class="paper"' if column.startswith("paper") else "" for column in table.columns]
    header = "".join(f"<th{shade}>{_html(name)}</th>" for name, shade in zip(table.columns, shades, strict=True))
    rows = [
        "".join(f"<td{shade}>{_html(cell)}</td>" for cell, shade in zip(row, shades, strict=True)) for row in table.rows
    ]
    body = "\n".join(f"<tr>{row}</tr>" for row in (header, *rows))
    return f'<div class="wide"><table>\n{body}\n</table></div>'


def _cell(text: str) -> str:
    """A cell of a Markdown table, where a bar parts cells even within code."""
    return text if text == "---" else _markdown(text).replace("|", r"\|")


def _markdown(text: str) -> str:
    return _outside_code(text, lambda plain: re.sub(r"([\\*<\[])", r"\\\1", plain))


def _html(text: str) -> str:
    return _outside_code(text, html.escape, lambda code: f"<code>{html.escape(code[1:-1])}</code>")


def _outside_code(text: str, plain: Callable[[str], str], code: Callable[[str], str] = lambda between: between) -> str:
    """The text in one line, `plain` applied to what is not between backquotes and `code` to what is."""
    parts = CODE.split(" ".join(text.split()))
    return "".join(code(part) if CODE.fullmatch(part) else plain(part) for part in parts)
