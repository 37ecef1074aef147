"""The steps of ``make run`` until the site responds."""

import asyncio
import json
import sys
import time
from typing import Any

from devserver.supervisor.banner import banner
from devserver.supervisor.errors import StartError
from devserver.supervisor.family import Family
from devserver.supervisor.plan import Plan
from devserver.supervisor.probes import get

_UPSTREAM_SECONDS = 120.0  # the model must be loaded
_STRIPE_SECONDS = 60.0
_READY_SECONDS = 120.0
_PROBE_INTERVAL = 0.2


class Boot:
    """Starts the processes of the plan in a family, which ends together."""

    def __init__(self, family: Family, plan: Plan, *, verbose: bool) -> None:
        self._family = family
        self._console = family.console
        self._plan = plan
        self._verbose = verbose
        self._other_output: list[str] = []
        self._demo: dict[str, str] = {}

    async def __call__(self) -> None:
        await self._start_upstream()
        await self._start_stripe()
        await self._set_up()
        await self._add("web", self._plan.web)
        await self._add("worker", self._plan.worker)
        await self._until(f"{self._plan.url}/api/health/ready", seconds=_READY_SECONDS)
        await self._add("beat", self._plan.beat)  # last, because it slows down the others
        self._console.show(banner(self._plan, self._demo))

    async def _add(self, name: str, command: list[str]) -> None:
        await self._family.add(name, command, environment=self._plan.environment)

    async def _start_upstream(self) -> None:
        upstream = self._plan.upstream
        if upstream is None:
            return
        await self._add("upstream", upstream.command)
        models = f"{upstream.url}/models"
        await self._until(models, key=upstream.key, seconds=_UPSTREAM_SECONDS)

    async def _start_stripe(self) -> None:
        stripe = self._plan.stripe
        if stripe is not None:
            await self._add("stripe", stripe.command)
            await self._until(f"{stripe.url}/", seconds=_STRIPE_SECONDS)

    async def _set_up(self) -> None:
        command = [sys.executable, "-m", "devserver.supervisor.setup"]
        environment = self._plan.environment
        code = await self._family.run(
            "setup", command, environment=environment, listener=self._hear_setup
        )
        if code != 0 or not self._demo:
            raise StartError("\n".join(["The set-up failed:", *self._other_output]))

    def _hear_setup(self, line: str) -> None:
        try:
            event: dict[str, Any] = json.loads(line)
        except ValueError:
            event = {"output": line}
        self._note_output(event.get("output", "").rstrip(), works=event.get("works", True))
        if "begin" in event:
            self._console.begin(event["begin"])
        elif "finish" in event:
            self._console.finish(event["finish"], seconds=event["seconds"])
        elif "demo" in event:
            self._demo = event["demo"]

    def _note_output(self, output: str, *, works: bool) -> None:
        """Show the output if requested, and keep it for the message of a failure."""
        if output and self._verbose:
            self._console.show(output)
        if output and not (works and self._verbose):
            self._other_output.append(output)

    async def _until(self, url: str, *, seconds: float, key: str = "") -> None:
        """Wait for status 200. Raises StartError when the time is over."""
        started = time.monotonic()
        while True:
            status, body = await get(url, key=key)
            if status == 200:
                return
            if time.monotonic() - started > seconds:
                raise StartError(
                    f"{url} did not answer 200 in {seconds:.0f} s; the last answer was:"
                    f" {status or 'none'} {body[:1000]}"
                )
            await asyncio.sleep(_PROBE_INTERVAL)
