"""The texts of the page in Airflow's UI, in English and in Chinese."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_dingpush.pipeline.receiver_status import RECEIVER_TEXTS

LANGUAGES: Mapping[str, str] = {"zh": "中文", "en": "English"}
"""Name of a language -> how it calls itself."""

TEXTS: Mapping[str, tuple[str, str]] = {
    "title": ("DingTalk alerts", "钉钉告警"),
    "back": ("Airflow", "Airflow"),
    "language": ("Language", "语言"),
    "parts": ("Parts of this page", "本页内容"),
    "refresh": ("Refresh", "刷新"),
    "as_of": ("As of {time} ({zone})", "数据时间：{time}（{zone}）"),
    "signed_in": ("Signed in as {name}", "当前用户：{name}"),
    "files": ("Outbox: files in {location}", "发件箱：文件，位于 {location}"),
    "redis": ("Outbox: Redis", "发件箱：Redis"),
    "never_flushed": ("Flush DAG or cron: never ran", "补发：从未运行"),
    "flushed": ("Flush DAG or cron: last ran {time}", "补发：最近一次运行于 {time}"),
    "problem": ("A part of the outbox can't be read: {problem}", "发件箱有一部分无法读取：{problem}"),
    # incidents
    "incidents": ("Open incidents", "未恢复的故障"),
    "no_incidents": ("Nothing is open: every failure has recovered.", "当前没有未恢复的故障。"),
    "incident_count": (
        "{open} open, {claimed} claimed; P1 is the most urgent.",
        "未恢复 {open} 个，已认领 {claimed} 个；P1 最紧急。",
    ),
    "more": ("… and {count} more, less urgent or more recent.", "……另有 {count} 个，级别较低或时间较近。"),
    "what": ("Incident", "故障"),
    "since": ("Open since", "开始时间"),
    "failures": ("Failures", "失败次数"),
    "severity": ("Severity", "级别"),
    "owner": ("Owner", "负责人"),
    "connection": ("Connection", "连接"),
    "claimed": ("Claimed", "认领"),
    "claimed_since": ("since {time}", "{time} 起"),
    "nobody": ("nobody", "无人认领"),
    "log": ("Log", "日志"),
    "run": ("Run", "本次运行"),
    "actions": ("Actions", "操作"),
    "claim": ("Claim", "认领"),
    "take_over": ("Take over", "改由我处理"),
    "unclaim": ("Give back", "取消认领"),
    "silence": ("Silence", "静默"),
    "silence_for": ("Silence for", "静默时长"),
    "minutes_30": ("30 minutes", "30 分钟"),
    "minutes_120": ("2 hours", "2 小时"),
    "minutes_480": ("8 hours", "8 小时"),
    "minutes_1440": ("24 hours", "24 小时"),
    "last_step": ("{way} {time}: {outcome}", "{way} {time}：{outcome}"),
    "all_incidents": ("All open incidents", "全部未恢复的故障"),
    "no_such_incident": (
        "No such incident is open: it may have recovered, or you may not see it.",
        "没有这个未恢复的故障：可能已恢复，也可能你无权查看。",
    ),
    # silences
    "silences": ("Silences", "静默"),
    "no_silences": ("Nothing is silenced.", "当前没有静默。"),
    "silenced_what": ("Silenced", "静默内容"),
    "until": ("Until", "结束时间"),
    "muted": ("Alerts", "告警数"),
    "by": ("By", "创建人"),
    "why": ("Why", "原因"),
    "end_silence": ("End now", "立即结束"),
    # receivers
    **RECEIVER_TEXTS,
    "receivers": ("Receivers", "接收方"),
    "no_receivers": ("No alert was ever written to this outbox.", "这个发件箱从未写入过告警。"),
    "about_receivers": (
        "Messages sent / how many may be sent. The limit of the month is that of the whole organisation.",
        "已发消息数 / 上限；每月上限由整个企业共用。",
    ),
    "in_files": (
        "in files of this machine until the outbox is available: {folder}",
        "发件箱恢复前暂存于本机文件：{folder}",
    ),
    "held_alerts": ("held by quiet hours: {count}", "免打扰时段暂缓：{count}"),
    "silenced_alerts": ("silenced: {count}", "静默：{count}"),
    "inhibited_alerts": ("inhibited: {count}", "抑制：{count}"),
    "of": ("{count} / {most}", "{count} / {most}"),
    # baselines
    "baselines": ("Baselines of today", "今日基线"),
    "no_baselines": ("No baselines.", "没有基线。"),
    "no_rules_file": (
        "No baselines: there is no rules file ([dingpush] rules_file).",
        "没有基线：未设置规则文件（[dingpush] rules_file）。",
    ),
    "baselines_problem": ("Baselines can't be shown:", "无法显示基线："),
    "more_mistakes": ("… and {count} more: dingpush rules check", "……另有 {count} 处：dingpush rules check"),
    "about_baselines": (
        "Margin: how long before the due time all is expected to be done.",
        "余量：预计完成时间比时限早多少。",
    ),
    "more_baselines": ("… and {count} more: dingpush baselines", "……另有 {count} 条：dingpush baselines"),
    "baseline": ("Baseline", "基线"),
    "due": ("Due", "时限"),
    "expected": ("Expected", "预计完成"),
    "margin": ("Margin", "余量"),
    "minutes": ("{count} min", "{count} 分钟"),
    "at": ("{time}", "{time}"),
    "done": ("{time} (done)", "{time}（已完成）"),
    "at_worst": ("9 in 10 cases by {time}", "九成情况下不晚于 {time}"),
    "unknown": ("unknown", "未知"),
    # dead letters
    "letters": ("Dead letters", "死信"),
    "no_letters": ("No dead letters.", "没有死信。"),
    "about_letters": ("DingTalk refused these alerts even alone.", "这些告警单独发送仍被钉钉拒收。"),
    "more_letters": (
        "… and {count} older ones: dingpush dead-letters list",
        "……另有 {count} 条更早的：dingpush dead-letters list",
    ),
    "refused_at": ("Refused at", "拒收时间"),
    "alert": ("Alert", "告警"),
    "reason": ("Reason", "原因"),
    "retry": ("Send again", "重新发送"),
    # results of the buttons
    "result_claimed": (
        "Claimed. It climbs no further; the next message says so.",
        "已认领，不再升级；下一条消息会注明。",
    ),
    "result_unclaimed": ("Given back: nobody takes care of it now.", "已取消认领，目前无人处理。"),
    "result_silenced": (
        "Silenced. Alerts are counted, and reported when the silence ends.",
        "已静默：期间告警只计数，结束时汇总发送。",
    ),
    "result_silence_ended": (
        "The silence is over; the next flush reports what it muted.",
        "静默已结束，期间的告警由下次补发汇总发送。",
    ),
    "result_requeued": ("It will be sent with the next flush.", "将在下次补发时发送。"),
    "result_gone": (
        "It isn't there any more: it has recovered, ended, or was sent.",
        "已不存在：可能已恢复、已结束或已发送。",
    ),
    "result_forbidden": ("You may not edit this DAG in Airflow.", "你在 Airflow 中没有编辑该 DAG 的权限。"),
    "result_busy": (
        "Another process is sending right now; try again in a few seconds.",
        "其他进程正在发送，请几秒后重试。",
    ),
    "result_too_many": ("There are too many silences; end some first.", "静默过多，请先结束一些。"),
    "result_unavailable": ("The outbox isn't available; nothing was changed.", "发件箱不可用，未做任何更改。"),
    "result_outdated": (
        "This page was too old; nothing was changed. Press the button again.",
        "页面已过期，未做任何更改，请重新点击按钮。",
    ),
    "result_wrong": ("This page doesn't know that form; nothing was changed.", "无法识别该操作，未做任何更改。"),
    # no access
    "no_login": ("Sign in to Airflow first.", "请先登录 Airflow。"),
    "no_access": (
        "You lack Airflow's permission to see this page: read access to jobs.",
        "你没有查看此页面的权限：需要 Airflow 中 Jobs 的读取权限。",
    ),
    "to_airflow": ("To Airflow", "前往 Airflow"),
}
"""Name of a text -> the text in English and in Chinese, with placeholders for its values."""


class Words:
    """The texts in one language.

    :param language: ``zh`` or ``en``.
    """

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, name: str, /, **values: object) -> str:
        """A text with its values."""
        return TEXTS[name][self.language == "zh"].format(**values)
