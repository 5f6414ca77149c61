"""The flags of `tfiqa serve`."""

import click
import pytest
from click.testing import CliRunner

from tfiqa.cli import serve_flags
from tfiqa.cli.serve import serve


@pytest.fixture
def parsed():
    """What a command with all the flags, and a word, makes of its arguments."""

    @click.command(cls=serve_flags.FlagsCommand)
    @click.argument("word", required=False)
    @serve_flags.network_flags
    @serve_flags.model_flags
    @serve_flags.batching_flags
    @serve_flags.limit_flags
    def command(**flags):
        return flags

    def parse(*arguments):
        return command.main(list(arguments), standalone_mode=False)

    return parse


def test_defaults_are_those_of_tensorflow_serving_but_for_the_address(parsed):
    expected = {
        "word": None,
        "rest_port": 8501,
        "grpc_port": 8500,
        "host": "127.0.0.1",
        "model_config_file": None,
        "model_config_file_poll_wait_seconds": 0,
        "file_system_poll_wait_seconds": 1,
        "max_num_load_retries": 5,
        "load_retry_interval_micros": 60_000_000,
        "saved_model_tags": "serve",
        "allow_version_labels_for_unavailable_models": False,
        "enable_model_warmup": True,
        "rest_api_timeout_in_ms": 30_000,
        "enable_batching": False,
        "enable_serialization_as_tensor_content": False,
        "rest_api_enable_cors_support": False,
    }
    flags = parsed()
    assert {name: flags[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["--enable-model-warmup"], True),
        (["--enable-model-warmup=true"], True),
        (["--enable-model-warmup=false"], False),
        (["--enable-model-warmup=false", "--enable-model-warmup"], True),
    ],
)
def test_switches_need_no_value(parsed, arguments, value):
    assert parsed(*arguments)["enable_model_warmup"] is value


@pytest.mark.parametrize("arguments", [["--enable-batching", "saved"], ["saved", "--enable-batching"]])
def test_a_switch_does_not_take_the_next_word_for_its_value(parsed, arguments):
    flags = parsed(*arguments)
    assert (flags["word"], flags["enable_batching"]) == ("saved", True)


def test_words_after_a_double_dash_are_no_flags(parsed):
    assert parsed("--", "--enable-batching")["word"] == "--enable-batching"


@pytest.mark.parametrize(
    "argument", ["--enable-batching=maybe", "--max-num-load-retries=-1", "--rest-port=70000", "--no-such-flag"]
)
def test_wrong_values(parsed, argument):
    with pytest.raises(click.UsageError):
        parsed(argument)


@pytest.mark.parametrize(
    ("flag", "values"),
    [
        ("--slow-client-seconds", ("nan", "inf", "1e300")),
        ("--shutdown-seconds", ("nan", "inf")),
        ("--file-system-poll-wait-seconds", ("nan", "inf")),
        ("--model-config-file-poll-wait-seconds", ("nan", "inf")),
        ("--rest-api-timeout-in-ms", ("0", str(10**20))),
        ("--load-retry-interval-micros", (str(10**20),)),
    ],
)
def test_times_for_which_no_clock_is_wide_enough(parsed, flag, values):
    for value in values:
        with pytest.raises(click.UsageError, match=r"is not in the range|is not a time"):
            parsed(f"{flag}={value}")


def test_looking_for_versions_may_be_switched_off(parsed):
    assert parsed("--file-system-poll-wait-seconds=-1")["file_system_poll_wait_seconds"] == -1


def test_a_folder_and_a_configuration_file_exclude_each_other(tmp_path):
    result = CliRunner().invoke(serve, [str(tmp_path), "--model-config-file", str(tmp_path / "models.config")])
    assert result.exit_code == 2
    assert "give either FOLDER or --model-config-file, not both" in result.output
