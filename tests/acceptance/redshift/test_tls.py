"""TLS is verified unless the URL says otherwise: an unknown certificate, another host's and clear text are refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from deployments.embedded.stack import StackState
from deployments.errors import DeclarationError
from tasks.warehouses.redshift import RedshiftAddress
from tasks.warehouses.session import connect

DOUBLE = Path(__file__).parents[4] / "shared" / "redshift_double"


def certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """A self-signed certificate for a host."""
    key, crt = folder / "key.pem", folder / "crt.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={host}",
               "-addext", f"subjectAltName=DNS:{host}", "-keyout", str(key), "-out", str(crt)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return crt, key


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, stack: StackState) -> Iterator[tuple[int, Path]]:
    """A Redshift-like server with a certificate for localhost; its port and the certificate."""
    if not DOUBLE.is_dir():
        pytest.skip("../shared/redshift_double is not here")
    crt, key = certificate(tmp_path_factory.mktemp("tls"), "localhost")
    command = [sys.executable, "-m", "redshift_double", "--port", "0", "--tls-cert", str(crt), "--tls-key", str(key)]
    environment = os.environ | {"PYTHONPATH": str(DOUBLE.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    assert process.stdout is not None
    line = next((line for line in process.stdout if line.startswith("ready")), "")
    yield int(re.search(r"port=(\d+)", line)[1]), crt  # type: ignore[index]
    process.terminate()
    process.communicate(timeout=240)


@pytest.mark.parametrize(("host", "root"), [("localhost", False), ("127.0.0.1", True)])
def test_what_can_t_be_verified_is_refused(server: tuple[int, Path], host: str, root: bool) -> None:
    port, crt = server
    url = f"redshift://awsuser:Passw0rd@{host}:{port}/dev" + (f"?sslrootcert={crt}" if root else "")
    with pytest.raises(DeclarationError) as caught:
        connect(RedshiftAddress(url))
    assert caught.value.code == "WAREHOUSE-TLS"
    assert "Passw0rd" not in str(caught.value)


def test_a_certificate_that_is_trusted_for_its_host_is_accepted(server: tuple[int, Path]) -> None:
    port, crt = server
    url = f"redshift://awsuser:Passw0rd@localhost:{port}/dev?sslrootcert={crt}"
    with closing(connect(RedshiftAddress(url))) as connection:
        assert connection.info.ssl_in_use


def test_clear_text_is_refused_by_default(double: object) -> None:
    url = str(double.url).partition("?")[0]  # type: ignore[attr-defined]
    with pytest.raises(DeclarationError, match="does not support SSL"):
        connect(RedshiftAddress(url))
