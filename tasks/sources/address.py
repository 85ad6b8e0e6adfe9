"""The address of a source: window placeholders filled in, joined with a connection, shown without secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import parse_qsl, quote, unquote, urljoin, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from deployments.addresses import is_s3, s3_connection
from deployments.declared_settings import connection_setting
from deployments.errors import DeclarationError
from deployments.windows import Window

_PLACEHOLDER = re.compile(r"\{window\.(start|end|last)(?::([^{}]+))?\}")
_EPOCHS = {"epoch": 1, "epoch_ms": 1000}
_SECRET_NAME = re.compile(
    r"(?i)(key|token|secret|sig|signature|password|passwd|passphrase|pwd|pass|credential|auth|code|sas|jwt|bearer|session)"
)
_USUAL_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Place:
    """Where bytes are read. `url` and `base`, the connection's address it lies below, may hold a login.

    `hosts`: other hosts that its redirects and next pages may lead to. `until_close`: an answer whose length nobody says
    counts as whole when the server ends the connection.
    """

    url: str = field(repr=False)
    base: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()
    until_close: bool = False
    connection: str | None = None
    """The name of the connection whose address `base` is."""

    @property
    def shown(self) -> str:
        return shown(self.url)

    @property
    def setting(self) -> str | None:
        """The setting that holds the login; None where the source has no connection."""
        return None if self.connection is None else connection_setting(self.connection)

    @property
    def name(self) -> str:
        """The path or key, whose ending tells how the bytes are packed."""
        if is_s3(self.url) or self.url.startswith("file://"):
            return self.url
        return unquote(urlsplit(self.url).path)


def fill(template: str, window: Window | None, timezone: str) -> str:
    """The URL for a window; its moments are escaped as a URL needs it (a bare '+' of an offset would be read as a blank).
    Keys of S3 are no URLs."""
    if window is None or is_s3(template):
        return fill_text(template, window, timezone)
    return _PLACEHOLDER.sub(lambda match: quote(fill_text(match[0], window, timezone), safe="/:"), template)


def fill_text(template: str, window: Window | None, timezone: str) -> str:
    """A text with the moments of a window: in the zone, ISO 8601 unless a strftime format is given, or `epoch` for the
    seconds since 1970, `epoch_ms` for thousandths. `last` is the window's last second, for services that count both ends."""
    if window is None:
        return template
    moments = {"start": window.start, "end": window.end, "last": window.end - timedelta(seconds=1)}

    def written(match: re.Match[str]) -> str:
        moment, form = moments[match[1]].astimezone(ZoneInfo(timezone)), match[2]
        if form in _EPOCHS:
            return str(int(moment.timestamp()) * _EPOCHS[form])
        return moment.strftime(form) if form else moment.isoformat(timespec="seconds")

    return _PLACEHOLDER.sub(written, template)


def join(base: str | None, url: str) -> str:
    """A URL below its connection's address, with the login and the query of the connection.

    A full URL has to be at the connection's own host or bucket, whose login goes along. DeclarationError otherwise.
    """
    if base is None:
        return url
    if is_s3(base):
        return _joined_key(base, url)
    if ".." in unquote(url.partition("?")[0]).replace("\\", "/").split("/"):
        raise _above(url)
    if base.startswith("file://") and "://" not in url:
        return f"{base.rstrip('/')}/{url.removeprefix('/')}"
    here = urlsplit(base)
    if "://" in url:
        there = urlsplit(url)
        if here.scheme == "file" and url.startswith(f"{base.rstrip('/')}/"):
            return url
        if not same_place(base, url) or there.scheme != here.scheme:
            raise _elsewhere(url)
    else:
        rest = urlsplit("//-" + (url if url.startswith("/") else f"/{url}"))
        there = here._replace(path=here.path.rstrip("/") + rest.path, query=rest.query, fragment="")
    return with_login(base, urlunsplit(there))


