"""Plans can be edited; what Stripe says can only be read, and its events processed anew."""

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from billing import gateway, webhooks
from billing.models import Customer, Invoice, Plan, Price, StripeEvent, Subscription
from config.queue import enqueue
from tokens.admin import ReadOnlyAdmin


@admin.register(Plan)
class PlanAdmin(admin.ModelAdmin[Plan]):
    """A changed price is made at Stripe by the worker, and sold once that is done."""

    list_display = ("tier", "price_month", "price_year", "currency", "public", "position")
    list_select_related = ("tier",)

    def save_model(self, request: HttpRequest, obj: Plan, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if gateway.is_set_up():
            transaction.on_commit(partial(enqueue, "billing.tasks.sell_plans"))


@admin.register(Price)
class PriceAdmin(ReadOnlyAdmin):
    list_display = ("id", "plan", "interval", "amount", "currency", "active")
    list_select_related = ("plan__tier",)


@admin.register(Customer)
class CustomerAdmin(ReadOnlyAdmin):
    list_display = ("user", "stripe_id", "created_at")
    search_fields = ("user__email", "stripe_id")


class InvoiceInline(admin.TabularInline[Invoice, Subscription]):
    model = Invoice
    fields = ("number", "status", "total", "paid", "refunded", "tokens", "created_at")
    readonly_fields = fields
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    list_display = ("user", "plan", "interval", "status", "period_end", "cancel_at_period_end")
    list_filter = ("status", "plan", "interval", "cancel_at_period_end")
    list_select_related = ("user", "plan__tier")
    search_fields = ("user__email", "stripe_id")
    inlines = (InvoiceInline,)


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin):
    list_display = ("id", "number", "status", "total", "paid", "refunded", "tokens", "created_at")
    list_filter = ("status", "currency")
    list_select_related = ("subscription",)
    search_fields = ("id", "number", "subscription__user__email")
    date_hierarchy = "created_at"


@admin.register(StripeEvent)
class StripeEventAdmin(ReadOnlyAdmin):
    list_display = ("id", "type", "created_at", "received_at", "processed_at", "attempts", "error")
    list_filter = (("processed_at", admin.EmptyFieldListFilter), "type")
    list_select_related = ()
    search_fields = ("id", "type")
    actions = ("process_again",)

    def has_process_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("billing.change_stripeevent")

    @admin.action(description="Process the selected events again", permissions=["process"])
    def process_again(self, request: HttpRequest, queryset: QuerySet[StripeEvent]) -> None:
        """Do again what the events call for: it may be done any number of times."""
        failed = [event.pk for event in queryset if not self._processed(request, event)]
        self.message_user(request, f"{len(queryset) - len(failed)} events are processed.")
        if failed:
            self.message_user(request, f"Failed: {', '.join(failed)}", level=messages.ERROR)

    def _processed(self, request: HttpRequest, event: StripeEvent) -> bool:
        self.log_change(request, event, "Processed again.")
        return webhooks.process_again(event)
