"""The ``dingpush`` command."""
