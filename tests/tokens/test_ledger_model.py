"""The ledger against a simple model: whatever happens in whatever order, the books are exact."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from tests.factories import UserFactory
from tests.tokens.clock import set_clock
from tokens import allowances, ledger
from tokens.errors import InsufficientTokens
from tokens.ledger import Hold, Receipt
from tokens.models import Balance, Entry, Tier
from tokens.periods import months_after, period_at
from tokens.verify import verify

pytestmark = pytest.mark.django_db

BEGINNING = datetime(2027, 12, 31, 10, tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)
TIERS = {"free": (100, False), "keeps": (60, True), "pro": (500, False), "none": (0, False)}
RECEIPT = Receipt(model="test/model")

tokens = st.integers(1, 200)
moments = st.integers(1, 10**9)


@dataclass
class Pot:
    """Tokens that end together. The allowance is a pot; each bonus is one."""

    left: int
    ends: datetime


@dataclass
class Model:
    """One user's tokens as pots; no SQL, no caches."""

    now: datetime = BEGINNING
    tier: str = "free"
    by_schedule: bool = True
    anchor: datetime = BEGINNING
    start: datetime = BEGINNING
    end: datetime = datetime(2028, 1, 31, 10, tzinfo=UTC)
    allowance: Pot = field(default_factory=lambda: Pot(100, NEVER))
    bonuses: list[Pot] = field(default_factory=list)
    lapsing: int = 0
    debt: int = 0
    holds: dict[Any, int] = field(default_factory=dict)
    entered: int = 100

    @property
    def free(self) -> int:
        """What nobody holds, lapsing included."""
        pots = [self.allowance, *self.bonuses]
        return self.lapsing + sum(pot.left for pot in pots) - sum(self.holds.values())

    def pass_time(self) -> None:
        """Let everything end that is over by now."""
        for pot in sorted(self.bonuses, key=lambda pot: pot.ends):
            if pot.ends <= self.now:
                self.bonuses.remove(pot)
                self.end_of(pot)
        if self.by_schedule and self.end <= self.now:
            self.renew_by_schedule()

    def renew_by_schedule(self) -> None:
        if period_at(self.anchor, self.end)[0] != self.end:
            self.anchor = self.end
        start, end = period_at(self.anchor, self.now)
        before = period_at(self.anchor, start - timedelta(microseconds=1))
        if TIERS[self.tier][1] and before[0] >= self.end:
            self.begin(self.tier, *before)
        self.begin(self.tier, start, end)

    def begin(self, tier: str, start: datetime, end: datetime) -> None:
        allowance, carries = TIERS[self.tier]
        kept = min(self.allowance.left, allowance) if carries else 0
        over = Pot(self.allowance.left - kept, start)
        self.tier, self.start, self.end = tier, start, end
        if period_at(self.anchor, start)[0] != start:
            self.anchor = start
        self.entered += TIERS[tier][0]
        self.allowance = Pot(kept + TIERS[tier][0], NEVER)
        self.end_of(over)
        self.repay(self.allowance)

    def end_of(self, pot: Pot) -> None:
        self.lapsing += pot.left
        self.let_go()

    def let_go(self) -> None:
        """What is over pays debts and expires, as far as it is not held."""
        gone = min(self.lapsing, self.free)
        paid = min(gone, self.debt)
        self.lapsing -= gone
        self.debt -= paid
        self.entered -= gone - paid

    def repay(self, pot: Pot) -> None:
        paid = min(pot.left, self.debt, self.free)
        pot.left -= paid
        self.debt -= paid

    def give_bonus(self, pot: Pot) -> None:
        self.entered += pot.left
        self.bonuses.append(pot)
        paid = min(pot.left, self.debt)
        pot.left -= paid
        self.debt -= paid

    def burn(self, amount: int) -> None:
        self.entered -= amount
        rest = min(amount, self.free)
        self.debt += amount - rest
        from_lapsing = min(rest, self.lapsing)
        self.lapsing -= from_lapsing
        rest -= from_lapsing
        order = sorted(self.bonuses, key=lambda pot: pot.ends)
        soon = [pot for pot in order if pot.ends <= self.end]
        late = [pot for pot in order if pot.ends > self.end]
        for pot in [*soon, self.allowance, *late]:
            part = min(rest, pot.left)
            pot.left -= part
            rest -= part
        assert rest == 0
        self.let_go()

    def change_tier(self, tier: str) -> int:
        difference = TIERS[tier][0] - TIERS[self.tier][0]
        rest = max(timedelta(0), self.end - self.now)
        given = abs(difference) * rest // (self.end - self.start) * (1 if difference > 0 else -1)
        given = max(given, -self.allowance.left, -self.free)
        self.tier = tier
        self.entered += given
        paid = max(0, min(given, self.debt))
        self.debt -= paid
        self.allowance.left += given - paid
        self.let_go()
        return given

    def take_back(self, amount: int) -> int:
        taken = rest = min(amount, self.free)
        for pot in [self.allowance, *sorted(self.bonuses, key=lambda p: p.ends, reverse=True)]:
            part = min(rest, pot.left)
            pot.left -= part
            rest -= part
        self.entered -= taken
        return taken


