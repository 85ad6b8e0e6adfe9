"""What waits, batch by batch: one sentence that leads, its things below it, each command once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from expectations.report.about import Described
from expectations.report.actions import ANEW, Action, Links, actions
from expectations.report.model import Line, OpenItem, SetAside
from expectations.report.texts import Texts
from expectations.report.verdict import batch_said, code_said, said, waits

_OF_THE_BATCH = frozenset({"rollback", "explain", "show", "retry", "load_accepted", "load_again", *ANEW})
"""Actions that are about a batch as a whole, whatever is wrong with it: they stand once, at its end."""


@dataclass(frozen=True, slots=True)
class Open:
    """An open thing with what can be done about it alone; `aside`: the rows that were set aside for it; `folded`: what its cause
    explains as well.
    """

    item: OpenItem
    said: str
    code: str
    tone: str
    title: str
    when: str
    waits: str
    actions: tuple[Action, ...]
    aside: SetAside | None
    folded: tuple[Open, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """A batch of which something waits. `page` says whether its run's page is there; `who`: who has to act; `wrong`:
    whom to ask where no undo is offered.
    """

    label: str
    run_id: str
    lead: str
    tone: str
    who: str
    wrong: str
    page: bool
    items: tuple[Open, ...]
    actions: tuple[Action, ...]


def groups(
    items: Sequence[OpenItem], described: Described, lines: Mapping[str, Line], pages: set[str], texts: Texts, links: Links,
    now: datetime,
) -> tuple[Group, ...]:  # fmt: skip
    """Batches in the order of their worst thing. `lines`: by run."""
    by_run: dict[str, list[OpenItem]] = {}
    for item in items:
        by_run.setdefault(item.run_id, []).append(item)
    return tuple(
        _group(found, described, lines, run_id, run_id in pages, texts, links, now) for run_id, found in by_run.items()
    )


def _group(
    items: Sequence[OpenItem], described: Described, lines: Mapping[str, Line], run_id: str, page: bool, texts: Texts,
    links: Links, now: datetime,
) -> Group:  # fmt: skip
    line = lines[run_id]
    shown: list[Open] = []
    common: dict[str, Action] = {}
    known: set[str] = set()
    aside = {(aside.code, aside.column): aside for aside in line.quarantine}
    for item in items:
        own = []
        for action in actions(item, line, described, texts, links, now):
            if action.name in _OF_THE_BATCH:
                common.setdefault(action.command, action)
            elif action.command not in known:
                known.add(action.command)
                own.append(action)
        shown.append(
            Open(
                item=item, said=said(item, texts), code=_code(item, texts),
                tone="bad" if item.level == "bad" else "warn",
                title=texts(f"open.{item.what}"), when=_when(item, texts), waits=waits(item, now, texts), actions=tuple(own),
                aside=aside.get((item.code, item.column)) if item.what == "quarantine" else None,
            )
        )  # fmt: skip
    return Group(
        label=batch_said(line.label, texts), run_id=line.run_id, lead=_lead(items, line, texts),
        tone="bad" if any(item.level == "bad" for item in items) else "warn", page=page, items=_folded(shown),
        wrong=_wrong(items, line, described, texts),
        who=", ".join(dict.fromkeys(item.who for item in items if item.who)),
        actions=tuple(action for action in common.values() if action.command not in known),
    )  # fmt: skip


def _folded(shown: Sequence[Open]) -> tuple[Open, ...]:
    """Each thing with those that its cause explains."""
    return tuple(
        replace(one, folded=tuple(other for other in shown if other.item.under == one.item.place))
        if one.item.what == "drift" else one
        for one in shown
        if one.item.under is None
    )  # fmt: skip


def _code(item: OpenItem, texts: Texts) -> str:
    return texts(f"drift.kind_{item.code}") if item.what == "drift" else code_said(item.code, texts)


def _wrong(items: Sequence[OpenItem], line: Line, described: Described, texts: Texts) -> str:
    """Whom to ask when a published batch is wrong and can't be undone; '' where an undo is offered or nobody is known."""
    doubted = any(item.what in ("drift", "rule") for item in items)
    if not doubted or not line.published or not described.owner or (line.can_undo and described.declared):
        return ""
    return texts("group.wrong", who=described.owner)


def _lead(items: Sequence[OpenItem], line: Line, texts: Texts) -> str:
    """What happened to the batch, in one sentence."""
    batch = batch_said(line.label, texts)
    if line.status == "failed" and line.failure is not None:
        return texts("group.failed", batch=batch, code=code_said(line.failure.code, texts))
    parts = [
        texts("group.drift", column=item.column or texts("words.table")) if item.what == "drift"
        else texts("group.aside", n=item.rows or 0) if item.what == "quarantine"
        else texts("group.rule", code=item.code)
        for item in items
        if item.under is None
    ]  # fmt: skip
    said = "; ".join(dict.fromkeys(parts))
    return texts("group.published", batch=batch, what=said)


def _when(item: OpenItem, texts: Texts) -> str:
    if item.batches == 1:
        return texts("open.loads", n=item.loads) if item.loads > 1 else ""
    return texts("table.open_in", n=item.batches, label=item.label, since=item.since or item.label)
