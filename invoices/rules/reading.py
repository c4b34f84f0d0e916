"""Rules from their JSON, or what is wrong with it, field by field, in words for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from invoices.authority.codes import names_by_code
from invoices.drafts.lines import HSN_CODE, ISIC_CODE
from invoices.rules.content import Rules

LONGEST = 200_000  # characters; thousands of products fit
UNIT_CODE = re.compile(r"[A-Z0-9]{2,3}")
A_SOURCE = "It must be a property such as company.tin, or an equals sign and a fixed text such as =NG."
WORDS = {
    "extra_forbidden": "There is no such field; look at its spelling.",
    "missing": "It must be filled in.",
    "string_too_short": "It must not be empty.",
    "string_type": "It must be text.",
    "bool_parsing": "It must be true or false.",
    "bool_type": "It must be true or false.",
    "tuple_type": "It must be a list.",
    "model_type": "It must be a group of fields.",
    "model_attributes_type": "It must be a group of fields.",
    "decimal_parsing": "It must be a number.",
    "decimal_type": "It must be a number.",
}


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """What is wrong at one place: its path ("lines.tax_category.cases.0.value", "" for the whole) and a sentence."""

    path: str
    sentence: str


class RulesInvalid(ValueError):
    """The content is not rules; `problems` says why, field by field."""

    def __init__(self, problems: list[RuleProblem]) -> None:
        super().__init__("; ".join(f"{each.path or 'rules'}: {each.sentence}" for each in problems[:5]))
        self.problems = problems


def read_rules(content: Any) -> Rules:
    """Return the rules that JSON-able content makes; raises RulesInvalid with every problem that was found."""
    try:
        rules = Rules.model_validate(content)
    except ValidationError as problem:
        found = [RuleProblem(_path(each["loc"]), _words(each)) for each in problem.errors()]
        raise RulesInvalid(list(dict.fromkeys(found))) from problem
    if problems := list(_unknown_codes(rules)):
        raise RulesInvalid(problems)
    return rules


def read_rules_text(text: str) -> Rules:
    """Return the rules that JSON text makes; raises RulesInvalid, also for text that is no JSON."""
    if len(text) > LONGEST:
        raise RulesInvalid([RuleProblem("", f"It is longer than {LONGEST:,} characters.")])
    try:
        content = json.loads(text)
    except RecursionError as problem:
        raise RulesInvalid([RuleProblem("", "It is nested too deeply.")]) from problem
    except ValueError as problem:
        where = f"line {problem.lineno}" if isinstance(problem, json.JSONDecodeError) else "it"
        raise RulesInvalid([RuleProblem("", f"It is not JSON: look at {where}.")]) from problem
    return read_rules(content)


def write_rules(rules: Rules) -> dict[str, Any]:
    """Return rules as JSON-able content, whole: a later default changes nothing about them."""
    return rules.model_dump(mode="json")


def _unknown_codes(rules: Rules) -> Iterator[RuleProblem]:
    lines = rules.lines
    for path, value in lines.tax_category.constants():
        if value not in names_by_code("tax_categories"):
            yield RuleProblem(f"lines.tax_category.{path}", "It is no tax category of the authority's list.")
    for path, value in lines.hsn_code.constants():
        if not HSN_CODE.fullmatch(value):
            yield RuleProblem(f"lines.hsn_code.{path}", "A goods code is written like 9403.20.")
    for path, value in lines.isic_code.constants():
        if not ISIC_CODE.fullmatch(value) or value not in names_by_code("services_codes"):
            yield RuleProblem(f"lines.isic_code.{path}", "It is no service code of the authority's list.")
    for path, value in lines.unit_code.constants():
        if not UNIT_CODE.fullmatch(value):
            yield RuleProblem(f"lines.unit_code.{path}", "A unit code has 2 or 3 capitals or digits, such as H87.")


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)


def _words(error: Any) -> str:
    kind, context = error["type"], error.get("ctx") or {}
    match kind:
        case "string_pattern_mismatch":
            if "=" in context["pattern"] or r"\." in context["pattern"]:
                return A_SOURCE if "=" in context["pattern"] else "It must be a property such as deal.amount."
            return "It holds a character that cannot be stored."
        case "literal_error":
            return f"It must be {context['expected']}."
        case "too_long" | "string_too_long":
            return f"It is too long: {context['max_length']} is the most."
        case "too_short":
            return "It must not be empty."
        case "value_error":
            text = str(context["error"])
            return f"{text[0].upper()}{text[1:]}."
        case "greater_than" | "less_than_equal":
            return "A percentage is more than 0 and at most 100."
    return WORDS.get(kind, f"{error['msg']}.")
