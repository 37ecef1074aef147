"""HTML of the pages, light and dark, with everything escaped."""

from dataclasses import dataclass, field
from html import escape

from devserver.stripe import cards

_STYLE = """
:root { color-scheme: light dark; --ink: #1a1f36; --soft: #5c6479; --line: #dfe3ec; --page: #f5f7fb;
  --card: #fff; --main: #4f46e5; --on-main: #fff; --bad: #b3093c; --bad-page: #fdeef2;
  --good: #0b6b46; --good-page: #e6f6ee; }
@media (prefers-color-scheme: dark) { :root { --ink: #eef0f6; --soft: #a2a9ba; --line: #333a4d;
  --page: #12151d; --card: #1b202c; --main: #8b87ff; --on-main: #12151d; --bad: #ff9db5;
  --bad-page: #3a1822; --good: #7fe0b2; --good-page: #14311f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 1.25rem 1rem 3rem; }
.note { background: var(--main); color: var(--on-main); padding: .4rem 1rem; text-align: center;
  font-size: .875rem; }
.note a { color: inherit; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .75rem;
  padding: 1.25rem; margin: 1rem 0; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 1.25rem 0 .25rem; }
h2 { font-size: 1.0625rem; margin: 0 0 .75rem; }
p { margin: .25rem 0 .75rem; } .soft { color: var(--soft); }
.big { font-size: 2rem; font-weight: 650; }
label { display: block; font-size: .875rem; font-weight: 550; margin: .75rem 0 .25rem; }
input { width: 100%; font: inherit; color: inherit; background: var(--page); padding: .6rem .7rem;
  border: 1px solid var(--line); border-radius: .5rem; }
input:focus-visible, button:focus-visible, a:focus-visible { outline: 2px solid var(--main);
  outline-offset: 2px; }
.two { display: grid; grid-template-columns: 1fr 1fr; gap: 0 .75rem; }
.row { display: flex; flex-wrap: wrap; gap: .25rem 1rem; justify-content: space-between;
  align-items: baseline; padding: .5rem 0; border-top: 1px solid var(--line); }
.row:first-of-type { border-top: 0; }
button { font: inherit; font-weight: 600; border: 1px solid var(--main); border-radius: .5rem;
  padding: .6rem 1rem; background: var(--main); color: var(--on-main); cursor: pointer; }
button.wide { width: 100%; margin-top: 1.25rem; }
button.quiet { background: none; color: var(--main); }
form.inline { display: inline; }
.bad, .good { border-radius: .5rem; padding: .6rem .8rem; margin: .75rem 0; }
.bad { background: var(--bad-page); color: var(--bad); }
.good { background: var(--good-page); color: var(--good); }
a { color: var(--main); }
code { font: .875em ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; font-size: .9375rem; }
th, td { text-align: left; padding: .4rem .5rem .4rem 0; border-top: 1px solid var(--line);
  vertical-align: top; } th { border: 0; font-size: .8125rem; color: var(--soft); }
td.amount, th.amount { text-align: right; padding-right: 0; }
"""

_FILL = """
for (const one of document.querySelectorAll("[data-card]")) one.addEventListener("click", () => {
  document.querySelector("[name=cardNumber]").value = one.dataset.card;
});
"""


@dataclass
class Page:
    """An answer for a browser."""

    html: str
    status: int = 200
    headers: dict[str, str] = field(
        default_factory=lambda: {"Content-Type": "text/html; charset=utf-8"}
    )


def page(title: str, body: str, *, status: int = 200) -> Page:
    """``body`` is HTML; ``title`` is not."""
    return Page(
        f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><link rel="icon" href="data:,"><style>{_STYLE}</style></head>
<body><div class="note">Test payments: nobody is charged. <a href="/">What is this?</a></div>
<main>{body}</main><script>{_FILL}</script></body></html>
""",
        status,
    )


def redirect(url: str) -> Page:
    return Page("", 303, {"Location": url})


def problem(message: str | None) -> str:
    return f'<p class="bad" role="alert">{escape(message)}</p>' if message else ""


def entry(label: str, name: str, *, value: str = "", more: str = "") -> str:
    """Return a labelled field; ``more`` holds further attributes."""
    return (
        f'<label for="{name}">{escape(label)}</label>'
        f'<input id="{name}" name="{name}" value="{escape(value)}" {more}>'
    )


def card_fields(given: dict[str, str]) -> str:
    """Return the fields of a card, named as on Stripe's own page."""
    off = 'required autocomplete="off"'
    digits = f'inputmode="numeric" {off}'
    number = entry(
        "Card number",
        "cardNumber",
        value=given.get("cardNumber", ""),
        more=f'placeholder="4242 4242 4242 4242" {digits}',
    )
    expiry = entry(
        "Expires",
        "cardExpiry",
        value=given.get("cardExpiry", ""),
        more=f'placeholder="12 / 34" {off}',
    )
    cvc = entry(
        "CVC", "cardCvc", value=given.get("cardCvc", ""), more=f'placeholder="123" {digits}'
    )
    name = entry("Name on the card", "billingName", value=given.get("billingName", ""))
    return f'{number}<div class="two"><div>{expiry}</div><div>{cvc}</div></div>{name}'


def test_cards(*, fills: bool) -> str:
    """Return the table of the test cards; ``fills`` makes their numbers buttons."""
    rows = "".join(
        f"<tr><td>{_number(card.number, fills=fills)}</td><td>{escape(card.note)}</td></tr>"
        for card in cards.BY_NUMBER.values()
    )
    return f"<table><tr><th>Number</th><th>A charge</th></tr>{rows}</table>"


def _number(number: str, *, fills: bool) -> str:
    shown = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    if not fills:
        return f"<code>{shown}</code>"
    return f'<button type="button" class="quiet" data-card="{shown}">{shown}</button>'
