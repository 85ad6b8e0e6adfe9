"""Where an answer may lead to: a redirect or the next page stays at the declared host, unless the declaration says more."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from deployments.addresses import is_s3, s3_object
from deployments.errors import DeclarationError, UpstreamError
from tasks.sources.address import Place, shown

METADATA = tuple(map(ipaddress.ip_network, ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32")))
"""Link-local addresses, and where clouds answer a machine that asks who it is."""


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


def check_answered_by(place: Place, url: str, peer: tuple[str, int] | None) -> None:
    """Raise when the server that answered `url` isn't one that may: `peer` is its address, whatever a name meant before.

    Where a machine's own credentials are handed out is never a source, and a name that was looked at as one of the public
    network may mean another address by the time of the connection.
    """
    if peer is None:
        return
    address = ipaddress.ip_address(peer[0].partition("%")[0])
    address = getattr(address, "ipv4_mapped", None) or address
    if any(address in network for network in METADATA if network.version == address.version):
        raise _refused(place, "its name", f"{address}, where machines get their own credentials")
    parts, declared = urlsplit(url), urlsplit(place.url).hostname or ""
    behind_a_proxy = parts.scheme in getproxies() and not proxy_bypass(parts.hostname or "")
    if parts.hostname != declared and not behind_a_proxy and not address.is_global and not _is_inside(declared):
        raise _refused(place, "a redirect", f"{parts.hostname}, which is a host of this network")


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
