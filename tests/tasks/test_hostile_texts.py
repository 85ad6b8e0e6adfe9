"""A text of somebody else's, wherever it is shown or becomes a name: nothing is run, hidden or forged."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from email import message_from_bytes, policy
from html.parser import HTMLParser
from pathlib import Path

import psycopg2
import pytest
from markdown_it import MarkdownIt
from psycopg2 import sql

from deployments.errors import UpstreamError
from deployments.foreign_text import one_line
from expectations.contract.engine import connect
from expectations.contract.quoting import literal
from expectations.record import Failure, QuarantineReason, RuleResult, RunRecord
from expectations.report.about import Described
from expectations.report.essentials import artifact_key, markdown, rule_rows
from expectations.report.site import Site
from expectations.report.texts import Texts
from flows.story import new_run_id
from tasks.notices.mail import mail_message
from tasks.notices.notice import Contact, Link, Notice
from tasks.notices.outbox import Letter
from tasks.notices.slack import slack_message
from tasks.objects.store import FolderStore
from tests.hostile_texts import hostile_texts

AT = datetime(2026, 3, 1, tzinfo=UTC)
TEXTS = hostile_texts()
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


class Skeleton(HTMLParser):
    """The tags of a page and their attributes' names: what a text must not change."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, ...]] = []
        self.addresses: set[str] = set()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # How many places a text may be broken at depends on the text; alone they do nothing.
        if tag != "wbr" or attrs:
            self.found.append((tag, *sorted(name for name, _ in attrs)))
        self.addresses |= {str(value) for name, value in attrs if name in ("href", "src", "action") and value}

    def handle_endtag(self, tag: str) -> None:
        self.found.append(("/", tag))

    def handle_comment(self, data: str) -> None:
        self.found.append(("comment",))


def notice(text: str) -> Notice:
    return Notice(
        identity="i", thread="t", kind="opened", at=AT, title=text, severity="critical", code=one_line(text), tables=(text,),
        window=text, step=text, cause=(text, text), effect=(text,), promised=(text,), seen=text, owners=(text,), who_acts=text,
        contacts=(Contact(text, "a@example.com"),), links=(Link(text, f"docs/{text}"), Link("page", f"https://x.example/{text}")),
        commands=(text,), wakes=True,
    )  # fmt: skip


def record(text: str) -> RunRecord:
    rule = RuleResult(code="C", type="t", sentence=text, severity="critical", outcome="fail", place="batch", message=text,
                      observed=text, expected=text, notes=text, owner=text, failing_keys=({"id": text},))  # fmt: skip
    return RunRecord(
        run_id="r", table="a.b", kind="ingest", mode="merge", batch_key="source", label="source", status="failed",
        started_at=AT, finished_at=AT, rules=(rule,), warnings=(text,), source=text, owner=text, description=text,
        quarantine=(QuarantineReason(code="Q", column="c", rows=1, sentence=text),),
        failure=Failure(code="X", family="upstream", step="s", message=text, who_must_act=text, next_command=text),
    )  # fmt: skip


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_on_a_terminal(text: str) -> None:
    told = str(UpstreamError(f"column '{text}' is missing", next_command=f"headgate peek {text}"))
    assert not _STEERING.search(told)
    assert [line.split(":")[0].strip() for line in told.splitlines()].count("next") == 1
    assert not re.search(r"[\n\t]", one_line(text))


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_in_slack(text: str) -> None:
    """What the service reads as a mention or a link is what we wrote: the link of the page."""
    said = str(slack_message(notice(text))["blocks"][1:]) + slack_message(notice(text))["text"]
    assert re.findall(r"<[!@#]", said) == []
    links = re.findall(r"<(https?://[^|>]*)\|", said)
    assert all(link.startswith(("https://x.example/", "https://evil.example")) for link in links)
    assert len(re.findall(r"<", said)) == len(links) <= 2
    assert not _STEERING.search(said)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_in_mail(text: str) -> None:
    message = message_from_bytes(
        mail_message(notice(text), "a@example.com", ["b@example.com"]).as_bytes(), policy=policy.default
    )
    usual = mail_message(notice("usual"), "a@example.com", ["b@example.com"])
    assert sorted(message.keys()) == sorted(usual.keys())
    html, plain = (message.get_body((kind,)).get_content() for kind in ("html", "plain"))
    page, like = Skeleton(html), Skeleton(usual.get_body(("html",)).get_content())
    assert page.found == like.found
    assert all(address.startswith(("https://", "http://", "mailto:")) for address in page.addresses)
    assert not _STEERING.search(html + plain)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_on_prefects_pages(text: str) -> None:
    """Markdown: no tag, no image, no link but the page's; names of artifacts are letters of an address."""
    shown, like = (Skeleton(MarkdownIt().render(page)) for page in (
        markdown(record(told), "https://x.example/page", Texts()) for told in (text, "usual")
    ))  # fmt: skip
    assert [tag for tag in shown.found if tag not in like.found] == []
    assert shown.addresses == {"https://x.example/page"}
    page = markdown(record(text), "https://x.example/page", Texts())
    assert re.fullmatch(r"[a-z0-9-]+", artifact_key(text or "a.b", "run"))
    assert not _STEERING.search(page + str(rule_rows(record(text), Texts())))


def test_on_the_pages(tmp_path: Path) -> None:
    """The page of a run with a text in every place has the tags of one with a word there, and leads nowhere else."""
    site = Site(FolderStore((tmp_path / "report").as_uri()))

    def page_of(text: str) -> Skeleton:
        told = record(text)
        site.add(told, Described(table="a.b", description="d", owner="o", tier="core", mode="merge"), AT)
        page = (tmp_path / "report" / "tables" / "a.b" / "runs" / "r.html").read_text()
        assert not _STEERING.search(page)
        return Skeleton(page)

    like = page_of("usual")
    for text in TEXTS[::4]:
        page = page_of(text)
        assert set(page.found) <= set(like.found), text
        assert page.addresses <= like.addresses, text


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_as_the_name_of_a_file(text: str, tmp_path: Path) -> None:
    run_id = new_run_id("shop.orders", text)
    assert (tmp_path / run_id).resolve().parent == tmp_path.resolve()
    assert (tmp_path / Letter(notice(text), "mail", AT).name).resolve().parent == tmp_path.resolve()


def test_as_a_value_of_the_engines_sql(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "duckdb")) as engine:
        for text in TEXTS:
            if _is_text(text):
                assert engine.execute(f"SELECT {literal(text)}").fetchall() == [(text,)]
            else:
                with pytest.raises(ValueError, match="half of a character"):
                    literal(text)


def test_as_a_value_and_a_name_of_the_warehouses_sql(new_database: Callable[[], str]) -> None:
    with closing(psycopg2.connect(new_database())) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept (id int)")
        for text in TEXTS:
            if not _is_text(text) or "\0" in text:
                continue
            cursor.execute("SELECT %s", (text,))
            assert cursor.fetchone() == (text,)
            name = text.encode()[:60].decode(errors="ignore")
            cursor.execute(sql.SQL("SELECT 1 AS {}, {}").format(sql.Identifier(name), sql.Literal(text)))
            assert cursor.description is not None
            assert cursor.description[0].name == name
            assert cursor.fetchone() == (1, text)
        cursor.execute("SELECT count(*) FROM pg_class WHERE relname = 'kept'")
        assert cursor.fetchone() == (1,)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
