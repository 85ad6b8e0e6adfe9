"""The links of a notice, followed as a person and as a mail scanner would: over HTTP, to a server beside the watch."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from socket import create_connection
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from click.testing import CliRunner

from flows import answer_server
from flows.answer_server import LONGEST_FORM_BYTES, serve
from flows.cli.watch import watch
from tasks.incidents.settle import signer
from tasks.incidents.signed_links import LASTS, Signer

if TYPE_CHECKING:
    from tests.acceptance.oncall.conftest import Desk

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
BAD = "id,amount\n1,5\n2,-6\n"
KEY = "a key of tests, with more than 32 characters"
SAID = {"by": "Ana Ruiz"}


@pytest.fixture
def answering(desk: Desk) -> Iterator[Desk]:
    """The desk with a server of the page, whose address the notices have."""
    server = serve("127.0.0.1", 0, Signer("", KEY), lambda: desk.bench)
    url = f"http://127.0.0.1:{server.server_port}/answer"
    desk.house.place.settings = replace(desk.house.place.settings, answer_url=url, answer_key=KEY)
    yield desk
    server.shutdown()
    server.server_close()


@pytest.fixture
def links(answering: Desk) -> dict[str, str]:
    """The links of a notice about one failed table, as its mail has them."""
    answering.load(answering.table("orders", BAD))
    answering.watch()
    return in_mail(answering)


def in_mail(desk: Desk) -> dict[str, str]:
    plain = desk.mail.messages[-1].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    return dict(re.findall(r"^(I have it|Not now): (\S+)\r?$", plain, re.MULTILINE))


def decided(desk: Desk) -> list[tuple[Any, ...]]:
    return desk.house.place.ask(
        "SELECT kind, decided_by, reason, what FROM ops.decision WHERE kind IN ('acknowledge', 'silence') AND target = %s",
        (f"{desk.house.schema}.orders",),
    )


@pytest.mark.effect("HEADGATE_ANSWER_URL")
def test_every_medium_has_the_links(answering: Desk, links: dict[str, str]) -> None:
    assert list(links) == ["I have it", "Not now"]
    html = answering.mail.messages[-1].get_body(("html",)).get_content()  # type: ignore[union-attr]
    for url in links.values():
        assert f'href="{url}"' in html
        assert f"<{url}|" in str(answering.slack.bodies[-1]["blocks"])


def test_looking_changes_nothing(answering: Desk, links: dict[str, str]) -> None:
    """Mail scanners and chat apps follow every link."""
    before = answering.open
    for url in links.values():
        for method in ("GET", "HEAD", "GET"):
            shown = httpx.request(method, url)
            assert shown.status_code == 200
        assert "orders failed [CHECK-FAILED]" in shown.text
        assert "nobody has answered" in shown.text
        assert 'value="Ana"' in shown.text, "people of the rota are proposed"
    assert answering.open == before
    assert len(answering.slack.bodies) == 1


@pytest.mark.effect("HEADGATE_ANSWER_KEY")
def test_the_form_acknowledges_once_and_is_a_decision(answering: Desk, links: dict[str, str]) -> None:
    for _ in range(2):
        done = httpx.post(links["I have it"], data=SAID)
        assert (done.status_code, "Ana Ruiz works on it." in done.text) == (200, True)
    [incident] = answering.open
    assert (incident.state, incident.acknowledged_by) == ("acknowledged", "Ana Ruiz")
    assert [body["text"].rpartition(":")[2] for body in answering.slack.bodies[1:]] == [" Ana Ruiz works on it."]
    assert decided(answering) == [("acknowledge", "Ana Ruiz (by link)", "", incident.incident_id)]
    # Somebody else takes it over, and that is told: a second later, as what is said in one second is one message.
    time.sleep(1.1)
    httpx.post(links["I have it"], data={"by": "Ben"})
    assert answering.open[0].acknowledged_by == "Ben"
    assert len(answering.slack.bodies) == 3


def test_the_form_silences_with_a_reason(answering: Desk, links: dict[str, str]) -> None:
    said = SAID | {"hours": "8", "reason": "the shop moves its files"}
    for _ in range(2):
        assert "Silenced by Ana Ruiz." in httpx.post(links["Not now"], data=said).text
    until = answering.open[0].silenced_until
    assert until is not None
    assert timedelta(hours=7.9) < until - datetime.now(UTC) <= timedelta(hours=8)
    assert [row[:3] for row in decided(answering)] == [("silence", "Ana Ruiz (by link)", "the shop moves its files")]


@pytest.mark.parametrize(
    ("link", "sent", "asked_for"),
    [
        ("I have it", {}, "who you are"),
        ("I have it", {"by": " x "}, "who you are"),
        ("I have it", {"by": "x" * 81}, "who you are"),
        ("Not now", SAID | {"hours": "9999", "reason": "moved"}, "how long"),
        ("Not now", SAID | {"hours": "8"}, "say why"),
    ],
)
def test_what_the_form_lacks_is_asked_for(
    answering: Desk, links: dict[str, str], link: str, sent: dict[str, str], asked_for: str
) -> None:  # fmt: skip
    shown = httpx.post(links[link], data=sent)
    assert (shown.status_code, asked_for in shown.text) == (422, True)
    assert answering.open[0].state == "open"


def test_a_name_is_text_and_nothing_else(answering: Desk, links: dict[str, str]) -> None:
    shown = httpx.post(links["I have it"], data={"by": "<script>alert(1)</script>\n민지"})
    assert "<script>" not in shown.text
    assert "\n" not in answering.open[0].acknowledged_by
    assert answering.open[0].acknowledged_by.endswith("민지")


def test_links_end(answering: Desk, links: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    signs = signer(answering.house.place.settings)
    assert signs is not None
    incident = answering.open[0].incident_id
    old = signs.link([incident], "ack", datetime.now(UTC) - LASTS - timedelta(seconds=1))
    shown = httpx.post(old, data=SAID)
    assert (shown.status_code, "This link has ended." in shown.text) == (410, True)
    assert f"headgate incident ack {incident}" in shown.text
    for forged in (
        links["I have it"][:-1],
        links["I have it"].replace(incident, "0" * 6),
        f"{signs.address}/x",
        signs.address,
    ):
        shown = httpx.post(forged, data=SAID)
        assert (shown.status_code, "one of ours" in shown.text) == (404, True)
        # Nothing is told of what there is.
        assert "orders" not in shown.text
    assert answering.open[0].state == "open"


def test_what_is_over_is_answered_by_nobody(answering: Desk, links: dict[str, str]) -> None:
    answering.house.source("orders.csv", "id,amount\n1,5\n2,6\n")
    answering.load(f"{answering.house.schema}.orders")
    answering.watch(1)
    answering.watch(40)
    assert answering.open == []
    told = len(answering.slack.bodies)
    for shown in (httpx.get(links["I have it"]), httpx.post(links["I have it"], data=SAID)):
        assert (shown.status_code, "It is over." in shown.text, "<form" in shown.text) == (410, True, False)
    assert len(answering.slack.bodies) == told


def test_a_message_about_several_is_answered_by_one_link(answering: Desk) -> None:
    answering.watch()
    for n in range(7):
        answering.load(answering.table(f"t{n}", BAD))
        # Each with a code of its own: one cause isn't several incidents.
        answering.house.place.ask(
            "UPDATE ops.run_record SET body = replace(body, 'CHECK-FAILED', %s) WHERE run_id LIKE %s",
            (f"C-{n}", f"t{n}-%"),
        )
        answering.house.place.ask("UPDATE ops.run SET failure_code = %s WHERE run_id LIKE %s", (f"C-{n}", f"t{n}-%"))
    answering.watch()
    assert len(answering.mail.messages) == 1
    asked = httpx.get(in_mail(answering)["I have it"]).text
    assert "Do you have these 7 incidents?" in asked
    httpx.post(in_mail(answering)["I have it"], data=SAID)
    assert {(item.state, item.acknowledged_by) for item in answering.open} == {("acknowledged", "Ana Ruiz")}


def test_while_the_warehouse_is_down_it_is_kept_here(answering: Desk, links: dict[str, str]) -> None:
    answering.lose_the_warehouse()
    done = httpx.post(links["I have it"], data=SAID, timeout=60)
    assert "kept on this machine" in done.text
    answering.find_the_warehouse()
    answering.watch(1)
    assert [(item.state, item.acknowledged_by) for item in answering.open] == [("acknowledged", "Ana Ruiz")]


def test_nothing_leaks_and_nothing_is_loaded(links: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    shown = httpx.get(links["I have it"])
    assert shown.headers["Referrer-Policy"] == "no-referrer"
    assert shown.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in shown.headers["Content-Security-Policy"]
    assert not re.search(r"<(script|link|img)|https?://", shown.text)
    assert "Python" not in shown.headers["Server"]
    said = capfd.readouterr()
    assert links["I have it"].rpartition("/")[2] not in said.out + said.err


def test_a_form_too_large_and_a_caller_that_says_nothing_cost_little(links: dict[str, str]) -> None:
    assert httpx.post(links["I have it"], data={"by": "x" * LONGEST_FORM_BYTES}).status_code == 413
    at = httpx.URL(links["I have it"])
    idle = [create_connection((at.host, at.port or 0)) for _ in range(8)]
    assert httpx.get(links["I have it"]).status_code == 200
    for connection in idle:
        connection.close()


@pytest.mark.effect("headgate watch --answers")
def test_the_watch_serves_the_page(
    answering: Desk, links: dict[str, str], monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]
) -> None:  # fmt: skip
    port, seen = free_port(), []

    def pause(seconds: float) -> None:
        seen.append(httpx.get(f"http://127.0.0.1:{port}/{links['I have it'].rpartition('/')[2]}").status_code)
        raise KeyboardInterrupt

    def no_prefect(*_: object) -> None:
        raise httpx.ConnectError("none in this test")

    monkeypatch.setattr("flows.cli.settings.workbench", lambda **_: answering.bench)
    monkeypatch.setattr("flows.watch.prefect_look", no_prefect)
    monkeypatch.setattr("flows.cli.watch.time.sleep", pause)
    done = CliRunner().invoke(watch, ["--every", "60", "--answers", str(port)])
    assert seen == [200], done.output
    assert f"http://127.0.0.1:{port}/" in done.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--answers", "8077"], "needs --every"),
        (["--every", "60", "--answers", "here"], "must be a port"),
        (["--every", "60", "--answers", "127.0.0.1:99999"], "must be a port"),
    ],
)
def test_an_address_that_is_none_is_told(desk: Desk, words: list[str], told: str) -> None:
    done = CliRunner().invoke(watch, words)
    assert (done.exit_code, told in done.output) == (2, True)


def test_an_address_that_is_taken_or_leads_nowhere_is_told(answering: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.cli.settings.workbench", lambda **_: answering.bench)
    port = str(httpx.URL(str(answering.house.place.settings.answer_url)).port)
    taken = CliRunner().invoke(watch, ["--every", "60", "--answers", port]).exception
    assert "can't be opened" in str(taken)
    answering.house.place.settings = replace(answering.house.place.settings, answer_url=None, answer_key=None)
    assert "aren't set" in str(CliRunner().invoke(watch, ["--every", "60", "--answers", "0"]).exception)


def test_a_caller_is_hung_up_on_that_sends_half_a_request(
    links: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_server, "IDLE_SECONDS", 1.0)
    at = httpx.URL(links["I have it"])
    with closing(create_connection((at.host, at.port or 0), timeout=20)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nby=")
        assert connection.recv(100) == b""
