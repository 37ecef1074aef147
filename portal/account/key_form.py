"""The form of an API key. What is valid is decided by the API's serializer."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apikeys.models import ApiKey, Scope, default_scopes
from apikeys.serializers import ApiKeySerializer

OVERLAPS = (
    (0, _("Stop at once")),
    (3600, _("Work for an hour")),
    (86_400, _("Work for a day")),
    (7 * 86_400, _("Work for a week")),
)
_LIFETIMES = (
    ("", _("Never")),
    ("7", _("In 7 days")),
    ("30", _("In 30 days")),
    ("90", _("In 90 days")),
    ("365", _("In a year")),
)
_SCOPES = {
    Scope.LLM: _("Call language models"),
    Scope.TOKENS_READ: _("Read balance and usage"),
    Scope.TOKENS_WRITE: _("Reserve and consume tokens"),
}


def _number(label: Any, help_text: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, help_text=help_text, required=False)


class KeyForm(forms.Form):
    """Settings of a key that its owner may change."""

    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("Where the key is used."))
    scopes = forms.MultipleChoiceField(
        label=_("May"),
        choices=list(_SCOPES.items()),
        initial=default_scopes,
        widget=forms.CheckboxSelectMultiple,
    )
    monthly_token_budget = _number(
        _("Budget per month"), _("Tokens of a calendar month (UTC). Empty: as the plan allows.")
    )
    session_budget = _number(_("Cap per session"), _("Tokens that one session may use."))
    task_budget = _number(_("Cap per task"), _("Tokens that one task may use."))
    requests_per_minute = _number(
        _("Requests per minute"), _("In addition to the limit of the plan.")
    )
    allowed_ips = forms.CharField(
        label=_("Allowed IP addresses"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "203.0.113.7\n2001:db8::/32"}),
        help_text=_("Addresses and networks, one on a line. Empty: any."),
    )

    @classmethod
    def of(cls, key: ApiKey) -> dict[str, Any]:
        """Return a key's settings as initial values."""
        names = [name for name in cls.base_fields if name != "allowed_ips"]
        return {name: getattr(key, name) for name in names if hasattr(key, name)} | {
            "allowed_ips": "\n".join(key.allowed_ips)
        }

    def clean(self) -> dict[str, Any]:
        """Hold the form against the rules of the API."""
        data = super().clean() or {}
        if self.errors:
            return data
        serializer = ApiKeySerializer(data=self._as_json(data), partial=True)
        if serializer.is_valid():
            self._key = dict(serializer.validated_data)
        else:
            for name, found in serializer.errors.items():
                self.add_error(name if name in self.fields else None, _texts(found))
        return data

    def fields_of_key(self) -> dict[str, Any]:
        """Return the columns of the key, once the form is valid."""
        return self._key

    def _as_json(self, data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "allowed_ips": str(data["allowed_ips"]).replace(",", " ").split()}


class NewKeyForm(KeyForm):
    """The same, with when the key expires."""

    expires_in = forms.ChoiceField(label=_("Expires"), choices=_LIFETIMES, required=False)

    field_order = ("name", "expires_in", "scopes")

    def _as_json(self, data: dict[str, Any]) -> dict[str, Any]:
        found = super()._as_json(data)
        days = found.pop("expires_in", "")
        expires_at: datetime | None = timezone.now() + timedelta(days=int(days)) if days else None
        return {**found, "expires_at": expires_at}


def _texts(found: Any) -> list[str]:
    """Return the messages of a field, also of a list of values, where each has its own."""
    if isinstance(found, dict):
        return [text for each in found.values() for text in _texts(each)]
    return [str(each) for each in found]
