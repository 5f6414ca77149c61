"""The group maximum differentiation (gMAD) competition on arrays of scores.

K. Ma et al., "Group maximum differentiation competition: model comparison with few samples", IEEE TPAMI 42(4), 2020. Where
the text leaves a choice, the authors' published MATLAB code was followed; docstrings say where.
"""

from tfiqa.evaluation.gmad.competition import Clash, Pair, compete, extreme_pairs
from tfiqa.evaluation.gmad.judgements import judged_pairs, opinion_pairs, read_judgements
from tfiqa.evaluation.gmad.levels import Level, LevelRule, levels_of
from tfiqa.evaluation.gmad.player import Player
from tfiqa.evaluation.gmad.playground import Playground, read_playground
from tfiqa.evaluation.gmad.ranking import Ranking, global_ranking, thurstone_scores
from tfiqa.evaluation.gmad.result import Competition, hold_competition
from tfiqa.evaluation.gmad.score_file import ScoreFile, read_score_file
from tfiqa.evaluation.gmad.tables import attacks_table, pairs_table

__all__ = [
    "Clash",
    "Competition",
    "Level",
    "LevelRule",
    "Pair",
    "Player",
    "Playground",
    "Ranking",
    "ScoreFile",
    "attacks_table",
    "compete",
    "extreme_pairs",
    "global_ranking",
    "hold_competition",
    "judged_pairs",
    "levels_of",
    "opinion_pairs",
    "pairs_table",
    "read_judgements",
    "read_playground",
    "read_score_file",
    "thurstone_scores",
]