def with_login(base: str | None, url: str) -> str:
    """The URL with the login of the connection and those parts of its query that the URL doesn't say itself."""
    if base is None or not base.startswith("http") or not same_place(base, url):
        return url
    here, there = urlsplit(base), urlsplit(url)
    said = {name for name, _ in parse_qsl(there.query, keep_blank_values=True)}
    kept = [pair for pair in here.query.split("&") if pair and unquote(pair.partition("=")[0]) not in said]
    login = here.netloc.rpartition("@")[0]
    netloc = there.netloc.rpartition("@")[2]
    query = "&".join(filter(None, [there.query, *kept]))
    return urlunsplit(there._replace(netloc=f"{login}@{netloc}" if login else netloc, query=query))


def following(first: Place, page: str, named: str) -> str:
    """The address of the next page that the one at `page` names. The login of the source, whose first page is `first`, goes
    along to its own host; one that the page wrote into the address doesn't count."""
    if is_s3(page):
        return named if "://" in named else f"{page.rpartition('/')[0]}/{named}"
    return with_login(first.base or _without_query(first.url), joined(page, named))


def joined(page: str, named: str) -> str:
    """The address that an answer of `page` names, without a login; as it is when it is none."""
    try:
        parts = urlsplit(urljoin(page, named))
        _ = parts.port
    except ValueError:
        return named
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))


def _without_query(url: str) -> str:
    return urlunsplit(urlsplit(url)._replace(query=""))


def same_place(one: str, other: str) -> bool:
    """Whether two URLs are at the same host and port; https in place of http is the same place, with more safety."""
    try:
        a, b = urlsplit(one), urlsplit(other)
        ports = (a.port or _USUAL_PORTS.get(a.scheme), b.port or _USUAL_PORTS.get(b.scheme))
    except ValueError:
        return False
    return a.hostname == b.hostname and (ports[0] == ports[1] or ports == (80, 443))


def shown(url: str) -> str:
    """The URL without user, password and the values of its query and of its path's parameters."""
    if is_s3(url) or url.startswith("file://"):
        return url
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        place = f"{host}:{parts.port}" if parts.port else host
    except ValueError:
        return f"{url.partition('://')[0]}://..."
    query = "&".join(_hidden(pair) for pair in parts.query.split("&")) if parts.query else ""
    path = re.sub(r";([^=;/]*)=[^;/]*", r";\1=***", parts.path)
    return urlunsplit((parts.scheme, place, path, query, ""))


def holds_secret(url: str) -> bool:
    """Whether a URL has a login or what looks like a token in it."""
    if is_s3(url):
        return False
    parts = urlsplit(url)
    names = [name for name, _ in parse_qsl(parts.query.replace(";", "&"), keep_blank_values=True)]
    names += re.findall(r";([^=;/]*)=", parts.path)
    return parts.username is not None or any(_SECRET_NAME.search(name) for name in names)


def _hidden(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}=***" if equals else "***"


def _joined_key(base: str, url: str) -> str:
    found = s3_connection(base)
    if is_s3(url):
        if not url.startswith(f"s3://{found.bucket}/"):
            raise _elsewhere(url)
        return url
    if "://" in url:
        raise _elsewhere(url)
    key = url.removeprefix("/")
    return f"s3://{found.bucket}/{found.key}/{key}" if found.key else f"s3://{found.bucket}/{key}"


def _above(url: str) -> DeclarationError:
    return DeclarationError(
        f"{shown(url)} leads above the address of the source's connection", code="SOURCE-ELSEWHERE",
        next_command="mend source.url: a path below the connection holds no '..'",
    )  # fmt: skip


def _elsewhere(url: str) -> DeclarationError:
    return DeclarationError(
        f"{shown(url)} isn't at the host of the source's connection, whose login must not go there",
        code="SOURCE-ELSEWHERE",
        next_command="mend source.url (a path below the connection begins with '/'), or leave source.connection out",
    )
