"""What an organization's rules say: typed, strict, and the same for every provider.

A value is filled from the first of its sources that has text. A source is a property ("company.tin") or, after an
equals sign, a constant ("=NG"). A property is one of our own fields of that record or the provider's own name for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

NAME = r"[A-Za-z][A-Za-z0-9_]{0,99}"
MOST_SOURCES, MOST_RULES, MOST_PARTS = 10, 500, 24

DealProperty = Annotated[str, StringConstraints(pattern=rf"^deal\.{NAME}$")]
Property = Annotated[str, StringConstraints(pattern=rf"^(deal|company|contact)\.{NAME}$")]
LineProperty = Annotated[str, StringConstraints(pattern=rf"^(line|deal|company|contact)\.{NAME}$")]
Source = Annotated[str, StringConstraints(pattern=rf"^((deal|company|contact)\.{NAME}|=\S[^\x00]{{0,499}})$")]
LineSource = Annotated[str, StringConstraints(pattern=rf"^((line|deal|company|contact)\.{NAME}|=\S[^\x00]{{0,499}})$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
Sources = Annotated[tuple[Source, ...], Field(max_length=MOST_SOURCES)]
LineSources = Annotated[tuple[LineSource, ...], Field(max_length=MOST_SOURCES)]
Kind = Literal["B2B", "B2C", "B2G"]


class Strict(BaseModel):
    """A part of the rules: what it does not know it refuses, and it never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(Strict):
    """A test of one property. Text is compared without regard to capitals; at_least and at_most want numbers."""

    property: Property
    test: Literal["equals", "differs", "one_of", "contains", "at_least", "at_most", "is_set", "is_empty"]
    value: Text | None = None
    values: Annotated[tuple[Text, ...], Field(max_length=200)] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        wants_values, wants_none = self.test == "one_of", self.test in ("is_set", "is_empty")
        if wants_values != bool(self.values):
            raise ValueError("“values” goes with the test one_of, and only with it")
        if (self.value is None) != (wants_values or wants_none):
            raise ValueError(f"the test {self.test} {'needs no' if wants_values or wants_none else 'needs a'} “value”")
        if self.test in ("at_least", "at_most") and to_number(self.value or "") is None:
            raise ValueError(f"the test {self.test} needs a number")
        return self


class Due(Strict):
    """When a deal asks for an invoice: its pipeline, its stage (none named: any won stage), and conditions, all."""

    pipelines: Annotated[tuple[Text, ...], Field(max_length=100)] = ()
    stages: Annotated[tuple[Text, ...], Field(max_length=200)] = ()
    when: Annotated[tuple[Condition, ...], Field(max_length=50)] = ()


class KindCase(Strict):
    """One answer to whom is sold to: the first case whose conditions all hold counts."""

    kind: Kind
    when: Annotated[tuple[Condition, ...], Field(min_length=1, max_length=20)]


class KindRule(Strict):
    """Business, consumer or government."""

    cases: Annotated[tuple[KindCase, ...], Field(max_length=20)] = ()
    default: Kind = "B2B"


class BuyerFields(Strict):
    """How each fact of the buyer is filled."""

    name: Sources = ("company.name",)
    tin: Sources = ("company.tin",)
    email: Sources = ("company.email", "contact.email")
    telephone: Sources = ("company.phone",)
    description: Sources = ("company.description",)
    street: Sources = ("company.street",)
    city: Sources = ("company.city",)
    postal_zone: Sources = ("company.postal_zone",)
    lga: Sources = ()
    state: Sources = ("company.state",)
    country: Sources = ("company.country",)


class DocumentFields(Strict):
    """How the header is filled. Without a source for the terms those of the business profile hold."""

    kind: KindRule = KindRule()
    buyer: BuyerFields = BuyerFields()
    note: Sources = ("deal.name",)
    supply_date: Sources = ("deal.close_date",)
    buyer_reference: Sources = ()
    order_reference: Sources = ()
    payment_terms_days: Sources = ()
    payment_terms_note: Sources = ()


class LineCase(Strict):
    """A value for the lines whose property is like a pattern: `*` and `?` stand for any text and any character."""

    property: LineProperty = "line.sku"
    like: Text
    value: Text


