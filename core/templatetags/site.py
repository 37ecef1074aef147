"""Template tags of every page: icons, numbers, money and times as readers expect them."""

from datetime import datetime
from decimal import Decimal

from django import template
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from core import currencies
from core.pages.icons import ICONS, MARK

register = template.Library()

NOTHING = "\N{EN DASH}"
_COMPACT = ((10**9, "B"), (10**6, "M"), (10**3, "k"))


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw an icon, which says nothing to a screen reader."""
    return format_html(
        '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">{}</svg>',
        mark_safe(ICONS[name]),  # noqa: S308 # nosec B308 B703  # our own constants
    )


@register.simple_tag
def mark() -> SafeString:
    """Draw the product's mark in the accent's color."""
    return mark_safe(MARK)  # noqa: S308 # nosec B308 B703  # our own constant


@register.filter
def number(value: float | Decimal | None) -> str:
    """Write a number with the separators of the language: 1,234,567."""
    if value is None:
        return NOTHING
    return formats.number_format(value, use_l10n=True, force_grouping=True)


@register.filter
def unlocalized(value: float) -> str:
    """Write a number as markup wants it, whatever the language."""
    return f"{value:g}"


@register.filter
def compact(value: int | None) -> str:
    """Write a large number short: 1.2 M."""
    for unit, letter in _COMPACT:
        if value and abs(value) >= unit:
            short = f"{value / unit:.1f}".removesuffix(".0")
            return f"{formats.localize(Decimal(short))} {letter}"
    return number(value)


@register.filter
def plain(value: Decimal | None) -> str:
    """Write a decimal without zeros at its end."""
    if value is None:
        return NOTHING
    text = f"{value.normalize():f}"
    return formats.number_format(Decimal(text), use_l10n=True, force_grouping=True)


@register.simple_tag
def money(amount: int, currency: str) -> str:
    """Write an amount in cents: 20.00 USD."""
    whole = currencies.units(amount, currency)
    text = formats.number_format(whole, use_l10n=True, force_grouping=True)
    return f"{text} {currency.upper()}"


@register.filter
def day(value: datetime | None) -> str:
    """Write a date: 3 March 2026."""
    return _dated(value, "j. F Y" if get_language() == "de" else "j F Y")


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """Write a date and time in the visitor's zone."""
    if value is None:
        return _("never")
    text = _dated(value, "j. M Y, H:i" if get_language() == "de" else "j M Y, H:i")
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), text)


def _dated(value: datetime | None, shape: str) -> str:
    if value is None:
        return NOTHING
    local = timezone.localtime(value) if isinstance(value, datetime) else value
    return formats.date_format(local, shape)
