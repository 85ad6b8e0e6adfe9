"""Templates as they were compiled: made once for each version of the program, kept on this machine.

Compiling the five of a run's pages takes longer than filling all of them in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket, FileSystemBytecodeCache


class Compiled(FileSystemBytecodeCache):
    """Compiled templates in a folder of this user alone: what is in it is run. `options`: how they are compiled.

    A template whose text, options or compiler is another one is compiled anew. Where the folder can't be written, or holds
    something else, each process compiles for itself.
    """

    def __init__(self, folder: Path, options: Mapping[str, object]) -> None:
        known = f"{jinja2.__version__} {sorted((name, str(value)) for name, value in options.items())}"
        super().__init__(str(folder), f"{hashlib.sha256(known.encode()).hexdigest()[:16]}-%s")

    def load_bytecode(self, bucket: Bucket) -> None:
        try:
            super().load_bytecode(bucket)
        except Exception:  # noqa: BLE001 - a file that was cut off raises what it likes
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            Path(self.directory).mkdir(mode=0o700, exist_ok=True)
            super().dump_bytecode(bucket)
