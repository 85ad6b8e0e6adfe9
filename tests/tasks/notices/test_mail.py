"""E-mail over a real server with TLS and login."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from deployments.errors import DeclarationError
from tasks.notices.channels import channel
from tasks.notices.delivery import NotDeliveredError, RefusedError, deliver
from tasks.notices.notice import Notice

if TYPE_CHECKING:
    from tests.tasks.notices.conftest import MailServer

Make = Callable[..., Notice]


def test_text_and_html_say_the_same(mail: MailServer, notice: Make) -> None:
    deliver(channel("mail", mail.address()), notice())
    (message,) = mail.messages
    text, html = (message.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    assert message["Subject"] == "[headgate] raw_data.nps 2019-09 failed [CHECK-FAILED] (critical)"
    assert message["Importance"] == "high"
    for part in (
        "12 of 243 rows",
        "as it was published",
        "2 h 10 min left",
        "headgate show nps-2019-09-f48bbe",
        "Minji",
    ):
        assert part in text
        assert part in html


def test_on_call_and_owner_are_filled_in(mail: MailServer, notice: Make) -> None:
    deliver(channel("mail", mail.address(to="oncall,owner,archive@example.com")), notice())
    assert mail.recipients == [["minji.kim@example.com", "customer-care@example.com", "archive@example.com"]]


def test_messages_of_an_incident_are_one_thread_and_a_copy_has_the_same_id(mail: MailServer, notice: Make) -> None:
    place = channel("mail", mail.address())
    for item in (notice(), notice(), notice(identity="3fa9c1-over", kind="recovered", line="Over.", resolves=True)):
        deliver(place, item)
    first, copy, over = mail.messages
    assert first["Message-ID"] == copy["Message-ID"] != over["Message-ID"]
    assert over["In-Reply-To"] == first["References"] == "<3fa9c1@headgate>"


def test_html_shows_texts_as_texts(mail: MailServer, notice: Make) -> None:
    deliver(
        channel("mail", mail.address()), notice(cause=("<script>alert(1)</script>",), title="a\nBcc: x@example.com")
    )
    html = mail.messages[0].get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "&lt;script&gt;" in html
    assert "<script>" not in html
    assert mail.messages[0]["Bcc"] is None


def test_a_wrong_password_is_refused_without_telling_it(mail: MailServer, notice: Make) -> None:
    wrong = replace(channel("mail", mail.address()), secret="guessed")
    with pytest.raises(RefusedError, match="535") as refused:
        deliver(wrong, notice())
    assert "guessed" not in str(refused.value) + repr(wrong)


def test_a_certificate_nobody_vouches_for_is_refused(mail: MailServer, notice: Make) -> None:
    place = channel("mail", f"smtp+starttls://loader:p%40ss@127.0.0.1:{mail.port}/?from=h@example.com")
    with pytest.raises(RefusedError, match="certificate"):
        deliver(place, notice())
    assert mail.messages == []


def test_a_mailbox_that_is_full_for_now_is_tried_again_later(mail: MailServer, notice: Make) -> None:
    mail.refuse = "452 4.3.1 full"
    waited: list[float] = []
    with pytest.raises(NotDeliveredError, match="452"):
        deliver(channel("mail", mail.address()), notice(), sleep=waited.append)
    assert len(waited) == 2


def test_no_server_at_all(notice: Make, mail: MailServer) -> None:
    place = replace(channel("mail", mail.address()), port=1)
    with pytest.raises(NotDeliveredError, match="ConnectionRefusedError"):
        deliver(place, notice(), sleep=lambda _: None)


def test_nobody_to_write_to(mail: MailServer, notice: Make) -> None:
    with pytest.raises(RefusedError, match="nobody to write to"):
        deliver(channel("mail", mail.address(to="oncall")), notice(contacts=(), owners=("finance",)))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("smtp://mail.example.com/?from=a@example.com", "in the clear"),
        ("smtps://mail.example.com", "from=an address"),
        ("slack://token", "slack://TOKEN@CHANNEL-ID"),
        ("nonsense", "isn't an address"),
        ("https://host:port/", "isn't an address"),
    ],
)
def test_an_address_that_cannot_be_one_names_its_setting(address: str, said: str) -> None:
    with pytest.raises(DeclarationError, match="HEADGATE_NOTIFY_OPS") as wrong:
        channel("ops", address)
    assert said in str(wrong.value)
