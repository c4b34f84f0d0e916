"""How the pages show money, numbers, instants, statuses and icons."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from accounts.lists import COUNTED

register = template.Library()

NOTHING = "–"
SIGNS = {"NGN": "₦"}

# The four things that a status can mean to its reader, beside the neutral one; each has its own icon, so that
# colour never speaks alone.
ICON_OF_MEANING = {
    "done": "check",
    "waiting": "clock",
    "needs": "hand",
    "failed": "cross",
    "neutral": "dot",
}


@register.filter
def money(amount: Decimal | None, currency: str = "NGN") -> str:
    """Return ₦1,234,567.89, or USD 1,234.50 for a currency without a sign of its own here; – for None.

    Two decimals, or as many as a unit price needs: never rounded away.
    """
    if amount is None:
        return NOTHING
    text = _exact(amount, decimals=2)
    minus = "−" if amount < 0 else ""
    sign = SIGNS.get(currency)
    return f"{minus}{sign}{text}" if sign else f"{currency} {minus}{text}".strip()


def _exact(number: Decimal, decimals: int) -> str:
    """Return the digits of a number without its sign: at least so many decimals, and no zero that says nothing.

    By its text, because arithmetic would round it to the 28 digits of the decimal context.
    """
    whole, _dot, fraction = f"{number.copy_abs():,f}".partition(".")
    fraction = fraction.rstrip("0").ljust(decimals, "0")
    return f"{whole}.{fraction}" if fraction else whole


@register.filter
def quantity(number: Decimal | None) -> str:
    """Return a quantity or a percentage without the zeros that only the column adds."""
    if number is None:
        return NOTHING
    return ("−" if number < 0 else "") + _exact(number, decimals=0)


@register.filter
def count(number: int | None) -> str:
    """Return a count with its thousands set off."""
    return NOTHING if number is None else f"{number:,}"


@register.filter
def bounded(number: int) -> str:
    """Return a count that was not carried beyond COUNTED: "10,000+" for more."""
    return f"{COUNTED:,}+" if number > COUNTED else f"{number:,}"


@register.filter
def instant(moment: datetime | None) -> str | SafeString:
    """Return <time> with the instant as Lagos reads it and the exact one as its title."""
    if moment is None:
        return NOTHING
    return _time(moment, format_date(timezone.localtime(moment), "j M Y, H:i"))


@register.filter
def ago(moment: datetime | None) -> str | SafeString:
    """Return <time> with the age of an instant in words."""
    if moment is None:
        return NOTHING
    if abs((timezone.now() - moment).total_seconds()) < 60:
        return _time(moment, _("just now"))
    words = timesince(moment, depth=1).replace("\xa0", " ")
    return _time(moment, _("%(age)s ago") % {"age": words})


def _time(moment: datetime, words: str) -> SafeString:
    exact = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>', exact.isoformat(), f"{exact:%Y-%m-%d %H:%M:%S.%f}", words
    )


@register.filter
def day(value: date | None) -> str | SafeString:
    """Return <time> with a day."""
    if value is None:
        return NOTHING
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), format_date(value, "j M Y"))


@register.filter
def web_address(text: str) -> str:
    """Return an address that a provider gave when it leads to the web, "" when it would do anything else."""
    return text if text.startswith(("https://", "http://")) else ""


@register.filter
def pretty_json(value: Any) -> str:
    """Return indented JSON, for the folded raw facts."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """Return one picture of the sprite; it is decoration, so nothing reads it aloud."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        extra,
        static("icons.svg"),
        name,
    )


@register.simple_tag
def badge(meaning: str, words: str) -> SafeString:
    """Return a status: its meaning as colour and icon, and always the word."""
    return format_html('<span class="badge {}">{}{}</span>', meaning, icon(ICON_OF_MEANING[meaning]), words)


@register.simple_tag
def copyable(text: str, label: str = "") -> str | SafeString:
    """Return an id in a quiet monospace that copies on click; without JavaScript it can still be selected."""
    if not text:
        return NOTHING
    return format_html('<code class="id" data-copy="{}" title="{}">{}</code>', text, _("Click to copy"), label or text)


@register.inclusion_tag("parts/sort_header.html", takes_context=True)
def sort_header(context: template.Context, key: str, label: str, extra: str = "") -> dict[str, Any]:
    """Return a column's header: a link that sorts by it, and by it the other way round on the second click."""
    sort = context["sort"]
    is_current = sort.key == key
    query = context["request"].GET.copy()
    query.pop("page", None)
    query["sort"] = f"-{key}" if is_current and not sort.is_descending else key
    return {
        "label": label,
        "extra": extra,
        "url": f"?{query.urlencode()}",
        "direction": ("descending" if sort.is_descending else "ascending") if is_current else "",
        "arrow": "down" if sort.is_descending else "up",
    }


@register.inclusion_tag("parts/pages.html", takes_context=True)
def page_links(context: template.Context, page: Any, one: str, many: str) -> dict[str, Any]:
    """Return the links to the other pages of a list, and which part of it this is."""
    query = context["request"].GET.copy()
    query.pop("page", None)
    base = f"?{query.urlencode()}&page=" if query else "?page="
    numbers = page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
    links = [(str(number), f"{base}{number}" if isinstance(number, int) else "") for number in numbers]
    return {
        "page": page,
        "noun": one if page.paginator.count == 1 else many,
        "links": links,
        "current": str(page.number),
        "previous": f"{base}{page.previous_page_number()}" if page.has_previous() else "",
        "next": f"{base}{page.next_page_number()}" if page.has_next() else "",
    }
