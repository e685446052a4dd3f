"""What a digest says, in Chinese and in English."""

from __future__ import annotations

from dataclasses import dataclass

_ONE_OR_MANY = tuple[str, str]
"""What is said of one, and of any other number."""

_ZH: dict[str, str | _ONE_OR_MANY] = {
    "failed": "{n:,} 个失败",
    "late": "{n:,} 个未按时完成",
    "asking": "{n:,} 个待答复",
    "retrying": "{n:,} 个将重试",
    "earlier": "{n:,} 次先前的尝试",
    "recovered": "{n:,} 个已恢复",
    "other": "{n:,} 条其他通知",
    "of": "{counts}：{name}",
    "in_dags": "{n:,} 个 DAG 共 {counts}",
    "in_groups": "{n:,} 组共 {counts}",
    "in_tasks": "{n:,} 个任务共 {counts}",
    "more": "……还有 {counts}",
    "not_listed": "另有 {n:,} 个未列出",
    "may_repeat_in_title": "（可能与 #{number} 重复）",
    "nothing": "关于消息发送的提示",
    "comma": "、",
    "semicolon": "；",
    "unknown_dag": "未知 DAG",
    "nobody": "无负责人",
    "no_reason": "原因不明",
    "none": "无",
    "all": "全部",
    "whole_run": "整个运行",
    "others": "其他",
    "dag_failed": "运行失败",
    "deadline_missed": "未按时完成",
    "task_started": "开始",
    "task_succeeded": "成功",
    "task_skipped": "已跳过",
    "dag_succeeded": "运行成功",
    "run_failed": "运行已失败",
    "runs_failed": "{n:,} 次运行已失败",
    "runs": "{n:,} 次运行",
    "tasks": "{n:,} 个任务",
    "tries": "试了 {tries} 次",
    "try_retried": "第 {tries} 次失败，将重试",
    "will_retry": "将重试",
    "repeats": "上次提醒以来另有 {n:,} 次失败",
    "similar": "例如 {reason}",
    "other_reasons": "{n:,}× 其他原因",
    "reasons": "原因：",
    "same_reason": "{total:,} 个中有 {n:,} 个原因相同：",
    "all_same_reason": "原因都相同：",
    "similar_reason": "{total:,} 个中有 {n:,} 个原因相近，例如：",
    "all_similar_reason": "原因都相近，例如：",
    "failed_recovered_at": "{since} 失败，{until} 恢复",
    "failed_recovered_all_at": "{since} 起失败，{until} 全部恢复",
    "recovered_at": "{until} 恢复",
    "recovered_all_at": "{until} 全部恢复",
    "options": "选项：{options}",
    "answer_by": "截止 {until}",
    "assigned": "指定答复人：{users}",
    "answer": "去答复",
    "log": "日志",
    "run": "运行",
    "may_repeat": "这条消息可能与 #{number} 重复。",
    "paused": "{since}–{until} 暂停发送：{reason}。期间的提醒都合并在这里。",
    "merged_until_tomorrow": "今天的消息数已达上限，这是今天最后一条；之后的提醒合并到明天发送。",
    "overflown": "……另有 {n:,} 个因积压过多，只计数，未列出。",
    "dead": "{n:,} 条被钉钉拒收：{names}。查看：dingpush dead list",
    "and_more_names": "{names} 等",
    "skipped": "已跳过机器人 {conn_id}：{reason}",
    "skipped_more": "另外还跳过了 {n:,} 个机器人",
    "number": "消息编号 #{number}",
    "throttled": "机器人被钉钉限流",
    "misconfigured": "机器人设置有误",
    "refusing": "钉钉拒收了所有消息，原因未知",
    "daily_limit": "已达每日消息上限",
    "unreachable": "无法连接钉钉",
    "window_full": "本分钟的额度已用完",
}

