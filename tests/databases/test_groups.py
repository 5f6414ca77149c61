import pandas as pd

from tfiqa.databases.groups import group_keys, picture_keys


def same(table, path=None):
    """Which rows belong together, as sets of places."""
    keys = group_keys(table, path)
    return sorted(sorted(rows.index) for _, rows in table.groupby(keys))


def rows(**columns):
    count = len(next(iter(columns.values())))
    return pd.DataFrame({"image": [f"/d/{place}.png" for place in range(count)], **columns})


def test_groups_references_and_single_pictures():
    assert group_keys(rows(group=["a", None], reference=["/r/x.png", None])).tolist() == ["group a", "image 1.png"]
    assert group_keys(rows(reference=["/r/x.png", "/r/y.png"])).tolist() == ["reference x.png", "reference y.png"]


def test_a_reference_holds_rows_together_whatever_their_groups():
    assert same(rows(group=["a", "b", "c"], reference=["r", "r", "s"])) == [[0, 1], [2]]
    assert same(rows(group=["a", None, None], reference=["r", "r", "s"])) == [[0, 1], [2]]


def test_chains_of_groups_and_references_are_followed_to_their_end():
    table = rows(group=["c", "c", "b", "b", "x", None], reference=["r", "s", "s", "t", None, "t"])
    assert same(table) == [[0, 1, 2, 3, 5], [4]]
    assert set(group_keys(table)) == {"group b", "group x"}


def test_a_reference_is_the_same_however_its_path_is_written(tmp_path):
    written = ["refs/a.png", "./refs/a.png", str(tmp_path / "refs" / "a.png"), "refs/b.png"]
    assert same(rows(reference=written), tmp_path / "m.csv") == [[0, 1, 2], [3]]


def test_keys_do_not_depend_on_where_a_database_lies():
    def keys(folder, path=None):
        table = pd.DataFrame(
            {"image": [f"{folder}p/1.png", f"{folder}p/2.png"], "reference": [f"{folder}r/1.png", None]}
        )
        return group_keys(table, path).tolist()

    assert keys("/here/") == keys("/there/far/") == keys("") == ["reference 1.png", "image 2.png"]


def test_absolute_and_relative_paths_in_one_table(tmp_path):
    table = pd.DataFrame({"image": ["a/1.png", str(tmp_path / "b" / "1.png"), "../c/1.png"]})
    parent = tmp_path.name
    assert picture_keys(table, tmp_path / "m.csv").tolist() == [f"{parent}/a/1.png", f"{parent}/b/1.png", "c/1.png"]
