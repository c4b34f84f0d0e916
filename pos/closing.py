"""Closing a shop's day: the till, the sales here, their invoices, the authority, and each difference by its name.

Pure. It holds for sales, and for what was given back with its credit notes. Whatever the figures are,

    till − named differences = reported

because each difference stands between two neighbours, and none is worked out from the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from pos.sums import ZERO, Sum

# What a document of many lines may be away from its sales: the law's tax of a sum is rounded once, a till's by line.
KOBO_A_LINE = Decimal("0.01")


class Step(StrEnum):
    """Between which two figures a difference stands."""

    STORED = "stored"  # the till and the sales here
    INVOICED = "invoiced"  # the sales and their invoices
    REPORTED = "reported"  # the invoices and the authority


@dataclass(frozen=True, slots=True)
class Item:
    """A sale or refund. `till` and `stored` are None where the till does not show it or it is not stored here.

    `document` is the name of its invoice or note, "" without one, and `why` says then why. `on_document` is what it
    brings to it; `parts` say what of the rest is what: a gift card, the rounding of cash, a tip that was given back.
    """

    external_id: str
    till: Decimal | None
    stored: Decimal | None
    document: str = ""
    on_document: Decimal = ZERO
    parts: Mapping[str, Decimal] = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """An invoice or note; `amount` is None while its sums may change, `why` says why the authority does not have it.

    `name` is its key here and `label` is what people call it.
    """

    name: str
    amount: Decimal | None
    is_reported: bool
    lines: int = 1
    why: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """One difference, or many that are alike: what it comes to, and why. One that is `settled` needs nobody."""

    step: Step
    what: str
    sum: Sum
    sentence: str
    is_settled: bool = False
    document: str = ""  # the name of the invoice or note that `what` is the label of


@dataclass(frozen=True, slots=True)
class Compared:
    """The four figures, and all that lies between them."""

    till: Sum
    stored: Sum
    invoiced: Sum
    reported: Sum
    named: list[Named]

    @property
    def named_amount(self) -> Decimal:
        """Return what all differences come to together."""
        return sum((each.sum.amount for each in self.named), ZERO)

    @property
    def is_closed(self) -> bool:
        """Tell whether nothing is left for anybody."""
        return all(each.is_settled for each in self.named)


def compare(items: Sequence[Item], documents: Iterable[Document]) -> Compared:
    """Return the figures of a day and each difference. Documents are those that the items name, each once."""
    by_name = {each.name: each for each in documents}
    brought: dict[str, Decimal] = {}
    for each in items:
        if each.document and each.stored is not None:
            brought[each.document] = brought.get(each.document, ZERO) + each.on_document
    amounts = {name: brought[name] if (amount := by_name[name].amount) is None else amount for name in sorted(brought)}
    done = [name for name in amounts if by_name[name].is_reported]
    named = [
        *_not_the_same(items),
        *_on_no_document(items),
        *_parts(items),
        *_rounding(by_name, brought, amounts),
        *_not_reported(by_name, amounts),
    ]
    return Compared(
        till=_sum(each.till for each in items),
        stored=_sum(each.stored for each in items),
        invoiced=_sum(amounts.values()),
        reported=_sum(amounts[name] for name in done),
        named=named,
    )


def _sum(amounts: Iterable[Decimal | None]) -> Sum:
    return sum((Sum(1, each) for each in amounts if each is not None), Sum())


def _not_the_same(items: Sequence[Item]) -> Iterable[Named]:
    for each in items:
        if each.till == each.stored:
            continue
        if each.stored is None:
            sentence = "The till has it, and it could not be stored here."
        elif each.till is None:
            sentence = "It is stored here, and the till shows no such completed sale any more."
        else:
            sentence = f"The till says {each.till:,.2f}, and {each.stored:,.2f} is stored here."
        yield Named(Step.STORED, each.external_id, Sum(1, (each.till or ZERO) - (each.stored or ZERO)), sentence)


def _on_no_document(items: Sequence[Item]) -> Iterable[Named]:
    for each in items:
        if each.stored and not each.document:
            yield Named(Step.INVOICED, each.external_id, Sum(1, each.stored), each.why)


def _parts(items: Sequence[Item]) -> Iterable[Named]:
    """Return what is no turnover, by what it is; what nobody can name stands by itself."""
    alike: dict[str, Sum] = {}
    for each in items:
        if each.stored is None or not each.document:
            continue
        for part, amount in each.parts.items():
            alike[part] = alike.get(part, Sum()) + Sum(1, amount)
        rest = each.stored - each.on_document - sum(each.parts.values(), ZERO)
        if rest:
            yield Named(Step.INVOICED, each.external_id, Sum(1, rest), "Nobody can say what this part of it is.")
    for part, total in alike.items():
        yield Named(Step.INVOICED, part, total, "Paid at the till, and no turnover.", is_settled=True)


def _rounding(
    documents: Mapping[str, Document], brought: Mapping[str, Decimal], amounts: Mapping[str, Decimal]
) -> Iterable[Named]:
    small = Sum()
    for name, amount in amounts.items():
        away = brought[name] - amount
        if away and abs(away) <= KOBO_A_LINE * documents[name].lines:
            small += Sum(1, away)
        elif away:
            sentence = f"Its sales come to {brought[name]:,.2f}, and it is made out for {amount:,.2f}."
            yield Named(Step.INVOICED, documents[name].label, Sum(1, away), sentence, document=name)
    if small.count:
        sentence = "The law's tax is that of a sum, rounded once; the till rounds the tax of each line."
        yield Named(Step.INVOICED, "Tax of the sum", small, sentence, is_settled=True)


def _not_reported(documents: Mapping[str, Document], amounts: Mapping[str, Decimal]) -> Iterable[Named]:
    for name, amount in amounts.items():
        if not documents[name].is_reported:
            yield Named(Step.REPORTED, documents[name].label, Sum(1, amount), documents[name].why, document=name)
