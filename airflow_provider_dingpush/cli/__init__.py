"""The ``dingpush`` command: one file for each subcommand."""
