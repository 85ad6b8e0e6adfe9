"""Services on loopback that behave as the real ones: Slack's two interfaces over HTTP, a mail server with TLS and login."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tasks.notices.notice import Contact, Link, Notice

AT = datetime(2026, 11, 23, 3, 4, tzinfo=UTC)
TOKEN = "xoxb-test-token"


@dataclass
class Sink:
    """An HTTP service. `plan`: how to answer the next requests (a status, a status with headers, 'hang'); then well."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    plan: list[Any] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """What was taken, in order."""
        return [request["body"] for request in self.requests if request["status"] == 200]


def slack_faults(body: dict[str, Any]) -> str | None:
    """Slack's own refusals: of limits, of missing texts."""
    for block in body.get("blocks", []):
        text = block.get("text", {}).get("text", "")
        if block["type"] == "header" and not 0 < len(text) <= 150:
            return "invalid_blocks"
        if block["type"] == "section" and not 0 < len(text) <= 3000:
            return "invalid_blocks"
    return None if body.get("text") and len(body.get("blocks", [])) <= 50 else "no_text"


def _handler(sink: Sink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen = {"path": self.path, "headers": dict(self.headers), "body": body, "status": 0, "wall": time.time()}
            sink.requests.append(seen)
            step = sink.plan.pop(0) if sink.plan else 200
            if step == "hang":
                sink.released.wait(30)
                return
            status, headers = step if isinstance(step, tuple) else (step, {})
            answer = b"{}"
            if status == 200 and self.path.startswith("/services/"):
                fault = slack_faults(body)
                status, answer = (400, fault.encode()) if fault else (200, b"ok")
            if status == 200 and self.path.endswith("/chat.postMessage"):
                allowed = self.headers["Authorization"] == f"Bearer {TOKEN}"
                fault = slack_faults(body) if allowed else "invalid_auth"
                said = {"ok": False, "error": fault} if fault else {"ok": True, "ts": f"17.{len(sink.requests):04}"}
                answer = json.dumps(said).encode()
            seen["status"] = status
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Not into the test's output."""

    return Handler


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
    thread.start()
    yield made
    made.released.set()
    server.shutdown()
    server.server_close()


@dataclass
class MailServer:
    """A mail server that wants TLS and a login. `refuse`: answer DATA with this line."""

    port: int = 0
    certificate: str = ""
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    refuse: str = ""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuse:
            return self.refuse
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 taken"

    def address(self, **more: str) -> str:
        query = {"from": "headgate@example.com", "ca": self.certificate, **more}
        return f"smtp+starttls://loader:p%40ss@127.0.0.1:{self.port}/?" + "&".join(f"{k}={v}" for k, v in query.items())


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def mail(certificate: tuple[Path, Path]) -> Iterator[MailServer]:
    made = MailServer(certificate=str(certificate[0]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"loader", b"p@ss")
        return AuthResult(success=good, handled=False)

    class Server(Controller):
        def factory(self) -> SMTP:
            return SMTP(made, tls_context=context, require_starttls=True, auth_required=True, authenticator=login)

    controller = Server(made, hostname="127.0.0.1", port=_free_port())
    controller.start()
    made.port = controller.port
    yield made
    controller.stop()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def notice() -> Callable[..., Notice]:
    """A notice of a failed check; keywords change it."""

    def make(**changes: Any) -> Notice:
        base: dict[str, Any] = {
            "identity": "3fa9c1-opened-20261123T030400", "thread": "3fa9c1", "kind": "opened", "at": AT,
            "title": "raw_data.nps 2019-09 failed [CHECK-FAILED]", "severity": "critical", "family": "upstream",
            "who_acts": "the owner of the source: its data or its system", "code": "CHECK-FAILED",
            "tables": ("raw_data.nps",), "window": "2019-09", "step": "validate",
            "cause": ("1 critical check failed", "NPS-SCORE: score is between 0 and 10 (12 of 243 rows break it)"),
            "effect": ("raw_data.nps is as it was published at Sun 2026-11-22 03:04 (Asia/Seoul).",),
            "promised": ("customer care: fresh by 08:00, 2 h 10 min left",), "seen": "first seen Mon 03:04",
            "owners": ("customer-care@example.com",),
            "contacts": (Contact("Minji Kim", "minji.kim@example.com", "U01MINJI"),),
            "links": (Link("Report of the run", "https://reports.example.com/nps.html"),
                      Link("Runbook", "docs/runbooks/data.md")),
            "commands": ("headgate show nps-2019-09-f48bbe", "headgate incident ack 3fa9c1"), "wakes": True,
        }  # fmt: skip
        return Notice(**{**base, **changes})

    return make
