"""A notice as JSON for a service of one's own, and as an event of PagerDuty's Events API v2."""

from __future__ import annotations

from typing import Any

from tasks.notices.notice import Notice

VERSION = 1
_PAGERDUTY = {"critical": "critical", "major": "error", "minor": "warning"}
_SUMMARY = 1024


def webhook_body(notice: Notice) -> dict[str, Any]:
    """Everything that is known. Keys are only ever added; `version` changes when one changes its meaning."""
    return {
        "version": VERSION, "id": notice.identity, "incident": notice.thread, "kind": notice.kind,
        "at": notice.at.isoformat(), "title": notice.title, "severity": notice.severity, "family": notice.family,
        "code": notice.code, "who_must_act": notice.who_acts, "tables": list(notice.tables), "window": notice.window,
        "step": notice.step, "cause": list(notice.cause), "effect": list(notice.effect),
        "promised": list(notice.promised), "seen": notice.seen, "owners": list(notice.owners),
        "on_call": [{"name": c.name, "email": c.email} for c in notice.contacts], "line": notice.line,
        "commands": list(notice.commands), "resolves": notice.resolves,
        "answers": [{"label": link.label, "url": link.url} for link in notice.answers],
        "links": [{"label": link.label, "url": link.url} for link in notice.links],
    }  # fmt: skip


def pagerduty_event(notice: Notice, routing_key: str) -> dict[str, Any]:
    """One alert per incident: what is told of it later updates, acknowledges or resolves the same alert."""
    if notice.resolves or notice.kind == "acknowledged":
        action = "resolve" if notice.resolves else "acknowledge"
        return {"routing_key": routing_key, "event_action": action, "dedup_key": notice.thread}
    links = [
        {"href": link.url, "text": link.label}
        for link in (*notice.answers, *notice.links)
        if link.url.startswith("http")
    ]
    return {
        "routing_key": routing_key, "event_action": "trigger", "dedup_key": notice.thread, "client": "headgate",
        "links": links,
        "payload": {
            "summary": notice.title[:_SUMMARY], "source": "headgate", "severity": _PAGERDUTY[notice.severity],
            "timestamp": notice.at.isoformat(), "component": ", ".join(notice.tables)[:255], "class": notice.code,
            "custom_details": webhook_body(notice),
        },
    }  # fmt: skip
