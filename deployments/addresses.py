"""Addresses as settings hold them: checked once, when settings are made, and taken apart in one way.

An address may hold a password. What is wrong with one is told without any part of it: a password that isn't percent-encoded
moves the ends of all other parts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

POSTGRES = ("postgresql", "postgres", "redshift")
MYSQL = ("mysql", "mariadb")
DATABASES = POSTGRES + MYSQL
PORTS = {"postgresql": 5432, "redshift": 5439, "mysql": 3306, "mariadb": 3306, "http": 80, "https": 443}
FILES = ("http", "https", "file", "s3")
ENCODE = "in a user, password or token, characters such as / ? # @ % [ must be percent-encoded ('/' is %2F, '@' is %40)"
S3_PLACES, S3_KEYS = ("endpoint_url", "region", "profile"), ("access_key_id", "secret_access_key", "session_token")
S3_GUARDS = ("kms_key", "bucket_owner")
"""The key that objects are encrypted with (its ARN, id or alias), and the account the bucket must belong to (12 digits)."""
S3_OPTIONS = S3_PLACES + S3_KEYS + S3_GUARDS
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class S3Address:
    """A bucket and a key or prefix in it, letter by letter: a key is no URL. `options`: how the bucket is reached."""

    bucket: str
    key: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)


def is_s3(address: str) -> bool:
    return address.startswith("s3://")


def s3_object(address: str) -> S3Address:
    """The object a declaration names: everything behind the bucket is its key."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return S3Address(bucket, key)


def s3_connection(address: str) -> S3Address:
    """The place a setting names, `s3://bucket/prefix?region=...`; ValueError (without a part of it) when it can't be one."""
    place, _, query = address.removeprefix("s3://").partition("?")
    bucket, _, prefix = place.partition("/")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if not options.keys() <= set(S3_OPTIONS) or "" in options.values():
        raise ValueError(f"may hold ?name=value of {', '.join(S3_OPTIONS)}, and nothing else behind the '?'; {ENCODE}")
    if ("access_key_id" in options) != ("secret_access_key" in options):
        raise ValueError("must hold access_key_id and secret_access_key both, or neither")
    if "profile" in options and "access_key_id" in options:
        raise ValueError("can't hold a profile and keys: which are meant?")
    if not re.fullmatch(r"\d{12}", options.get("bucket_owner", "0" * 12)):
        raise ValueError("must have a bucket_owner of 12 digits: the number of the account")
    endpoint = options.get("endpoint_url")
    if endpoint is not None and (not endpoint.startswith(("http://", "https://")) or not urlsplit(endpoint).hostname):
        raise ValueError("must have an endpoint_url that starts with https:// or http://")
    return S3Address(bucket, prefix.strip("/"), options)


def fault_of(address: str) -> str | None:
    """Why an address can't be used, to be said behind the name of its setting; None when it can."""
    if _CONTROL.search(address):
        return "holds a line end or another control character"
    try:
        parts = urlsplit(address)
        if parts.scheme == "s3":
            return _s3_fault(address)
        if parts.scheme in DATABASES:
            database_parameters(address)
        else:
            _ = parts.port
    except ValueError:
        return f"isn't an address: {ENCODE}"
    login = parts.netloc.rpartition("@")[0]
    if _BAD_PERCENT.search(login) or re.search(r"\s", parts.netloc) or _has_stray_login(parts):
        return f"isn't an address: {ENCODE}"
    if parts.scheme in ("http", "https") and not parts.hostname:
        return "names no host"
    return None


def database_parameters(address: str) -> dict[str, str]:
    """What a client needs to connect, taken apart here: its own errors about an address repeat the address."""
    parts = urlsplit(address)
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    hosts = [_host_and_port(place) for place in parts.netloc.rpartition("@")[2].split(",")]
    found = {
        "host": ",".join(host for host, _ in hosts), "port": ",".join(port for _, port in hosts),
        "user": unquote(user), "password": unquote(password), "dbname": unquote(parts.path.lstrip("/")),
    }  # fmt: skip
    given = {name: value for name, value in found.items() if value.strip(",")}
    return {**given, **dict(parse_qsl(parts.query))}


def is_same_database(one: str, other: str, hosts: Callable[[str], Collection[str]] = lambda host: (host,)) -> bool:
    """Whether two addresses of databases lead to the same database of the same server. `hosts`: what a name of a host stands
    for; by its spelling alone unless it is given."""
    return bool(_databases(one, hosts) & _databases(other, hosts))


def _databases(address: str, hosts: Callable[[str], Collection[str]]) -> set[tuple[str, str, str]]:
    """Host, port and name of the database at an address, for each of its hosts."""
    scheme = address.partition("://")[0]
    if scheme not in DATABASES:
        return set()
    places = database_parameters(address)
    names = places.get("host", "localhost").lower().split(",")
    ports = (places.get("port") or str(PORTS.get(scheme, PORTS["postgresql"]))).split(",")
    database = places.get("dbname") or places.get("user", "")
    return {
        (host, port or str(PORTS.get(scheme, PORTS["postgresql"])), database)
        for position, name in enumerate(names)
        for port in [ports[min(position, len(ports) - 1)]]
        for host in (("127.0.0.1",) if name in _LOOPBACK else hosts(name))
    }


def file_path(address: str) -> Path:
    """The path of a `file://` address, percent-encoded or as it is: a '#' or '?' in it belongs to a name."""
    return Path(unquote(re.sub(r"^file://(localhost(?=/))?", "", address)))


def _host_and_port(place: str) -> tuple[str, str]:
    match = re.fullmatch(r"\[([^\]]*)\](?::(\d*))?|([^:]*)(?::(\d*))?", place)
    if match is None:
        raise ValueError("a port isn't a number")
    return unquote(match[1] or match[3] or ""), match[2] or match[4] or ""


def _s3_fault(address: str) -> str | None:
    try:
        found = s3_connection(address)
    except ValueError as error:
        return str(error)
    if not re.fullmatch(r"[a-zA-Z0-9._\-]+", found.bucket):
        return f"names no bucket (s3://bucket/prefix; keys are said behind it, as ?access_key_id=...); {ENCODE}"
    return None


def _has_stray_login(parts: SplitResult) -> bool:
    """Whether an '@' or '#' stands where a password that isn't encoded would have moved it: behind the host."""
    if parts.scheme in DATABASES:
        return bool(parts.fragment) or "@" in parts.path + parts.query
    if parts.scheme in ("http", "https"):
        return bool(parts.fragment) or "@" in parts.path + parts.query.partition("=")[0]
    return False
