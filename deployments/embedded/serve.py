"""The two local servers that are written in Python: S3 (moto) and Prefect. Run as a script by their parts.

`python -P serve.py s3|prefect PORT_FILE WISHED_PORT [BUCKET]`: only installed packages, nothing of ours is imported.
Each binds its socket first and tells the port only then, so no other process can be taken for it. Each ends by itself
when the port file is gone: a deleted state folder leaves no server behind.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
import urllib.request
from pathlib import Path
from types import FrameType
from typing import NoReturn

WATCH_SECONDS = 2.0


def bind(wished_port: int) -> socket.socket:
    """A loopback socket, on the wished port if it is free."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections have it from here. Without it an answer in two pieces waits 40 ms for the caller to confirm the first; asyncio
    # sets it only on sockets that were made with their protocol's number.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind(("127.0.0.1", wished_port))
    except OSError:
        listener.bind(("127.0.0.1", 0))
    return listener


def tell_port(file: Path, port: int) -> None:
    """Write the port file at once, and watch from now on that it stays."""
    fresh = file.with_name(file.name + ".new")
    fresh.write_text(f"{port}\n", encoding="ascii")
    fresh.replace(file)
    threading.Thread(target=_stop_without, args=(file,), name="watch", daemon=True).start()


def serve_s3(port_file: Path, listener: socket.socket, bucket: str) -> None:
    """Serve S3 with one bucket until told to stop; objects are in memory and end with the process."""
    # Read by moto when it is imported: an address is never taken for a bucket's name.
    os.environ["S3_IGNORE_SUBDOMAIN_BUCKETNAME"] = "true"
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    listener.listen(128)
    port = listener.getsockname()[1]
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", port, application, threaded=True, fd=listener.fileno())
    serving = threading.Thread(target=server.serve_forever, name="serve")
    serving.start()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{bucket}", method="PUT")
    # A proxy of the environment must not see a loopback call.
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30).close()
    tell_port(port_file, port)
    serving.join()


def serve_prefect(port_file: Path, listener: socket.socket) -> None:
    """Serve what `prefect server start` serves until told to stop. PREFECT_HOME and the like are in the environment."""
    port = listener.getsockname()[1]
    # The page in the browser asks the API at this address, so Prefect has to know it when it is imported.
    os.environ |= {
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_UI_API_URL": f"http://127.0.0.1:{port}/api",
        # Its own page, under both names of this machine, and nobody else's.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port},http://localhost:{port}",
    }
    tell_port(port_file, port)
    import uvicorn
    from prefect.server.api.server import create_app
    from prefect.settings import get_current_settings

    api = get_current_settings().server.api
    config = uvicorn.Config(
        create_app(final=True),
        timeout_keep_alive=api.keepalive_timeout,
        timeout_graceful_shutdown=5,
        log_level="warning",
    )
    uvicorn.Server(config).run(sockets=[listener])


def _stop_without(file: Path) -> None:
    while file.exists():
        time.sleep(WATCH_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    # At once: what is half-way (imports, requests) has nothing to write down. Prefect's server has its own way later.
    os._exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    kind, port_path, wish = sys.argv[1], Path(sys.argv[2]), bind(int(sys.argv[3]))
    if kind == "s3":
        serve_s3(port_path, wish, sys.argv[4])
    else:
        serve_prefect(port_path, wish)
