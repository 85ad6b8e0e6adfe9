"""A notice as an e-mail: plain text and HTML with the same content; replies of one incident make one thread."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from expectations.breaks import breaks
from tasks.notices.notice import Notice
from tasks.notices.texts import text

_COLORS = {"critical": "#b3261e", "major": "#b35c00", "minor": "#5f6368"}
_OVER = "#1e7d34"
_ON_DARK = {"critical": "#ff968c", "major": "#f0c265", "minor": "#a9b4c2"}


def mail_message(notice: Notice, sender: str, recipients: Sequence[str]) -> EmailMessage:
    """The message, ready to be sent. The same notice has the same Message-ID, so that mailboxes drop a second copy."""
    message = EmailMessage()
    severity = text(f"severity.{notice.severity}")
    message["Subject"] = _one_line(f"[headgate] {notice.title}" + ("" if notice.resolves else f" ({severity})"))
    message["From"] = _one_line(sender)
    message["To"] = ", ".join(map(_one_line, recipients))
    message["Date"] = format_datetime(notice.at)
    message["Message-ID"] = f"<{notice.identity}@headgate>"
    if notice.kind not in ("opened", "several"):
        message["In-Reply-To"] = message["References"] = f"<{notice.thread}@headgate>"
    else:
        message["References"] = f"<{notice.thread}@headgate>"
    message["Auto-Submitted"] = "auto-generated"
    if notice.wakes and notice.severity == "critical":
        message["Importance"] = "high"
    message.set_content(plain_text(notice))
    message.add_alternative(html(notice), subtype="html")
    return message


def plain_text(notice: Notice) -> str:
    """The notice as lines of text."""
    lines = [notice.title, "=" * min(len(notice.title), 72), ""]
    if notice.line:
        lines += [notice.line, ""]
    else:
        for key, values in notice.body:
            label = text(f"label.{key}")
            if len(values) == 1:
                lines.append(f"{label}: {values[0]}")
            else:
                lines += [f"{label}:", *(f"  - {value}" for value in values)]
        lines.append("")
    if notice.commands and not notice.line:
        lines += [f"{text('label.next')}:", *(f"  {command}" for command in notice.commands), ""]
    lines += [f"{link.label}: {link.url}" for link in (*notice.answers, *notice.links)]
    lines.append(f"{text('label.incident')}: {notice.thread}")
    return "\n".join(lines) + "\n"


def html(notice: Notice) -> str:
    """The notice as one HTML page without images, scripts or outside styles."""
    return _template().render(
        notice=notice, color=_OVER if notice.resolves else _COLORS[notice.severity],
        light=_ON_DARK[notice.severity], severity=text(f"severity.{notice.severity}"),
        body=[(text(f"label.{key}"), values) for key, values in notice.body],
        label={key: text(f"label.{key}") for key in ("next", "incident")},
    )  # fmt: skip


@cache
def _template() -> Template:
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    environment.filters["breaks"] = breaks
    return environment.get_template("mail.html")


def _one_line(value: str) -> str:
    return " ".join(value.split())
