"""The names in a digest: of sections, DAGs, tasks and mapped instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.digest_contents import Contents, Row, Section, reason_of
from airflow_provider_dingpush.alerts.kinds import Kind
from airflow_provider_dingpush.alerts.markdown import NAME_CHARACTERS, cut, escape_markdown, plain_name
from airflow_provider_dingpush.alerts.name_ranges import names_in_brief, range_texts
from airflow_provider_dingpush.alerts.words import Words

_MOST_INDICES = 3
"""The most ranges of map indices."""

_MOST_LABELS = 10
"""If more instances of a mapped task failed, only their indices are shown."""

_NAMED = (Kind.FAILED, Kind.LATE, Kind.AT_RISK)
"""The kinds of a run whose event is named; those of others are elsewhere in the line."""

_LABEL_CHARACTERS = 24
"""Of one instance's label, if there are several."""


@dataclass(frozen=True)
class Names:
    """Names what a digest is about.

    :param contents: of the digest.
    :param words: the texts of a language.
    """

    contents: Contents
    words: Words

    def label(self, section: Section) -> list[str]:
        """The name of a section."""
        named = [
            self._label_of(section.whole, each, value)
            for each, value in zip(self.contents.group_by, section.label, strict=True)
        ]
        return [each for each in named if each] or [self.words("all")]

    def _label_of(self, row: Row, label: str, value: str) -> str:
        if label == "dag_id":
            return self.dag(row)
        if label == "task_id":
            return self.task(row) or self.words("whole_run")
        if label == "summary":
            return cut(reason_of(row.newest), NAME_CHARACTERS) or self.words("no_reason")
        return plain_name(value) or self.words("no_owner" if label == "owner" else "none")

    def dag(self, row: Row) -> str:
        name = row.newest.facts.get("dag_name")
        return plain_name(name if isinstance(name, str) and name else row.newest.dag_id) or self.words("unknown_dag")

    def task(self, row: Row) -> str:
        name = row.newest.facts.get("task_name")
        return plain_name(name if isinstance(name, str) and name else row.newest.task_id or "")

    def of_dag(self, row: Row) -> list[str]:
        """The task, or the event of the run."""
        if row.newest.task_id:
            return [self.task(row)]
        event = [self.words.event_in_line(row.newest.event)] if row.worst in _NAMED else []
        files = row.newest.facts.get("file_count")
        several = [self.words("files_total", files)] if isinstance(files, int) and files > 1 else []
        return [*several, *event]

    def indices(self, row: Row) -> str:
        """The mapped instances of one run: ``[0–3, 7]``, or the labels of a few: ``[east, west]``."""
        labels = {each.map_index: _label_in(each) for each in row.alerts if each.map_index is not None}
        if not labels or row.runs > 1 or row.tasks > 1:
            return ""
        if any(labels.values()) and len(labels) <= _MOST_LABELS:
            most = NAME_CHARACTERS if len(labels) == 1 else _LABEL_CHARACTERS
            texts = [cut(label or str(index), most) for index, label in sorted(labels.items())]
        else:
            texts = range_texts(labels)
            if len(labels) > _MOST_LABELS and len(texts) > _MOST_INDICES:
                texts = [*texts[:_MOST_INDICES], "…"]
        return " " + escape_markdown(f"[{', '.join(texts)}]")

    def together(self, names: Sequence[str], characters: int) -> str:
        """Several names, those that differ in a number only as a range; the first that fit, at least one."""
        comma, names = self.words("comma"), names_in_brief(sorted(names))
        kept = names
        while len(kept) > 1 and len(comma.join(kept)) > characters:
            kept = kept[: len(kept) * 3 // 4]
        listed = escape_markdown(cut(comma.join(kept), characters))
        return listed if len(kept) == len(names) else self.words("and_more_names", names=listed)


def _label_in(alert: Alert) -> str:
    """The label of a mapped instance, its rendered ``map_index_template``; empty without one."""
    label = alert.facts.get("map_label")
    return plain_name(label) if isinstance(label, str) else ""
