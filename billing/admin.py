"""Admin pages of billing: plans are editable, Stripe data is read-only, events are repeatable."""

from functools import partial
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from billing.events import webhooks
from billing.models import (
    AutomaticTopUp,
    Customer,
    Invoice,
    Pack,
    Plan,
    Price,
    StripeEvent,
    Subscription,
    TopUp,
)
from billing.stripe import gateway, mirror_admin
from core.admin.columns import money, number
from core.admin.pages import OfUsersAdmin, ReadOnlyAdmin, StaffAdmin, StaffInline
from core.queue import enqueue

_FIGURES = (money("total"), money("paid"), money("refunded"), number("tokens"))


@admin.register(Plan)
class PlanAdmin(StaffAdmin):
    """The worker creates a changed price at Stripe; new subscriptions then use it."""

    list_display = ("tier", money("price_month"), money("price_year"), "public", "position")
    list_select_related = ("tier",)

    def save_model(self, request: HttpRequest, obj: Plan, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if gateway.is_set_up():
            transaction.on_commit(partial(enqueue, "billing.tasks.sell_plans"))


@admin.register(Price)
class PriceAdmin(ReadOnlyAdmin):
    list_display = ("id", "plan", "interval", money("amount"), "active")
    list_select_related = ("plan__tier",)


@admin.register(Pack)
class PackAdmin(StaffAdmin):
    list_display = (
        "name",
        number("tokens"),
        money("price"),
        "currency",
        "valid_days",
        "public",
        "position",
    )
    ordering = ("position",)


@admin.register(TopUp)
class TopUpAdmin(OfUsersAdmin):
    list_display = (
        "user",
        number("tokens"),
        "automatic",
        "status",
        money("paid"),
        money("refunded"),
        "paid_at",
        "expires_at",
        "created_at",
    )
    list_filter = ("status", "created_at")
    list_select_related: ClassVar[tuple[str, ...]] = ("user",)
    exactly: ClassVar[tuple[str, ...]] = ("pk", "payment_intent", "checkout_id")
    ordering = ("-created_at",)


@admin.register(AutomaticTopUp)
class AutomaticTopUpAdmin(OfUsersAdmin):
    list_display = ("user", "pack", number("threshold"), "enabled", "stopped", "consented_at")
    list_filter = ("enabled", "stopped")
    list_select_related: ClassVar[tuple[str, ...]] = ("user", "pack")
    ordering = ("-consented_at",)


@admin.register(Customer)
class CustomerAdmin(OfUsersAdmin):
    list_display = ("user", "stripe_id", "created_at")
    exactly: ClassVar[tuple[str, ...]] = ("stripe_id",)
    ordering = ("-user_id",)


class InvoiceInline(StaffInline):
    model = Invoice
    fields = ("number", "status", *_FIGURES, "created_at")
    readonly_fields = fields
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Subscription)
class SubscriptionAdmin(OfUsersAdmin):
    list_display = ("user", "plan", "interval", "status", "period_end", "cancel_at_period_end")
    list_filter = ("status", "plan__tier", "interval", "cancel_at_period_end")
    list_select_related: ClassVar[tuple[str, ...]] = ("user", "plan__tier")
    exactly: ClassVar[tuple[str, ...]] = ("pk", "stripe_id")
    ordering = ("-created_at",)
    inlines = (InvoiceInline,)


@admin.register(Invoice)
class InvoiceAdmin(OfUsersAdmin):
    list_display = ("name", "user", "plan", "status", *_FIGURES, "created_at")
    list_filter = ("status", "plan__tier", "created_at")
    list_select_related: ClassVar[tuple[str, ...]] = ("subscription__user", "plan__tier")
    of_user = "subscription__user"
    fields = (
        "id", "number", "user", "subscription", "plan", "status", *_FIGURES, "taken_back",
        "period_start", "period_end", "payment_intent", "hosted_url", "pdf_url", "created_at",
    )  # fmt: skip
    readonly_fields = ("user", *_FIGURES)

    @admin.display(description="Number", ordering="number")
    def name(self, invoice: Invoice) -> str:
        """Return the number; a draft has none, and is called by its id."""
        return invoice.number or invoice.pk

    @admin.display(description="User")
    def user(self, invoice: Invoice) -> str:
        return invoice.subscription.user.email


@admin.register(StripeEvent)
class StripeEventAdmin(ReadOnlyAdmin):
    list_display = ("id", "type", "created_at", "received_at", "processed_at", "attempts", "error")
    list_filter = (("processed_at", admin.EmptyFieldListFilter), "received_at")
    search_fields = ("id__startswith", "type__startswith")
    ordering = ("-received_at",)
    actions = ("process_again",)

    def has_process_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.change_stripeevent")

    @admin.action(description="Process the selected events again", permissions=["process"])
    def process_again(self, request: HttpRequest, queryset: QuerySet[StripeEvent]) -> None:
        """Process the events again. Processing is idempotent."""
        failed = [event.pk for event in queryset if not self._processed(request, event)]
        self.message_user(request, f"{len(queryset) - len(failed)} events are processed.")
        if failed:
            self.message_user(request, f"Failed: {', '.join(failed)}", level=messages.ERROR)

    def _processed(self, request: HttpRequest, event: StripeEvent) -> bool:
        self.log_change(request, event, "Processed again.")
        return webhooks.process_again(event)


mirror_admin.register()
