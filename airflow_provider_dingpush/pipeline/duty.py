"""The duty table of ``[dingpush] rules_file`` as messages need it: who an owner is, and who is on call now.

Who is on call is looked up when a message is made, not when its alert is written: what waited for the morning mentions
whoever is on call then.
"""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_dingpush.airflow_compat import airflow_option
from airflow_provider_dingpush.errors import RulesFileError, TargetError
from airflow_provider_dingpush.pipeline.routes import rules_in

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages.mentions import At
    from airflow_provider_dingpush.rules.duty_table import DutyTable
    from airflow_provider_dingpush.rules.people import Person
    from airflow_provider_dingpush.targets import Users

_log = logging.getLogger(__name__)


class KnownDuty:
    """The duty table as it is now. The file is read when somebody is looked up for the first time."""

    def person(self, owner: str) -> At | None:
        """A mention of an owner, by name or e-mail address; ``None`` if the table has no such person. Never raises."""
        person = None if self._table is None else self._table.people.named(owner)
        return None if person is None else person.at

    def on_call(self, rotation: str) -> At | None:
        """A mention of whoever is on call now; ``None``, and a line in the log, if that is nobody. Never raises."""
        person = self._on_call(rotation)
        if person is None:
            _log.warning("Nobody is on call in rotation %r: nobody is mentioned for it.", rotation)
            return None
        return person.at

    def users_on_call(self, rotation: str) -> Users:
        """Whoever is on call now, as the target of an app.

        :raises TargetError: if that is nobody.
        """
        person = self._on_call(rotation)
        if person is None:
            raise TargetError(
                f"Nobody is on call in rotation {rotation!r}.",
                "'dingpush oncall' shows who is on call when; check rotations and overrides of the rules file. "
                "请用 dingpush oncall 查看值班安排，并检查规则文件中的 rotations 和 overrides。",
                problem_zh=f"轮值 {rotation!r} 此刻无人值班。",
            )
        return person.users

    def _on_call(self, name: str) -> Person | None:
        rotation = None if self._table is None else self._table.rotation(name)
        return None if rotation is None else rotation.on_call(datetime.now(timezone.utc))

    @cached_property
    def _table(self) -> DutyTable | None:
        rules_file = airflow_option("dingpush", "rules_file")
        if not rules_file:
            return None
        try:
            return rules_in(Path(rules_file).expanduser()).duty
        except RulesFileError as mistake:
            # It is an alert of its own; here only people are left out.
            _log.error("%s Who is on call is unknown meanwhile.", mistake)
            return None
