"""A MariaDB server of the tests' own: on loopback, in a temporary folder, with a certificate, gone after the session."""

from __future__ import annotations

import csv
import io
import itertools
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pymysql
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_SECONDS_TO_START = 60
_PATHS = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/usr/libexec"))
_DAEMON, _INSTALL = (shutil.which(name, path=_PATHS) for name in ("mariadbd", "mariadb-install-db"))
PASSWORD = "s3cret/p@ss"


def is_installed() -> bool:
    return _DAEMON is not None and _INSTALL is not None


@dataclass
class MariaDb:
    """A running server. `ca`: the file of the authority that its certificate is from."""

    port: int
    ca: Path
    pid: int = 0
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, database: str = "", user: str = "reader", host: str = "127.0.0.1") -> str:
        """An address as a connection's setting holds it."""
        return f"mysql://{user}:s3cret%2Fp%40ss@{host}:{self.port}/{database}"

    def connect(self, database: str | None = None) -> pymysql.connections.Connection[Any]:
        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user="root",
            password="",
            database=database,
            autocommit=True,
            ssl_disabled=True,
        )

    def run(self, *statements: str, database: str | None = None) -> list[tuple[Any, ...]]:
        """Run statements as root; the rows of the last."""
        with closing(self.connect(database)) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def cpu_seconds(self) -> float:
        """What the server has used since it started."""
        ticks = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    def new_database(self, charset: str = "utf8mb4") -> str:
        """Makes an empty database; returns its name."""
        name = f"t{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} CHARACTER SET {charset}")
        return name


@dataclass(frozen=True)
class Database:
    """One database of the server."""

    server: MariaDb
    name: str

    @property
    def url(self) -> str:
        return self.server.url(self.name)

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        return self.server.run(*statements, database=self.name)


@contextmanager
def started(folder: Path, *options: str, follows: int | None = None) -> Iterator[MariaDb]:
    """A server in an empty folder, whose path must be short: it holds a socket. `options`: more of its own. `follows`: the port
    of a server on this machine whose replica it is from its beginning."""
    assert _DAEMON is not None
    assert _INSTALL is not None
    user = ["--user=root"] if os.geteuid() == 0 else []
    data = folder / "data"
    subprocess.run(
        [_INSTALL, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db", *user],
        check=True, capture_output=True, timeout=_SECONDS_TO_START,
    )  # fmt: skip
    ca = _certificates(folder)
    server = MariaDb(_free_port(), ca)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [_DAEMON, "--no-defaults", f"--datadir={data}", f"--socket={folder / 's'}", f"--port={server.port}",
             f"--pid-file={folder / 'pid'}", "--bind-address=127.0.0.1", "--skip-log-bin", "--skip-name-resolve",
             "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M",
             "--max-allowed-packet=1M", f"--ssl-ca={ca}", f"--ssl-cert={folder / 'cert.pem'}",
             f"--ssl-key={folder / 'key.pem'}", *user, *options],
            stdout=log, stderr=log,
        )  # fmt: skip
    server.pid = process.pid
    try:
        _wait_for(server, process, folder / "log")
        if follows is None:
            server.run(
                f"CREATE USER reader@'%' IDENTIFIED BY '{PASSWORD}'", "GRANT SELECT, EXECUTE ON *.* TO reader@'%'"
            )
        else:
            server.run(
                f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={follows}, MASTER_USER='root', MASTER_PASSWORD='', "
                "MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1",
                "START SLAVE",
            )
        yield server
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(server: MariaDb, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < end:
        try:
            server.run("SELECT 1")
        except pymysql.Error:
            assert process.poll() is None, log.read_text(errors="replace")[-2000:]
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text(errors="replace")[-2000:])


def _certificates(folder: Path) -> Path:
    """An authority, and a certificate of it for 127.0.0.1 and the name db.example."""
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    begin, name = datetime.now(UTC) - timedelta(hours=1), _name("headgate tests")

    def certified(
        subject: str,
        public: ec.EllipticCurvePublicKey,
        of: Callable[[x509.CertificateBuilder], x509.CertificateBuilder],
    ) -> bytes:
        builder = x509.CertificateBuilder().issuer_name(name).subject_name(_name(subject)).public_key(public)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begin)
        made = of(builder.not_valid_after(begin + timedelta(days=2))).sign(authority, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM)

    constraint = x509.BasicConstraints(ca=True, path_length=None)
    names = x509.SubjectAlternativeName([x509.DNSName("db.example"), x509.IPAddress(ip_address("127.0.0.1"))])
    (folder / "ca.pem").write_bytes(
        certified("headgate tests", authority.public_key(), lambda made: made.add_extension(constraint, critical=True))
    )
    (folder / "cert.pem").write_bytes(
        certified("db.example", key.public_key(), lambda made: made.add_extension(names, critical=False))
    )
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
    return folder / "ca.pem"


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def select(query: str, **keys: Any) -> dict[str, Any]:
    """The declaration of a source that is this query."""
    return {"kind": "mysql", "connection": "shop", "query": query, **keys}


def values(data: bytes) -> list[list[str]]:
    """The records behind the header."""
    return list(csv.reader(io.StringIO(data.decode(), newline="")))[1:]
