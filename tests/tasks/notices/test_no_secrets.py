"""Nothing secret leaves with a notice, not even what an error of a library has quoted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deployments.settings import Settings
from tasks.incidents.causes import fit_to_tell
from tasks.notices.mail import html, plain_text
from tasks.notices.notice import Link, Notice
from tasks.notices.webhook import webhook_body
from tasks.notices.withheld import known_secrets, without_secrets

SETTINGS = Settings(
    project=Path(), state=Path(), warehouse_url="redshift://loader:wareh%40use-pass@dw.example.com/db", pii_key="k" * 32,
    connections={
        "survey": "https://api-token-123@survey.example.com", "api": "https://api.example.com/v2?q=query-token%2B1",
        "lake": "s3://lake?region=eu-west-1&access_key_id=AKIALAKE&secret_access_key=lake%2Fsecret",
    },
    stage_url="s3://stage?access_key_id=AKIASTAGE&secret_access_key=stage-secret&session_token=stage-session",
    notify={
        "ops": "https://hooks.slack.com/services/T0/B0/hooksecret", "bot": "slack://xoxb-bottoken@C0",
        "team": "https://team.example.com/hooks/8b1f0a7e-5d0c-4e0b/in",
    },
)  # fmt: skip


@pytest.mark.parametrize(
    "secret",
    [
        "wareh@use-pass",
        "wareh%40use-pass",
        "k" * 32,
        "api-token-123",
        "/services/T0/B0/hooksecret",
        "xoxb-bottoken",
        "query-token%2B1",
        "query-token+1",
        "lake/secret",
        "lake%2Fsecret",
        "stage-secret",
        "stage-session",
        "of-the-machine",
        "8b1f0a7e-5d0c-4e0b",
    ],
)
def test_a_secret_of_the_settings_is_taken_out_everywhere(
    notice: Callable[..., Notice], secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-machine")
    risky = notice(
        title=f"failed: {secret}", cause=(f"error near {secret}",), effect=(secret,), commands=(f"psql {secret}",),
        links=(Link("Run", f"https://x.example.com/{secret}"),), line=secret,
    )  # fmt: skip
    cleared = without_secrets(risky, known_secrets(SETTINGS))
    assert secret not in plain_text(cleared) + html(cleared) + str(webhook_body(cleared))
    assert cleared.contacts == risky.contacts


def test_a_login_nobody_has_configured_is_taken_out_too(notice: Callable[..., Notice]) -> None:
    cleared = without_secrets(notice(cause=("GET ftp://me:hunter2@files.example.com/a failed",)), frozenset())
    assert cleared.cause == ("GET ftp://...@files.example.com/a failed",)


def test_a_value_that_a_server_quotes_is_not_told() -> None:
    assert fit_to_tell(
        "SQL-22P02", 'copying: invalid input syntax for type integer: "someone@private.example"'
    ).endswith('"..."')
    assert fit_to_tell("SQL-42703", 'column "email" does not exist') == 'column "email" does not exist'


def test_the_user_of_a_database_may_be_a_word_that_notices_need(monkeypatch: pytest.MonkeyPatch) -> None:
    # The local stack of other tests has a key of its own.
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    settings = Settings(project=Path(), state=Path(), warehouse_url="postgresql://headgate@127.0.0.1:5432/warehouse")
    assert known_secrets(settings) == set()
    words = Settings(project=Path(), state=Path(), connections={"lake": "s3://lake?region=eu-west-1&profile=analytics"})
    assert known_secrets(words) == set()
