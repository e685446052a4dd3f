"""``python -m airflow_provider_dingpush``: the ``dingpush`` command, for environments whose scripts aren't on PATH."""

from __future__ import annotations

import sys

from airflow_provider_dingpush.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
