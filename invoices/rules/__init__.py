"""An organization's rules: which deals are due and how a document is filled. Pure; versions of them are stored."""

from invoices.rules.applying import Found
from invoices.rules.content import Rules, default_rules
from invoices.rules.reading import RuleProblem, RulesInvalid, read_rules, read_rules_text, write_rules

__all__ = [
    "Found",
    "RuleProblem",
    "Rules",
    "RulesInvalid",
    "default_rules",
    "read_rules",
    "read_rules_text",
    "write_rules",
]
