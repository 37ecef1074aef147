"""Template filters that describe devices in the reader's language."""

from django import template
from django.utils.translation import gettext as _

from accounts.device_names import device_name, program_and_system

register = template.Library()


@register.filter
def device(name: object) -> str:
    """Describe a device by its stored name: "Firefox on Linux" is "Firefox unter Linux" in German.

    A name of another form is shown as it is.
    """
    text = str(name)
    parts = program_and_system(text)
    if parts is None:
        return text
    return _("%(program)s on %(system)s") % {"program": parts[0], "system": parts[1]}


@register.filter
def browser(user_agent: str) -> str:
    """Describe a browser by its User-Agent."""
    return device(device_name(given="", user_agent=user_agent))
