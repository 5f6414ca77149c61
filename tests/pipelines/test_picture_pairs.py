"""Which reference belongs to which distorted picture."""

import pandas as pd
import pytest

from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.pipelines.picture_pairs import find_pairs, read_pairs


@pytest.fixture
def folders(tmp_path):
    """Makes empty files below `references` and `distorted`; returns the two folders."""

    def make(references, distorted):
        for folder, names in (("references", references), ("distorted", distorted)):
            for name in names:
                path = tmp_path / folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        return tmp_path / "references", tmp_path / "distorted"

    return make


def matched(references, distorted, pattern=None):
    """Names of the distorted pictures with those of their references, None where there is none."""
    return {
        pair.files[1].relative_to(distorted).as_posix(): pair.files[0].relative_to(references).as_posix()
        if pair.files
        else None
        for pair in find_pairs(references, distorted, pattern)
        if pair.files
    } | {
        pair.cells["distorted"].rsplit("/", 1)[1]: None
        for pair in find_pairs(references, distorted, pattern)
        if not pair.files
    }


@pytest.mark.parametrize(
    ("references", "distorted"),
    [
        (["I01.png", "I02.png"], {"I01_01_02.png": "I01.png", "I02_25_05.png": "I02.png"}),  # KADID-10k
        (["I01.BMP", "I02.BMP"], {"i01_01_1.bmp": "I01.BMP", "I02_24_5.bmp": "I02.BMP"}),  # TID2013
        (["1600.png"], {"awgn/1600.AWGN.1.png": "1600.png", "blur/1600.BLUR.5.png": "1600.png"}),  # CSIQ
        (["I1.png", "I10.png"], {"I1.png": "I1.png", "I10.jpg": "I10.png", "I1-0.png": "I1.png"}),
        (["a.png", "a_b.png"], {"a_b_1.png": "a_b.png", "a_bc.png": "a.png", "ab.png": None}),
        (["x/1.png", "y/1.png"], {"x/1.png": "x/1.png", "y/1_q10.jpg": "y/1.png"}),
    ],
)
def test_names_by_default(folders, references, distorted):
    assert matched(*folders(references, distorted)) == distorted


@pytest.mark.parametrize(
    ("pattern", "distorted"),
    [
        ("{reference}_*", {"I01_01_02.png": "I01.png", "i01b_3.bmp": "I01b.png", "I01.png": None}),
        ("*_{reference}", {"blur_I01.png": "I01.png", "I01_I01b.png": "I01b.png", "I01.png": None}),
        ("{reference}x[24]", {"I01x4.png": "I01.png", "I01x3.png": None}),
        ("{REFERENCE}_*.jpg", {"I01_1.jpg": "I01.png", "I01_1.png": None}),
    ],
)
def test_names_by_a_pattern(folders, pattern, distorted):
    pattern = pattern.replace("REFERENCE", "reference")
    assert matched(*folders(["I01.png", "I01b.png"], distorted), pattern) == distorted


@pytest.mark.parametrize("pattern", ["*_*", "{reference}{reference}", "I01"])
def test_a_pattern_names_the_reference_once(folders, pattern):
    with pytest.raises(InvalidInput, match=r"a name pattern has \{reference\} once"):
        find_pairs(*folders(["a.png"], ["a.png"]), pattern)


def test_a_pattern_is_for_folders(folders):
    references, distorted = folders(["a.png"], ["a.png"])
    with pytest.raises(InvalidInput, match="needs a folder of references"):
        find_pairs(references / "a.png", distorted, "{reference}_*")


def test_one_reference_meets_a_whole_folder(folders):
    references, distorted = folders(["a.png"], ["b.png", "c.png"])
    pairs = find_pairs(references / "a.png", distorted)
    assert [pair.files for pair in pairs] == [(references / "a.png", distorted / name) for name in ("b.png", "c.png")]
    assert pairs[0].cells == {"reference": str(references / "a.png"), "distorted": str(distorted / "b.png")}


def test_two_files_need_no_names_in_common(tmp_path):
    (pair,) = find_pairs(tmp_path / "none.png", tmp_path / "other.png")
    assert pair.files == (tmp_path / "none.png", tmp_path / "other.png")


def test_several_references_of_one_name(folders):
    (pair,) = find_pairs(*folders(["x/a.png", "y/a.png"], ["a_1.png"]))
    assert pair.files is None
    assert "a_1.png: several references fit: " in pair.error


def test_both_in_one_folder(folders):
    """KADID-10k and others keep references beside distorted pictures."""
    folder, _ = folders(["I01.png", "I01_01_01.png", "I01_01_02.png", "I02.png", "I02_01_01.png", "note.png"], [])
    pairs = find_pairs(folder, folder)
    names = [(pair.files and pair.files[0].stem, pair.cells["distorted"].rsplit("/", 1)[1]) for pair in pairs]
    assert names == [
        ("I01", "I01_01_01.png"),
        ("I01", "I01_01_02.png"),
        ("I02", "I02_01_01.png"),
        (None, "note.png"),
    ]


def test_a_table_keeps_what_it_has_besides(tmp_path):
    (tmp_path / "p.csv").write_text("mos,distorted,reference,level\n1.50,d/a.png,a.png,007\n2,/b.png,,\n3,,a.png,1\n")
    pairs = read_pairs(tmp_path / "p.csv")
    assert pairs[0].files == (tmp_path / "a.png", tmp_path / "d" / "a.png")
    assert list(pairs[0].cells) == ["reference", "distorted", "mos", "level"]
    assert pairs[0].cells == {"reference": "a.png", "distorted": "d/a.png", "mos": "1.50", "level": "007"}
    assert [pair.error for pair in pairs] == [
        "",
        "the row has no reference picture",
        "the row has no distorted picture",
    ]


def test_a_manifest_is_a_table_of_pairs(tmp_path):
    table = pd.DataFrame({"image": ["a.png", "b.png"], "score": [1.0, 2.0], "reference": ["r.png", None]})
    table.to_parquet(tmp_path / "m.parquet")
    pairs = read_pairs(tmp_path / "m.parquet")
    assert pairs[0].cells == {"reference": "r.png", "distorted": "a.png", "score": 1.0}
    assert pairs[1].files is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("reference,picture\na,b\n", "column 'distorted' is missing; it has: reference, picture"),
        ("distorted\na\n", "column 'reference' is missing"),
        ("reference,distorted\n", "it has no rows"),
    ],
)
def test_a_bad_table(tmp_path, text, message):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(ManifestError, match=message):
        read_pairs(tmp_path / "p.csv")