class LedgerMachine(RuleBasedStateMachine):
    """Does each thing to the ledger and to the model, and compares them after every step."""

    def __init__(self) -> None:
        super().__init__()
        set_clock(BEGINNING)
        for name, (allowance, carries) in TIERS.items():
            Tier.objects.update_or_create(
                name=name,
                defaults={"title": name, "monthly_tokens": allowance, "carries_over": carries},
            )
        self.user_id: int = UserFactory.create(date_joined=BEGINNING).pk
        ledger.open_account(self.user_id)
        self.model = Model()
        self.holds: dict[int, Hold] = {}
        self.late: set[int] = set()
        self.count = 0

    def source(self) -> str:
        self.count += 1
        return f"step-{self.user_id}-{self.count}"

    def any_hold(self, choice: int) -> tuple[Hold, int]:
        key = sorted(self.holds)[choice % len(self.holds)]
        return self.holds.pop(key), key

    @rule(amount=tokens, days=st.sampled_from([None, 0, 10, 90]))
    def give_bonus(self, amount: int, days: int | None) -> None:
        self.model.pass_time()
        ends = NEVER if days is None else self.model.now + timedelta(days=days, hours=1)
        source, expires_at = self.source(), None if days is None else ends
        for fresh in (True, False):
            given = ledger.grant(
                user_id=self.user_id, amount=amount, source=source, expires_at=expires_at
            )
            assert given is fresh
        self.model.give_bonus(Pot(amount, ends))
        self.model.let_go()

    @rule(percent=st.sampled_from([5, 40, 90, 100, 101]), ttl=st.sampled_from([-1.0, 1e9]))
    def reserve(self, percent: int, ttl: float) -> None:
        self.model.pass_time()
        amount = max(1, -(-self.model.free * percent // 100))
        if amount > self.model.free:
            with pytest.raises(InsufficientTokens):
                ledger.reserve(user_id=self.user_id, amount=amount, ttl=ttl)
            return
        hold = ledger.reserve(user_id=self.user_id, amount=amount, ttl=ttl)
        self.count += 1
        self.holds[self.count] = hold
        self.model.holds[self.count] = amount
        if ttl < 0:
            self.late.add(self.count)
        assert hold.available == self.model.free

    @precondition(lambda self: self.holds)
    @rule(choice=moments, percent=st.sampled_from([0, 30, 100, 170]))
    def settle(self, choice: int, percent: int) -> None:
        hold, key = self.any_hold(choice)
        charge = hold.amount * percent // 100
        self.model.pass_time()
        self.model.holds.pop(key, None)  # None: it had expired, and is charged nevertheless
        self.model.burn(charge)
        settled = ledger.settle(hold=hold, charge=charge, receipt=RECEIPT)
        assert (settled.charged, settled.available) == (charge, self.model.free)
        assert ledger.settle(hold=hold, charge=charge + 1, receipt=RECEIPT).charged == charge

    @precondition(lambda self: self.holds)
    @rule(choice=moments)
    def release(self, choice: int) -> None:
        hold, key = self.any_hold(choice)
        self.model.pass_time()
        self.model.holds.pop(key, None)
        self.model.let_go()
        assert ledger.release(hold=hold).available == self.model.free

    @rule()
    def expire_holds(self) -> None:
        late = [key for key in self.model.holds if key in self.late]
        assert ledger.expire() == len(late)
        for key in late:
            del self.model.holds[key]
        self.model.let_go()

    @rule(hours=st.sampled_from([1, 23, 24 * 9, 24 * 31, 24 * 70, 24 * 400]))
    def let_time_pass(self, hours: int) -> None:
        self.model.now += timedelta(hours=hours)
        set_clock(self.model.now)

    @rule(amount=tokens, percent=st.sampled_from([30, 100]))
    def spend_with_a_bonus_for_ever(self, amount: int, percent: int) -> None:
        self.give_bonus(amount, None)
        self.reserve(40, 1e9)
        if self.holds:
            self.settle(self.count, percent)

    @rule(amount=tokens, days=st.sampled_from([5, 40]), percent=st.sampled_from([60, 100]))
    def bonus_ends_while_held(self, amount: int, days: int, percent: int) -> None:
        """Do three of the other steps in a row: rare by chance, and hard."""
        self.give_bonus(amount, days)
        self.reserve(percent, 1e9)
        self.let_time_pass(24 * 41)

    @rule(tier=st.sampled_from(["none", "keeps"]), ttl=st.sampled_from([-1.0, 1e9]))
    def smaller_plan_while_held(self, tier: str, ttl: float) -> None:
        self.reserve(40, 1e9)
        self.reserve(100, ttl)
        self.let_time_pass(1)
        self.pay_invoice(tier, "schedule")
        if ttl < 0:
            self.expire_holds()

    @precondition(lambda self: self.holds)
    @rule(choice=moments)
    def settle_more_than_there_is(self, choice: int) -> None:
        self.reserve(90, 1e9)
        self.settle(choice, 170)

    @rule()
    def sweep(self) -> None:
        allowances.roll_due()
        self.model.pass_time()
        assert allowances.roll_due() == 0

    @rule(tier=st.sampled_from(sorted(TIERS)), renews_by=st.sampled_from([None, "schedule"]))
    def change_tier(self, tier: str, renews_by: str | None) -> None:
        source = self.source()
        self.model.pass_time()
        given = self.model.change_tier(tier)
        self.model.by_schedule |= renews_by == "schedule"
        self.model.pass_time()
        for _ in "12":
            assert given == allowances.change_tier(
                user_id=self.user_id, tier=tier, source=source, renews_by=renews_by
            )

    @rule(tier=st.sampled_from(sorted(TIERS)), renews_by=st.sampled_from(["invoice", "schedule"]))
    def pay_invoice(self, tier: str, renews_by: str) -> None:
        source = self.source()
        self.model.pass_time()
        fresh = self.model.tier != tier or self.model.start < self.model.now
        if fresh:
            self.model.begin(tier, self.model.now, months_after(self.model.now, 1))
            self.model.by_schedule = renews_by == "schedule"
        elif self.model.by_schedule:
            self.model.by_schedule = renews_by == "schedule"
        for expected in (fresh, False):
            begun = allowances.renew_period(
                user_id=self.user_id,
                tier=tier,
                start=self.model.now,
                source=source,
                renews_by=renews_by,
            )
            assert begun is expected

    @rule(amount=tokens)
    def take_back(self, amount: int) -> None:
        source = self.source()
        self.model.pass_time()
        taken = self.model.take_back(amount)
        for _ in "12":
            assert taken == allowances.take_back(user_id=self.user_id, amount=amount, source=source)

    @rule()
    def look(self) -> None:
        self.model.pass_time()
        ledger.open_account(self.user_id)

    @invariant()
    def the_books_are_the_models(self) -> None:
        balance = Balance.objects.get(user_id=self.user_id)
        assert balance.available >= 0
        if balance.due_at and balance.due_at <= self.model.now:
            return  # Nobody has touched it since something in it ended.
        parts = balance.allocated + balance.bonus - balance.used - balance.reserved
        assert balance.available == parts == self.model.free
        assert (balance.tier_id, balance.period_start, balance.period_end) == (
            self.model.tier,
            self.model.start,
            self.model.end,
        )
        assert balance.reserved == sum(self.model.holds.values())
        assert (balance.lapsing, balance.overdrawn) == (self.model.lapsing, self.model.debt)
        assert balance.bonus == sum(pot.left for pot in self.model.bonuses)
        entries = Entry.objects.filter(user=self.user_id)
        assert entries.aggregate(total=Sum("amount"))["total"] == self.model.entered

    def teardown(self) -> None:
        assert verify(user_id=self.user_id) == []


@contextmanager
def undone() -> Iterator[None]:
    """Let the ledger forget what happens inside."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


class Undone(LedgerMachine):
    """Each example leaves nothing behind for the next."""

    def __init__(self) -> None:
        self.inside = undone()
        self.inside.__enter__()
        super().__init__()

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.inside.__exit__(None, None, None)


def test_any_order_of_anything_keeps_the_books_exact() -> None:
    run_machine(
        Undone,
        settings=settings(
            max_examples=30,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],  # without shrinking, which takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
