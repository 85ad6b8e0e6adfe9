"""Who really answered decides, not what a name meant when it was looked at: no metadata address, no host of this network."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from deployments.errors import UpstreamError
from tasks.sources import hosts
from tasks.sources.address import Place
from tasks.sources.hosts import check_answered_by

if TYPE_CHECKING:
    from tests.conftest import Web

Read = Callable[..., bytes]
DATA = b"id\n1\n"


def csv(url: str, **keys: Any) -> dict[str, Any]:
    return {"kind": "csv", "url": url, **keys}


def test_a_name_that_means_a_metadata_address_is_never_a_source(
    web: Web, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = web.put("/a.csv", DATA)
    assert read(csv(url)) == DATA
    monkeypatch.setattr(hosts, "METADATA", (ipaddress.ip_network("127.0.0.1/32"),))
    with pytest.raises(UpstreamError, match="where machines get their own credentials") as refused:
        read(csv(url))
    assert refused.value.code == "SOURCE-ELSEWHERE"


def test_a_name_that_means_another_address_by_the_time_of_the_connection(
    web: Web, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS that answers with a public address to whoever looks, and with one of this network to who connects."""
    web.put("/b.csv", DATA)
    away = web.base.replace("127.0.0.1", "localhost") + "/b.csv"
    url = web.put("/a.csv", b"", status=302, headers={"Location": away})
    assert read(csv(url, allowed_hosts=["localhost"])) == DATA
    monkeypatch.setattr(hosts, "_is_inside", lambda _: False)
    with pytest.raises(UpstreamError, match="localhost, which is a host of this network"):
        read(csv(url, allowed_hosts=["localhost"]))


@pytest.mark.parametrize(("peer", "refused"), [
    ("169.254.169.254", True), ("169.254.170.2", True), ("fe80::1%eth0", True), ("fd00:ec2::254", True),
    ("::ffff:169.254.169.254", True), ("100.100.100.200", True), ("10.1.2.3", False), ("127.0.0.1", False),
    ("2001:db8::1", False),
])  # fmt: skip
def test_addresses_of_metadata(peer: str, refused: bool) -> None:
    place = Place("https://data.example.com/a", "https://data.example.com/a")
    if refused:
        with pytest.raises(UpstreamError):
            check_answered_by(place, place.url, (peer, 443))
    else:
        check_answered_by(place, place.url, (peer, 443))
