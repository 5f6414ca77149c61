"""The command line: one file a verb. Heavy packages are imported inside the commands, so that `--help` is quick."""
