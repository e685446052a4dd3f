"""Tables in place of a message: recognised, rendered for the channel of a hook, and sent as one or several messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_dingpush.errors import DingTalkError, UnsupportedMessageError

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages import At
    from airflow_provider_dingpush.receipts import Receipt
    from airflow_provider_dingpush.reports.rendering import Report
    from airflow_provider_dingpush.reports.table import Table
    from airflow_provider_dingpush.targets import Target

    To = Target | str | Mapping[str, Any] | None


class Hook(Protocol):
    """What a table needs of a hook."""

    dingtalk_conn_id: str

    @property
    def settings(self) -> Any:
        """The settings of its connection."""

    def channel(self, to: To = None) -> Any:
        """The channel to a target."""

    def send(
        self, message: Any, *, at: At | Mapping[str, Any] | None = None, to: To = None, message_key: str | None = None
    ) -> Receipt:
        """Send a message."""


_ROBOT = "custom_robot"
_BY_APP = "Send it through an enterprise app: a connection of type 'dingtalk_app', with to=Group(…) or to=Users(…)."
_BY_APP_ZH = "请通过企业应用（dingtalk_app 连接）发送，并指定 to=Group(…) 或 to=Users(…)"
_OR_ROWS = "Or send the rows themselves: render='table' or render='list'."
_OR_ROWS_ZH = "也可改用 render='table' 或 render='list' 直接发送表格内容"
_OR_URL = 'A robot shows a picture of a public URL only: Image("https://…").'
_OR_URL_ZH = '群机器人只能显示公网地址上的图片：Image("https://…")'


def table_in(message: Any) -> Table | None:
    """The table that is given in place of a message; ``None`` for any message.

    :raises InvalidMessageError: if it is a table in which something is wrong.
    """
    if isinstance(message, (str, int, float)) or message is None:
        return None
    if type(message).__module__.startswith("airflow_provider_dingpush.messages"):
        return None
    from airflow_provider_dingpush.reports.table import read_table

    return read_table(message)


def messages_of_table(table: Table) -> int:
    """As how many messages it is sent, at most."""
    return 2 if table.is_file and (table.intro or table.max_rows) else 1


def refuse_file(render: str, hook: Hook, to: To) -> None:
    """Refuse a form of a table that the hook's channel can't carry.

    :raises UnsupportedMessageError: naming the channel that can.
    :raises DingTalkError: if the connection or the target is wrong.
    """
    from airflow_provider_dingpush.reports.table import FILES

    if render not in FILES or hook.channel(to).name != _ROBOT:
        return
    is_picture = render == "picture"
    english = [_BY_APP, *([_OR_URL] if is_picture else []), _OR_ROWS]
    chinese = [_BY_APP_ZH, *([_OR_URL_ZH] if is_picture else []), _OR_ROWS_ZH]
    raise UnsupportedMessageError(
        f"A custom robot can't upload files, as render={render!r} needs.",
        f"{' '.join(english)} {'；'.join(chinese)}。",
        problem_zh=f"群自定义机器人不能上传文件，无法使用 render={render!r}。",
    )


@contextmanager
def prepared(hook: Hook, table: Table, to: To) -> Iterator[Report]:
    """The messages of a table for the channel to a target; all of its rows are read.

    :raises DingTalkError: if it can't be rendered, or the channel can't carry it.
    """
    from airflow_provider_dingpush.pipeline.composing import default_language, local_zone
    from airflow_provider_dingpush.pipeline.redaction import redact_text
    from airflow_provider_dingpush.reports.markdown import Readers
    from airflow_provider_dingpush.reports.rendering import report_of

    refuse_file(table.render, hook, to)
    readers = Readers(local_zone(), hook.settings.language or default_language(), redact_text)
    with report_of(table, hook.channel(to).text_bytes, readers) as report:
        yield report


def send_report(
    hook: Hook, report: Report, *, at: At | Mapping[str, Any] | None, to: To, message_key: str | None
) -> Receipt:
    """Send the messages of a table, the mentions with the first one; the receipt is of all of them.

    :param message_key: as for the hook's ``send``.
    :raises DingTalkError: of the class for the problem.
    """
    from airflow_provider_dingpush.receipts import Receipt

    receipts: list[Receipt] = []
    for message in report.messages:
        key = f"{message_key}\n{len(receipts)}" if message_key and receipts else message_key
        try:
            receipts.append(hook.send(message, at=None if receipts else at, to=to, message_key=key))
        except DingTalkError as error:
            if receipts:
                error.problem = (
                    f"The text before the {type(message).__name__} was sent, but it was not: {error.problem}"
                )
                if error.problem_zh:
                    error.problem_zh = f"前面的文字已发送，文件未发送：{error.problem_zh}"
            raise
    return Receipt.joined(receipts, rows=report.rows)


def send_table(
    hook: Hook, table: Table, *, at: At | Mapping[str, Any] | None, to: To, message_key: str | None
) -> Receipt:
    """Render a table for the channel to the target, and send it.

    :raises DingTalkError: if it can't be rendered, or DingTalk refuses it.
    """
    with prepared(hook, table, to) as report:
        return send_report(hook, report, at=at, to=to, message_key=message_key)
