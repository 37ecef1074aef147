"""/api/subscriptions/*."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing.models import Plan


class PlanSerializer(serializers.ModelSerializer[Plan]):
    """A plan; prices in the currency's cents."""

    name = serializers.CharField(source="tier_id")
    title = serializers.CharField(source="tier.title")
    monthly_tokens = serializers.IntegerField(source="tier.monthly_tokens")
    requests_per_minute = serializers.IntegerField(source="tier.requests_per_minute")
    tokens_per_minute = serializers.IntegerField(source="tier.tokens_per_minute")
    concurrent_requests = serializers.IntegerField(source="tier.concurrent_requests")
    max_output_tokens = serializers.IntegerField(source="tier.max_output_tokens")
    allowed_models = serializers.ListField(
        source="tier.allowed_models", child=serializers.CharField()
    )
    api_keys = serializers.IntegerField(source="tier.api_keys")
    features = serializers.DictField(source="tier.features")

    class Meta:
        model = Plan
        fields = (
            "name",
            "title",
            "description",
            "price_month",
            "price_year",
            "currency",
            "monthly_tokens",
            "requests_per_minute",
            "tokens_per_minute",
            "concurrent_requests",
            "max_output_tokens",
            "allowed_models",
            "api_keys",
            "features",
        )


class PlansSerializer(serializers.Serializer[Any]):
    plans = PlanSerializer(many=True)


class PlansView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(tags=["subscriptions"], responses=PlansSerializer, summary="The price list")
    def get(self, request: Request) -> Response:
        plans = Plan.objects.filter(public=True).select_related("tier")
        return Response(PlansSerializer({"plans": plans}).data)
