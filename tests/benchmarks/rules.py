"""What it costs to decide which of 1,000 rules apply to an event, and to read their file.

Run it from a clone: ``python tests/benchmarks/rules.py``. Prints medians: of an event that no rule matches, so that all
of them are looked at, with rules that name DAGs, with globs, and with globs and tags.
"""

from __future__ import annotations

import statistics
import time
from datetime import timezone

from airflow_provider_dingpush.delivery.policy import GROUP_LABELS
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.rules.labels import labels_of
from airflow_provider_dingpush.rules.reading import read_rules
from airflow_provider_dingpush.rules.rule_set import RuleSet

RULES = 1_000
ROUNDS = 200
MATCHES = {
    "names": "{{dag_id: etl_{0}}}",
    "globs": '{{dag_id: "etl_{0}_*"}}',
    "globs, tags": '{{tags: ["team_*"], dag_id: ["etl_{0}_*", "!etl_{0}_tmp"]}}',
}


def read(text: str) -> RuleSet:
    return read_rules(text, "rules.yaml", zone=timezone.utc, read_file=str, group_labels=GROUP_LABELS)


def main() -> None:
    """Print a line for each kind of rules."""
    labels = labels_of(Event.TASK_FAILED, "ods_orders", task_id="load", tags=("team_a", "core"), owners=("zhangsan",))
    for name, match in MATCHES.items():
        text = "rules:\n" + "".join(
            f"  - {{match: {match.format(number)}, receiver: dingtalk_default}}\n" for number in range(RULES)
        )
        began = time.perf_counter()
        rules = read(text)
        reading = time.perf_counter() - began
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            assert rules.applying_to(labels) == ()
            times.append(time.perf_counter() - began)
        print(f"{name:12} {statistics.median(times) * 1e3:6.2f} ms an event, {reading * 1e3:6.0f} ms to read the file")


if __name__ == "__main__":
    main()
