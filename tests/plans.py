"""What PostgreSQL plans for the statements of a list: how much of a table it reads, and which of its months."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

PART = 0.25  # of the cost of reading the whole table, which is what a list must stay below
FELT = 1.2  # times the cost with all indexes: from there on a list misses one


def asked(browser: Client, address: str, read: re.Pattern[str]) -> list[str]:
    """Return the statements with which a page reads the tables of a pattern, of which there must be some."""
    with CaptureQueriesContext(database) as captured:
        assert browser.get(address).status_code == 200
    found = [query["sql"] for query in captured.captured_queries if read.search(query["sql"])]
    assert found, "the list was read"
    return found


def plan(statement: str) -> dict[str, Any]:
    """Return the plan of a statement."""
    with database.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}")
        [(text,)] = cursor.fetchall()
    found: dict[str, Any] = (json.loads(text) if isinstance(text, str) else text)[0]["Plan"]
    return found


def cost(statement: str) -> float:
    """Return what PostgreSQL thinks that a statement costs."""
    return float(plan(statement)["Total Cost"])


def share(statement: str, read: re.Pattern[str]) -> float:
    """Return a statement's cost as a part of that of reading all of the table that the pattern finds in it."""
    table = read.search(statement)
    assert table
    return cost(statement) / cost(f"SELECT * FROM {table[1]}")  # noqa: S608 - a table of ours


def too_dear(statements: Iterable[str], read: re.Pattern[str]) -> dict[str, float]:
    """Return the statements that cost more than a list may, with their part of the cost of the whole table."""
    return {statement: part for statement in statements if (part := share(statement, read)) > PART}


def is_needed(index: str, statements: Iterable[Iterable[str]]) -> bool:
    """Tell whether one of these statements costs more without an index, which is put back."""
    every = list({statement for each in statements for statement in each})
    before = [cost(statement) for statement in every]
    with transaction.atomic(), database.cursor() as cursor:
        cursor.execute(f"DROP INDEX {index}")
        dear = [statement for statement, whole in zip(every, before, strict=True) if cost(statement) > whole * FELT]
        transaction.set_rollback(True)
    return bool(dear)


def months(whole: dict[str, Any], prefix: str) -> set[str]:
    """Return the partitions, by what their names begin with, that a plan looks into."""
    mine = {whole["Relation Name"]} if whole.get("Relation Name", "").startswith(prefix) else set()
    return mine.union(*(months(each, prefix) for each in whole.get("Plans", ())))
