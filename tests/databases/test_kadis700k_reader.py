import pytest

from tfiqa.databases.kadis700k import KADIS700k
from tfiqa.errors import DatabaseLayoutError, ManifestError

LIST = "ref_im,dist_type_1,dist_type_2\n121-cc-774921.png,23,\na-pint-1174214.png,7,8\nabu-51181.png,7,\n"
STEMS = ("121-cc-774921", "a-pint-1174214", "abu-51181")


def distorted(stem, number):
    return [f"dist_imgs/{stem}_{number:02}_{level:02}.bmp" for level in range(1, 6)]


@pytest.fixture
def root(tmp_path):
    (tmp_path / "kadis700k_ref_imgs.csv").write_text(LIST)
    names = [f"ref_imgs/{stem}.png" for stem in STEMS]
    names += [*distorted(STEMS[0], 23), *distorted(STEMS[1], 7), *distorted(STEMS[1], 8), *distorted(STEMS[2], 7)]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_distorted_pictures_as_the_published_script_names_them(root):
    result = KADIS700k().read(root)
    table = result.manifest.table
    assert result.missing == []
    assert "score" not in table
    wanted = [*distorted(STEMS[0], 23), *distorted(STEMS[1], 7), *distorted(STEMS[2], 7)]
    assert table["image"].tolist() == [str(root / name) for name in wanted]
    assert table["distortion"].tolist() == ["color_block"] * 5 + ["color_saturation_1"] * 10
    assert table["level"].tolist() == [1, 2, 3, 4, 5] * 3
    assert table["reference"].tolist() == [str(root / f"ref_imgs/{stem}.png") for stem in STEMS for _ in range(5)]
    assert table["group"].tolist() == [stem for stem in STEMS for _ in range(5)]
    assert KADIS700k.official_count(table) == 700_000


def test_the_second_column_where_it_is_filled(root):
    table = KADIS700k(draw="both_columns").read(root).manifest.table
    wanted = [*distorted(STEMS[0], 23), *distorted(STEMS[1], 8), *distorted(STEMS[2], 7)]
    assert table["image"].tolist() == [str(root / name) for name in wanted]
    assert table["distortion"].tolist()[::5] == ["color_block", "color_saturation_2", "color_saturation_1"]


def test_pristine_pictures_do_not_need_the_distorted_ones(root):
    for path in (root / "dist_imgs").iterdir():
        path.unlink()
    result = KADIS700k(rows="pristine", draw="both_columns").read(root)
    assert result.missing == []
    assert result.manifest.table.to_dict("list") == {
        "image": [str(root / f"ref_imgs/{stem}.png") for stem in STEMS],
        "distortion": ["color_block", "color_saturation_2", "color_saturation_1"],
        "group": list(STEMS),
        "database": ["kadis700k"] * 3,
    }
    assert KADIS700k.official_count(result.manifest.table) == 140_000
    with pytest.raises(DatabaseLayoutError, match=r"none of the 15 pictures.*'dist_imgs/121-cc-774921_23_01\.bmp'"):
        KADIS700k().read(root)


def test_pictures_not_made_yet_are_listed(root):
    for name in distorted(STEMS[2], 7)[3:]:
        (root / name).unlink()
    result = KADIS700k().read(root)
    assert len(result.manifest) == 13
    assert result.missing == distorted(STEMS[2], 7)[3:]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "image,type\na.png,1\n",
            "is no label file of KADIS-700k: looked for the columns ref_im, .*it has image, type",
        ),
        (LIST.replace(",23,", ",26,"), r"'121-cc-774921\.png' of type 26 is no picture of KADIS-700k"),
        (LIST.replace(",23,", ",2.5,"), r"'121-cc-774921\.png' of type 2\.5"),
        (LIST.replace("121-cc-774921.png", ""), r"'' of type 23"),
        (LIST.replace(",23,", ",,"), r"the type of distortion of 121-cc-774921\.png is not a number"),
    ],
)
def test_other_lists_are_refused(root, text, told):
    (root / "kadis700k_ref_imgs.csv").write_text(text)
    with pytest.raises(DatabaseLayoutError, match=told):
        KADIS700k().read(root)


def test_a_reference_listed_twice_and_another_folder_are_refused(root):
    (root / "kadis700k_ref_imgs.csv").write_text(LIST + "abu-51181.png,7,\n")
    with pytest.raises(ManifestError, match="the same picture as in an earlier row"):
        KADIS700k().read(root)
    with pytest.raises(DatabaseLayoutError, match=r"is not kadis700k: looked for 'kadis700k_ref_imgs\.csv'"):
        KADIS700k().read(root / "ref_imgs")
