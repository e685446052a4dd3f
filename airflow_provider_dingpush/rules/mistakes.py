"""What can be wrong in a rules file, in English and Chinese."""

from __future__ import annotations

_NAMES = {
    "A rules file": "规则文件",
    "A rule": "规则",
    "A calendar": "日历",
    "A day": "日期",
    "A time interval": "时间段",
    "An interval": "时间段中的一项",
    "A time": "时间范围",
    "A baseline": "基线",
    "A task": "任务",
}
"""What a mistake is about, apart from keys of the file, which are the same in both languages."""

_TEXTS = {
    "not_yaml": ("This isn't YAML: {problem}.", "不是有效的 YAML：{problem}。"),
    "not_yaml_character": (
        "This isn't YAML: it has a character that YAML forbids.",
        "不是有效的 YAML：含有 YAML 不允许的字符。",
    ),
    "secret": (
        "A webhook URL, a token or a secret doesn't belong here: put it into a connection, and name that as receiver.",
        "这里不应有 Webhook 地址、token 或密钥：请写入连接，并在 receiver 中填写连接 ID。",
    ),
    "not_mapping": ("{what} must be a mapping of {known}.", "{what}应为映射，可用的键：{known}。"),
    "key_misspelled": ("{name!r} is unknown here; did you mean {close!r}?", "这里没有 {name!r}，是否应为 {close!r}？"),
    "key_unknown": ("{name!r} is unknown here. {what} has {known}.", "这里没有 {name!r}。{what}可用的键：{known}。"),
    "key_twice": ("{name!r} is here twice; leave one of them out.", "{name!r} 出现了两次，请删去一个。"),
    "not_list": (
        "{what} must be a list: each item on a line that begins with '-'.",
        "{what}应为列表：每项一行，以“-”开头。",
    ),
    "not_text": ("{what} must be a text.", "{what}应为文本。"),
    "not_flag": ("{what} must be true or false.", "{what}应为 true 或 false。"),
    "refused": ("{what} {rule}, not {text!r}.", "{what}{rule_zh}，而不是 {text!r}。"),
    "refused_elsewhere": ("{problem}", "{problem_zh}"),
    "value_misspelled": (
        "{what} must be one of {names}, not {text!r}; did you mean {close!r}?",
        "{what}不能是 {text!r}，是否应为 {close!r}？",
    ),
    "no_receiver": (
        "A rule needs a receiver: a connection id, or null for events that nobody is notified of.",
        "规则必须有 receiver：连接 ID；不通知任何人时写 null。",
    ),
    "calendar_unreadable": (
        "The calendar {name!r} can't be read ({why}); it is named relative to this file.",
        "无法读取日历 {name!r}（{why}）；路径相对于本文件。",
    ),
    "calendar_not_text": (
        "The calendar {name!r} can't be read (not a text file); it is named relative to this file.",
        "无法读取日历 {name!r}（不是文本文件）；路径相对于本文件。",
    ),
    "day_in_both": (
        "{day} is a holiday and a workday; leave it out of one of the lists.",
        "{day} 既是节假日又是工作日，请从其中一个列表中删去。",
    ),
    "interval_unknown": (
        "There is no time interval {name!r} in time_intervals (there: {known}).",
        "time_intervals 中没有时间段 {name!r}（已有：{known}）。",
    ),
    "interval_unknown_none": (
        "There is no time interval {name!r} in time_intervals (there: none).",
        "time_intervals 中没有时间段 {name!r}（还没有任何时间段）。",
    ),
    "interval_no_name": (
        "A time interval needs a name, by which rules refer to it.",
        "时间段必须有 name，供规则引用。",
    ),
    "interval_name_twice": (
        "The name {name!r} is used twice; each time interval needs its own.",
        "名称 {name!r} 用了两次；每个时间段应有自己的名称。",
    ),
    "interval_empty": (
        "A time interval needs time_intervals: a list of times, weekdays, days …",
        "时间段必须有 time_intervals：由 times、weekdays、days 等组成的列表。",
    ),
    "time_incomplete": (
        "A time needs both start_time and end_time.",
        "时间范围必须同时有 start_time 和 end_time。",
    ),
    "start_too_late": ("start_time must be before 24:00.", "start_time 应早于 24:00。"),
    "baseline_no_name": (
        "A baseline needs a name, which its alerts show.",
        "基线必须有 name，告警中会显示它。",
    ),
    "baseline_name_twice": (
        "The name {name!r} is used twice; each baseline needs its own.",
        "名称 {name!r} 用了两次；每条基线应有自己的名称。",
    ),
    "baseline_no_due": (
        "A baseline needs due: the time by which all must be done, such as 08:30.",
        "基线必须有 due：全部完成的时限，例如 08:30。",
    ),
    "baseline_no_outputs": (
        "A baseline needs dags, tasks or assets: what must be done by then.",
        "基线必须有 dags、tasks 或 assets：届时必须完成的内容。",
    ),
    "baseline_no_receiver": (
        "{key} needs a receiver beside it; without one the rules decide who is notified.",
        "{key} 需要同时给出 receiver；没有 receiver 时由规则决定通知谁。",
    ),
    "output_twice": ("{name!r} is here twice; leave one of them out.", "{name!r} 出现了两次，请删去一个。"),
    "task_incomplete": ("A task needs both dag and task.", "任务必须同时有 dag 和 task。"),
}

