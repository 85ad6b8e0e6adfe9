"""The login of an API: what a connection's user and password become in a request. Secrets stay in memory."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus, unquote, urlencode, urlsplit, urlunsplit

from deployments.declarations.rest import Auth, OAuth2
from deployments.errors import DeclarationError, UpstreamError
from tasks.sources import web
from tasks.sources.address import Place
from tasks.sources.json_document import document_of

_EARLY_SECONDS = 30.0
"""A token is fetched anew so long before it ends: the request that carries it takes time, too."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password of an address."""

    user: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def secret(self) -> str:
        """What an API calls its key or token: people write it as the password, or as the user alone."""
        return self.password or self.user


def credentials(url: str) -> Credentials:
    parts = urlsplit(url)
    return Credentials(unquote(parts.username or ""), unquote(parts.password or ""))


def without_login(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


@dataclass(slots=True)
class Login:
    """What is sent with each request to the API's own place. `fetch` gets a token and how many seconds it holds.

    `spoken`: every secret there is, as it may be repeated by an answer.
    """

    headers: dict[str, str] = field(default_factory=dict, repr=False)
    params: dict[str, str] = field(default_factory=dict, repr=False)
    fetch: Callable[[], tuple[str, float | None]] | None = None
    spoken: set[str] = field(default_factory=set, repr=False)
    _ends: float | None = None

    def ready(self) -> None:
        """Have a token that holds, where tokens are used."""
        if self.fetch is not None and (not self.headers or (self._ends is not None and time.monotonic() > self._ends)):
            self.renew()

    def renew(self) -> bool:
        """Get a new token; False where none is used."""
        if self.fetch is None:
            return False
        token, holds = self.fetch()
        self.headers = {"Authorization": f"Bearer {token}"}
        self.spoken.add(token)
        self._ends = None if holds is None else time.monotonic() + holds - min(_EARLY_SECONDS, holds / 10)
        return True

    def hidden(self, text: str) -> str:
        """A text without any of the secrets."""
        for secret in sorted(self.spoken, key=len, reverse=True):
            for spelt in (secret, quote(secret, safe=""), quote_plus(secret)):
                text = text.replace(spelt, "***") if len(spelt) > 2 else text
        return text


def login_of(auth: Auth | None, url: str, connection: str | None, token: Callable[[OAuth2], bytes]) -> Login:
    """The login of an API whose address is `url`. `token`: asks for one, with retries; returns the answer's JSON.

    DeclarationError when the connection holds no login to be sent.
    """
    found = credentials(url)
    if auth is None and not found.secret:
        return Login()
    if isinstance(auth, OAuth2):
        return Login(fetch=lambda: _token(token(auth), auth))
    if not found.secret:
        variable = f"HEADGATE_CONNECTION_{(connection or 'name').upper()}"
        raise DeclarationError(
            f"source.auth has nothing to send: the address of connection '{connection}' holds no login", code="SOURCE-LOGIN",
            next_command=f"export {variable}=https://user:password@host   (a key or token alone: https://:TOKEN@host)",
        )  # fmt: skip
    spoken = {found.user, found.password, _basic(found)} - {""}
    if auth is None or auth.kind == "basic":
        return Login({"Authorization": f"Basic {_basic(found)}"}, spoken=spoken)
    if auth.kind == "bearer":
        return Login({"Authorization": f"Bearer {found.secret}"}, spoken=spoken)
    if auth.kind == "header":
        return Login({auth.name: auth.prefix + found.secret}, spoken=spoken)
    return Login(params={auth.name: found.secret}, spoken=spoken)


def token_request(auth: OAuth2, address: str) -> tuple[Place, web.Ask]:
    """The request for a token by client credentials (RFC 6749, 4.4)."""
    client = credentials(address)
    form = {"grant_type": "client_credentials", "scope": auth.scope, "audience": auth.audience}
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    if auth.client_in == "body":
        form |= {"client_id": client.user, "client_secret": client.password}
    else:
        # Encoded before they are joined: section 2.3.1.
        pair = Credentials(quote_plus(client.user), quote_plus(client.password))
        headers["Authorization"] = f"Basic {_basic(pair)}"
    content = urlencode({name: value for name, value in form.items() if value is not None}).encode()
    return Place(without_login(address), until_close=True), web.Ask("POST", headers, content)


def _token(body: bytes, auth: OAuth2) -> tuple[str, float | None]:
    where = f"the address of connection '{auth.connection}'"
    document = document_of(body, where, ()).document
    found: Mapping[str, object] = document if isinstance(document, dict) else {}
    token, holds = found.get("access_token"), found.get("expires_in")
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise UpstreamError(
            f"{where} gives no access_token",
            code="SOURCE-LOGIN",
            next_command="ask the source's owner; is it the address of tokens?",
        )
    try:
        return token, None if holds is None else float(str(holds))
    except ValueError:
        return token, None


def _basic(found: Credentials) -> str:
    return base64.b64encode(f"{found.user}:{found.password}".encode()).decode()
