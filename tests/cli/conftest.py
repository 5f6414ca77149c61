"""Command lines, run in this process."""

import pytest

from tfiqa.cli.main import main


@pytest.fixture
def run(capsys):
    """Runs a command line; returns (exit status, standard output, standard error)."""

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return call
