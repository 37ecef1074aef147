"""Forms of staff actions: amounts, reason and confirmation."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from billing.entitlements.repaying import Payment
from core import currencies
from tokens.models import Tier

MOST_TOKENS = 1_000_000_000_000


class ActionForm(forms.Form):
    """A reason and a confirmation, which every action asks for."""

    reason = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="It is recorded in the audit log.",
    )
    sure = forms.BooleanField(
        label="Yes, do it",
        widget=UnfoldBooleanWidget(),
        error_messages={"required": "Check this box to confirm."},
    )

    field_order: Any = None

    def arguments(self) -> dict[str, Any]:
        """Return what the action is called with."""
        return {name: value for name, value in self.cleaned_data.items() if name != "sure"}


class GrantForm(ActionForm):
    once = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    amount = forms.IntegerField(
        min_value=1,
        max_value=MOST_TOKENS,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="Tokens.",
    )
    expires_at = forms.DateTimeField(
        required=False,
        label="Expires at (UTC)",
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
        help_text="Empty: never.",
    )
    field_order = ("amount", "expires_at", "reason", "sure", "once")

    def clean_expires_at(self) -> Any:
        """Refuse a time in the past."""
        moment = self.cleaned_data["expires_at"]
        if moment and moment <= timezone.now():
            raise forms.ValidationError("This time is in the past.")
        return moment


class RefundForm(ActionForm):
    """An amount of at most what is left of a payment, in units of its currency."""

    once = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    field_order = ("amount", "reason", "sure", "once")

    def __init__(self, *args: Any, payment: Payment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        left = currencies.units(payment.left, payment.currency)
        self._places = currencies.decimals(payment.currency)
        shown = currencies.formatted(payment.left, payment.currency)
        self.fields["amount"] = forms.DecimalField(
            label=f"Amount, {payment.currency.upper()}",
            initial=left,
            min_value=Decimal(1).scaleb(-self._places),
            max_value=left,
            decimal_places=self._places,
            max_digits=20,
            widget=UnfoldAdminDecimalFieldWidget(),
            help_text=f"At most {shown}, which is left of the payment. Unspent tokens of that part"
            " are taken back.",
        )
        self.order_fields(self.field_order)

    def arguments(self) -> dict[str, Any]:
        """Return the amount in the smallest unit, as Stripe has it."""
        given = super().arguments()
        return {**given, "amount": int(given["amount"].scaleb(self._places))}


class PlanForm(ActionForm):
    plan = forms.ChoiceField(widget=UnfoldAdminSelectWidget())
    field_order = ("plan", "reason", "sure")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tiers = Tier.objects.order_by("monthly_tokens", "name")
        self.fields["plan"].choices = list(tiers.values_list("name", "title"))  # type: ignore[attr-defined]


class RevokeForm(ActionForm):
    epoch = forms.IntegerField(widget=forms.HiddenInput)
