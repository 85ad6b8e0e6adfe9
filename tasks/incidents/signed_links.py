"""Links that answer an incident: signed, for one answer to the incidents named in it, and for some days only.

Nothing is kept of a link: what it may do stands in it, and its signature says that we wrote it. Whoever has one can give that
answer, as whoever reads the channel could; so the answers are those that people can take back, and none touches data.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

Answering = Literal["ack", "silence"]
LASTS = timedelta(days=3)
"""Reminders carry links of their own."""
MOST = 40
"""Incidents in one link: with more it would be longer than some mail programs leave whole."""
_PURPOSE = b"headgate: an answer to an incident\n"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a link says: ids of incidents or of a message about several, the answer, and until when it can be given."""

    names: tuple[str, ...]
    answering: Answering
    until: datetime


@dataclass(frozen=True, slots=True)
class Signer:
    """Writes links and reads them. `address` is where people reach the page, `key` at least 32 characters (a setting)."""

    address: str
    key: str = field(repr=False)

    def link(self, names: Sequence[str], answering: Answering, now: datetime) -> str:
        """The address that gives this answer until LASTS from now; '' for more incidents than fit."""
        if len(names) > MOST:
            return ""
        until = int((now + LASTS).timestamp())
        said = f"{'-'.join(names)}.{answering}.{until}"
        return f"{self.address.rstrip('/')}/{said}.{self._signature(said)}"

    def read(self, token: str) -> Asked | None:
        """What the last part of a link's address says, expired or not; None when it isn't one of ours."""
        said, _, signature = token.rpartition(".")
        if not said or not hmac.compare_digest(signature.encode(), self._signature(said).encode()):
            return None
        names, answering, until = said.split(".")
        assert answering in get_args(Answering)
        return Asked(tuple(names.split("-")), answering, datetime.fromtimestamp(int(until), UTC))  # type: ignore[arg-type]

    def _signature(self, said: str) -> str:
        digest = hmac.digest(self.key.encode(), _PURPOSE + said.encode(errors="replace"), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
