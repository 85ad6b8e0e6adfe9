"""What is told, before it is put into a medium's form. Plain data, free of secrets and of values of people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tasks.incidents.model import Severity


@dataclass(frozen=True, slots=True)
class Link:
    """A place to look; `url` '' where there is only a name to look up."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody to be told: mentioned where the medium can, addressed by mail."""

    name: str
    email: str
    slack: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """One message. `identity` is the same for the same message; `thread` joins those of one incident.

    `line` set: it is all that is said when the medium has threads. `resolves`: the thread is over with it.
    """

    identity: str
    thread: str
    kind: str
    at: datetime
    title: str
    severity: Severity
    family: str = ""
    who_acts: str = ""
    code: str = ""
    tables: tuple[str, ...] = ()
    window: str = ""
    step: str = ""
    cause: tuple[str, ...] = ()
    effect: tuple[str, ...] = ()
    promised: tuple[str, ...] = ()
    seen: str = ""
    owners: tuple[str, ...] = ()
    contacts: tuple[Contact, ...] = ()
    links: tuple[Link, ...] = ()
    commands: tuple[str, ...] = ()
    line: str = ""
    wakes: bool = False
    resolves: bool = False

    @property
    def body(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """(key of the label, lines) of every part that has something to say, in the order in which it is needed."""
        window = (self.window,) if self.window else ()
        parts: tuple[tuple[str, tuple[str, ...]], ...] = (
            ("act", (self.who_acts,) if self.who_acts else ()),
            ("cause", self.cause),
            ("effect", self.effect),
            ("sla", self.promised),
            ("window", window),
            ("step", (self.step,) if self.step else ()),
            ("seen", (self.seen,) if self.seen else ()),
            ("owner", self.owners),
            ("oncall", tuple(contact.name for contact in self.contacts)),
        )
        return tuple((key, lines) for key, lines in parts if lines)
