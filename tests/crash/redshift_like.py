"""The Redshift-like server, where `../shared/redshift_double` is at hand: loads speak to it as to Redshift, and the judge looks
past it at the PostgreSQL cluster behind it, so that what the server says of itself decides nothing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg2

FOLDER = Path(__file__).parents[3] / "shared" / "redshift_double"
BACKEND = Path("/usr/lib/postgresql/15/bin/initdb")
ROLE = "arn:aws:iam::123456789012:role/headgate-load"


def absent() -> str | None:
    """Why it can't be had here, if so."""
    if not FOLDER.is_dir():
        return "../shared/redshift_double is absent"
    return (
        None
        if BACKEND.exists()
        else "../shared/redshift_double needs /usr/lib/postgresql/15/bin, which is not installed"
    )


class RedshiftLike:
    """One server with a cluster of its own. `url`: what loads are given; `behind`: the cluster, for whoever judges."""

    def __init__(self, s3_endpoint: str) -> None:
        environment = {key: value for key, value in os.environ.items() if key != "AWS_ENDPOINT_URL_S3"}
        self._server = subprocess.Popen(
            [sys.executable, "-m", "redshift_double", "--port", "0", "--control-port", "0", "--s3-endpoint", s3_endpoint,
             "--allowed-role", ROLE],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=environment | {"PYTHONPATH": str(FOLDER.parent), "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        assert self._server.stdout is not None
        said = []
        for line in self._server.stdout:
            said.append(line)
            if line.startswith("ready"):
                break
        ready = re.search(r"port=(\d+)", said[-1] if said else "")
        if ready is None:
            raise RuntimeError("the Redshift-like server didn't start: " + "".join(said))
        self.url = f"redshift://awsuser:Passw0rd@127.0.0.1:{ready[1]}/dev?sslmode=disable"
        # Serializable sessions of the judge would be a reason for conflicts among the loads.
        self.behind = (
            f"host={_socket_folder(self._server.pid)} user=rdsdb dbname=dev "
            "options='-c default_transaction_isolation=read\\\\ committed'"
        )

    def close(self) -> None:
        self._server.send_signal(signal.SIGTERM)
        self._server.communicate(timeout=240)


def below_has_bytes(server: int) -> None:
    """TO_HEX of bytes, which Redshift has and the PostgreSQL below the server has not."""
    with closing(psycopg2.connect(f"host={_socket_folder(server)} user=rdsdb dbname=dev")) as connection, connection:
        connection.cursor().execute(
            "SET LOCAL allow_system_table_mods = on; CREATE OR REPLACE FUNCTION pg_catalog.to_hex(bytea) RETURNS varchar "
            "LANGUAGE sql IMMUTABLE AS $$SELECT encode($1, 'hex')$$"
        )


def _socket_folder(server: int) -> str:
    """Where the cluster that the server has started listens, from the file that PostgreSQL itself keeps of it."""
    for child in subprocess.run(["pgrep", "-P", str(server)], capture_output=True, text=True).stdout.split():
        words = Path(f"/proc/{child}/cmdline").read_text().split("\0")
        if "-D" in words:
            return (Path(words[words.index("-D") + 1]) / "postmaster.pid").read_text().splitlines()[4]
    raise RuntimeError("the Redshift-like server has no PostgreSQL below it")
