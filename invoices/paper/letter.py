"""The words of the e-mail that takes an invoice to its buyer."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

NAMES = {"380": "Credit note", "384": "Debit note"}


@dataclass(frozen=True, slots=True)
class Letter:
    """What is said to the buyer; `html` says the same as `text`."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """What the letter is made of, ready to be read: amounts and days as people write them."""

    type_code: str
    number: str
    irn: str
    seller: str
    buyer: str
    amount: str
    due: str
    check_at: str
    is_sandbox: bool


def letter_of(facts: LetterFacts) -> Letter:
    """Return the e-mail of one invoice. Names are set as text, whatever is in them."""
    name = NAMES.get(facts.type_code, "Invoice")
    seller = one_line(facts.seller)
    subject = f"{name} {facts.number} from {seller}"
    due = f" It is due on {facts.due}." if facts.due and facts.type_code != "380" else ""
    paragraphs = [
        f"To {one_line(facts.buyer)}:" if facts.buyer else "",
        f"{name} {facts.number} from {seller} over {facts.amount} is attached as a PDF.{due}",
        f"Its Invoice Reference Number (IRN) is {facts.irn}. The tax authority signed it.",
        f"You can check it at {facts.check_at}",
    ]
    if facts.is_sandbox:
        subject = f"[SANDBOX] {subject}"
        paragraphs.insert(0, "SANDBOX – not a tax invoice. This message was sent to try the software out.")
    paragraphs = [paragraph for paragraph in paragraphs if paragraph]
    html = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    html = html.replace(escape(facts.check_at), f'<a href="{escape(facts.check_at)}">{escape(facts.check_at)}</a>')
    return Letter(subject, "\n\n".join(paragraphs) + "\n", f"<!doctype html><html><body>{html}</body></html>")


def one_line(text: str) -> str:
    """Return a text without line breaks, which in a header would begin another header."""
    return " ".join(text.split())
