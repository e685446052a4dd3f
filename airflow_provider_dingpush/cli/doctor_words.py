"""The words of ``dingpush doctor``: the name of each check, and the text of each result, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping

Words = tuple[str, str]
"""A text in English and in Chinese."""

CHECKS: Mapping[str, Words] = {
    # of the installation
    "options": ("[dingpush] options", "[dingpush] 配置项"),
    "timezone": ("[dingpush] timezone", "[dingpush] timezone"),
    "language": ("[dingpush] language", "[dingpush] language"),
    "links": ("[dingpush] links", "[dingpush] links"),
    "base_url": ("[dingpush] base_url", "[dingpush] base_url"),
    "all_dags": ("alerts for all DAGs", "所有 DAG 的告警"),
    "rules_file": ("[dingpush] rules_file", "[dingpush] rules_file"),
    "receivers": ("receivers of all DAGs", "所有 DAG 的接收方"),
    "end_from_trigger": ("tasks with end_from_trigger=True", "使用 end_from_trigger=True 的任务"),
    "email_backend": ("[email] email_backend", "[email] email_backend"),
    "email_template": ("[email] html_content_template", "[email] html_content_template"),
    "email_receiver": ("receiver of e-mails", "邮件的接收方"),
    "outbox_url": ("[dingpush] outbox_url", "[dingpush] outbox_url"),
    "home": ("[dingpush] home", "[dingpush] home"),
    "clock": ("clock", "时钟"),
    "flush": ("flush DAG or cron", "补发"),
    "markers": ("killed tasks", "被终止的任务"),
    "escalation": ("steps of escalations", "升级步骤"),
    "escalation_flush": ("flush for escalations", "升级所需的补发"),
    # of a connection
    "connection": ("settings of the connection", "连接设置"),
    "extra": ("extra fields", "额外字段"),
    "webhook": ("webhook: token, signature, IP address", "Webhook：token、加签、出口 IP"),
    "signature": ("signature", "加签"),
    "keyword": ("keyword", "关键词"),
    "mentions": ("mentions", "@ 谁"),
    "fallbacks": ("fallback robots", "备用机器人"),
    "database": ("connections in Airflow's database", "Airflow 数据库中的连接"),
}

RESULTS: Mapping[str, Words] = {
    "options_known": ("All options that are set are known.", "已设置的配置项均有效。"),
    "option_unknown": (
        "There is no option {name!r}, so it has no effect. Known are: {known}.",
        "没有 {name!r} 这个配置项，设置无效。可用的有：{known}。",
    ),
    "option_misspelt": (
        "There is no option {name!r}, so it has no effect. Did you mean {guess!r}?",
        "没有 {name!r} 这个配置项，设置无效。是否应为 {guess!r}？",
    ),
    "section_misspelt": (
        "There is no section {name!r}, so its options have no effect. Did you mean 'dingpush'?",
        "没有 {name!r} 这个配置段，其中的设置无效。是否应为 'dingpush'？",
    ),
    "config_unreadable": (
        "{file} can't be read ({problem}), so options in it are not checked.",
        "{file} 无法读取（{problem}），未检查其中的配置项。",
    ),
    "timezone_ok": (
        "Times in alerts are in {zone}; it is {time} there now.",
        "告警中的时间使用 {zone}，现在是 {time}。",
    ),
    "timezone_default": (
        (
            "Not set: times in alerts are in Airflow's {zone}; it is {time} there now. For Beijing time, set it to "
            "Asia/Shanghai."
        ),
        "未设置：告警中的时间使用 Airflow 的 {zone}，现在是 {time}。需要北京时间请设为 Asia/Shanghai。",
    ),
    "timezone_unknown": (
        "{name!r} is no IANA time zone, so times in alerts are in UTC. Use a name such as {guess!r}.",
        "{name!r} 不是 IANA 时区名，告警中的时间按 UTC 显示。请填写时区名，例如 {guess!r}。",
    ),
    "timezone_inverted": (
        (
            "{name!r} is {hours} hours behind UTC: the signs of these names are inverted. For Beijing time, use "
            "'Asia/Shanghai'."
        ),
        "{name!r} 比 UTC 慢 {hours} 小时：这类名称的正负号是反的。北京时间请用 'Asia/Shanghai'。",
    ),
    "timezone_no_data": (
        "This machine has no time zone data, so times in alerts are in UTC: pip install tzdata.",
        "本机没有时区数据，告警中的时间按 UTC 显示：请执行 pip install tzdata。",
    ),
    "language_zh": ("Built-in alerts are in Chinese.", "内置告警使用中文。"),
    "language_en": ("Built-in alerts are in English.", "内置告警使用英文。"),
    "language_unknown": (
        "{name!r} is not supported, so built-in alerts are in Chinese. Use zh or en.",
        "不支持 {name!r}，内置告警使用中文。请填写 zh 或 en。",
    ),
    "links_unknown": (
        "{form!r} is no known form, so links open in a PC's browser. Use one of {known}, or a URL with {{url}}.",
        "不支持 {form!r}，链接按默认方式在电脑浏览器中打开。可填 {known}，或包含 {{url}} 的地址。",
    ),
    "links_ok": ("Links in alerts have the form {form!r}.", "告警中的链接使用 {form!r} 形式。"),
    "base_url_ok": ("Links in alerts lead to {url}.", "告警中的链接指向 {url}。"),
    "base_url_missing": (
        (
            "Not set: links in alerts lead to {url}, which opens only on this machine. Set it to the address at which "
            "people open Airflow, such as https://airflow.example.com."
        ),
        "未设置：告警中的链接指向 {url}，只能在本机打开。请设为大家访问 Airflow 的地址，例如 https://airflow.example.com。",
    ),
    "base_url_local": (
        (
            "{url} opens only on this machine, so links in alerts are marked as local. Set it to the address at which "
            "people open Airflow."
        ),
        "{url} 只能在本机打开，告警中的链接会标明“本机地址”。请设为大家访问 Airflow 的地址。",
    ),
    "base_url_without_scheme": (
        (
            "It has no http:// or https://, so it is not used and links lead to this machine. Write 'https://{url}', "
            "or http:// if Airflow has no TLS."
        ),
        "缺少 http:// 或 https://，因此未被使用，链接指向本机。请写成 'https://{url}'；Airflow 没有 TLS 时用 http://。",
    ),
    "base_url_unusable": (
        "It is no URL, so it is not used and links lead to this machine. Write it like https://airflow.example.com.",
        "不是有效的 URL，因此未被使用，链接指向本机。请写成类似 https://airflow.example.com 的形式。",
    ),
    "base_url_with_login": (
        "It contains a user name or password, which every alert would show. Remove it.",
        "其中包含用户名或密码，会出现在每条告警里。请删除。",
    ),
    "base_url_of_a_page": (
        "{url} is the address of a page or has a query: links would lead nowhere. Use the part before '{tail}'.",
        "{url} 是某个页面的地址或带有查询参数，链接会失效。请只保留 '{tail}' 之前的部分。",
    ),
    "all_dags_off": (
        "Not used, alert_conn_id and rules_file are empty: only DAGs with a notifier are reported.",
        "未启用（alert_conn_id 和 rules_file 为空）：只有配置了通知器的 DAG 会告警。",
    ),
    "all_dags_on": (
        "Airflow loads the plugin, which reports every DAG. Restart all components after a change of the option.",
        "Airflow 会加载插件，所有 DAG 都会告警。修改配置项后请重启所有组件。",
    ),
    "attach_unknown": (
        "attach is {value!r}; it can be empty or policy. Until that is fixed, it counts as empty.",
        "attach 的值是 {value!r}，只能为空或 policy。修正之前视为空。",
    ),
    "policy_on": (
        "The cluster policy reports every DAG. Restart all components after a change of the option.",
        "由集群策略为所有 DAG 告警。修改配置项后请重启所有组件。",
    ),
    "policy_missing": (
        (
            "No DAG is reported: attach is policy, but no airflow_local_settings.py uses the policy of this package. "
            "Put this line into it: from airflow_provider_dingpush.cluster_policy import dag_policy, task_policy"
        ),
        (
            "没有 DAG 会告警：attach 为 policy，但没有 airflow_local_settings.py 使用本包的策略。请在其中加入："
            "from airflow_provider_dingpush.cluster_policy import dag_policy, task_policy"
        ),
    ),
    "plugin_missing": (
        (
            "Airflow finds no plugin of this package, so no DAG is reported by it. Install the package with pip on "
            "every component; a folder on PYTHONPATH is not enough."
        ),
        "Airflow 找不到本包的插件，因此不会为所有 DAG 告警。请在每个组件上用 pip 安装本包，仅加入 PYTHONPATH 不够。",
    ),
    "email_backend_on": (
        "E-mails that Airflow sends arrive in DingTalk, those about failed tasks as alerts.",
        "Airflow 发送的邮件会送达钉钉，其中任务失败邮件会成为告警。",
    ),
    "email_backend_on_3": (
        (
            "E-mails that Airflow sends arrive in DingTalk, those about failed tasks as alerts. Airflow 4 removes "
            "email_on_failure: use alert_conn_id or a notifier for new DAGs."
        ),
        (
            "Airflow 发送的邮件会送达钉钉，其中任务失败邮件会成为告警。Airflow 4 将移除 email_on_failure："
            "新 DAG 请使用 alert_conn_id 或通知器。"
        ),
    ),
    "email_backend_ignored": (
        (
            "Airflow 3.2 ignores this option for failed tasks and always uses SMTP: no such e-mail arrives in DingTalk."
            " Set [dingpush] alert_conn_id instead, or update to Airflow 3.3."
        ),
        (
            "Airflow 3.2 的任务失败邮件不理会该选项，一律走 SMTP，因此不会送达钉钉。"
            "请改用 [dingpush] alert_conn_id，或升级到 Airflow 3.3。"
        ),
    ),
    "email_backend_unknown": (
        "There is no {name!r}, so no e-mail is sent at all. Write {right}.",
        "没有 {name!r}，所有邮件都无法发送。请填写 {right}。",
    ),
    "email_template_ok": (
        "E-mails about failed tasks become the alerts that a notifier sends.",
        "任务失败邮件会成为与通知器相同的告警。",
    ),
    "email_template_missing": (
        (
            "Not set, and not needed with this Airflow. To be independent of how Airflow calls its backend, put these "
            "into [email]:\n"
            "    html_content_template = {html}\n"
            "    subject_template = {subject}"
        ),
        (
            "未设置，当前 Airflow 也不需要。如需不依赖 Airflow 调用邮件后端的方式，请在 [email] 中加入：\n"
            "    html_content_template = {html}\n"
            "    subject_template = {subject}"
        ),
    ),
    "email_template_unreadable": (
        "{path} can't be read, so Airflow uses its own text. That of this package is {html}.",
        "无法读取 {path}，Airflow 会使用自带的正文。本包的模板是 {html}。",
    ),
    "email_template_foreign": (
        (
            "{path} is a template of your own. To be independent of how Airflow calls its backend, add this line: "
            "{{{{ macros.dingpush.email_alert(ti, exception) }}}}"
        ),
        (
            "{path} 是自定义模板。如需不依赖 Airflow 调用邮件后端的方式，请在其中加入这一行："
            "{{{{ macros.dingpush.email_alert(ti, exception) }}}}"
        ),
    ),
    "email_plugin_missing": (
        (
            "Airflow finds no plugin of this package, so the template can't pass it the failure. Install the package "
            "with pip on every component; a folder on PYTHONPATH is not enough."
        ),
        "Airflow 找不到本包的插件，模板无法传递失败信息。请在每个组件上用 pip 安装本包，仅加入 PYTHONPATH 不够。",
    ),
    "email_receiver_ok": ("{conn_id!r} exists.", "{conn_id!r} 存在。"),
    "email_receiver_missing": (
        "There is no connection {conn_id!r}, so no e-mail reaches DingTalk. Create it under Admin > Connections.",
        "没有连接 {conn_id!r}，邮件无法送达钉钉。请在 Admin > Connections 中新建。",
    ),
    "rules_file_ok": ("{file} is valid; number of rules: {rules}.", "{file} 有效，共 {rules} 条规则。"),
    "receivers_ok": ("All exist: {conn_ids}.", "均存在：{conn_ids}。"),
    "receiver_missing": (
        "There is no connection {conn_id!r}, so these alerts can't be sent. Create it under Admin > Connections.",
        "没有连接 {conn_id!r}，这些告警无法发送。请在 Admin > Connections 中新建。",
    ),
    "dags_unknown": (
        "Not checked, Airflow's database can't be read ({problem}).",
        "未检查，无法读取 Airflow 数据库（{problem}）。",
    ),
    "end_from_trigger_used": (
        (
            "Airflow imports no DAG with such a task while a plugin listens to tasks, as this one does for all DAGs: "
            "{tasks}. Set end_from_trigger=False there; or set attach = policy, and use the cluster policy of this "
            "package instead."
        ),
        (
            "有插件监听任务时（为所有 DAG 告警即是如此），Airflow 拒绝导入含有这类任务的 DAG：{tasks}。"
            "请在其中设置 end_from_trigger=False；或设置 attach = policy，改用本包的集群策略。"
        ),
    ),
    "end_from_trigger_unused": (
        "None is known, so every DAG can be imported.",
        "没有发现，所有 DAG 都能导入。",
    ),
    "option_unreadable": ("It can't be read: {problem}", "无法读取：{problem}"),
    "outbox_files": ("Not set: alerts wait in files of this machine.", "未设置：告警保存在本机文件中。"),
    "outbox_of_each_machine": (
        (
            "Not set, but tasks run on several machines or in pods: each has an outbox of its own, so alerts are "
            "merged and counted for each alone. Set it to a Redis that all of them reach, such as redis://:password@host:6379/0."
        ),
        (
            "未设置，但任务运行在多台机器或多个 pod 上：各自有独立的发件箱，告警只能各自合并和计数。"
            "请设为各机器都能访问的 Redis，例如 redis://:password@host:6379/0。"
        ),
    ),
    "outbox_redis": ("{location} answers and can be written.", "{location} 可以连接和写入。"),
    "home_ok": ("{home} can be written, and only this user can read it.", "{home} 可写，且只有当前用户可读。"),
    "home_new": ("{home} does not exist yet; the first alert creates it.", "{home} 尚不存在，写入第一条告警时创建。"),
    "home_open": (
        "Other users of this machine can open {home}, and alerts may be confidential: chmod 700 {home}",
        "本机其他用户可以打开 {home}，其中的告警可能不宜公开：chmod 700 {home}",
    ),
    "clock_ok": ("This machine's clock agrees with that of Redis.", "本机时钟与 Redis 一致。"),
    "clock_wrong": (
        (
            "This machine's clock and that of Redis differ by {seconds} s. DingTalk refuses signatures that are an "
            "hour old: set the clock, with NTP if possible."
        ),
        "本机时钟与 Redis 相差 {seconds} 秒。签名相差一小时会被钉钉拒绝：请校准时钟，最好使用 NTP。",
    ),
    "markers_old": (
        (
            "The process of these tasks ended, and their markers are older than a day: {tasks}. Let a flush run, or "
            "clear these tasks if Airflow still shows them as running."
        ),
        (
            "以下任务的进程已结束，标记已超过一天：{tasks}。请运行补发；"
            "如果 Airflow 仍显示它们在运行，请清除（clear）这些任务。"
        ),
    ),
    "flush_ok": ("Last ran {time}.", "最近一次运行于 {time}。"),
    "flush_unused": (
        "Not checked: no alert was ever written to this outbox.",
        "未检查：这个发件箱从未写入过告警。",
    ),
    "flush_never": (
        (
            "Never ran (pending alerts: {pending}). Alerts that a callback can't send stay pending until the next "
            "one, and a long series of failures causes more messages. Put `flush_dag = create_flush_dag()` of "
            "airflow_provider_dingpush.operators into a DAG file, or `dingpush flush` into cron."
        ),
        (
            "从未运行（待发送 {pending} 条）。回调没能发出的告警要等到下一次回调，陆续出现的失败也会产生更多消息。"
            "请在任一 DAG 文件中加入 airflow_provider_dingpush.operators 的 `flush_dag = create_flush_dag()`，"
            "或用 cron 调用 `dingpush flush`。"
        ),
    ),
    "flush_needed": (
        (
            "Never ran, but alert_conn_id or rules_file is set (pending alerts: {pending}). Alerts of runs, and on "
            "Airflow 2 those of tasks, are only written and wait for it. Put `flush_dag = create_flush_dag()` of "
            "airflow_provider_dingpush.operators into a DAG file, or `dingpush flush` into cron."
        ),
        (
            "从未运行，但已设置 alert_conn_id 或 rules_file（待发送 {pending} 条）。"
            "整次运行的告警，以及 Airflow 2 上任务的告警，只写入发件箱，由补发来发送。"
            "请在任一 DAG 文件中加入 airflow_provider_dingpush.operators 的 "
            "`flush_dag = create_flush_dag()`，或用 cron 调用 `dingpush flush`。"
        ),
    ),
    "flush_late": (
        (
            "Last ran {time}, more than five minutes ago (pending alerts: {pending}). Check that the DAG made by "
            "create_flush_dag() is not paused and the scheduler runs, or that cron calls `dingpush flush`."
        ),
        (
            "最近一次运行于 {time}，已超过五分钟（待发送 {pending} 条）。请检查 create_flush_dag() 生成的 DAG "
            "是否被暂停、scheduler 是否在运行，或 cron 是否调用 `dingpush flush`。"
        ),
    ),
    "outbox_unusable": ("{problem}", "{problem}"),
    "escalation_ok": (
        "Rules that escalate: {rules}. App, permissions and people are fine; credit for calls can't be checked.",
        "含 escalate 的规则：{rules} 条。应用、权限和人员均正常；短信与电话权益无法在不发送的情况下检查。",
    ),
    "escalation_no_app": (
        "Rule {rules}: no app can be used, so these steps become messages to the group: {ways}. {problem}",
        "规则 {rules}：没有可用的企业应用，以下步骤会改发到群里：{ways}。{problem}",
    ),
    "escalation_not_allowed": (
        "Rule {rules}: these steps won't reach anybody: {ways}. {problem}",
        "规则 {rules}：以下步骤无法送达：{ways}。{problem}",
    ),
    "escalation_person_unknown": (
        "Rule {rules}: {names} can't be reached through the app. {problem}",
        "规则 {rules}：无法通过应用联系 {names}。{problem}",
    ),
    "escalation_owners_unknown": (
        "Rule {rules}: 'people' has no entry for these owners, so steps with 'who: owner' go to the group: {names}.",
        "规则 {rules}：people 中没有以下负责人，who: owner 的步骤会改发到群里：{names}。",
    ),
    "escalation_nobody_on_call": (
        "Rule {rules}: from {since} on nobody is on call in rotation {names}; steps in that time go to the group.",
        "规则 {rules}：轮值 {names} 从 {since} 起无人值班，期间的步骤会改发到群里。",
    ),
    "escalation_no_limit": (
        "Rule {rules}: the number of phone calls has no limit. Set max_calls_per_night in the rule or in the file.",
        "规则 {rules}：电话次数没有上限。请在规则中或文件顶层设置 max_calls_per_night。",
    ),
    "escalation_flush_ok": (
        "It runs, so steps are done when they are due.",
        "补发在运行，各步骤会按时执行。",
    ),
    "escalation_no_flush": (
        "Nothing escalates: the flush hasn't run for five minutes; see 'flush DAG or cron' for what to do.",
        "不会升级：补发已有五分钟未运行，处理方法见“补发”一项。",
    ),
    # of a connection
    "is_app": ("enterprise app, AppKey {app_key}, {url}", "企业应用，AppKey {app_key}，{url}"),
    "is_robot": ("custom robot at {url}", "自定义机器人，{url}"),
    "no_connection": (
        (
            "None found in environment variables and the database, and no {conn_id!r} in any secrets backend. Create "
            "one under Admin > Connections, or set AIRFLOW_CONN_{variable} to the webhook URL."
        ),
        (
            "环境变量和数据库中均未找到，secrets backend 中也没有 {conn_id!r}。请在 Admin > Connections 新建，"
            "或将 AIRFLOW_CONN_{variable} 设为 Webhook 地址。"
        ),
    ),
    "no_default": (
        "There is no {conn_id!r}: a notifier or operator that names no connection needs it.",
        "没有 {conn_id!r}：未指定连接的通知器和 operator 会用到它。",
    ),
    "variable_no_json": (
        (
            "It begins like JSON, but is none ({problem}). JSON needs double quotes, and a shell needs single quotes "
            "around it; or put the whole webhook URL into it."
        ),
        (
            "以花括号开头，但不是有效的 JSON（{problem}）。JSON 使用双引号，在 shell 中外面再加单引号；"
            "也可以直接填写完整的 Webhook 地址。"
        ),
    ),
    "database_unreadable": (
        "It can't be read ({problem}), so only environment variables and default ids are checked.",
        "无法读取（{problem}），只检查环境变量和默认 id 的连接。",
    ),
    "database_not_migrated": (
        (
            "Airflow's database isn't set up yet (airflow db migrate), so only environment variables and default ids "
            "are checked."
        ),
        "Airflow 数据库尚未初始化（airflow db migrate），只检查环境变量和默认 id 的连接。",
    ),
    "extra_unknown": (
        "Unknown and ignored: {unknown}. Known are: {known}.",
        "未知且被忽略：{unknown}。可用的有：{known}。",
    ),
    "extra_misspelt": (
        "There is no field {name!r}, so it is ignored. Did you mean {guess!r}?",
        "没有 {name!r} 这个字段，已忽略。是否应为 {guess!r}？",
    ),
    "webhook_ok": (
        "DingTalk accepts the token, the signature and this machine's IP address; nothing was posted.",
        "钉钉认可 token、加签和本机 IP，没有发送消息。",
    ),
    "no_secret": (
        "The connection has no 'secret'; right if the robot does not require one.",
        "未填写 secret；机器人未启用加签时无需填写。",
    ),
    "signed": ("Each message is signed.", "每条消息都会加签。"),
    "no_keyword": (
        (
            "The connection has no 'keyword'; right if the robot requires none. If it does, enter one: that can't be "
            "checked without sending a message."
        ),
        "未填写；机器人未设置关键词时无需填写。设置了的话请填写一个：不发消息就无法检查。",
    ),
    "keyword_invisible": (
        "{keyword!r} contains {character}, which is invisible; delete the keyword and type it again.",
        "{keyword!r} 中有不可见字符 {character}，请删除后重新输入。",
    ),
    "keyword_added": (
        "{keyword!r} is added to messages without it. Whether the robot has it is known after the first message.",
        "消息中没有 {keyword!r} 时会自动补上；机器人是否设置了它，发出第一条消息时才知道。",
    ),
    "fallback_ok": ("{conn_id!r} exists.", "{conn_id!r} 存在。"),
}

PEOPLE: Mapping[str, Words] = {
    "read_as": ("Read as {people}. Check numbers and user ids.", "识别为 {people}。请核对手机号与 userId。"),
    "mobile": ("mobile {number}", "手机号 {number}"),
    "user_id": ("user id {user_id}", "员工 userId {user_id}"),
    "everyone": ("everyone", "所有人"),
    "no_one": ("no one", "无人"),
}
