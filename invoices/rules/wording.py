"""Rules as lines that people write and read in a form, and back. Pure.

A source list is "company.tin, company.vat_number, =fixed text"; a condition "deal.amount is at least 5000"; a pattern
"line.sku SUP-* = EXEMPTED"; a part "Deposit: 30 % on deal.deposit_day". Each list has one of them on a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from invoices.rules.content import BuyerFields, Condition, DocumentFields, LineCase, LineFields, Milestone, Rules
from invoices.rules.reading import RuleProblem, RulesInvalid, read_rules

# Longest first where one begins like another.
TESTS = {
    "is at least": "at_least",
    "is at most": "at_most",
    "is one of": "one_of",
    "is not": "differs",
    "is set": "is_set",
    "is empty": "is_empty",
    "contains": "contains",
    "is": "equals",
}
WORDS = {test: words for words, test in TESTS.items()}
BETWEEN_VALUES = " | "
BUYER = tuple(BuyerFields.model_fields)
HEADER = tuple(name for name in DocumentFields.model_fields if name not in ("kind", "buyer"))
LINES = tuple(LineFields.model_fields)
OF_LINES = {"pipelines", "stages", "when", "kinds", "milestones", *(f"line_{name}_cases" for name in LINES)}
SWITCHES = ("prices_include_tax", "amount_must_match")


def to_words(rules: Rules) -> dict[str, str]:
    """Return {form field: text}; switches are "on" or ""."""
    document, due = rules.document, rules.due
    words = {
        "pipelines": "\n".join(due.pipelines),
        "stages": "\n".join(due.stages),
        "when": _lines(due.when, _condition_words),
        "kinds": "\n".join(
            f"{case.kind}: {'; '.join(map(_condition_words, case.when))}" for case in document.kind.cases
        ),
        "kind_default": document.kind.default,
        "milestones": _lines(rules.milestones, _part_words),
    }
    words |= {f"buyer_{name}": ", ".join(getattr(document.buyer, name)) for name in BUYER}
    words |= {name: ", ".join(getattr(document, name)) for name in HEADER}
    for name in LINES:
        rule = getattr(rules.lines, name)
        words[f"line_{name}"] = ", ".join(rule.sources)
        words[f"line_{name}_cases"] = _lines(rule.cases, _case_words)
        words[f"line_{name}_default"] = rule.default or ""
    above = rules.sales.single_above
    words |= {
        "sales_by_day": "on" if rules.sales.by_day else "",
        "sales_single_above": "" if above is None else f"{above}",
    }
    return words | {name: "on" if getattr(rules, name) else "" for name in SWITCHES}


def from_words(words: Mapping[str, str]) -> Rules:
    """Return the rules that a form's texts make; raises RulesInvalid with problems by form field."""
    reader = _Reader(words)
    content, found = reader.content(), dict.fromkeys(reader.problems)
    try:
        rules = read_rules(content)
    except RulesInvalid as problem:
        unreadable = {each.path for each in found}
        refused = (RuleProblem(field_of(each.path), _placed(each)) for each in problem.problems)
        # A list of which a line was left out counts its lines otherwise.
        found |= dict.fromkeys(each for each in refused if each.path not in unreadable)
    if found:
        raise RulesInvalid(list(found))
    return rules


def fits_words(rules: Rules) -> bool:
    """Tell whether the form can say all that these rules say; a value with a line break or a separator cannot."""
    words = to_words(rules)
    if any("\n" in text for name, text in words.items() if name not in OF_LINES):
        return False  # a field of one line drops what breaks it
    try:
        return from_words(words) == rules
    except RulesInvalid:
        return False


def field_of(path: str) -> str:
    """Return the form field of a place in the content, "" for what concerns the whole."""
    match path.split("."):
        case ["document", "buyer", name, *_]:
            return f"buyer_{name}"
        case ["document", "kind", "default"]:
            return "kind_default"
        case ["document", "kind", *_]:
            return "kinds"
        case ["due" | "document", name, *_]:
            return name
        case ["sales", name, *_]:
            return f"sales_{name}"
        case ["lines", name, "cases", *_]:
            return f"line_{name}_cases"
        case ["lines", name, "default"]:
            return f"line_{name}_default"
        case ["lines", name, *_]:
            return f"line_{name}"
        case [name, *_]:
            return name
    return ""


