"""One deal as several invoices: parts by percentage, amount or rest that never come to more than the deal. Pure.

Each part invoices its share of each line as one piece, so that categories and codes stay right and all parts of a
complete deal come to its total to the kobo, before tax.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, localcontext

from crm.converters import Converted, to_day
from crm.facts import lookup_of
from crm.problems import EXACT, ZERO, money
from crm.records import DealRecord
from invoices.drafts import InvoiceDraft, LineDraft, Missing
from invoices.drafts.lines import taxable
from invoices.rules import Found, Rules
from invoices.rules.content import Milestone, to_number
from invoices.taxes import CannotCalculate, line_amounts, share

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a deal that are due by a day, the day of the next one that is not (None without one), and the draft
    of the whole deal."""

    due: tuple[Converted, ...]
    next_on: date | None = None
    whole: InvoiceDraft | None = None

    @property
    def total(self) -> Decimal | None:
        """Return what the whole deal comes to before tax, None while it cannot be added up."""
        return total_of(self.whole) if self.whole else None


class CannotSplit(ValueError):
    """The deal cannot be parted as the rules say; `missing` names why."""

    def __init__(self, missing: Missing) -> None:
        super().__init__(missing.where)
        self.missing = missing


def split(whole: Converted, deal: DealRecord, rules: Rules, *, today: date | None, provider: str) -> Parts:
    """Return the whole deal as its milestones; `today` None means all of them, due or not.

    A deal that cannot be parted stays one held draft that says why.
    """
    if not rules.milestones:
        return Parts((whole,), whole=whole.draft)
    with localcontext(EXACT):
        try:
            total = _net_of(whole.draft)
            amounts = part_amounts(rules.milestones, deal, total, provider)
            shares = _shares(whole.draft, amounts)
        except CannotSplit as problem:
            held = replace(whole.draft, missing=(*whole.draft.missing, problem.missing))
            return Parts((replace(whole, draft=held),))
        due, later = [], []
        for number, milestone in enumerate(rules.milestones):
            part = _part(whole, milestone, number, shares[number], lookup_of(deal)(milestone.date or ""), provider)
            day = part.draft.supply_date if milestone.date else None
            if today is not None and day is not None and day > today:
                later.append(day)
            elif part.draft.lines:
                due.append(part)
    return Parts(tuple(due), min(later, default=None), whole.draft)


def total_of(draft: InvoiceDraft) -> Decimal | None:
    """Return what a draft comes to before tax, None while it cannot be added up."""
    try:
        return _net_of(draft)
    except CannotSplit:
        return None


def within_total(
    drafts: Sequence[InvoiceDraft], numbered: Mapping[tuple[str, str], Decimal], total: Decimal | None
) -> list[InvoiceDraft]:
    """Return the drafts of one deal, those held that would bring its invoices to more than the deal, before tax.

    `numbered` are the amounts of its numbered invoices by (external id, part); the draft's own part is made anew and
    does not count against it.
    """
    taken, kept = dict(numbered), []
    for draft in drafts:
        source, net = draft.source, total_of(draft)
        others = sum((amount for key, amount in taken.items() if key != (source.external_id, source.part)), ZERO)
        if others and (total is None or net is None or others + net > total):
            draft = replace(draft, missing=(*draft.missing, _too_much(draft, others, total)))
        else:
            taken[source.external_id, source.part] = net or ZERO
        kept.append(draft)
    return kept


def _too_much(draft: InvoiceDraft, others: Decimal, total: Decimal | None) -> Missing:
    words = "cannot be added up" if total is None else f"comes to {total:,}"
    return Missing(
        "milestones.total",
        "Room for this part in the deal",
        f"Its other invoices come to {others:,} before tax, and the whole deal {words}. Credit what was invoiced too "
        f"much, or correct the {draft.source.kind}.",
    )


def part_amounts(
    milestones: Sequence[Milestone], deal: DealRecord, total: Decimal, provider: str
) -> tuple[Decimal, ...]:
    """Return the amount of each part; they are never more than `total`, and all of it where they are 100 %.

    Raises CannotSplit when an amount is no number, or together they are more than the deal.
    """
    lookup, amounts = lookup_of(deal), []
    percent = ZERO
    for number, milestone in enumerate(milestones, 1):
        if milestone.percent is not None:
            # From the running sum, so that the kobo of roundings never add up to one too many.
            before, percent = percent, percent + milestone.percent
            amounts.append(money(total * percent / HUNDRED) - money(total * before / HUNDRED))
        elif milestone.amount is not None:
            amounts.append(_typed_amount(lookup(milestone.amount), milestone, number, provider))
        else:
            amounts.append(max(total - sum(amounts, ZERO), ZERO))
    if sum(amounts, ZERO) > total:
        raise CannotSplit(
            Missing(
                "milestones",
                "Parts that are not more than the deal",
                f"The parts come to {sum(amounts, ZERO):,} and the deal, before tax, to {total:,}. "
                f"Correct the amounts of the parts in {provider}.",
            )
        )
    return tuple(amounts)


