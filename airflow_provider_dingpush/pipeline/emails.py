"""An e-mail that Airflow sends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.utils import parseaddr

_BETWEEN_ADDRESSES = re.compile(r"[,;，；\n]")

Addresses = str | Iterable[str] | None


@dataclass(frozen=True)
class Email:
    """What a backend is called with.

    :param to: addresses, also several in one str.
    :param subject: of the e-mail.
    :param html: its text.
    :param files: paths of its attachments.
    :param cc: more addresses.
    :param bcc: more addresses, which others must not see.
    :param conn_id: of the SMTP server, or a connection of ours.
    """

    to: Addresses
    subject: str
    html: str
    files: Sequence[str] = ()
    cc: Addresses = None
    bcc: Addresses = None
    conn_id: str | None = None

    def __post_init__(self) -> None:
        # An iterator could be read only once.
        for name in ("to", "cc", "bcc"):
            given = getattr(self, name)
            object.__setattr__(self, name, given if given is None or isinstance(given, str) else tuple(given))
        object.__setattr__(self, "subject", str(self.subject or ""))
        object.__setattr__(self, "html", str(self.html or ""))

    @property
    def recipients(self) -> tuple[str, ...]:
        """Everybody's address that others may see, in lower case."""
        return addresses_in(self.to, self.cc)

    @property
    def hidden_recipients(self) -> tuple[str, ...]:
        """The addresses that others must not see, in lower case."""
        return addresses_in(self.bcc)


def addresses_in(*given: Addresses) -> tuple[str, ...]:
    """Each address once, in lower case, without the name of its owner."""
    texts = [text for each in given if each for text in ([each] if isinstance(each, str) else each)]
    found = (parseaddr(part)[1].strip().lower() for text in texts for part in _BETWEEN_ADDRESSES.split(str(text)))
    return tuple(dict.fromkeys(address for address in found if address))
