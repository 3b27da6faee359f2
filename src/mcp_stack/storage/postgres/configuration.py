"""The settings of the embedded server, and who may connect to it.

Written anew at each start, so that a new version of mcp-stack brings its settings to old data. PGDATA belongs to
the service user, so root writes there only by replacing: a symbolic link in its place is not followed.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .service_user import Account

ROLE = "mcp"
_OURS = "mcp-stack.conf"
_POSTGRESQL_CONF = f"include '{_OURS}'  # written at each start\n# Settings of your own below this line win.\n"

_SETTINGS = """\
# Written by mcp-stack at each start: put settings of your own at the end of postgresql.conf.
max_connections = 300                   # 20 processes with pools of up to 5, workers, and room
superuser_reserved_connections = 0      # there is one role, and it is the superuser
shared_buffers = 256MB                  # the indexes of 10,000 documents; only pages in use take memory
maintenance_work_mem = 48MB             # builds an HNSW index in parallel within a container's 64 MB of /dev/shm
max_wal_size = 256MB
min_wal_size = 32MB
jit = off                               # costs more than it gains on short queries
io_method = sync                        # three processes less; the data fits in the page cache
max_logical_replication_workers = 0     # one process less; nothing here replicates
fsync = on
timezone = 'UTC'
log_timezone = 'UTC'
datestyle = 'iso, ymd'
lc_messages = 'C'
default_text_search_config = 'pg_catalog.english'
logging_collector = off
log_destination = 'stderr'
log_line_prefix = '%m [%p] '
log_min_messages = log                  # failed statements are their sender's to log
log_min_error_statement = panic         # no user data in the log
log_checkpoints = off
"""

# One database role; every line asks the kernel who is at the other end of the socket.
_HBA = """\
local all         mcp peer map=mcp
local replication mcp peer map=mcp
"""


def write_configuration(pgdata: Path, account: Account, user_names: Iterable[str]) -> None:
    """Write what is missing or differs.

    Args:
        pgdata: The data folder of PostgreSQL, initialised.
        account: The user that the server runs as.
        user_names: The users of the operating system that may connect.

    Raises:
        OSError: A file cannot be written.
    """
    idents = "".join(f'mcp "{name}" {ROLE}\n' for name in dict.fromkeys(user_names))
    for name, text in ((_OURS, _SETTINGS), ("pg_hba.conf", _HBA), ("pg_ident.conf", idents)):
        _replace(pgdata / name, text, account)


def write_first_configuration(pgdata: Path, account: Account) -> None:
    """Replace the postgresql.conf of `initdb` with the one line that includes ours.

    Args:
        pgdata: The data folder of PostgreSQL, just initialised.
        account: The user that the server runs as.

    Raises:
        OSError: The file cannot be written.
    """
    _replace(pgdata / "postgresql.conf", _POSTGRESQL_CONF, account)


def _replace(path: Path, text: str, account: Account) -> None:
    """Write a file of the account's unless it has that text, which saves a start on a full disk."""
    if not path.is_symlink() and path.exists() and path.read_bytes() == text.encode():
        return
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            if not account.is_caller:
                os.fchown(file.fileno(), account.uid, account.gid)
        Path(name).rename(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
