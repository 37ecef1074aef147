"""The ledger against a simple model: whatever happens in whatever order, the books are exact."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from tests.factories import UserFactory
from tests.tokens.clock import follow_setting, turn_to
from tokens import ledger
from tokens.errors import InsufficientTokens
from tokens.ledger import Correction, Hold, Receipt, Settlement, allowances, items
from tokens.ledger.batching import as_json
from tokens.ledger.functions import call
from tokens.ledger.verify import verify
from tokens.models import Balance, Entry, Grant, Tier
from tokens.periods import months_after, period_at

pytestmark = pytest.mark.django_db

BEGINNING = datetime(2027, 12, 31, 10, tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)
TIERS = {"free": (100, False), "keeps": (60, True), "pro": (500, False), "none": (0, False)}
RECEIPT = Receipt(model="test/model")
PROVISIONAL = Receipt(model="test/model", final=False)
CORRECTION = Correction(provider="p", upstream_id="u", prompt_tokens=1, completion_tokens=1)

tokens = st.integers(1, 200)
moments = st.integers(1, 10**9)


@dataclass
class Pot:
    """Tokens that end together. The allowance is a pot; each bonus is one, by its source."""

    left: int
    ends: datetime
    spent: int = 0
    source: str = ""

    def take(self, amount: int) -> int:
        """Take up to so many; return how many there were."""
        part = min(amount, self.left)
        self.left -= part
        self.spent += part
        return part

    def put_back(self, amount: int) -> int:
        """Put back up to so many of those that were taken; return how many."""
        part = min(amount, self.spent)
        self.left += part
        self.spent -= part
        return part


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
        self.allowance.spent += paid
        self.debt -= paid
        self.entered -= gone - paid

    def repay(self, pot: Pot) -> None:
        paid = pot.take(min(self.debt, self.free))
        self.debt -= paid

    def give_bonus(self, pot: Pot) -> None:
        self.entered += pot.left
        self.bonuses.append(pot)
        self.debt -= pot.take(self.debt)

    @property
    def burn_order(self) -> list[Pot]:
        """Say what burns first, beside what lapses: what ends soonest."""
        order = sorted(self.bonuses, key=lambda pot: pot.ends)
        soon = [pot for pot in order if pot.ends <= self.end]
        return [*soon, self.allowance, *order[len(soon) :]]

    def burn(self, amount: int) -> None:
        self.entered -= amount
        rest = min(amount, self.free)
        self.debt += amount - rest
        from_lapsing = min(rest, self.lapsing)
        self.lapsing -= from_lapsing
        self.allowance.spent += from_lapsing
        rest -= from_lapsing
        for pot in self.burn_order:
            rest -= pot.take(rest)
        assert rest == 0
        self.let_go()

    def refund(self, amount: int, source: str) -> None:
        """Give back to where it burned: debts, what burns now, then the burn order in reverse."""
        self.entered += amount
        paid = min(amount, self.debt)
        self.debt -= paid
        rest = amount - paid
        order = self.burn_order[::-1]
        if self.allowance.left + self.lapsing > 0:
            order.remove(self.allowance)
            order.insert(0, self.allowance)
        for pot in order:
            rest -= pot.put_back(rest)
        if rest:
            self.bonuses.append(Pot(rest, self.end, source=f"adjustment:{source}"))
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
        self.allowance.spent += paid
        self.let_go()
        return given

    def take_back(self, amount: int) -> int:
        taken = rest = min(amount, self.free)
        pots = [self.allowance, *[p for p in self.burn_order[::-1] if p is not self.allowance]]
        for pot in pots:
            part = pot.take(rest)
            rest -= part
            if pot is self.allowance:
                pot.spent -= part  # It is made smaller.
        self.entered -= taken
        return taken


class LedgerMachine(RuleBasedStateMachine):
    """Does each thing to the ledger and to the model, and compares them after every step."""

    def __init__(self) -> None:
        super().__init__()
        turn_to(BEGINNING)
        self.user_id: int = UserFactory.create(date_joined=BEGINNING).pk
        ledger.open_account(self.user_id)
        self.model = Model()
        self.holds: dict[int, Hold] = {}
        self.late: set[int] = set()
        self.provisional: list[tuple[Hold, int]] = []
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
        self.model.give_bonus(Pot(amount, ends, source=source))
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

    @precondition(lambda self: len(self.holds) > 1)
    @rule(percents=st.lists(st.sampled_from([0, 30, 100, 170]), min_size=2, max_size=4))
    def settle_in_a_batch(self, percents: list[int]) -> None:
        """Close several at once, as the proxy does."""
        self.model.pass_time()
        batch, expected = [], []
        for percent in percents[: len(self.holds)]:
            hold, key = self.any_hold(percent)
            charge = hold.amount * percent // 100
            batch.append(items.to_close(hold, charge, RECEIPT))
            self.model.holds.pop(key, None)
            self.model.burn(charge)
            expected.append((charge, self.model.free))
        answers = orjson.loads(call("tokens_settle", as_json(batch)))
        assert [(answer["charged"], answer["available"]) for answer in answers] == expected

    @precondition(lambda self: self.holds)
    @rule(choice=moments, beyond=st.sampled_from([-1, 0, 1]), budget=st.booleans())
    def settle_a_report(self, choice: int, beyond: int, budget: bool) -> None:
        """Charge about as much as there is at most; more is refused, and changes nothing."""
        key = sorted(self.holds)[choice % len(self.holds)]
        hold = self.holds[key]
        self.model.pass_time()
        most = self.model.holds.get(key, 0) + self.model.free
        charge = max(0, most + beyond)

        def settle() -> Settlement:
            return ledger.settle_within(
                hold=hold, charge=charge, receipt=RECEIPT, key_budget=10**9 if budget else None
            )

        if charge > most:
            with pytest.raises(InsufficientTokens) as refused:
                settle()
            assert (refused.value.facts["needed"], refused.value.facts["available"]) == (
                charge,
                most,
            )
            return
        del self.holds[key]
        self.model.holds.pop(key, None)
        self.model.burn(charge)
        settled = settle()
        assert (settled.charged, settled.available) == (charge, self.model.free)

    @precondition(lambda self: self.holds)
    @rule(choice=moments, percent=st.sampled_from([0, 30, 100, 170]))
    def settle_provisionally(self, choice: int, percent: int) -> None:
        hold, key = self.any_hold(choice)
        charge = hold.amount * percent // 100
        self.model.pass_time()
        self.model.holds.pop(key, None)
        self.model.burn(charge)
        ledger.settle(hold=hold, charge=charge, receipt=PROVISIONAL)
        self.provisional.append((hold, charge))

    @precondition(lambda self: self.provisional)
    @rule(choice=moments, percent=st.sampled_from([0, 50, 100, 101, 300]))
    def adjust(self, choice: int, percent: int) -> None:
        """Have the provider report another charge for a provisional receipt."""
        hold, charged = self.provisional.pop(choice % len(self.provisional))
        charge = charged * percent // 100 + (percent > 100)
        self.model.pass_time()
        if charge > charged:
            self.model.burn(charge - charged)
        elif charge < charged:
            self.model.refund(charged - charge, str(hold.id))
        for _ in "12":
            adjusted = ledger.adjust(
                record_id=hold.id, user_id=self.user_id, charge=charge, correction=CORRECTION
            )
            assert (adjusted.charged, adjusted.available) == (charge, self.model.free)

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
        turn_to(self.model.now)

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
        allowance = balance.allocated - balance.used - balance.lapsing
        assert allowance == self.model.allowance.left
        grants = Grant.objects.filter(user=self.user_id, remaining__gt=0)
        assert dict(grants.values_list("source", "remaining")) == {
            pot.source: pot.left for pot in self.model.bonuses if pot.left
        }
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
    """Run random programs: LEDGER_PROGRAMS of them, new ones each time."""
    follow_setting()
    for name, (allowance, carries) in TIERS.items():
        Tier.objects.update_or_create(
            name=name,
            defaults={"title": name, "monthly_tokens": allowance, "carries_over": carries},
        )
    run_machine(
        Undone,
        settings=settings(
            max_examples=int(os.environ.get("LEDGER_PROGRAMS", "120")),
            stateful_step_count=12,
            deadline=None,
            database=None,
            print_blob=True,
            phases=[Phase.generate],  # without shrinking, which takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