class LineRule(Strict):
    """How a fact of a line is filled: from its own properties, else by the first case that fits, else the default."""

    sources: LineSources = ()
    cases: Annotated[tuple[LineCase, ...], Field(max_length=MOST_RULES)] = ()
    default: Text | None = None

    def constants(self) -> Iterator[tuple[str, str]]:
        """Yield (path, value) of every value that is written in the rule itself."""
        yield from ((f"cases.{i}.value", case.value) for i, case in enumerate(self.cases))
        yield from ((f"sources.{i}", text[1:]) for i, text in enumerate(self.sources) if text.startswith("="))
        if self.default is not None:
            yield "default", self.default


class LineFields(Strict):
    """How the facts of lines are filled."""

    tax_category: LineRule = LineRule(sources=("line.tax_category",))
    hsn_code: LineRule = LineRule(sources=("line.hsn_code",))
    product_category: LineRule = LineRule(sources=("line.product_category",))
    isic_code: LineRule = LineRule(sources=("line.isic_code",))
    unit_code: LineRule = LineRule(default="H87")
    description: LineRule = LineRule(sources=("line.description", "line.name"))


class Milestone(Strict):
    """One part of a deal that is invoiced by itself: a percentage, an amount from a property, or the rest."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]
    percent: Annotated[Decimal, Field(gt=0, le=100, max_digits=9, decimal_places=6)] | None = None
    amount: DealProperty | None = None
    rest: bool = False
    date: DealProperty | None = None

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if (self.percent is not None) + (self.amount is not None) + self.rest != 1:
            raise ValueError("give one of “percent”, “amount” and “rest”")
        return self


class SaleRules(Strict):
    """How a till's sales to consumers are handed in: each alone, or those of a shop's day together but for dear ones.

    `single_above` is in the sale's currency, tax included.
    """

    by_day: bool = False
    single_above: Annotated[Decimal, Field(gt=0, max_digits=20, decimal_places=2)] | None = None


class Rules(Strict):
    """All rules of an organization; as it stands without any, it does what the program does by itself."""

    schema_version: Literal[1] = 1
    due: Due = Due()
    document: DocumentFields = DocumentFields()
    lines: LineFields = LineFields()
    milestones: Annotated[tuple[Milestone, ...], Field(max_length=MOST_PARTS)] = ()
    prices_include_tax: bool = False
    amount_must_match: bool = False
    sales: SaleRules = SaleRules()

    @cached_property
    def properties(self) -> dict[str, frozenset[str]]:
        """Return {"deal" | "company" | "contact" | "line": the names of its properties that the rules read}."""
        found: dict[str, set[str]] = {kind: set() for kind in ("deal", "company", "contact", "line")}
        for path in _paths(self):
            kind, _, name = path.partition(".")
            found[kind].add(name)
        return {kind: frozenset(names) for kind, names in found.items()}

    @model_validator(mode="after")
    def _parts_make_a_whole(self) -> Self:
        if sum((part.percent or Decimal(0) for part in self.milestones), Decimal(0)) > 100:
            raise ValueError("the percentages of the milestones come to more than 100")
        if any(part.rest for part in self.milestones[:-1]):
            raise ValueError("only the last milestone can be the rest")
        return self


def _paths(part: Any) -> Iterator[str]:
    """Yield the properties of a part; only fields that hold properties, so that no constant is taken for one."""
    if isinstance(part, tuple):
        for each in part:
            yield from _paths(each)
    elif isinstance(part, BaseModel):
        for name in type(part).model_fields:
            value = getattr(part, name)
            if name in ("property", "amount", "date") and value:
                yield value
            elif isinstance(value, tuple | BaseModel) and name not in ("values", "pipelines", "stages"):
                yield from _paths(value)
    elif isinstance(part, str) and not part.startswith("="):
        yield part


def default_rules() -> Rules:
    """Return the rules of an organization that has made none."""
    return DEFAULT


def to_number(text: str) -> Decimal | None:
    """Return a plain number that people typed ("1,200.50"), None when it is none."""
    try:
        number = Decimal(text.replace(",", "").strip())
    except ArithmeticError:
        return None
    return number if number.is_finite() and number.adjusted() < 30 else None


DEFAULT = Rules()
