"""Email of the product: one text template for each, sent as plain text and as HTML.

The HTML is made of the text, so that both say the same. A template ``x`` is the files ``x.txt`` and
``x_subject.txt``; what it writes is not escaped, as it is text.
"""

import re
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template import Context, loader
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.html import escape, urlize
from django.utils.safestring import SafeString, mark_safe

from core.links import site_url

_LINK = re.compile(r"https?://\S+")
_FACT = re.compile(r"[^\n:]{1,40}: \S")
_ACCENT = "#3056d3"  # as core/static/site/site.css


@dataclass(frozen=True)
class Email:
    subject: str
    text: str
    html: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of a text. ``link``: it is an address alone, which is drawn as a button."""

    html: SafeString
    link: str = ""


def send(to: str, template: str, facts: dict[str, Any], *, language: str = "") -> None:
    """Compose and send an email. Raises ``OSError``, of which smtplib's errors are."""
    found = compose(template, facts, language=language)
    message = EmailMultiAlternatives(found.subject, found.text, settings.DEFAULT_FROM_EMAIL, [to])
    message.attach_alternative(found.html, "text/html")
    message.send()


def compose(template: str, facts: dict[str, Any], *, language: str = "") -> Email:
    """Write an email in a language; by default in that of the site."""
    with translation.override(language or settings.LANGUAGE_CODE):
        known = {"site_name": settings.SITE_NAME, "site_url": site_url(), **facts}
        subject = " ".join(written(f"{template}_subject.txt", known).split())
        text = written(f"{template}.txt", known)
        return Email(subject, text, as_html(subject, text))


def as_html(subject: str, text: str) -> str:
    """Draw a text in the product's design, in the active language."""
    logo = settings.SITE_LOGO and f"{site_url()}{settings.SITE_LOGO}"
    facts = {
        "subject": subject,
        "paragraphs": [_paragraph(each) for each in re.split(r"\n\s*\n", text.strip())],
        "site_name": settings.SITE_NAME,
        "logo": logo,
        "accent": settings.SITE_ACCENT or _ACCENT,
        "language": translation.get_language(),
    }
    return render_to_string("site/mail.html", facts)


def written(name: str, facts: dict[str, Any]) -> str:
    """Write a template of text, in the active language."""
    template: Any = loader.get_template(name)
    text: str = template.template.render(Context(facts, autoescape=False))
    return text.strip() + "\n"


def _paragraph(text: str) -> Paragraph:
    if _LINK.fullmatch(text.strip()):
        return Paragraph(escape(text.strip()), link=text.strip())
    lines = text.strip().split("\n")
    keeps_lines = all(_FACT.match(line) for line in lines) or len(lines[0]) < 60
    joined = escape(("\n" if keeps_lines else " ").join(line.strip() for line in lines))
    linked = urlize(joined, autoescape=False)
    return Paragraph(mark_safe(linked.replace("\n", "<br>")))  # noqa: S308 # nosec B308 B703  # escaped