_RULES = {
    "one_of": ("must be one of {names}", "应为 {names} 之一"),
    "duration": ("must be a duration such as 4h, 30m, 90s or 1h30m", "应为时长，例如 4h、30m、90s 或 1h30m"),
    "day": (
        "must be a date such as 2026-10-01, or several such as 2026-10-01..2026-10-07",
        "应为日期，例如 2026-10-01；或一段日期，例如 2026-10-01..2026-10-07",
    ),
    "order_of_days": ("must end after it begins, and within a year", "的结束不能早于开始，且应在一年之内"),
    "zone": ("must be a time zone such as Asia/Shanghai", "应为时区，例如 Asia/Shanghai"),
    "clock": ("must be a time such as 08:00, up to 24:00", "应为时间，例如 08:00，最晚 24:00"),
    "name": (
        "must be a name such as {first}, or several such as {first}:{last}",
        "应为名称，例如 {first}；或一段，例如 {first}:{last}",
    ),
    "day_of_month": (
        "must be 1 to 31, or -1 for the last day, or several such as 1:5",
        "应为 1 至 31，-1 为最后一天；或一段，例如 1:5",
    ),
    "year": (
        "must be a year such as 2026, or several such as 2026:2027",
        "应为年份，例如 2026；或一段，例如 2026:2027",
    ),
    "order": ("must end after it begins", "的结束不能早于开始"),
    "due": (
        "must be a time such as 08:30, or such as 25:30 for 01:30 on the next day",
        "应为时间，例如 08:30；25:30 表示次日 01:30",
    ),
    "task": (
        "must be DAG.TASK, or {{dag: ..., task: ...}} if the id of the DAG has dots",
        "应为 DAG.TASK；DAG 的 ID 含有点号时写成 {{dag: ..., task: ...}}",
    ),
    "order_of_items": ("must end after it begins; write two items instead", "的结束不能早于开始，请写成两项"),
}
"""What is right for a value; a text of a mistake begins with the name of the value, and ends with the wrong one."""


class WrongValueError(ValueError):
    """A value breaks a rule; its text is what is right.

    :param rule: its name.
    :param values: for the placeholders of its text.
    """

    def __init__(self, rule: str, **values: object) -> None:
        english, self.chinese = (text.format(**values) for text in _RULES[rule])
        super().__init__(english)


def texts_of(mistake: str, **values: object) -> tuple[str, str]:
    """The text of a mistake in English and Chinese.

    :param mistake: its name.
    :param values: for its placeholders; ``what`` is the name of what is wrong.
    """
    english, chinese = _TEXTS[mistake]
    what = str(values.get("what", ""))
    # Between Latin letters and Chinese there is a space.
    named = {**values, "what": _NAMES.get(what, f"{what} ")}
    return english.format(**values), chinese.format(**named)
