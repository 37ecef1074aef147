"""JSON endpoints of plans and payments: /api/subscriptions/*. Only the plan list is public."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.base import user_of, valid
from accounts.models import User
from billing.errors import (
    AlreadySubscribed,
    BillingUnavailable,
    CardDeclined,
    NotSubscribed,
    PaymentDue,
    SamePlan,
    SubscriptionBusy,
)
from billing.models import Invoice
from billing.serializers import (
    CancelSerializer,
    ChangePlanSerializer,
    CompareSerializer,
    InvoiceSerializer,
    OutcomeSerializer,
    PeriodUsageSerializer,
    PlansSerializer,
    PortalSerializer,
    SubscribeSerializer,
    SubscriptionSerializer,
)
from billing.subscriptions import changes, overview, subscribing
from billing.subscriptions.idempotency import idempotent
from core.errors import Conflict, NotFound
from core.http.openapi import raises
from tokens.idempotency import HEADER

TAGS = ["subscriptions"]
_CHANGES = (
    AlreadySubscribed,
    NotSubscribed,
    PaymentDue,
    SamePlan,
    SubscriptionBusy,
    Conflict,  # of two requests with one Idempotency-Key
    BillingUnavailable,
)
_PAYS = (CardDeclined, *_CHANGES)


def pages_url(request: Request | HttpRequest) -> str:
    """Return where this site is for browsers."""
    return settings.PUBLIC_URL.rstrip("/") or request.build_absolute_uri("/").rstrip("/")


class PlansView(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(tags=TAGS, parameters=[CompareSerializer], responses=PlansSerializer)
    def get(self, request: Request) -> Response:
        """List the plans, each compared with the caller's plan or with another one.

        Signed-in callers also see what a change to each plan costs now.
        """
        asked = valid(CompareSerializer(data=request.query_params))
        caller = request.user if isinstance(request.user, User) else None
        plans = overview.price_list(caller, **asked)
        return Response(PlansSerializer({"plans": plans}).data)


class CurrentView(APIView):
    @extend_schema(tags=TAGS, responses=SubscriptionSerializer)
    def get(self, request: Request) -> Response:
        """Show the caller's plan and its scheduled changes."""
        return Response(_shown(user_of(request)))


class SubscribeView(APIView):
    apps_may = ("POST",)

    @raises(*_PAYS)
    @extend_schema(
        tags=TAGS,
        parameters=[HEADER],
        request=SubscribeSerializer,
        responses={201: OutcomeSerializer},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Subscribe with a payment method, or without one on Stripe's Checkout page.

        A declined card is `card_declined` with Stripe's `decline_code`, and changes nothing.
        """
        asked = valid(SubscribeSerializer(data=request.data))
        user = user_of(request)
        outcome = subscribing.subscribe(
            user,
            plan=asked["plan"],
            interval=asked["interval"],
            payment_method=asked.get("payment_method"),
            promotion_code=asked.get("promotion_code"),
            pages=pages_url(request),
        )
        return Response(_outcome(user, outcome), status=201)


class UpgradeView(APIView):
    apps_may = ("PUT",)

    @raises(*_PAYS)
    @extend_schema(
        tags=TAGS,
        parameters=[HEADER],
        request=ChangePlanSerializer,
        responses=OutcomeSerializer,
    )
    @idempotent
    def put(self, request: Request) -> Response:
        """Change the plan: an upgrade at once, prorated; a downgrade when the period ends.

        A change to `free` cancels the subscription when the period ends.
        """
        asked = valid(ChangePlanSerializer(data=request.data))
        user = user_of(request)
        outcome = changes.change(user, plan=asked["plan"], interval=asked.get("interval"))
        return Response(_outcome(user, outcome))


class CancelView(APIView):
    apps_may = ("POST",)

    @raises(*_CHANGES)
    @extend_schema(
        tags=TAGS,
        parameters=[HEADER],
        request=CancelSerializer,
        responses=SubscriptionSerializer,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Cancel the subscription when its period ends, or at once."""
        asked = valid(CancelSerializer(data=request.data))
        changes.cancel(user_of(request), now=asked["now"])
        return Response(_shown(user_of(request)))


class ResumeView(APIView):
    apps_may = ("POST",)

    @raises(*_CHANGES)
    @extend_schema(tags=TAGS, request=None, responses=SubscriptionSerializer)
    def post(self, request: Request) -> Response:
        """Remove a scheduled cancellation or plan change."""
        changes.resume(user_of(request))
        return Response(_shown(user_of(request)))


class PortalView(APIView):
    apps_may = ("POST",)

    @raises(BillingUnavailable)
    @extend_schema(tags=TAGS, request=None, responses=PortalSerializer)
    def post(self, request: Request) -> Response:
        """Return a URL of Stripe's portal for cards, addresses and invoices."""
        url = subscribing.portal(user_of(request), pages=pages_url(request))
        return Response({"url": url}, headers={"Cache-Control": "no-store"})


class InvoicePages(CursorPagination):
    ordering = ("-created_at", "-number", "-id")
    page_size = 24
    page_size_query_param = "limit"
    max_page_size = 100


class InvoicesView(ListAPIView[Invoice]):
    serializer_class = InvoiceSerializer
    pagination_class = InvoicePages
    queryset = Invoice.objects.none()

    @raises(NotFound)  # a page that there is not
    @extend_schema(tags=TAGS, summary="The caller's invoices, the newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        return Invoice.objects.filter(subscription__user=user_of(self.request))


class PeriodUsageView(APIView):
    @extend_schema(tags=TAGS, responses=PeriodUsageSerializer)
    def get(self, request: Request) -> Response:
        """Show the usage of the running period, and its projection."""
        return Response(PeriodUsageSerializer(overview.usage(user_of(request))).data)


def _shown(user: User) -> dict[str, Any]:
    return SubscriptionSerializer(overview.current(user)).data


def _outcome(user: User, outcome: subscribing.Outcome) -> dict[str, Any]:
    facts = {"checkout_url": outcome.checkout_url, "client_secret": outcome.client_secret}
    return OutcomeSerializer({**overview.current(user), **facts}).data