def _typed_amount(text: str, milestone: Milestone, number: int, provider: str) -> Decimal:
    amount = to_number(text)
    if amount is None or amount < 0:
        label = f"The amount of part {number}, {milestone.name}"
        where = f"“{text[:40]}” is no amount" if text else "It is empty"
        raise CannotSplit(
            Missing(f"milestones.{number}.amount", label, f"{where}. Write it on the deal in {provider}.")
        )
    return money(amount)


def _net_of(draft: InvoiceDraft) -> Decimal:
    return sum(_line_nets(draft).values(), ZERO)


def _line_nets(draft: InvoiceDraft) -> dict[tuple[str, Decimal], Decimal]:
    """Return what each line comes to after its share of the document's discount; raises CannotSplit."""
    lines = taxable(draft.lines)
    if not lines:
        raise CannotSplit(_whole_first())
    nets = {(f"{i:05}", ZERO): line_amounts(line, ZERO).net for i, line in enumerate(lines)}
    if draft.document_discount < 0 or draft.document_discount > sum(nets.values(), ZERO):
        raise CannotSplit(_whole_first())
    try:
        discounts = share(money(draft.document_discount), nets)
    except CannotCalculate as problem:
        raise CannotSplit(_whole_first()) from problem
    return {key: net - discounts[key] for key, net in nets.items()}


def _whole_first() -> Missing:
    where = "Correct what else is missing first: the parts are worked out from the whole deal."
    return Missing("milestones", "A deal that adds up, for its parts", where)


def _shares(draft: InvoiceDraft, amounts: Sequence[Decimal]) -> list[list[Decimal]]:
    """Return, for each part, the share of each line; no line is given out beyond what it comes to."""
    left, shares = _line_nets(draft), []
    for amount in amounts:
        given = share(amount, left)
        left = {key: net - given[key] for key, net in left.items()}
        shares.append([given[key] for key in sorted(given)])
    return shares


def _part(
    whole: Converted, milestone: Milestone, number: int, shares: Sequence[Decimal], day_text: str, provider: str
) -> Converted:
    draft, part = whole.draft, str(number + 1)
    missing = list(draft.missing)
    supply_date = draft.supply_date
    origins = {path: found for path, found in whole.origins.items() if not path.startswith("lines.")}
    if milestone.date:
        supply_date = to_day(day_text)
        origins["supply_date"] = Found(day_text, milestone.date)
        if supply_date is None:
            where = f"“{day_text[:40]}” is no day" if day_text else "It is empty"
            label = f"The day of part {part}, {milestone.name}"
            missing.append(Missing("supply_date", label, f"{where}. Write it on the deal in {provider}."))
    lines = []
    for old, (line, amount) in enumerate(zip(draft.lines, shares, strict=True), 1):
        if amount:
            lines.append(_part_of_line(line, amount, milestone))
            origins |= _moved(whole.origins, old, len(lines))
            origins[f"lines.{len(lines)}.unit_price"] = Found(str(amount), rule=f"milestones.{number} of line {old}")
    changed = replace(
        draft,
        source=replace(draft.source, part=part, label=f"{draft.source.label} – {milestone.name}"),
        lines=tuple(lines),
        document_discount=ZERO,
        supply_date=supply_date,
        missing=tuple(missing),
    )
    return Converted(changed, origins)


def _moved(origins: dict[str, Found], old: int, new: int) -> dict[str, Found]:
    prefix = f"lines.{old}."
    return {f"lines.{new}.{p.removeprefix(prefix)}": found for p, found in origins.items() if p.startswith(prefix)}


def _part_of_line(line: LineDraft, amount: Decimal, milestone: Milestone) -> LineDraft:
    quantity = f"{line.quantity.normalize():f} × " if line.quantity not in (None, 1) else ""
    words = f"{milestone.name}, part of {quantity}{line.name}"
    description = line.description if line.description != line.name else ""
    return replace(
        line,
        description=f"{words}: {description}"[:500] if description else words[:500],
        quantity=Decimal(1),
        unit_price=amount,
        discount=ZERO,
        discount_rate=None,
    )
