"""Which values are ids of connections, in a DAG file or a command."""

from __future__ import annotations

import re

from airflow_provider_dingpush.messages.input_text import edges_clean

NO_CONNECTION_ID = (
    "Write the id of one connection, such as 'dingtalk_default'. 请填写一个连接的 id，例如 'dingtalk_default'。"
)
"""The advice for a value that is no id."""

# A webhook URL, the token in it, or the secret of a robot, which belong in the connection.
_CREDENTIAL = re.compile(r".*://.*|.*access_token.*|[0-9a-fA-F]{64}|SEC[0-9a-zA-Z]{20,}", re.DOTALL)
# The same anywhere in a text, without plain addresses.
_HELD_CREDENTIAL = re.compile(r"access_token|\b[0-9a-fA-F]{64}\b|\bSEC[0-9a-zA-Z]{20,}")


def holds_credential(text: str) -> bool:
    """Whether a text is, or has in it, a webhook URL with its token, a token or the secret of a robot."""
    return _HELD_CREDENTIAL.search(text) is not None


def read_connection_id(value: object) -> str:
    """The id as Airflow has it, without characters that were pasted around it.

    :raises ValueError: with the reason, for any other value, such as ``None`` or a webhook URL, which isn't quoted.
    """
    # A native template renders an id of digits to a number.
    plain = edges_clean(str(value)) if isinstance(value, (str, int)) else ""
    if _CREDENTIAL.fullmatch(plain):
        raise ValueError(
            "is a webhook URL, a token or a secret, which belong in the connection and not in the DAG file"
        )
    if not plain:
        raise ValueError(f"is {value!r}, which is no connection's id")
    return plain


def shown_connection_id(value: object) -> str:
    """The value as it may be logged: masked if it is a credential."""
    return "'***'" if isinstance(value, str) and _CREDENTIAL.fullmatch(value) else repr(value)
