"""What is told, before it is put into a medium's form. Plain data, free of secrets and of values of people.

Names and messages in it are partly of somebody else's writing: they are made harmless here, once, whatever medium it goes to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import datetime
from urllib.parse import quote

from deployments.foreign_text import one_line, printable
from tasks.incidents.model import Severity

_NO_ADDRESS = re.compile(r"[^\w\-.~:/?#\[\]@!$&'()*+,;=%]|[^\x00-\x7f]")


@dataclass(frozen=True, slots=True)
class Link:
    """A place to look; `url` '' where there is only a name to look up."""

    label: str
    url: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", one_line(self.label))
        if self.url.startswith(("http://", "https://")):
            # What ends an address in some medium, or begins something else there, is none of it.
            object.__setattr__(
                self, "url", _NO_ADDRESS.sub(lambda match: quote(match[0], safe="", errors="replace"), self.url)
            )
        else:
            object.__setattr__(self, "url", one_line(self.url).replace("`", "'"))


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody to be told: mentioned where the medium can, addressed by mail."""

    name: str
    email: str
    slack: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", one_line(self.name))


@dataclass(frozen=True, slots=True)
class Notice:
    """One message. `identity` is the same for the same message; `thread` joins those of one incident.

    `line` set: it is all that is said when the medium has threads. `resolves`: the thread is over with it. `answers`: places
    where one can answer it with a finger.
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
    answers: tuple[Link, ...] = ()
    links: tuple[Link, ...] = ()
    commands: tuple[str, ...] = ()
    line: str = ""
    wakes: bool = False
    resolves: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, str):
                object.__setattr__(self, field.name, one_line(value) if field.name == "title" else printable(value))
            elif isinstance(value, tuple):
                clean = tuple(printable(part) if isinstance(part, str) else part for part in value)
                object.__setattr__(self, field.name, clean)

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
