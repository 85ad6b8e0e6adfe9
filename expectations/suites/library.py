"""Great Expectations, imported once per process, quiet, and only when a suite is run.

The import takes 2.5-7 s and 240 MB: `import_in_background` starts it beside the extract. Analytics and progress bars
are off, the context is ephemeral: nothing is sent and no file is written.
"""

from __future__ import annotations

import logging
import os
import threading
import warnings
from functools import cache
from typing import Any

_lock = threading.Lock()


def great_expectations() -> Any:
    """The library, with our own expectations registered. Safe to call from several threads."""
    with _lock:
        return _load()


@cache
def _load() -> Any:
    # Read by the library while it is imported; a user's own choice to send analytics is not ours to make either.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as library
        import sqlalchemy
        from great_expectations.execution_engine import pandas_execution_engine

        from expectations.suites import custom
    # A crash of a check is reported by its outcome; the library would print its traceback besides.
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    # The fingerprint of a frame smaller than this is made anew for each pass: it takes longer than the checks themselves,
    # and stands in metadata that is thrown away here.
    pandas_execution_engine.HASH_THRESHOLD = 0
    custom.register()
    sqlalchemy.event.listen(sqlalchemy.pool.Pool, "connect", _use_safe_path)
    return library


def _use_safe_path(connection: Any, _: object) -> None:
    """In the library's sessions as in all others, no function of somebody else's takes the place of the server's own."""
    import psycopg2.extensions

    if isinstance(connection, psycopg2.extensions.connection):
        with connection.cursor() as cursor:
            cursor.execute("SET search_path TO pg_catalog, pg_temp")
        connection.commit()


def context() -> Any:
    """The ephemeral context of this process."""
    library = great_expectations()
    with _lock:
        return _context(library)


@cache
def _context(library: Any) -> Any:
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    # The library's own default makes a temporary folder for its documentation site.
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    return library.get_context(mode="ephemeral", project_config=config)


def import_in_background() -> threading.Thread:
    """Start the import in a thread, to be had beside the extract; whoever needs the library first waits for it."""
    thread = threading.Thread(target=context, name="import-great-expectations", daemon=True)
    thread.start()
    return thread