_EN: dict[str, str | _ONE_OR_MANY] = {
    "failed": ("1 failure", "{n:,} failures"),
    "late": ("1 deadline missed", "{n:,} deadlines missed"),
    "asking": ("1 answer needed", "{n:,} answers needed"),
    "retrying": "{n:,} will be retried",
    "earlier": ("1 earlier try", "{n:,} earlier tries"),
    "recovered": "{n:,} recovered",
    "other": ("1 other notice", "{n:,} other notices"),
    "of": "{counts}: {name}",
    "in_dags": ("{counts} in 1 DAG", "{counts} in {n:,} DAGs"),
    "in_groups": ("{counts} in 1 group", "{counts} in {n:,} groups"),
    "in_tasks": ("{counts} in 1 task", "{counts} in {n:,} tasks"),
    "more": "…and another {counts}",
    "not_listed": "{n:,} more not listed",
    "may_repeat_in_title": " (may repeat #{number})",
    "nothing": "About the delivery of messages",
    "comma": ", ",
    "semicolon": "; ",
    "unknown_dag": "unknown DAG",
    "nobody": "no owner",
    "no_reason": "reason unknown",
    "none": "none",
    "all": "All",
    "whole_run": "whole run",
    "others": "Others",
    "dag_failed": "run failed",
    "deadline_missed": "deadline missed",
    "task_started": "started",
    "task_succeeded": "succeeded",
    "task_skipped": "skipped",
    "dag_succeeded": "run succeeded",
    "run_failed": "run failed",
    "runs_failed": ("1 run failed", "{n:,} runs failed"),
    "runs": ("1 run", "{n:,} runs"),
    "tasks": ("1 task", "{n:,} tasks"),
    "tries": "after {tries} tries",
    "try_retried": "try {tries} failed, will be retried",
    "will_retry": "will be retried",
    "repeats": ("failed once more since the last notice", "failed {n:,} more times since the last notice"),
    "similar": "e.g. {reason}",
    "other_reasons": ("1× another reason", "{n:,}× other reasons"),
    "reasons": "Reasons:",
    "same_reason": "Same reason for {n:,} of {total:,}:",
    "all_same_reason": "Same reason for all:",
    "similar_reason": "Similar reasons for {n:,} of {total:,}, such as:",
    "all_similar_reason": "Similar reasons for all, such as:",
    "failed_recovered_at": "failed {since}, recovered {until}",
    "failed_recovered_all_at": "failed from {since}, all recovered by {until}",
    "recovered_at": "recovered {until}",
    "recovered_all_at": "all recovered by {until}",
    "options": "options: {options}",
    "answer_by": "until {until}",
    "assigned": "to be answered by {users}",
    "answer": "Answer",
    "log": "log",
    "run": "run",
    "may_repeat": "You may have seen this already, as #{number}.",
    "paused": "Nothing was sent {since}–{until}: {reason}. What happened meanwhile is in here.",
    "merged_until_tomorrow": "Today's limit of messages is reached: this is the last one. What comes now waits for "
    "tomorrow, in one message.",
    "overflown": "…and {n:,} more that were only counted, because too many were waiting.",
    "dead": (
        "DingTalk refused 1 alert: {names}. To see it: dingpush dead list",
        "DingTalk refused {n:,} alerts: {names}. To see them: dingpush dead list",
    ),
    "and_more_names": "{names}, …",
    "skipped": "Robot {conn_id} was skipped: {reason}",
    "skipped_more": ("1 more robot was skipped", "{n:,} more robots were skipped"),
    "number": "Message #{number}",
    "throttled": "DingTalk had shut the robot out for too many messages",
    "misconfigured": "a setting of the robot is wrong",
    "refusing": "DingTalk refused everything, for an unknown reason",
    "daily_limit": "the daily limit of messages was reached",
    "unreachable": "DingTalk couldn't be reached",
    "window_full": "its messages of this minute are used up",
}

_REASONS = ("throttled", "misconfigured", "refusing", "daily_limit", "unreachable", "window_full")


@dataclass(frozen=True)
class Words:
    """The words of one language.

    :param language: any name of Chinese, such as ``zh`` or ``zh-CN``; everything else gets English.
    """

    language: str

    def __call__(self, name: str, n: int = 0, /, **values: object) -> str:
        """What is said under this name, of a number if there is one."""
        spoken = (_ZH if self.language.lower().startswith("zh") else _EN)[name]
        if isinstance(spoken, tuple):
            spoken = spoken[n != 1]
        return spoken.format(n=n, **values)

    def reason(self, reason: str) -> str:
        """The words for a reason that has a name, and the reason itself if it has none."""
        return self(reason) if reason in _REASONS else reason
