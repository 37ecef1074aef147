"""Random work of the ledger, as the product does it."""

import random
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db import transaction

from tests.analytics.equality import DAYS, KEYS
from tests.factories import UserFactory
from tests.tokens.usage import record
from tokens import ledger
from tokens.analytics import feed
from tokens.ledger import Correction, HoldContext, Receipt, allowances
from tokens.models import Tier, UsageRecord
from tokens.usage import aggregates


class Program:
    """Six users, what they do, and what is done to them."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        Tier.objects.update_or_create(
            name="free", defaults={"title": "Free", "monthly_tokens": 10**9}
        )
        Tier.objects.update_or_create(
            name="pro", defaults={"title": "Pro", "monthly_tokens": 10**9}
        )
        self.users = [UserFactory.create() for _ in range(6)]
        for user in self.users:
            ledger.open_account(user.pk)

    def history(self) -> None:
        """Write receipts of many days."""
        chance, noon = self.chance, datetime.now(UTC)
        UsageRecord.objects.bulk_create(
            record(
                chance.choice(self.users[:5]),
                at=noon - timedelta(days=chance.randrange(DAYS), minutes=chance.randrange(700)),
                model=f"m{chance.randrange(4)}'",
                provider=f"p{chance.randrange(3)}",
                status=chance.choice(["ok", "ok", "failed", "cancelled", "abandoned"]),
                api_key=chance.choice([None, *KEYS]),
                prompt_tokens=chance.randrange(10**6),
                charged=chance.randrange(10**6),
                cost=chance.choice([None, Decimal(chance.randrange(10**12)).scaleb(-10)]),
                upstream_cost=chance.choice([None, Decimal(chance.randrange(10**12)).scaleb(-10)]),
                duration_ms=chance.choice([0, 7, 80_000, 9_000_000]),
            )
            for _ in range(200)
        )
        aggregates.aggregate()

    def step(self) -> None:
        self.chance.choice(
            [
                self.settle,
                self.settle,
                self.correct,
                self.expire,
                self.change_plan,
                self.rolled_back,
            ]
        )()

    def settle(self) -> None:
        final = self.chance.random() < 0.5
        self._settled(self._held(ttl=60), final=final)

    def correct(self) -> None:
        waiting = UsageRecord.objects.filter(final=False, charged__gt=0).first()
        if waiting:
            correction = Correction(
                provider="later",
                upstream_id="gen",
                prompt_tokens=5,
                completion_tokens=self.chance.randrange(900),
                upstream_cost=Decimal(self.chance.randrange(10**6)) / 10**6,
            )
            charge = self.chance.randrange(1, 900)
            ledger.adjust(
                record_id=waiting.pk, user_id=waiting.user_id, charge=charge, correction=correction
            )

    def expire(self) -> None:
        """Leave a provisional receipt; some of its requests settle after all."""
        hold = self._held(ttl=-1)
        ledger.expire(at_most=100)
        if self.chance.random() < 0.5:
            feed.feed()
        end = self.chance.choice(["settled", "released", "never"])
        if end == "settled":
            self._settled(hold, final=True)
        elif end == "released":
            ledger.release(hold=hold)

    def change_plan(self) -> None:
        user = self.chance.choice(self.users)
        allowances.change_tier(
            user_id=user.pk, tier=self.chance.choice(["free", "pro"]), source=uuid.uuid4().hex
        )

    def rolled_back(self) -> None:
        with transaction.atomic():
            self.settle()
            transaction.set_rollback(True)

    def _held(self, ttl: int) -> ledger.Hold:
        context = HoldContext(
            request_id=uuid.uuid4().hex,
            endpoint="chat/completions",
            model=f"m{self.chance.randrange(4)}'",
            api_key=self.chance.choice([None, *KEYS]),
        )
        user = self.chance.choice(self.users)
        return ledger.reserve(user_id=user.pk, amount=1000, ttl=ttl, context=context)

    def _settled(self, hold: ledger.Hold, *, final: bool) -> None:
        receipt = Receipt(
            model=f"m{self.chance.randrange(4)}'",
            provider=f"p{self.chance.randrange(3)}",
            source="reported" if final else "estimated",
            final=final,
            completion_tokens=self.chance.randrange(500),
            duration_ms=self.chance.randrange(60_000),
        )
        ledger.settle(hold=hold, charge=self.chance.randrange(1, 1000), receipt=receipt)
