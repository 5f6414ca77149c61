import numpy as np
import pandas as pd
import pytest

from tfiqa.databases.kadis700k import KADIS700k
from tfiqa.databases.kadis700k_scores import MEASURE_COLUMNS, WORDS, read_published_scores
from tfiqa.distortions.levels import NAMES
from tfiqa.errors import DatabaseLayoutError, InvalidInput, ManifestError

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


HEADER = "dist_im,ref_im,ssim,msssim,iwssim,mdsi,vsi,fsim,gmsd,sff,scqi,add_gsim,sr_sim"
REFERENCES = {"121-cc_7_7": "sharpenHi", "a-pint-1174214": "saturate", "abu-51181": "colorsaturate"}


def score_rows():
    """Fifteen rows whose scores are 0.01, 0.02, ... along the row and rise by 1 from row to row."""
    names = [
        (f"{stem}_{word}_{level}.png", f"{stem}.png") for stem, word in REFERENCES.items() for level in range(1, 6)
    ]
    return [
        ",".join([*pair, *(f"{row + column / 100:.2f}" for column in range(1, 12))]) for row, pair in enumerate(names)
    ]


@pytest.fixture
def scored_root(tmp_path):
    (tmp_path / "kadis700k_friqa.csv").write_text("\n".join([HEADER, *score_rows()]) + "\n")
    (tmp_path / "ref_imgs").mkdir()
    for stem in REFERENCES:
        (tmp_path / f"ref_imgs/{stem}.png").touch()
    return tmp_path


def test_published_scores_of_pictures_still_to_be_made(scored_root):
    result = KADIS700k(scores="published").read(scored_root)
    table = result.manifest.table
    assert result.missing == []
    wanted = [*distorted("121-cc_7_7", 24), *distorted("a-pint-1174214", 8), *distorted("abu-51181", 7)]
    assert table["image"].tolist() == [str(scored_root / name) for name in wanted]
    assert table["reference"].tolist()[::5] == [str(scored_root / f"ref_imgs/{stem}.png") for stem in REFERENCES]
    assert table["distortion"].tolist()[::5] == ["high_sharpen", "color_saturation_2", "color_saturation_1"]
    assert table["level"].tolist() == [1, 2, 3, 4, 5] * 3
    assert table["group"].tolist()[::5] == list(REFERENCES)
    assert table.loc[7, list(MEASURE_COLUMNS)].tolist() == [
        *(7.01, 7.02, 7.03, 7.04, 7.05, 7.06, 7.07, 7.08, 7.09, 7.1, 7.11)
    ]
    assert "score" not in table
    assert KADIS700k.official_count(table) == 700_000


def test_scored_pictures_without_their_reference_are_left_out_and_listed(scored_root):
    (scored_root / "ref_imgs/abu-51181.png").unlink()
    result = KADIS700k(scores="published").read(scored_root)
    assert result.missing == ["ref_imgs/abu-51181.png"]
    assert len(result.manifest) == 10
    for stem in ("121-cc_7_7", "a-pint-1174214"):
        (scored_root / f"ref_imgs/{stem}.png").unlink()
    with pytest.raises(DatabaseLayoutError, match=r"none of the 3 pictures.*'ref_imgs/121-cc_7_7\.png'"):
        KADIS700k(scores="published").read(scored_root)


def test_score_columns_are_found_by_name_in_any_order(scored_root):
    path = scored_root / "kadis700k_friqa.csv"
    plain = read_published_scores(path)
    table = pd.read_csv(path).iloc[:, ::-1].assign(more="x")
    names = {"fsim": "FSIMc", "msssim": "ms_ssim", "iwssim": "IW_SSIM", "sr_sim": "srsim", "ref_im": "ref_im "}
    table.rename(columns=names).to_csv(path, index=False, encoding="utf-8-sig")
    assert read_published_scores(path).equals(plain)


def test_every_type_has_a_word(scored_root):
    rows = [f"a_{word}_1.png,a.png" + ",0.5" * 11 for word in WORDS]
    path = scored_root / "kadis700k_friqa.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    assert read_published_scores(path)["distortion"].tolist() == list(NAMES)


def test_all_digits_of_the_scores_are_kept(scored_root):
    path = scored_root / "kadis700k_friqa.csv"
    scores = np.random.default_rng(0).random(1000)
    rows = [f"a_jpeg_1.png,a.png,{score!r}" + ",0.5" * 10 for score in scores.tolist()]
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    assert read_published_scores(path)["ssim"].tolist() == scores.tolist()


def test_scores_that_the_table_has_as_nan_stay_missing(scored_root):
    path = scored_root / "kadis700k_friqa.csv"
    path.write_text(path.read_text().replace(",3.06,", ",NaN,"))
    assert np.flatnonzero(KADIS700k(scores="published").read(scored_root).manifest.table["fsimc"].isna()).tolist() == [
        3
    ]


FIRST = score_rows()[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            HEADER.replace("fsim,gmsd,", "") + "\n" + FIRST,
            "no score table of KADIS-700k: looked for the columns fsimc, gmsd",
        ),
        (
            HEADER + "\n" + FIRST.replace("sharpenHi", "fog"),
            r"'121-cc_7_7_fog_1\.png' is no distorted picture of '121-cc",
        ),
        (HEADER + "\n" + FIRST.replace("_1.png", "_6.png"), r"'121-cc_7_7_sharpenHi_6\.png' is no distorted picture"),
        (HEADER + "\n" + FIRST.replace(",121-cc_7_7.png", ",b.png"), r"is no distorted picture of 'b\.png'"),
        (HEADER + "\n" + FIRST.replace("0.06", "inf"), r"fsimc of 121-cc_7_7_sharpenHi_1\.png is infinite"),
        (HEADER + "\n" + FIRST.replace("0.06", "high"), "invalid value 'high'"),
        (HEADER + "\n" + FIRST.replace("0.06", ""), "invalid value ''"),
        (HEADER + "\n" + FIRST + ",1", "Expected 13 columns, got 14"),
        (HEADER + "\n", "it has no rows"),
        ("", r"looked for the columns dist_im, ref_im, .*it has $"),
    ],
)
def test_other_score_tables_are_refused_in_one_line(scored_root, text, told):
    (scored_root / "kadis700k_friqa.csv").write_text(text)
    with pytest.raises((DatabaseLayoutError, ManifestError), match=told) as caught:
        KADIS700k(scores="published").read(scored_root)
    assert "\n" not in str(caught.value)


def test_scores_are_of_distorted_pictures(scored_root):
    with pytest.raises(InvalidInput, match="scores=published has no rows=pristine"):
        KADIS700k(scores="published", rows="pristine")
    with pytest.raises(DatabaseLayoutError, match=r"looked for 'kadis700k_ref_imgs\.csv'"):
        KADIS700k().read(scored_root)
    (scored_root / "kadis700k_friqa.csv").unlink()
    with pytest.raises(DatabaseLayoutError, match=r"looked for 'kadis700k_friqa\.csv'"):
        KADIS700k(scores="published").read(scored_root)
