"""Where a database is and who connects to it, as configuration says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """``postgresql://role:password@host:port/name`` or ``postgresql://role:password@/name?host=/socket/folder&port=5432``."""

    user: str
    password: str
    host: str
    port: int
    name: str

    @property
    def conninfo(self) -> str:
        """libpq connection string, for psycopg outside Django. Holds the password: never log it."""
        quoted = self.password.replace("\\", "\\\\").replace("'", "\\'")
        return f"host='{self.host}' port={self.port} dbname={self.name} user={self.user} password='{quoted}'"

    def __repr__(self) -> str:
        return f"DatabaseUrl(user={self.user!r}, host={self.host!r}, port={self.port}, name={self.name!r})"

    @classmethod
    def parse(cls, raw: str) -> Self:
        """Raises ValueError, which does not repeat the password."""
        url = urlsplit(raw)
        query = dict(parse_qsl(url.query))
        host = query.get("host") or url.hostname
        name = url.path.removeprefix("/")
        if url.scheme != "postgresql" or not (host and name and url.username and url.password):
            # The value holds a password: say what is expected, never what was found.
            raise ValueError("must be like postgresql://role:password@host:5432/name")
        port = int(query.get("port") or url.port or 5432)
        return cls(unquote(url.username), unquote(url.password), host, port, name)
