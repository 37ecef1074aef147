"""Django's settings as plain attributes, for the code of every request. Imports no app.

A look at ``django.conf.settings`` is a call of Python, of which a request would have fifteen. Here
it is one only the first time, and after a test has overridden the setting.
"""

from typing import TYPE_CHECKING, Any, cast

from django.conf import settings as settings_of_django
from django.core.signals import setting_changed

if TYPE_CHECKING:
    from django.conf import LazySettings


class _PlainSettings:
    def __getattr__(self, name: str) -> Any:
        """Look up a setting that is not known yet."""
        value = getattr(settings_of_django, name)
        setattr(self, name, value)
        return value


_settings = _PlainSettings()
settings = cast("LazySettings", _settings)


def _forget(*, setting: str, **_: Any) -> None:
    vars(_settings).pop(setting, None)


setting_changed.connect(_forget)
