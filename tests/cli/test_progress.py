"""Progress bars."""

import sys

from tfiqa.cli.progress import picture_progress


def test_a_second_stage_has_a_bar_of_its_own(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress = picture_progress("reading")
    for total in (3, 2):
        for done in range(total):
            progress(done + 1, total)
    assert capsys.readouterr().err.count("0picture") == 2


def test_nothing_is_drawn_where_there_is_no_terminal(capsys):
    progress = picture_progress("reading")
    for done in (1, 2, 1, 2):
        progress(done, 2)
    assert capsys.readouterr().err == ""
