"""The migrated but empty database, kept inside our own cluster: the next start copies it instead of migrating again."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from dev.environment import ROOT

PREFIX = "migrated_"


def name() -> str:
    """Return the template's name: a hash of every migration of ours and of every pinned package's version."""
    digest = hashlib.sha256((ROOT / "constraints.txt").read_bytes())
    for path in sorted(ROOT.glob("*/migrations/*.py")):
        digest.update(f"{path.relative_to(ROOT)}".encode() + path.read_bytes())
    return PREFIX + digest.hexdigest()[:12]


def restore(url: str) -> bool:
    """Make the database of this address anew from the template; False when there is none for these migrations."""
    with _server(url) as server:
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name()]).fetchone():
            return False
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(_database(url)))
        _copy(server, sql.Identifier(name()), _database(url))
        return True


def keep(url: str) -> None:
    """Keep the database of this address as the template, and drop those of older migrations."""
    with _server(url) as server:
        old = server.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX]).fetchall()
        for (each,) in old:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(str(each))))
        _copy(server, _database(url), sql.Identifier(name()))


def _server(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(urlunsplit(urlsplit(url)._replace(path="/postgres")), autocommit=True)


def _database(url: str) -> sql.Identifier:
    return sql.Identifier(urlsplit(url).path.lstrip("/"))


def _copy(server: psycopg.Connection[tuple[object, ...]], source: sql.Identifier, target: sql.Identifier) -> None:
    server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(target, source))
