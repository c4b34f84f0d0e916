"""Rules applied to facts: where a value comes from, and whether conditions hold. Pure, and told of no provider."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple, assert_never

from invoices.rules.content import Condition, KindRule, LineRule, to_number

# A property's path into its text, "" for what is unknown or empty.
Lookup = Callable[[str], str]


class Found(NamedTuple):
    """A value with its origin: `source` is a property path, or "" where `rule` or nothing gave it.

    A tuple, because a deal makes a score of them, in half the time of a frozen dataclass.
    """

    value: str
    source: str = ""
    rule: str = ""  # the path of the rule that gave a value which no property did


NOWHERE = Found("")


def fill(sources: Iterable[str], lookup: Lookup, rule: str) -> Found:
    """Return the first source that has text; the constant of rule `rule` where that is what comes first."""
    for source in sources:
        if source[0] == "=":
            return Found(source[1:], rule=rule)
        if value := lookup(source):
            return Found(value, source)
    return NOWHERE


def fill_line(line_rule: LineRule, lookup: Lookup, rule: str) -> Found:
    """Return a fact of a line by its sources and cases, NOWHERE where only the default is left."""
    found = fill(line_rule.sources, lookup, rule)
    if found is not NOWHERE:
        return found
    for case in line_rule.cases:
        text = lookup(case.property)
        if text and fnmatchcase(text.casefold(), case.like.casefold()):
            return Found(case.value, case.property, f"{rule} pattern {case.like}")
    return NOWHERE


def by_default(line_rule: LineRule, rule: str) -> Found:
    """Return the default of a rule of lines."""
    return NOWHERE if line_rule.default is None else Found(line_rule.default, rule=f"{rule} default")


def holds(condition: Condition, lookup: Lookup) -> bool:
    """Tell whether a condition holds; a number test of what is no number does not."""
    text = lookup(condition.property).strip()
    value = (condition.value or "").strip()
    match condition.test:
        case "is_set":
            return bool(text)
        case "is_empty":
            return not text
        case "equals":
            return _same(text, value)
        case "differs":
            return not _same(text, value)
        case "contains":
            return value.casefold() in text.casefold()
        case "one_of":
            return any(_same(text, each.strip()) for each in condition.values)
        case "at_least" | "at_most":
            number, bound = to_number(text), to_number(value)
            if number is None or bound is None:
                return False
            return number >= bound if condition.test == "at_least" else number <= bound
    assert_never(condition.test)


def all_hold(conditions: Iterable[Condition], lookup: Lookup) -> bool:
    """Tell whether every condition holds; none hold too."""
    return all(holds(condition, lookup) for condition in conditions)


def kind_of(rule: KindRule, lookup: Lookup) -> tuple[str, str]:
    """Return (B2B, B2C or B2G; the path of the rule that says so)."""
    for number, case in enumerate(rule.cases):
        if all_hold(case.when, lookup):
            return case.kind, f"document.kind.cases.{number}"
    return rule.default, "document.kind.default"


def _same(one: str, other: str) -> bool:
    first, second = to_number(one), to_number(other)
    return first == second if first is not None and second is not None else one.casefold() == other.casefold()
