import numpy as np
import pandas as pd
import pytest

from tfiqa.databases.table_file import as_text, parse_numbers, read_table, typed_table, write_table
from tfiqa.errors import ManifestError


def written(tmp_path, text, name="table.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_separator_byte_order_mark_and_line_ends_do_not_matter(tmp_path, separator, encoding, line_end):
    text = line_end.join(separator.join(row) for row in (("image", " score "), ("grün (1).jpg", "1.5"))) + line_end
    table = read_table(written(tmp_path, text, encoding=encoding))
    assert table.to_dict("list") == {"image": ["grün (1).jpg"], "score": ["1.5"]}


def test_commas_quotes_and_line_ends_inside_names_survive_a_round_trip(tmp_path):
    names = ["a, b.jpg", 'say "x".jpg', "two\nlines.jpg", " leading.jpg", "NA", "日本.jpg"]
    write_table(pd.DataFrame({"image": names}), tmp_path / "t.csv")
    assert read_table(tmp_path / "t.csv")["image"].tolist() == names


def test_csv_numbers_read_back_exactly(tmp_path):
    numbers = np.random.default_rng(0).standard_normal(500) * 10.0 ** np.random.default_rng(1).integers(-30, 30, 500)
    write_table(pd.DataFrame({"score": numbers}), tmp_path / "t.csv")
    assert typed_table(read_table(tmp_path / "t.csv"), ())["score"].tolist() == numbers.tolist()


def test_columns_become_numbers_only_when_every_cell_is_one(tmp_path):
    rows = ("name,whole,real,gap,code,id,mixed,words", "7,1,1.5,1,007,12345678901234567,1,NA", "8,2,2,,012,,x,b")
    path = written(tmp_path, "\n".join(rows))
    table = typed_table(read_table(path), {"name"})
    assert table["name"].tolist() == ["7", "8"]
    assert table["whole"].dtype == np.int64
    assert table["real"].tolist() == [1.5, 2.0]
    np.testing.assert_array_equal(table["gap"], [1, np.nan])
    assert table["code"].tolist() == ["007", "012"]
    assert table["id"].tolist()[0] == "12345678901234567"
    assert table["mixed"].tolist() == ["1", "x"]
    assert table["words"].tolist() == ["NA", "b"]


def test_parse_numbers_tells_text_from_blank():
    numbers, bad = parse_numbers(pd.Series(["1", " 2.5 ", "", "NA", "abc", "1,5", "1_000", None], dtype=object))
    np.testing.assert_array_equal(bad, [False, False, False, False, True, True, True, False])
    np.testing.assert_array_equal(numbers, [1, 2.5, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan])


def test_whole_numbers_in_a_column_with_gaps_are_text_without_a_fraction():
    assert as_text(pd.Series([7.0, np.nan, 10554.0])).tolist()[::2] == ["7", "10554"]


def test_blank_rows_at_the_end_and_blank_nameless_columns_are_left_out(tmp_path):
    table = read_table(written(tmp_path, "Image Name,MOS,,\na.jpg,0.5,,\n,,,\n\n"))
    assert table.to_dict("list") == {"Image Name": ["a.jpg"], "MOS": ["0.5"]}


def test_nameless_column_with_content_is_kept(tmp_path):
    assert list(read_table(written(tmp_path, ",image\n0,a.jpg\n"))) == ["unnamed_1", "image"]


def test_short_rows_are_filled_with_blanks(tmp_path):
    assert read_table(written(tmp_path, "image,score\na.jpg\n"))["score"].tolist() == [""]


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        ("", "t.csv", "is empty"),
        ("a,a\n1,2\n", "t.csv", "names column 'a' twice"),
        ("a,b\n1,2\n\n3,4\n", "t.csv", "row 3 is blank"),
        ("a,b\n1,2\n3,4,5\n", "t.csv", "Expected 2 fields in line 3, saw 3"),
        ("a,b\n1,2,3\n", "t.csv", "Expected 2 fields in line 2, saw 3"),
        ("a", "t.xlsx", "a table ends in"),
        ("a", "t.parquet", "not a readable Parquet file"),
    ],
)
def test_unreadable_tables_are_one_clear_line(tmp_path, text, name, told):
    with pytest.raises(ManifestError, match=told) as error:
        read_table(written(tmp_path, text, name))
    assert "\n" not in str(error.value)


def test_other_encodings_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(ManifestError, match="not UTF-8"):
        read_table(written(tmp_path, "image\ngrün.jpg\n", encoding="latin-1"))
    for name in ("none.csv", "none.parquet"):
        with pytest.raises(ManifestError, match="no such file"):
            read_table(tmp_path / name)
    with pytest.raises(ManifestError, match="is a folder"):
        read_table(tmp_path)


def test_writing_refuses_other_endings(tmp_path):
    with pytest.raises(ManifestError, match=r"Received: t\.xls"):
        write_table(pd.DataFrame({"a": [1]}), tmp_path / "t.xls")
