"""The gMAD competition on arrays: levels, pairs, tables, judgements, rankings, and the files that the scores come from."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.evaluation.gmad import (
    LevelRule,
    Player,
    Playground,
    attacks_table,
    compete,
    extreme_pairs,
    global_ranking,
    hold_competition,
    judged_pairs,
    levels_of,
    pairs_table,
    read_judgements,
    read_playground,
    read_score_file,
    thurstone_scores,
)


def player(name, scores, higher=True):
    return Player(name, np.asarray(scores, float), higher)


def two_players(count=400, seed=0):
    random = np.random.default_rng(seed)
    truth = random.normal(size=count)
    return player("a", truth + random.normal(0, 0.3, count)), player("b", truth + random.normal(0, 0.6, count))


def named(count):
    return [f"{number:05}.png" for number in range(count)]


def write(path, text):
    path.write_text(text)
    return path


def test_levels_divide_the_range_of_scores():
    levels = levels_of(player("d", np.arange(121)), LevelRule(6, 5.0))
    assert [level.centre for level in levels] == pytest.approx([10, 30, 50, 70, 90, 110])
    assert [level.low for level in levels] == pytest.approx([4, 24, 44, 64, 84, 104])
    assert list(levels[0].members) == list(range(4, 17))  # both bounds belong to it
    assert [level.number for level in levels] == [1, 2, 3, 4, 5, 6]


def test_levels_of_quantiles_hold_equal_shares_whatever_the_scores():
    scores = np.exp(np.random.default_rng(0).normal(size=1001) * 3)
    by_quantiles = [len(level.members) for level in levels_of(player("d", scores), LevelRule(5, 2.0, "quantiles"))]
    assert by_quantiles == [41] * 5
    assert len(levels_of(player("d", scores), LevelRule(5, 2.0))[4].members) <= 2  # an outlier has stretched the range


def test_a_level_of_lower_is_better_scores_begins_with_the_highest():
    scores = np.arange(101.0)
    down, up = (levels_of(player("d", s, higher), LevelRule(4)) for s, higher in ((scores, False), (-scores, True)))
    assert [level.centre for level in down] == pytest.approx([87.5, 62.5, 37.5, 12.5])
    for one, other in zip(down, up, strict=True):
        assert list(one.members) == list(other.members)
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
        assert one.low < one.high


def test_rules_and_players_that_cannot_be():
    for values in ({"levels": 0}, {"levels": 101}, {"tolerance": -1}, {"spacing": "log"}):
        with pytest.raises(InvalidInput, match="levels must be"):
            LevelRule(**values)
    with pytest.raises(InvalidInput, match=r"at least 2 pictures\. x has scores of 1"):
        player("x", [1])
    with pytest.raises(InvalidInput, match="2 of 3 scores by x are not finite"):
        player("x", [1, np.nan, np.inf])
    with pytest.raises(InvalidInput, match="x gives all 3 pictures the same score, 7"):
        player("x", [7, 7, 7])
    a, b = two_players()
    with pytest.raises(InvalidInput, match="different names"):
        compete([a, a])
    with pytest.raises(InvalidInput, match="same pictures"):
        compete([a, player("b", [1, 2])])
    with pytest.raises(InvalidInput, match="at least one pair"):
        compete([a, b], pairs=0)


@pytest.mark.parametrize("groups", [None, 3, 40])
def test_the_pairs_are_the_widest_of_all(groups):
    for seed in range(30):
        random = np.random.default_rng(seed)
        quality = random.integers(0, 12, 14).astype(float)  # with many ties
        kinds = None if groups is None else random.integers(0, groups, 14)
        found = extreme_pairs(quality, 3, kinds)
        free = set(range(14))
        for best, worst in found:
            allowed = [(i, j) for i, j in combinations(sorted(free), 2) if kinds is None or kinds[i] != kinds[j]]
            assert quality[best] - quality[worst] == max(abs(quality[i] - quality[j]) for i, j in allowed)
            assert kinds is None or kinds[best] != kinds[worst]
            assert {best, worst} <= free
            free -= {best, worst}


def test_of_equal_scores_the_first_is_taken_and_equals_make_no_pair():
    assert extreme_pairs(np.array([2.0, 1, 3, 1, 3]), 5) == [(2, 1), (4, 3)]
    assert extreme_pairs(np.array([1.0, 1, 1]), 1) == []
    assert extreme_pairs(np.array([1.0, 2]), 1, np.array([0, 0])) == []
    assert extreme_pairs(np.empty(0), 1) == []


def test_an_attack_stays_within_the_level_and_repeats_no_picture():
    a, b = two_players()
    clashes = compete([a, b], LevelRule(4, 3.0), pairs=3)
    assert len(clashes) == 8
    for clash in clashes:
        pictures = [picture for pair in clash.pairs for picture in pair]
        assert len(set(pictures)) == len(pictures)
        held = clash.defender.scores[pictures]
        assert ((held >= clash.level.low) & (held <= clash.level.high)).all()
        inside = clash.attacker.quality[clash.level.members]
        if clash.pairs:
            best, worst = clash.pairs[0]
            assert (clash.attacker.quality[best], clash.attacker.quality[worst]) == (inside.max(), inside.min())


def test_the_direction_of_scores_changes_nothing_but_their_sign():
    a, b = two_players()
    turned = [player("a", -a.scores, False), player("b", -b.scores, False)]
    assert [clash.pairs for clash in compete([a, b])] == [clash.pairs for clash in compete(turned)]
    names = named(400)
    one, other = (pairs_table(compete(players), names) for players in ([a, b], turned))
    columns = ["attacker_difference", "attacker_deviations", "attacker_percentiles", "defender_difference"]
    np.testing.assert_allclose(one[columns], other[columns])
    np.testing.assert_allclose(one["attacker_best"], -other["attacker_best"])


def test_levels_without_a_pair_say_why():
    defender = player("d", [0, 1, 1, 50, 100, 100, 100])
    attacker = player("a", [1, 2, 3, 4, 5, 5, 5])
    clashes = compete([attacker, defender], LevelRule(4, 13.0), pairs=2, attacks=[(0, 1)])
    assert [(len(clash.pairs), clash.shortfall) for clash in clashes] == [
        (1, "only 1 of 2 pairs among 3 pictures"),
        (0, "only one picture at this level"),
        (0, "only one picture at this level"),
        (0, "a tells no two of the 3 pictures apart"),
    ]
    empty = compete([attacker, defender], LevelRule(3, 1.0), attacks=[(0, 1)])[0]
    assert (empty.pairs, empty.shortfall) == ((), "no picture at this level")


def test_the_table_of_pairs():
    attacker, defender = player("a", [0, 10, 4, 6]), player("d", [50, 50, 0, 100])
    pairs = pairs_table(compete([attacker, defender], LevelRule(1, 5.0), attacks=[(0, 1)]), list("wxyz"))
    row = pairs.iloc[0]
    assert (row["attacker"], row["defender"], row["level"], row["pictures"], row["place"]) == ("a", "d", 1, 2, 1)
    assert (row["best"], row["worst"], row["attacker_best"], row["attacker_worst"]) == ("x", "w", 10, 0)
    assert (row["level_low"], row["level_high"], row["defender_difference"]) == pytest.approx((45, 55, 0))
    assert row["attacker_deviations"] == pytest.approx(10 / np.std([0, 10, 4, 6]))
    assert row["attacker_percentiles"] == 75  # 3.5 of 4 pictures less half a picture of 4


def judged(preferences, pictures=(300, 100)):
    """An attack of a on d at two levels of so many pictures, and the reverse, with preferences in that order."""
    rows = [("a", "d", 1), ("a", "d", 2), ("d", "a", 1), ("d", "a", 2)]
    table = pd.DataFrame(rows, columns=["attacker", "defender", "level"])
    zeros = dict.fromkeys(("attacker_deviations", "attacker_percentiles", "defender_deviations"), 0.0)
    return table.assign(pictures=[*pictures, *pictures], preference=preferences, **zeros)


def test_aggressiveness_and_resistance_weigh_levels_by_their_pictures():
    players = [player("a", [1, 2, 3]), player("d", [1, 3, 2])]
    clashes = compete(players, LevelRule(2, 25.0))
    attacks = attacks_table(clashes, judged([40, -80, 8, np.nan])).set_index("attacker")
    assert attacks.loc["a", "aggressiveness"] == pytest.approx(0.75 * 40 - 0.25 * 80)
    assert attacks.loc["a", "resistance"] == pytest.approx(0.75 * 60 + 0.25 * 20)
    assert attacks.loc["d", "aggressiveness"] == pytest.approx(8)  # of the one level that was judged
    assert list(attacks["judged"]) == [2, 1]
    assert attacks_table(clashes, judged([1, 1, np.nan, np.nan]))["aggressiveness"].isna().tolist() == [False, True]


def test_the_ranking_needs_every_attack_judged():
    clashes = compete([player("a", [1, 2, 3]), player("d", [1, 3, 2])], LevelRule(2, 25.0))
    ranking = global_ranking(["a", "d"], attacks_table(clashes, judged([60, 60, -30, -30])))
    assert ranking.aggressiveness["a"] > 0 > ranking.aggressiveness["d"]
    assert ranking.resistance["a"] > 0 > ranking.resistance["d"]  # people see less in what d shows of a
    assert global_ranking(["a", "d"], attacks_table(clashes, judged([60, 60, np.nan, np.nan]))) is None
    assert global_ranking(["a", "d"], attacks_table(clashes, judged([1] * 4)).iloc[:1]) is None
    assert global_ranking(["a", "d"], attacks_table(clashes, judged([1] * 4).drop(columns="preference"))) is None


def test_thurstone_scores_are_found_again():
    truth = np.array([-1.0, -0.2, 0.3, 0.9])
    probability = norm.cdf(truth[:, None] - truth)
    np.testing.assert_allclose(thurstone_scores(1e6 * probability), truth, atol=1e-4)
    np.testing.assert_allclose(thurstone_scores(100 * probability), truth, atol=0.05)  # the prior weighs little


def test_thurstone_scores_of_one_sided_wins_are_finite_and_in_order():
    scores = thurstone_scores([[0, 100, 100], [0, 0, 100], [0, 0, 0]])
    assert np.isfinite(scores).all()
    assert scores[0] > scores[1] > scores[2]
    assert scores.sum() == pytest.approx(0, abs=1e-9)
    assert thurstone_scores(np.zeros((3, 3))).tolist() == [0, 0, 0]
    for bad in ([[0, -1], [1, 0]], [[0, np.nan], [1, 0]], [[0, 1]]):
        with pytest.raises(InvalidInput, match="square matrix"):
            thurstone_scores(bad)


def test_judgements_count_in_either_order(tmp_path):
    text = "best,worst,preference,subject\nx,w,50,1\nw,x,10,2\nx,w,,3\nx,q,5,1\n"
    judgements = read_judgements(write(tmp_path / "j.csv", text))
    assert len(judgements) == 3
    pairs = pd.DataFrame({"best": ["x", "w", "y"], "worst": ["w", "x", "z"]})
    table, unmatched = judged_pairs(pairs, judgements)
    assert unmatched == 1
    assert table["preference"].tolist()[:2] == [20, -20]
    assert np.isnan(table["preference"][2])
    assert table["preference_std"][0] == pytest.approx(np.std([50, -10], ddof=1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("best,worst\na,b\n", "it lacks preference"),
        ("best,worst,preference\na,b,much\n", r"not a number in row 2 \(first: 'much'\)"),
        ("best,worst,preference\na,b,1\na,b,101\n", r"beyond -100\.\.100 in row 3"),
    ],
)
def test_judgements_that_cannot_be(tmp_path, text, message):
    with pytest.raises(ManifestError, match=message):
        read_judgements(write(tmp_path / "j.csv", text))


def test_opinion_scores_judge_in_per_cent_of_their_scale(tmp_path):
    rows = ["w.png,9,0.3,lower,0,10", "x.png,1,0.4,lower,0,10", "y.png,5,,lower,0,10"]
    text = "image,score,score_std,scale_direction,scale_low,scale_high\n" + "\n".join(rows) + "\n"
    playground = read_playground(write(tmp_path / "m.csv", text))
    competition = hold_competition(
        playground, [player("a", [0, 10, 20]), player("d", [5, 5, 9])], LevelRule(2, 10.0), attacks=[(0, 1)]
    )
    assert competition.pairs.empty  # no level of d holds two pictures
    competition = hold_competition(
        playground, [player("a", [0, 10, 20]), player("d", [5, 5, 9])], LevelRule(1, 50.0), attacks=[(0, 1)]
    )
    row = competition.pairs.iloc[0]
    assert (row["best"], row["worst"], row["preference"]) == ("y.png", "w.png", pytest.approx(40))
    assert np.isnan(row["preference_std"])
    assert competition.judged_by.startswith("opinion scores")
    opinions = playground.opinions()
    assert opinions["score_std"].tolist()[:2] == pytest.approx([3, 4])


def test_opinion_scores_beyond_their_scale_judge_nothing(tmp_path):
    head = "image,score,scale_direction,scale_low,scale_high\n"
    text = head + "b.png,10.000000000001,higher,0,10\na.png,5,higher,0,10\n"
    assert read_playground(write(tmp_path / "m.csv", text)).opinions()["score"].tolist() == [50, 100]  # rounding
    playground = read_playground(write(tmp_path / "m.csv", text + "c.png,77,higher,0,10\n"))
    with pytest.raises(ManifestError, match=r"m\.csv: 1 of 3 scores lie beyond .* 0 to 10 \(first: 77 of c\.png\)"):
        playground.opinions()
    players = [player("a", [0, 10, 20]), player("d", [5, 6, 9])]
    people = pd.DataFrame({"best": ["c.png"], "worst": ["a.png"], "preference": [50.0]})
    assert hold_competition(playground, players, judgements=people).judged_by.startswith("judgements")


@pytest.mark.parametrize(
    ("text", "column", "scores", "higher"),
    [
        ("path,quality,error\na,1.5,\nb,,broken\n", None, [1.5, np.nan], True),
        ("image,vsi,gmsd\na,1,2\nb,3,4\n", "gmsd", [2, 4], True),
        ("reference,distorted,psnr,error\nr,a,30,\nr,b,inf,\n", None, [30, np.inf], True),
        ("image,score,scale_direction\na,1,lower\nb,2,lower\n", None, [1, 2], False),
        ("image,score,vsi,scale_direction\na,1,5,lower\nb,2,6,lower\n", "vsi", [5, 6], True),
        ("filename;DMOS\na;1\nb;2\n", None, [1, 2], False),
    ],
)
def test_score_files_of_many_kinds(tmp_path, text, column, scores, higher):
    file = read_score_file(write(tmp_path / "s.csv", text), column)
    np.testing.assert_array_equal(file.scores, scores)
    assert (list(file.images), file.higher_is_better) == (["a", "b"], higher)


def test_score_files_of_other_endings_agree(tmp_path):
    table = pd.DataFrame({"path": ["a", "b"], "quality": [0.1, np.nan], "error": [None, "broken"]})
    table.to_parquet(tmp_path / "s.parquet")
    table.to_json(tmp_path / "s.jsonl", orient="records", lines=True)
    for ending in ("parquet", "jsonl"):
        file = read_score_file(tmp_path / f"s.{ending}")
        np.testing.assert_array_equal(file.scores, [0.1, np.nan])
        assert list(file.images) == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "text", "column", "message"),
    [
        ("s.csv", "image,x,y\na,1,2\n", None, r"which column has the scores\? Give .*:COLUMN with one of: x, y"),
        ("s.csv", "image,x\na,1\n", "z", "has no column 'z'; it has: image, x"),
        ("s.csv", "picture_of,x\na,1\n", None, "no column of pictures"),
        ("s.csv", "image,x\na,1\nb,good\n", None, "x is not a number in row 3"),
        ("s.csv", "image,x\na,1\n,2\n", None, "image is missing in row 3"),
        ("s.csv", "image,x\n", None, "it has no rows"),
        ("s.csv", "image,score,scale_direction\na,1,lower\nb,1,higher\n", None, "one for all rows"),
        ("s.jsonl", '{"path": "a", "quality": 1}\n{"path": \n', None, "line 2 is not JSON"),
        ("s.jsonl", "[1]\n", None, "line 1 is no JSON object"),
    ],
)
def test_score_files_that_cannot_be_used(tmp_path, name, text, column, message):
    with pytest.raises(ManifestError, match=message):
        read_score_file(write(tmp_path / name, text), column)


def test_a_missing_score_file(tmp_path):
    for name in ("s.csv", "s.jsonl"):
        with pytest.raises(ManifestError, match="no such file"):
            read_score_file(tmp_path / name)


def test_a_file_finds_its_pictures_wherever_its_paths_start(tmp_path, monkeypatch):
    folder = tmp_path / "data" / "photos"
    folder.mkdir(parents=True)
    for name in ("a.png", "b.png"):
        (folder / name).touch()
    (tmp_path / "tables").mkdir()
    monkeypatch.chdir(tmp_path / "data")
    playground = read_playground(tmp_path / "data" / "photos")
    assert playground.pictures == ["a.png", "b.png"]
    places = {
        "root": "b.png,2\na.png,1",
        "own": "../data/photos/b.png,2\n../data/photos/a.png,1",
        "current": "photos/b.png,2\n./photos/a.png,1",
        "absolute": f"{folder}/b.png,2\n{folder}/a.png,1",
    }
    for name, rows in places.items():
        file = read_score_file(write(tmp_path / "tables" / f"{name}.csv", f"path,quality\n{rows}\nother.png,9\n"))
        scores, is_named = playground.scores_of(file)
        assert (scores.tolist(), is_named.tolist()) == ([1, 2], [True, True]), name
    manifest = read_playground(write(tmp_path / "m.csv", "image\ndata/photos/b.png\ndata/photos/a.png\n"))
    assert manifest.pictures == ["data/photos/a.png", "data/photos/b.png"]
    bare = read_score_file(write(tmp_path / "tables" / "bare.csv", "path,quality\na.png,1\n"))
    assert manifest.scores_of(bare)[1].tolist() == [True, False]
    twice = read_score_file(write(tmp_path / "tables" / "twice.csv", "path,quality\na.png,1\n./a.png,1\n"))
    with pytest.raises(ManifestError, match=r"1 pictures are scored twice \(first: a.png\)"):
        playground.scores_of(twice)
    with pytest.raises(ManifestError, match="scored twice"):
        read_playground(None, twice)
    strange = read_score_file(write(tmp_path / "tables" / "strange.csv", "path,quality\nq.png,1\n"))
    with pytest.raises(InvalidInput, match=r"none of the 2 pictures\. It has 1, such as q\.png; looked for: a\.png"):
        playground.scores_of(strange)


def test_contents_come_from_the_manifest(tmp_path):
    text = "image,group\nb.png,2\na.png,1\nc.png,1\n"
    playground = read_playground(write(tmp_path / "m.csv", text))
    assert playground.groups()[[0, 2]].tolist() == [0, 0]
    assert playground.groups()[1] != 0
    kept = playground.only(np.array([True, False, True]))
    assert (kept.pictures, list(kept.manifest.table["image"])) == (["a.png", "c.png"], ["a.png", "c.png"])
    players = [player("a", [1, 2, 9]), player("d", [5, 5, 5.1])]
    rule = LevelRule(1, 50.0)
    pairs = hold_competition(playground, players, rule, attacks=[(0, 1)]).pairs
    assert (pairs["best"][0], pairs["worst"][0]) == ("c.png", "a.png")
    pairs = hold_competition(playground, players, rule, different_content=True, attacks=[(0, 1)]).pairs
    assert (pairs["best"][0], pairs["worst"][0]) == ("c.png", "b.png")
    with pytest.raises(InvalidInput, match="must be a manifest with the column group or reference"):
        Playground(tmp_path, ["a"]).groups()
