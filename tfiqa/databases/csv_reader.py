"""Any CSV or Parquet table of pictures and scores under common column names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tfiqa.databases.manifest import UNKNOWN_SCALE, manifest_from_table
from tfiqa.databases.reader import READERS, FolderIndex, Reader, ReaderResult, located
from tfiqa.databases.table_file import read_table
from tfiqa.errors import DatabaseLayoutError, ManifestError
from tfiqa.score_scale import ScoreScale

TABLE_ENDINGS = (".csv", ".tsv", ".parquet")
# Accepted in any letter case, blanks counting as underscores; the manifest's own name comes first and wins.
COLUMN_NAMES = {
    "image": ("image", "image_name", "filename", "file_name", "file", "name", "path", "picture"),
    "score": ("score", "mos", "dmos"),
}
# A difference to a reference: the higher, the worse. (KADID-10k calls its scores DMOS though higher is better.)
DMOS_SCALE = ScoreScale(None, None, False, "DMOS")


@READERS.register("csv")
class CSVReader(Reader):
    """A table of one's own: a CSV or Parquet file, or a folder that holds exactly one. Image paths start from its
    folder.

    The columns `image` and `score` may also be called as in `COLUMN_NAMES`; all other columns are kept. The scale is
    that of the `scale_*` columns or of the database in the column `database`; a score column called DMOS means lower is
    better; otherwise it is unknown and higher is better.
    """

    name = "csv"
    citation = "none: the user's own table"
    home_page = ""
    licence = "the table's own"
    pictures = None
    scale = UNKNOWN_SCALE
    has_references = False

    def read(self, root: Path) -> ReaderResult:
        """The manifest of a table file, or of the only one in a folder; see `Reader.read`."""
        path = _only_table(root) if root.is_dir() else root
        raw = read_table(path)
        renamed = _columns(list(raw.columns), path)
        is_dmos = any(old.strip().lower() == "dmos" for old in renamed)
        manifest = manifest_from_table(raw.rename(columns=renamed), path, required=("image", "score"))
        if is_dmos and manifest.scale == UNKNOWN_SCALE and "scale_direction" not in raw:
            manifest = replace(manifest, scale=DMOS_SCALE)
        return located(manifest, FolderIndex(path.parent, "the pictures of the table"))


def _only_table(folder: Path) -> Path:
    tables = sorted(path for path in folder.iterdir() if path.suffix.lower() in TABLE_ENDINGS)
    if len(tables) != 1:
        found = ", ".join(path.name for path in tables[:5]) or "none"
        raise DatabaseLayoutError(
            f"{folder} must hold exactly one CSV or Parquet file, or name the file itself. Found: {found}"
        )
    return tables[0]


def _columns(names: list[str], path: Path) -> dict[str, str]:
    """What to rename. Raises ManifestError when two columns could be the same thing."""
    renamed = {}
    for ours, accepted in COLUMN_NAMES.items():
        if ours in names:
            continue
        fits = [name for name in names if name.strip().lower().replace(" ", "_") in accepted]
        if len(fits) > 1:
            raise ManifestError(
                f"{path}: columns {' and '.join(map(repr, fits))} could each be {ours!r}; call the right one {ours!r}"
            )
        if fits:
            renamed[fits[0]] = ours
    return renamed
