"""Invoices and purchases of tokens in the admin, with the button that refunds them."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from adminpanel.actions import refunds
from adminpanel.site.action_pages import ask_and_do, staff_of
from adminpanel.site.customer_pages import action
from adminpanel.site.forms import RefundForm
from billing.admin import InvoiceAdmin, TopUpAdmin
from billing.entitlements.repaying import Payment
from billing.models import Invoice, TopUp
from core.admin.pages import OfUsersAdmin

admin.site.unregister(Invoice)
admin.site.unregister(TopUp)


class Refundable(OfUsersAdmin):
    """Rows of payments, which nobody edits; a refund needs a permission of its own."""

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Offer a refund of what was paid, to staff above the payer in rank."""
        row: Any = self.get_object(request, unquote(str(object_id)))
        if row is None or not self.is_in_reach(request, row) or Payment(row).left < 1:
            return []
        offered: list[Any] = super().get_actions_detail(request, object_id)
        return offered

    def ask(self, request: HttpRequest, object_id: str, do: Callable[..., bool]) -> HttpResponse:
        """Ask how much to refund and why, and do it."""
        row: Any = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        if not self.is_in_reach(request, row):
            raise PermissionDenied
        return ask_and_do(
            request,
            form=RefundForm(request.POST or None, payment=Payment(row)),
            do=partial(do, staff=staff_of(request)),
            back=reverse(f"admin:billing_{self.opts.model_name}_change", args=(row.pk,)),
            context={
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": f"Refund {row}",
                "lead": f"To {self.user_of(row).email}, at Stripe.",
            },
        )


@admin.register(Invoice)
class RefundableInvoiceAdmin(InvoiceAdmin, Refundable):
    actions_detail = ("refund",)

    @action("Refund", icon="undo", permission="billing.change_invoice")
    def refund(self, request: HttpRequest, object_id: str) -> HttpResponse:
        do = partial(refunds.refund_invoice, invoice_id=unquote(object_id))
        return self.ask(request, object_id, do)


@admin.register(TopUp)
class RefundableTopUpAdmin(TopUpAdmin, Refundable):
    actions_detail = ("refund",)

    @action("Refund", icon="undo", permission="billing.change_topup")
    def refund(self, request: HttpRequest, object_id: str) -> HttpResponse:
        try:
            do = partial(refunds.refund_top_up, top_up_id=UUID(object_id))
        except ValueError as malformed:
            raise Http404 from malformed
        return self.ask(request, object_id, do)
