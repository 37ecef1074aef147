"""Plans, prices, customers, subscriptions, invoices and Stripe events.

The limits of a plan are in its tier (tokens). Stripe is the source of truth for subscriptions and
invoices; these rows are our last reading (``billing.entitlements.state``), in addition to
dj-stripe's mirror.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from core import currencies
from tokens.models import Tier

_LIVE = ["pending", "checkout", "incomplete", "trialing", "active", "past_due", "unpaid", "paused"]
_OVER = ["canceled", "incomplete_expired", "abandoned"]


class Interval(models.TextChoices):
    MONTH = "month"
    YEAR = "year"


class Plan(models.Model):
    """A plan of the price list: what it costs. Its tier (``tokens.models``) says what it gives."""

    tier = models.OneToOneField(
        Tier,
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="plan",
        help_text="The entitlement that the plan gives.",
    )
    description = models.CharField(
        max_length=200, blank=True, help_text="One sentence for the price list."
    )
    price_month = models.PositiveIntegerField(
        default=0, help_text="In the currency's smallest unit, such as cents."
    )
    price_year = models.PositiveIntegerField(
        default=0, help_text="In the currency's smallest unit, such as cents."
    )
    currency = models.CharField(max_length=3, default="usd", help_text="ISO 4217, in lower case.")
    position = models.PositiveSmallIntegerField(
        default=0, help_text="Order in the price list; a later plan is an upgrade."
    )
    public = models.BooleanField(default=True, help_text="Whether the price list shows it.")
    trial_days = models.PositiveSmallIntegerField(
        default=0, help_text="Free days of a user's first subscription."
    )
    stripe_product = models.CharField(
        max_length=255, blank=True, editable=False, help_text="Stripe's id of the product."
    )

    class Meta:
        ordering = ("position",)
        constraints = [
            models.CheckConstraint(
                name="plan_currency_lower_case", condition=Q(currency__regex="^[a-z]{3}$")
            )
        ]

    def __str__(self) -> str:
        return self.tier.title

    def amount(self, interval: str) -> int:
        """Return the price of a month or a year, in cents."""
        return self.price_year if interval == Interval.YEAR else self.price_month


class Price(models.Model):
    """A price at Stripe. It never changes: when a plan's does, a new one takes its place."""

    id = models.CharField(max_length=255, primary_key=True, help_text="Stripe's id.")
    plan = models.ForeignKey(
        Plan, on_delete=models.PROTECT, related_name="prices", help_text="The plan that is sold."
    )
    interval = models.CharField(
        max_length=5, choices=Interval.choices, help_text="How often it is charged."
    )
    amount = models.PositiveIntegerField(
        help_text="In the currency's smallest unit, such as cents."
    )
    currency = models.CharField(max_length=3, help_text="ISO 4217, in lower case.")
    active = models.BooleanField(
        default=True, help_text="Whether new subscriptions can use this price."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="price_active_unique", fields=["plan", "interval"], condition=Q(active=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.plan_id} {self.interval}"

    @property
    def whole(self) -> str:
        """The amount for readers, such as `20.00 USD`."""
        return currencies.formatted(self.amount, self.currency)


class Customer(models.Model):
    """Who a user is at Stripe."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="billing_customer",
        help_text="The user.",
    )
    stripe_id = models.CharField(
        max_length=255, unique=True, help_text="Stripe's id of the customer."
    )
    erased_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When the account was deleted and its data removed from Stripe.",
    )
    created_at = models.DateTimeField(
        default=timezone.now, help_text="When the customer was created."
    )

    def __str__(self) -> str:
        return self.stripe_id


class Subscription(models.Model):
    """A user's subscription: at most one that has not ended.

    It begins as ``pending``, before Stripe is called, so that of many requests one
    wins. ``plan`` is what was paid for last; what Stripe will charge for next stands beside it.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "being made"
        CHECKOUT = "checkout", "at Stripe's page"
        INCOMPLETE = "incomplete"
        TRIALING = "trialing"
        ACTIVE = "active"
        PAST_DUE = "past_due"
        UNPAID = "unpaid"
        PAUSED = "paused"
        CANCELED = "canceled"
        INCOMPLETE_EXPIRED = "incomplete_expired"
        ABANDONED = "abandoned", "never made"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="subscriptions",
        help_text="The subscriber.",
    )
    plan = models.ForeignKey(
        Plan,
        on_delete=models.PROTECT,
        related_name="subscriptions",
        help_text="The plan that is paid for.",
    )
    interval = models.CharField(
        max_length=5, choices=Interval.choices, help_text="How often it is charged."
    )
    price = models.ForeignKey(
        Price,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The price that is charged now, even if it is no longer offered.",
    )
    status = models.CharField(
        max_length=20,
        choices=Status.choices,
        default=Status.PENDING,
        help_text="Stripe's status of the subscription.",
    )
    stripe_id = models.CharField(
        max_length=255,
        null=True,
        blank=True,
        unique=True,
        help_text="Stripe's id; empty until Stripe has created it.",
    )
    checkout_id = models.CharField(
        max_length=255, blank=True, help_text="Stripe's id of the Checkout session that creates it."
    )
    checkout_url = models.TextField(blank=True, help_text="The page on which to pay.")
    claimed_until = models.DateTimeField(
        null=True, blank=True, help_text="When a pending subscription expires."
    )
    period_start = models.DateTimeField(
        null=True, blank=True, help_text="The start of the paid period."
    )
    period_end = models.DateTimeField(
        null=True, blank=True, help_text="The end of the paid period."
    )
    trial_end = models.DateTimeField(null=True, blank=True, help_text="When the free trial ends.")
    cancel_at_period_end = models.BooleanField(
        default=False, help_text="Whether it ends with the period."
    )
    next_plan = models.ForeignKey(
        Plan,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="The plan from the next period on, if a change is scheduled.",
    )
    next_interval = models.CharField(
        max_length=5,
        choices=Interval.choices,
        blank=True,
        help_text="The interval from the next period on, if a change is scheduled.",
    )
    entitled = models.BooleanField(
        default=False, help_text="Whether the subscription currently gives the user its plan."
    )
    grace_until = models.DateTimeField(
        null=True, blank=True, help_text="Until when the plan is kept after a failed payment."
    )
    to_end = models.BooleanField(
        default=False,
        help_text="The account was deleted; still to be canceled at Stripe.",
    )
    version = models.PositiveIntegerField(
        default=0, help_text="Incremented each time the state is read from Stripe."
    )
    created_at = models.DateTimeField(default=timezone.now, help_text="When it was created.")
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When it ended.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="subscription_one_live_by_user",
                fields=["user"],
                condition=Q(ended_at=None),
            ),
            models.CheckConstraint(
                name="subscription_ended_when_over",
                condition=Q(ended_at=None, status__in=_LIVE)
                | Q(ended_at__isnull=False, status__in=_OVER),
            ),
            models.CheckConstraint(
                name="subscription_claim_or_at_stripe",
                condition=Q(stripe_id__isnull=False)
                | Q(status__in=["pending", "checkout", "abandoned"]),
            ),
        ]
        indexes = [
            models.Index(
                name="subscription_in_grace",
                fields=["grace_until"],
                condition=Q(grace_until__isnull=False),
            ),
            models.Index(
                name="subscription_claimed",
                fields=["claimed_until"],
                condition=Q(claimed_until__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan_id} {self.interval}, {self.status}"


class ScheduledChange(models.Model):
    """A scheduled change whose schedule at Stripe was released to try another change.

    It takes effect unless that other change succeeds (``billing.subscriptions.scheduled_changes``).
    """

    subscription = models.OneToOneField(
        Subscription,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="scheduled_change",
        help_text="The subscription to change.",
    )
    present = models.ForeignKey(
        Price,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The price at the time of scheduling.",
    )
    price = models.ForeignKey(
        Price, on_delete=models.PROTECT, related_name="+", help_text="The price to change to."
    )
    leased_until = models.DateTimeField(help_text="Until then, one process is handling it.")

    class Meta:
        db_table = "billing_shelvedchange"  # its name in former versions

    def __str__(self) -> str:
        return f"{self.present_id} → {self.price_id}"


class Invoice(models.Model):
    """What was billed, and the tokens that came of it, which are granted once."""

    id = models.CharField(max_length=255, primary_key=True, help_text="Stripe's id.")
    subscription = models.ForeignKey(
        Subscription,
        on_delete=models.PROTECT,
        related_name="invoices",
        help_text="The subscription that was billed.",
    )
    plan = models.ForeignKey(
        Plan,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        help_text="The price it charged; the subscription's price may have changed since.",
    )
    number = models.CharField(max_length=255, blank=True, help_text="The number on the invoice.")
    status = models.CharField(max_length=20, help_text="draft, open, paid, void, uncollectible")
    currency = models.CharField(max_length=3, help_text="ISO 4217, in lower case.")
    total = models.BigIntegerField(help_text="In the currency's smallest unit, such as cents.")
    paid = models.BigIntegerField(
        default=0, help_text="In the currency's smallest unit, such as cents."
    )
    refunded = models.BigIntegerField(
        default=0, help_text="In the currency's smallest unit, such as cents."
    )
    hosted_url = models.TextField(blank=True, help_text="Stripe's page of the invoice.")
    pdf_url = models.TextField(blank=True, help_text="The invoice as PDF.")
    payment_intent = models.CharField(
        max_length=255, blank=True, db_index=True, help_text="Stripe's id of the payment."
    )
    period_start = models.DateTimeField(help_text="The start of the billed period.")
    period_end = models.DateTimeField(help_text="The end of the billed period.")
    tokens = models.BigIntegerField(
        null=True, blank=True, help_text="Tokens granted for this invoice. Null: none."
    )
    taken_back = models.BigIntegerField(
        default=0, help_text="Tokens taken back because of refunds or disputes."
    )
    settlements = models.PositiveIntegerField(
        default=0, editable=False, help_text="Number of refunds and disputes, opened or closed."
    )
    created_at = models.DateTimeField(help_text="When Stripe created it.")

    class Meta:
        ordering = ("-created_at", "-number", "-id")  # Numbers tell those of one second apart.
        constraints = [
            models.CheckConstraint(
                name="invoice_amounts_not_negative",
                condition=Q(paid__gte=0) & Q(refunded__gte=0) & Q(taken_back__gte=0),
            ),
            models.CheckConstraint(
                name="invoice_refunded_within_paid", condition=Q(refunded__lte=F("paid"))
            ),
        ]

    def __str__(self) -> str:
        return self.number or self.id


class Pack(models.Model):
    """Tokens that are sold once, beside a plan."""

    name = models.SlugField(primary_key=True, help_text="small, medium …")
    tokens = models.PositiveBigIntegerField(help_text="How many are sold.")
    price = models.PositiveIntegerField(help_text="In the currency's cents.")
    currency = models.CharField(
        max_length=3, default="usd", help_text="In lower case, as Stripe has it."
    )
    valid_days = models.PositiveSmallIntegerField(
        default=365, help_text="Days after which the tokens expire. 0: never."
    )
    position = models.PositiveSmallIntegerField(default=0, help_text="Order in the list.")
    public = models.BooleanField(default=True, help_text="Uncheck to sell it no more.")

    class Meta:
        ordering = ("position", "price")
        constraints = [
            models.CheckConstraint(
                name="pack_is_worth_something", condition=Q(tokens__gte=1) & Q(price__gte=1)
            ),
            models.CheckConstraint(
                name="pack_currency_lower_case", condition=Q(currency__regex="^[a-z]{3}$")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tokens:,} tokens"


class TopUp(models.Model):
    """A purchase of a pack, as it was offered. Its payment is credited once."""

    class Status(models.TextChoices):
        OPEN = "open", "not paid yet"
        PAID = "paid"
        EXPIRED = "expired", "never paid"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="top_ups",
        help_text="The buyer.",
    )
    pack = models.ForeignKey(
        Pack, on_delete=models.PROTECT, related_name="top_ups", help_text="What was bought."
    )
    tokens = models.PositiveBigIntegerField(help_text="As they were offered.")
    amount = models.PositiveIntegerField(help_text="In the currency's cents.")
    currency = models.CharField(max_length=3, help_text="In lower case.")
    valid_days = models.PositiveSmallIntegerField(help_text="As they were offered. 0: no end.")
    status = models.CharField(
        max_length=8, choices=Status.choices, default=Status.OPEN, help_text="Of the payment."
    )
    checkout_id = models.CharField(
        max_length=255, blank=True, db_index=True, help_text="Stripe's id of the Checkout page."
    )
    checkout_url = models.TextField(blank=True, help_text="The Checkout page.")
    automatic = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Whether it was charged to the saved card, without the user being there.",
    )
    payment_intent = models.CharField(
        max_length=255, null=True, blank=True, unique=True, help_text="Stripe's id of the payment."
    )
    paid = models.PositiveIntegerField(default=0, help_text="In the currency's cents.")
    paid_at = models.DateTimeField(null=True, blank=True, help_text="When it was credited.")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Of the tokens.")
    refunded = models.PositiveIntegerField(default=0, help_text="In the currency's cents.")
    taken_back = models.PositiveBigIntegerField(
        default=0, help_text="Of the tokens, for what is refunded or disputed."
    )
    settlements = models.PositiveIntegerField(
        default=0, editable=False, help_text="How often money went back, or returned."
    )
    created_at = models.DateTimeField(default=timezone.now, help_text="When the page was opened.")

    class Meta:
        verbose_name = "purchase of tokens"
        verbose_name_plural = "purchases of tokens"
        ordering = ("-created_at",)
        constraints = [
            models.CheckConstraint(
                name="top_up_paid_when_paid",
                condition=Q(status="paid", paid_at__isnull=False, payment_intent__isnull=False)
                | (~Q(status="paid") & Q(paid_at=None)),
            ),
            models.CheckConstraint(
                name="top_up_refunded_within_paid", condition=Q(refunded__lte=F("paid"))
            ),
            models.UniqueConstraint(
                name="top_up_one_automatic_at_once",
                fields=["user"],
                condition=Q(status="open", automatic=True),
            ),
        ]
        indexes = [
            models.Index(name="top_up_by_user", fields=["user", "-created_at"]),
            models.Index(name="top_up_open", fields=["created_at"], condition=Q(status="open")),
        ]

    def __str__(self) -> str:
        return f"{self.tokens:,} tokens, {self.status}"

    @property
    def source(self) -> str:
        """The source of its grant in the ledger."""
        return f"topup:{self.pk}"


class AutomaticTopUp(models.Model):
    """A user's order to buy a pack with their saved card when few tokens are left.

    A purchase is made once when the rest falls below the threshold, and again only after the rest
    was at or above it. Those of a calendar month (UTC) never cost more than the ceiling.
    """

    class Stopped(models.TextChoices):
        NO = "", "not stopped"
        DECLINED = "declined", "the card was declined"
        AUTHENTICATION = "authentication", "the bank asked for authentication"
        NO_CARD = "no_card", "there is no card"
        NOT_SOLD = "not_sold", "the pack is not sold any more"
        DISPUTED = "disputed", "a payment was disputed"
        REFUNDED = "refunded", "a payment was refunded"

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="automatic_top_up",
        help_text="The buyer.",
    )
    pack = models.ForeignKey(
        Pack, on_delete=models.PROTECT, related_name="+", help_text="What is bought."
    )
    threshold = models.PositiveBigIntegerField(help_text="Buy when fewer tokens are left.")
    monthly_ceiling = models.PositiveIntegerField(
        help_text="The most that a calendar month (UTC) may cost, in the currency's cents."
    )
    enabled = models.BooleanField(default=True, help_text="Whether it buys.")
    armed = models.BooleanField(
        default=True, help_text="Whether the next fall below the threshold causes a purchase."
    )
    consented_at = models.DateTimeField(help_text="When the user agreed to these settings.")
    price = models.PositiveIntegerField(
        help_text="The pack's price that the user agreed to, in the currency's cents."
    )
    tokens = models.PositiveBigIntegerField(help_text="The pack's tokens that the user agreed to.")
    currency = models.CharField(
        max_length=3,
        db_default="usd",
        help_text="The pack's currency that the user agreed to, in lower case.",
    )
    valid_days = models.PositiveSmallIntegerField(
        db_default=365,
        help_text="Days after which the tokens expire, that the user agreed to. 0: never.",
    )
    stopped = models.CharField(
        max_length=16,
        choices=Stopped.choices,
        blank=True,
        default=Stopped.NO,
        help_text="Why it was turned off by us.",
    )
    stopped_at = models.DateTimeField(null=True, blank=True, help_text="When that was.")
    ceiling_told = models.DateField(
        null=True,
        blank=True,
        help_text="The first day of the month for which the user was told of the ceiling.",
    )

    class Meta:
        verbose_name = "automatic top-up"
        constraints = [
            models.CheckConstraint(
                name="automatic_top_up_off_when_stopped",
                condition=Q(stopped="") | Q(enabled=False, stopped_at__isnull=False),
            ),
            models.CheckConstraint(
                name="automatic_top_up_ceiling_allows_one",
                condition=Q(monthly_ceiling__gte=F("price")),
            ),
        ]
        indexes = [
            models.Index(name="automatic_top_up_on", fields=["user"], condition=Q(enabled=True))
        ]

    def __str__(self) -> str:
        return f"{self.tokens:,} tokens below {self.threshold:,}"


class StripeEvent(models.Model):
    """An event that Stripe has signed: stored before anything is done about it."""

    id = models.CharField(max_length=255, primary_key=True, help_text="Stripe's id.")
    type = models.CharField(max_length=100, help_text="Stripe's type, such as invoice.paid.")
    payload = models.JSONField(help_text="The ids of the objects of the event.")
    created_at = models.DateTimeField(help_text="When Stripe created it.")
    received_at = models.DateTimeField(default=timezone.now, help_text="When it was received.")
    processed_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was processed; null: not yet."
    )
    attempts = models.PositiveIntegerField(
        default=0, help_text="How often it was processed, with or without success."
    )
    error = models.TextField(blank=True, help_text="The error of the last attempt.")

    class Meta:
        verbose_name = "webhook event"
        indexes = [
            models.Index(name="event_newest", fields=["-received_at"]),
            models.Index(
                name="event_unprocessed", fields=["received_at"], condition=Q(processed_at=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"
