"""A Prefect server without a login is used for secrets never, for runs on this machine only, unless somebody says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deployments.errors import DeclarationError, RetryableError
from flows.deploy import login
from flows.deploy.login import require_login

if TYPE_CHECKING:
    from tests.conftest import Web


def api(web: Web, *, asks: bool) -> str:
    web.put("/api/admin/version", '"3.8.8"', status=401 if asks else 200)
    return f"{web.base}/api"


@pytest.mark.parametrize(("asks", "near", "secrets", "anyway", "told"), [
    (True, True, True, False, 0), (True, False, False, False, 1), (True, False, True, False, 1),
    (False, True, False, False, 1), (False, True, True, False, None), (False, True, True, True, 1),
    (False, False, False, False, None), (False, False, True, False, None), (False, False, False, True, 2),
])  # fmt: skip
def test_what_is_refused_and_what_is_told(
    web: Web, monkeypatch: pytest.MonkeyPatch, asks: bool, near: bool, secrets: bool, anyway: bool, told: int | None
) -> None:
    monkeypatch.setattr(login, "_is_local", lambda _: near)
    address = api(web, asks=asks)
    if told is not None:
        assert len(require_login(address, anyway=anyway, secrets=secrets)) == told
        return
    with pytest.raises(DeclarationError, match="asks for no login") as refused:
        require_login(address, anyway=anyway, secrets=secrets)
    assert refused.value.code == "PREFECT-OPEN"


def test_our_own_login_is_not_sent_along(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "name:hidden")
    require_login(api(web, asks=True), anyway=False)
    assert [("Authorization" in headers) for _, _, headers in web.asked] == [False]


def test_a_server_that_is_away_is_no_server_without_a_login() -> None:
    with pytest.raises(RetryableError) as away:
        require_login("http://127.0.0.1:9/api", anyway=False)
    assert away.value.code == "PREFECT-UNREACHABLE"


@pytest.mark.parametrize(("address", "local"), [
    ("http://127.0.0.1:4200/api", True), ("http://localhost:4200/api", True), ("http://[::1]:4200/api", True),
    ("http://10.0.0.1/api", False), ("https://prefect.example.com/api", False), ("http://127.0.0.1.evil.example/api", False),
])  # fmt: skip
def test_which_servers_are_on_this_machine(address: str, local: bool) -> None:
    assert login._is_local(address) is local
