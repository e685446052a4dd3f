"""A follower leaves within milliseconds: what only a leader needs isn't loaded for it."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
import airflow_provider_dingpush.pipeline.dispatching
package = "airflow_provider_dingpush."
print(*sorted(name.removeprefix(package) for name in sys.modules if name.startswith(package)))
"""


def test_a_follower_loads_nothing_of_the_drain() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", SCRIPT], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1].split()
    assert {each for each in loaded if each.startswith("delivery.")} <= {
        "delivery.drain_result",
        "delivery.policy",
        "delivery.reasons",
    }
    assert not {"pipeline.composing", "pipeline.pending", "pipeline.receivers", "hooks"}.intersection(loaded)
