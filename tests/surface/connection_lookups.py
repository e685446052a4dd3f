"""Looks many random connections up in environment variables, as a task does, and prints what isn't one of our errors.

Apart from the tests' own process, whose log would have every random text masked ever after.
"""

from __future__ import annotations

import json
import os
import sys

from airflow_provider_dingpush.connections import look_up, settings_of
from airflow_provider_dingpush.errors import DingTalkError
from tests.masked_secrets import masked_anew
from tests.random_inputs import Inputs
from tests.test_random_inputs import SECRET, TOKEN, WEBHOOK, random_connection


def random_variable(inputs: Inputs) -> str:
    """What somebody may have written into AIRFLOW_CONN_…: a URI or JSON, whole or not, or anything."""
    given = random_connection(inputs)
    names = ("conn_type", "host", "login", "password", "schema", "port", "extra")
    fields = {name: getattr(given, name) for name in names}
    written = inputs.one_of(
        json.dumps(fields, default=str),
        json.dumps({"conn_type": "dingtalk_robot", "password": given.password, "extra": given.extra}, default=str),
        f"{inputs.text(2)}{WEBHOOK}{inputs.text(2)}",
        f"{inputs.text(2)}dingtalk-robot://:{TOKEN}@{inputs.text(2)}/?secret={SECRET}{inputs.text(2)}",
        lambda: inputs.text(20),
    )
    return str(written).replace("\0", "").encode("utf-8", "ignore").decode()


def main(count: int) -> int:
    """Look up so many, and return how many raised something else than our own error."""
    inputs, wrong, read = Inputs(24), 0, 0
    for _ in range(count):
        os.environ["AIRFLOW_CONN_RANDOM"] = text = random_variable(inputs)
        try:
            with masked_anew():
                look_up("random", settings_of)
        except DingTalkError as error:
            if TOKEN in str(error) or SECRET in str(error):
                sys.stdout.write(f"shows a secret: {text!a} {error}\n")
                wrong += 1
        except BaseException as error:  # noqa: BLE001 - which is what is looked for
            sys.stdout.write(f"{text!a} {type(error).__name__} {error!a}\n")
            wrong += 1
        else:
            read += 1
    sys.stdout.write(f"{read} read\n")
    return wrong


if __name__ == "__main__":
    sys.exit(min(main(int(sys.argv[1])), 99))
