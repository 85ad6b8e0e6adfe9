"""A run's essentials for Prefect's artifacts: a short markdown text, a table of rules and reasons, stable keys."""

from __future__ import annotations

import re

from expectations.record import RunRecord
from expectations.report import words
from expectations.report.lines import line_of
from expectations.report.texts import Texts
from expectations.report.verdict import of_run
from expectations.withheld import cleaned

LISTED = 50


def artifact_key(table: str, what: str) -> str:
    """The stable key of a table's artifact: headgate-raw-data-nps-rules."""
    return re.sub(r"[^a-z0-9]+", "-", f"headgate-{table}-{what}".lower()).strip("-")


def markdown(record: RunRecord, url: str, texts: Texts) -> str:
    """The run in a few lines: verdict, rows, rules, rows set aside, drift, next step, link."""
    record = cleaned(record)
    verdict = of_run(record, line_of(record), texts)
    lines = [f"## {_plain(texts('artifact.title', table=record.table, label=record.label))}", "",
             f"**{verdict.title}** {_plain(verdict.sentence)}", ""]  # fmt: skip
    if record.accounting:
        lines.append(f"- {texts('artifact.rows')}: {record.accounting}")
    judged = [rule for rule in record.rules if rule.outcome != "skipped"]
    if judged:
        passed = sum(rule.outcome == "pass" for rule in judged)
        lines.append(f"- {texts('artifact.rules')}: {texts('start.passed', passed=passed, judged=len(judged))}")
    lines += [
        f"- {texts('artifact.aside')}: {_plain(f'{reason.rows:,} ({reason.code}): {reason.sentence}')}"
        for reason in record.quarantine[:LISTED]
    ]
    if record.drift is not None:
        lines += [f"- {texts('artifact.drift')}: {_plain(alert.message)}" for alert in record.drift.leading[:LISTED]]
    failure = record.failure
    if failure is not None:
        lines.append(f"- {texts('artifact.failure')}: {_plain(failure.message)} ({_plain(failure.who_must_act)})")
        if failure.next_command:
            lines.append(f"- {texts('artifact.next')}: {_code(failure.next_command)}")
    page = f"[{texts('artifact.page')}]({url})" if url.startswith(("http://", "https://")) else f"`{url}`"
    return "\n".join([*lines, "", f"{texts('artifact.page').capitalize()}: {page}" if page.startswith("`") else page])


def rule_rows(record: RunRecord, texts: Texts) -> list[dict[str, str]]:
    """One row per rule, and one per reason rows were set aside for that is no rule's code."""
    record = cleaned(record)
    found = [
        {
            texts("table.col.rule"): f"{rule.code}: {rule.sentence}",
            texts("run.col.verdict"): texts(f"outcome.{rule.outcome}"),
            texts("table.col.severity"): texts(f"severity.{rule.severity}"),
            texts("run.col.seen"): "" if rule.rows_failed is None else words.number(rule.rows_failed),
            texts("table.col.owner"): rule.owner or record.owner,
        }
        for rule in record.rules[:LISTED]
    ]
    found += [
        {
            texts("table.col.rule"): f"{reason.code}: {reason.sentence}",
            texts("run.col.verdict"): texts("run.part.quarantined"),
            texts("table.col.severity"): texts("severity.aside"),
            texts("run.col.seen"): words.number(reason.rows),
            texts("table.col.owner"): record.owner,
        }
        for reason in record.quarantine[:LISTED]
    ]
    return found


def _plain(text: str) -> str:
    """Text that markdown shows as it is: a column named paid_amount isn't half of an emphasis."""
    return re.sub(r"([\\`*_\[\]<>|#&])", r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """Text as it is typed. A fence longer than any in it: nothing in it ends the code and begins something else."""
    said = " ".join(text.split())
    fence = "`" * (max(map(len, re.findall("`+", said)), default=0) + 1)
    blank = " " if said.startswith("`") or said.endswith("`") else ""
    return f"{fence}{blank}{said}{blank}{fence}"
