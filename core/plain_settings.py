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
    """The settings as attributes of its own. All are read: see ``read_all``."""


class _LazySettings(_PlainSettings):
    """The same, until all are read. A look at one costs more where a class has ``__getattr__``."""

    def __getattr__(self, name: str) -> Any:
        """Look up a setting that is not known yet."""
        value = getattr(settings_of_django, name)
        setattr(self, name, value)
        return value


_settings: _PlainSettings = _LazySettings()
settings = cast("LazySettings", _settings)


def read_all() -> None:
    """Read all settings, as a web worker does at its start: then they are plain attributes."""
    names = [name for name in dir(settings_of_django) if name.isupper()]
    vars(_settings).update({name: getattr(settings_of_django, name) for name in names})
    _settings.__class__ = _PlainSettings


def _changed(*, setting: str, **_: Any) -> None:
    vars(_settings).pop(setting, None)
    if type(_settings) is _PlainSettings and hasattr(settings_of_django, setting):
        setattr(_settings, setting, getattr(settings_of_django, setting))


setting_changed.connect(_changed)
