"""/api/tokens/budgets: the budgets of a user's sessions and tasks."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tokens.api.balance import caller_id
from tokens.api.serializers import MOST_TOKENS, WholeNumberField
from tokens.ledger import open_account
from tokens.models import Balance


class BudgetsSerializer(serializers.ModelSerializer[Balance]):
    """Null: no cap. The smaller of the user's and the API key's applies."""

    session_budget = WholeNumberField(
        min_value=1,
        max_value=MOST_TOKENS,
        allow_null=True,
        required=False,
        help_text="Tokens that all requests of one session may use together.",
    )
    task_budget = WholeNumberField(
        min_value=1,
        max_value=MOST_TOKENS,
        allow_null=True,
        required=False,
        help_text="Tokens that all requests of one task may use together.",
    )

    class Meta:
        model = Balance
        fields = ("session_budget", "task_budget")


class BudgetsView(APIView):
    @extend_schema(
        tags=["tokens"], responses=BudgetsSerializer, summary="Budgets of sessions and tasks"
    )
    def get(self, request: Request) -> Response:
        return Response(BudgetsSerializer(open_account(caller_id(request))).data)

    @extend_schema(
        tags=["tokens"],
        request=BudgetsSerializer,
        responses=BudgetsSerializer,
        summary="Set the budgets of sessions and tasks",
    )
    def patch(self, request: Request) -> Response:
        asked = BudgetsSerializer(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        user_id = open_account(caller_id(request)).pk
        if asked.validated_data:  # No other column, because running requests change them.
            Balance.objects.filter(pk=user_id).update(**asked.validated_data)
        return Response(BudgetsSerializer(Balance.objects.get(pk=user_id)).data)
