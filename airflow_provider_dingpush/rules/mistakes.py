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
    "A person": "人员",
    "A rotation": "轮值",
    "A layer": "轮值的一层",
    "An override": "替班",
    "A step": "升级步骤",
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
    "name_reserved": (
        "The name {name!r} stands for whoever is on call; choose another one.",
        "{name!r} 表示当前值班人，请换一个名称。",
    ),
    "person_no_name": (
        "A person needs a name: the owner in Airflow, by which rotations name the person as well.",
        "人员必须有 name：即 Airflow 中的 owner，轮值也用它引用。",
    ),
    "person_name_twice": (
        "The name {name!r} is used twice; each person needs their own.",
        "名称 {name!r} 用了两次；每个人应有自己的名称。",
    ),
    "person_unreachable": (
        "{name!r} needs a user_id or a mobile: DingTalk knows people by them.",
        "{name!r} 必须有 user_id 或 mobile，钉钉据此找到人。",
    ),
    "email_twice": (
        "{email} is also the e-mail address of {name!r}; leave it out of one of them.",
        "{email} 也是 {name!r} 的邮箱，请删去一处。",
    ),
    "person_misspelled": (
        "There is no person {name!r} in people; did you mean {close!r}?",
        "people 中没有 {name!r}，是否应为 {close!r}？",
    ),
    "person_unknown": (
        "There is no person {name!r} in people (there: {known}).",
        "people 中没有 {name!r}（已有：{known}）。",
    ),
    "person_unknown_none": (
        "There is no person {name!r} in people (there: none).",
        "people 中没有 {name!r}（还没有任何人员）。",
    ),
    "rotation_no_name": (
        "A rotation needs a name, by which rules and overrides refer to it.",
        "轮值必须有 name，供规则和替班引用。",
    ),
    "rotation_name_twice": (
        "The name {name!r} is used twice; each rotation needs its own.",
        "名称 {name!r} 用了两次；每个轮值应有自己的名称。",
    ),
    "rotation_as_person": (
        "{name!r} is also a person; the rotation needs a name of its own.",
        "{name!r} 与人员同名；轮值应有自己的名称。",
    ),
    "rotation_no_people": (
        "A rotation needs people: a list of names, or layers that have them.",
        "轮值必须有 people（姓名列表），或由含 people 的 layers 组成。",
    ),
    "layers_and_more": (
        "A rotation with layers has {others} in its layers and not beside them.",
        "使用 layers 时，{others} 应写在各层中，不能与 layers 并列。",
    ),
    "handover_too_late": ("handover must be before 24:00.", "handover 应早于 24:00。"),
    "start_missing": (
        "Several people need a start: the day on which the first one's turn begins.",
        "多人轮值必须有 start：第一个人开始值班的日期。",
    ),
    "start_late_in_month": (
        "start must be one of the first 28 days of a month if a turn lasts months.",
        "按月轮换时，start 应为每月 1 至 28 日。",
    ),
    "rotation_misspelled": (
        "There is no rotation {name!r} in rotations; did you mean {close!r}?",
        "rotations 中没有轮值 {name!r}，是否应为 {close!r}？",
    ),
    "rotation_unknown": (
        "There is no rotation {name!r} in rotations (there: {known}).",
        "rotations 中没有轮值 {name!r}（已有：{known}）。",
    ),
    "rotation_unknown_none": (
        "There is no rotation {name!r} in rotations (there: none).",
        "rotations 中没有轮值 {name!r}（还没有任何轮值）。",
    ),
    "no_rotations": (
        "Nobody is ever on call: the file has no rotations.",
        "文件中没有 rotations，因此没有值班人。",
    ),
    "override_no_rotation": (
        "An override needs the rotation that it is for: {known}.",
        "替班必须指明 rotation：{known}。",
    ),
    "override_no_person": (
        "An override needs a person: who is on call instead.",
        "替班必须有 person：由谁代替值班。",
    ),
    "override_no_time": (
        "An override needs either from and until, or days.",
        "替班必须有 from 和 until，或者有 days。",
    ),
    "override_order": ("until must be after from.", "until 应晚于 from。"),
    "on_call_not_alone": (
        "on_call stands alone in 'to'; write a second rule for other targets.",
        "to 中的 on_call 不能与其他目标并列，请另写一条规则。",
    ),
    "escalation_no_steps": (
        "{name} belongs to a rule with escalate: a list of steps.",
        "{name} 须与 escalate（步骤列表）一起使用。",
    ),
    "escalate_empty": ("escalate must have at least one step.", "escalate 至少要有一个步骤。"),
    "step_no_after": (
        "A step needs after: how long after the failure, such as 5m, or 0m.",
        "步骤必须有 after：失败之后多久，例如 5m，或 0m。",
    ),
    "step_ways": (
        "A step needs exactly one of to, ding and todo.",
        "每个步骤须有且仅有 to、ding、todo 中的一个。",
    ),
    "step_no_who": (
        "A step with ding or todo needs who: on_call, owner, a rotation or a person.",
        "使用 ding 或 todo 的步骤必须有 who：on_call、owner、轮值或人员。",
    ),
    "step_who_twice": (
        "A step with 'to' names its people there: to: group, or to: on_call.",
        "使用 to 的步骤直接在 to 中写明对象：to: group，或 to: on_call。",
    ),
    "step_order": ("A step must not come before the one above it.", "步骤的时间不能早于上一步。"),
    "step_twice": ("This step is here twice; leave one of them out.", "该步骤出现了两次，请删去一个。"),
    "who_misspelled": (
        "There is no person or rotation {name!r}; did you mean {close!r}?",
        "没有人员或轮值 {name!r}，是否应为 {close!r}？",
    ),
    "who_unknown": (
        "There is no person or rotation {name!r} (there: {known}).",
        "没有人员或轮值 {name!r}（可用：{known}）。",
    ),
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
    "user_id": ("must be one DingTalk user id", "应为一个钉钉 userId"),
    "mobile": (
        "must be a mobile number such as 13800000000 or +852-51234567",
        "应为手机号，例如 13800000000 或 +852-51234567",
    ),
    "email": ("must be an e-mail address", "应为邮箱地址"),
    "every": (
        "must be day, week, month, workday or holiday, or several such as 2 weeks",
        "应为 day、week、month、workday 或 holiday；或多个，例如 2 weeks",
    ),
    "calls": ("must be a whole number from 0 to {most}", "应为 0 至 {most} 的整数"),
    "date": ("must be a date such as 2026-11-30", "应为日期，例如 2026-11-30"),
    "moment": (
        "must be a time such as 2026-12-01 09:00; for whole days write days: 2026-12-01..2026-12-03",
        "应为时间，例如 2026-12-01 09:00；整天请写 days: 2026-12-01..2026-12-03",
    ),
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
