"""A notice in Slack's blocks. Limits of the service: 150 characters in a header, 3000 in a section, 50 blocks."""

from __future__ import annotations

from typing import Any

from tasks.notices.notice import Notice
from tasks.notices.texts import text

_SECTION, _HEADER = 2900, 150
_MARKS = {"critical": ":red_circle:", "major": ":large_orange_circle:", "minor": ":white_circle:"}
_OVER = ":large_green_circle:"


def slack_message(notice: Notice, *, in_thread: bool = False) -> dict[str, Any]:
    """`text` (what a phone's lock screen shows) and `blocks`. In the thread of its incident a short notice is one line."""
    mark = _OVER if notice.resolves else _MARKS[notice.severity]
    title = f"{mark} {escaped(notice.title)}"
    if notice.line and in_thread:
        return {"text": f"{mark} {escaped(notice.line)}"}
    blocks: list[dict[str, Any]] = [_header(notice, mark)]
    if notice.line:
        return {"text": title, "blocks": [*blocks, _section(escaped(notice.line)), *_footer(notice)]}
    lines = []
    for key, values in notice.body:
        if key == "oncall":
            continue
        label = text(f"label.{key}")
        shown = [escaped(value) for value in values]
        lines.append(
            f"*{label}*  {shown[0]}" if len(shown) == 1 else "\n".join([f"*{label}*", *(f"• {v}" for v in shown)])
        )
    blocks += [_section(piece) for piece in _pieces(lines)]
    if notice.answers:
        said = "  ·  ".join(f"<{link.url}|{escaped(link.label)}>" for link in notice.answers)
        blocks.append(_section(f"*{text('label.answer')}*  {said}"))
    if notice.commands:
        blocks.append(_section(f"*{text('label.next')}*\n```{escaped(chr(10).join(notice.commands))}```"))
    mentions = " ".join(f"<@{c.slack}>" if c.slack else escaped(c.name) for c in notice.contacts)
    if mentions and notice.wakes:
        blocks.append(_section(f"*{text('label.oncall')}*  {mentions}"))
    return {"text": title, "blocks": [*blocks, *_footer(notice)]}


def escaped(value: str) -> str:
    """Slack's own three characters: nothing in a text of ours may become a mention or a link."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _header(notice: Notice, mark: str) -> dict[str, Any]:
    said = f"{mark} {notice.title}"
    cut = said if len(said) <= _HEADER else said[: _HEADER - 1] + "…"
    return {"type": "header", "text": {"type": "plain_text", "text": cut, "emoji": True}}


def _section(value: str) -> dict[str, Any]:
    cut = value if len(value) <= _SECTION else value[: _SECTION - 4] + " ..."
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut}}


def _footer(notice: Notice) -> list[dict[str, Any]]:
    parts = [
        f"<{link.url}|{escaped(link.label)}>" if link.url.startswith(("http://", "https://"))
        else f"{escaped(link.label)}: `{escaped(link.url)}`"
        for link in notice.links
    ]  # fmt: skip
    severity = text(f"severity.{notice.severity}")
    parts.append(f"{text('label.incident')} `{notice.thread}` · {severity}")
    return [{"type": "context", "elements": [{"type": "mrkdwn", "text": "  ·  ".join(parts)}]}]


def _pieces(lines: list[str]) -> list[str]:
    """Parts joined into as few sections as fit."""
    found: list[str] = []
    for line in lines:
        if found and len(found[-1]) + len(line) + 1 <= _SECTION:
            found[-1] += "\n" + line
        else:
            found.append(line)
    return found