class _Reader:
    """Reads a form's texts into content, and keeps what it cannot."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self.words = words
        self.problems: list[RuleProblem] = []

    def content(self) -> dict[str, Any]:
        buyer = {name: self._sources(f"buyer_{name}") for name in BUYER}
        kind = {"cases": self._each("kinds", _kind_case), "default": self._text("kind_default") or "B2B"}
        header = {name: self._sources(name) for name in HEADER}
        return {
            "due": {
                "pipelines": self._each("pipelines", str),
                "stages": self._each("stages", str),
                "when": self._each("when", _condition),
            },
            "document": {"kind": kind, "buyer": buyer, **header},
            "lines": {name: self._line(name) for name in LINES},
            "milestones": self._each("milestones", _part),
            "sales": {
                "by_day": self._text("sales_by_day") == "on",
                "single_above": self._text("sales_single_above").replace(",", "") or None,
            },
            **{name: self._text(name) == "on" for name in SWITCHES},
        }

    def _line(self, name: str) -> dict[str, Any]:
        return {
            "sources": self._sources(f"line_{name}"),
            "cases": self._each(f"line_{name}_cases", _case),
            "default": self._text(f"line_{name}_default") or None,
        }

    def _text(self, name: str) -> str:
        return self.words.get(name, "").strip()

    def _sources(self, name: str) -> list[str]:
        return [text for each in self._text(name).split(",") if (text := each.strip())]

    def _each(self, name: str, read: Callable[[str], Any]) -> list[Any]:
        found = []
        for number, line in enumerate(self._text(name).splitlines(), 1):
            try:
                if text := line.strip():
                    found.append(read(text))
            except ValueError as problem:
                self.problems.append(RuleProblem(name, f"Line {number}: {problem}"))
        return found


def _lines(items: Iterable[Any], words: Callable[[Any], str]) -> str:
    return "\n".join(words(each) for each in items)


def _condition_words(condition: Condition) -> str:
    value = BETWEEN_VALUES.join(condition.values) or condition.value or ""
    return f"{condition.property} {WORDS[condition.test]} {value}".strip()


def _condition(text: str) -> dict[str, Any]:
    path, _, rest = text.partition(" ")
    for words, test in TESTS.items():
        if rest == words or rest.startswith(f"{words} "):
            value = rest.removeprefix(words).strip()
            if test == "one_of":
                return {"property": path, "test": test, "values": value.split(BETWEEN_VALUES) if value else []}
            return {"property": path, "test": test, "value": value or None}
    raise ValueError(f"“{text[:60]}” is no condition. Write for example: deal.amount is at least 5000.")


def _kind_case(text: str) -> dict[str, Any]:
    kind, colon, rest = text.partition(":")
    if not colon:
        raise ValueError(f"“{text[:60]}” names no condition. Write for example: B2G: company.type is Government.")
    return {"kind": kind.strip(), "when": [_condition(each.strip()) for each in rest.split(";") if each.strip()]}


def _case_words(case: LineCase) -> str:
    return f"{case.property} {case.like} = {case.value}"


def _case(text: str) -> dict[str, Any]:
    left, equals, value = text.rpartition(" = ")
    path, space, like = left.strip().partition(" ")
    if not equals or not space:
        raise ValueError(f"“{text[:60]}” is no pattern. Write for example: line.sku SUP-* = EXEMPTED.")
    return {"property": path, "like": like.strip(), "value": value.strip()}


def _part_words(part: Milestone) -> str:
    size = "rest" if part.rest else part.amount or f"{part.percent} %"
    return f"{part.name}: {size}{f' on {part.date}' if part.date else ''}"


def _part(text: str) -> dict[str, Any]:
    name, colon, rest = text.rpartition(": ")
    size, _, day = rest.partition(" on ")
    if not colon or not size.strip():
        raise ValueError(f"“{text[:60]}” is no part. Write for example: Deposit: 30 % on deal.deposit_day.")
    found: dict[str, Any] = {"name": name.strip(), "date": day.strip() or None}
    size = size.strip()
    if size == "rest":
        return found | {"rest": True}
    return found | ({"percent": size.removesuffix("%").strip()} if size.endswith("%") else {"amount": size})


def _placed(problem: RuleProblem) -> str:
    """Return the sentence with the line or place in the list that it speaks of."""
    numbers = [part for part in problem.path.split(".") if part.isdecimal()]
    return f"Number {int(numbers[0]) + 1}: {problem.sentence}" if numbers else problem.sentence
