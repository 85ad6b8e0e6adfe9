"""Where an answer may lead to: a redirect or the next page stays at the declared host, unless the declaration says more."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from deployments.addresses import is_s3, s3_object
from deployments.errors import DeclarationError, UpstreamError
from tasks.sources.address import Place, shown


def check_leads_to(place: Place, url: str, target: str, what: str) -> None:
    """Raise when an answer of `url`, an address of the source `place`, may not lead to `target`.

    Files, other protocols, https to http, hosts that aren't declared, and addresses of this network that a host outside
    names are refused: what a server answers must not decide what is read from where.
    """
    try:
        here, there = urlsplit(url), urlsplit(target)
        host = there.hostname or ""
        _ = there.port
    except ValueError:
        raise _refused(place, what, "something that isn't an address") from None
    if there.scheme not in ("http", "https"):
        raise _refused(place, what, f"a {there.scheme or 'strange'}: address")
    if here.scheme == "https" and there.scheme == "http":
        raise _refused(place, what, f"{shown(target)}, which isn't encrypted")
    declared = urlsplit(place.url).hostname or ""
    if host == declared:
        return
    if not any(_matches(host, allowed) for allowed in place.hosts):
        raise DeclarationError(
            f"{place.shown}: {what} leads to another host, {host}",
            code="SOURCE-ELSEWHERE",
            next_command=f"if that host is the source's as well: source.allowed_hosts: [{host}]",
        )
    if _is_inside(host) and not _is_inside(declared):
        raise _refused(place, what, f"{host}, which is a host of this network")


def check_next_page(place: Place, page: str, target: str) -> None:
    """The same for the page that one names as its next: what lies in a bucket or a folder leads to what lies there."""
    if page.startswith("http"):
        check_leads_to(place, page, target, "the next page")
    elif _room(page) != _room(target):
        raise _refused(place, "the next page", shown(target) or "nothing")


def _room(url: str) -> str:
    return f"s3://{s3_object(url).bucket}" if is_s3(url) else url.partition("://")[0]


def _matches(host: str, allowed: str) -> bool:
    name = allowed.lower()
    return host.endswith(name[1:]) if name.startswith("*.") else host == name


def _is_inside(host: str) -> bool:
    """Whether any address of the host isn't one of the public network."""
    try:
        found = {str(entry[4][0]).partition("%")[0] for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return any(not ipaddress.ip_address(address).is_global for address in found)


def _refused(place: Place, what: str, led_to: str) -> UpstreamError:
    return UpstreamError(
        f"{place.shown}: {what} leads to {led_to}", code="SOURCE-ELSEWHERE",
        next_command="ask the source's owner; nothing was read from there",
    )  # fmt: skip
