"""The fake Stripe as a process of its own, for tests.

with StripeProcess() as fake:
    stripe.api_key, stripe.api_base = fake.api_key, fake.base_url
    endpoint = fake.webhook("http://127.0.0.1:8000/api/stripe/webhook/…")
    fake.advance(days=31)
"""

import random
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx

_ROOT = Path(__file__).parents[3]
# Below the ephemeral ports, which outgoing connections take at any moment.
_PORTS = range(20_000, 32_768)
_PORT_TAKEN = 98
_ATTEMPTS = 20
_START_SECONDS = 30.0
_END_SECONDS = 5.0

Json = dict[str, Any]


class StripeProcess:
    """Start with ``with`` or ``start()``; stopped and started again, it keeps its port.

    The account is empty then, unless ``state`` names a file to keep it in.
    """

    api_key = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
    publishable_key = "pk_test_4eC39HqLyjWDarjtT1zdp7dc"

    def __init__(self, *, state: Path | None = None, port: int | None = None) -> None:
        self._state = state
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._http = httpx.Client(trust_env=False, timeout=120.0)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._http.close()

    @property
    def base_url(self) -> str:
        """What `stripe.api_base` is set to."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        if self._port is None:
            raise RuntimeError("the fake Stripe was never started")
        return self._port

    def start(self) -> None:
        """Start on the given port, the former one, or a free one below 32768."""
        known = [] if self._port is None else [self._port]
        for port in known or random.sample(_PORTS, _ATTEMPTS):
            if self._listens(port):
                self._port = port
                return
        raise RuntimeError("no free port for the fake Stripe")

    def _listens(self, port: int) -> bool:
        command = [sys.executable, "-m", "tests.fakes.stripe", "--until-stdin-closes"]
        command += ["--port", str(port)]
        if self._state is not None:
            command += ["--state", str(self._state)]
        self._process = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        if self._first_line().startswith(b"listening on "):
            return True
        if self._end() != _PORT_TAKEN:
            raise RuntimeError("the fake Stripe did not start")
        return False

    def _first_line(self) -> bytes:
        process = self._running()
        assert process.stdout is not None
        deadline = time.monotonic() + _START_SECONDS
        ready, _, _ = select.select([process.stdout], [], [], deadline - time.monotonic())
        return process.stdout.readline() if ready else b""

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the fake Stripe is not running")
        return self._process

    def stop(self) -> None:
        """End it as a supervisor would, by SIGTERM."""
        if self._process is not None:
            self._process.terminate()
            self._end()

    def kill(self) -> None:
        """End it as a crash would, by SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._end()

    def _end(self) -> int:
        process, self._process = self._running(), None
        try:
            return process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    # Webhooks.

    def webhook(self, url: str, *, events: tuple[str, ...] = ("*",)) -> Json:
        """Register an endpoint; the answer holds its `secret`."""
        form: Json = {"url": url, "enabled_events[]": list(events)}
        headers = {"Authorization": f"Bearer {self.api_key}"}
        address = f"{self.base_url}/v1/webhook_endpoints"
        response = self._http.post(address, data=form, headers=headers)
        endpoint: Json = response.raise_for_status().json()
        return endpoint

    def deliver(self, mode: str | None = None, **settings: Any) -> None:
        """Deliver `ordered`, `shuffled`, `duplicated`, `delayed` or `held` from now on.

        `retry_seconds` is the first pause before a retry (each next one is twice as long),
        `delay_seconds` that of `delayed`.
        """
        self._control("POST", "delivery", {"mode": mode, **settings} if mode else settings)

    def deliveries(self, *, state: str | None = None, type: str | None = None) -> list[Json]:  # noqa: A002
        """Return what was sent, oldest first: event, type, state, and each attempt's result."""
        wanted = {key: value for key, value in (("state", state), ("type", type)) if value}
        found: list[Json] = self._control("GET", "deliveries", wanted)["deliveries"]
        return found

    def release(self, *order: str) -> int:
        """Send what is held: these event ids or types in this order, or all as they came."""
        sent: int = self._control("POST", "release", {"order": list(order)} if order else {})[
            "released"
        ]
        return sent

    def take(self) -> list[Json]:
        """Return what is held as requests to deliver oneself: `body` and `headers`, signed now."""
        taken: list[Json] = self._control("POST", "take")["deliveries"]
        return taken

    def settle(self, *, seconds: float = 30.0) -> None:
        """Wait until nothing is on its way; what is held or waits for a retry does not count."""
        if not self._control("POST", "settle", {"seconds": seconds})["idle"]:
            raise TimeoutError("webhooks are still on their way")

    def resend(self, event: str) -> None:
        self._control("POST", "resend", {"event": event})

    # Time, and what goes wrong.

    def advance(
        self, *, days: float = 0, hours: float = 0, to: int | None = None, settle: bool = True
    ) -> int:
        """Let time pass; return the new time (Unix seconds).

        With ``settle`` the webhooks of each moment arrive before the next thing falls due.
        """
        given: Json = {"days": days, "hours": hours, "settle": settle}
        if to is not None:
            given["to"] = to
        now: int = self._control("POST", "advance", given)["now"]
        return now

    def now(self) -> int:
        now: int = self._control("GET", "now")["now"]
        return now

    def settings(self, **given: Any) -> Json:
        """Set `finalization_seconds`, `retry_days`, `after_retries` (cancel, unpaid, past_due)."""
        settings: Json = self._control("POST", "settings", given)
        return settings

    def fail(
        self, kind: str = "500", *, times: int = 1, path: str = "/", method: str | None = None
    ) -> None:
        """Let the next calls fail: `500`, `429`, `timeout`, or `lost` (done, but not answered)."""
        given = {"kind": kind, "times": times, "path": path, "method": method}
        self._control("POST", "fail", given)

    def dispute(self, charge: str, **given: Any) -> Json:
        made: Json = self._control("POST", "dispute", {"charge": charge, **given})
        return made

    def close_dispute(self, dispute: str, *, status: str) -> Json:
        made: Json = self._control("POST", "dispute", {"dispute": dispute, "status": status})
        return made

    def authenticate(self, intent: str, *, passes: bool = True) -> Json:
        """Do what the payer does when his bank asks: pass or fail."""
        made: Json = self._control("POST", "authenticate", {"intent": intent, "passes": passes})
        return made

    def decline(self, payment_method: str, decline_code: str | None = "generic_decline") -> None:
        """Let a saved card decline from now on, or (None) be good again."""
        given = {"payment_method": payment_method, "decline_code": decline_code}
        self._control("POST", "decline", given)

    def reset(self, *, keep_endpoints: bool = True) -> None:
        """Forget every object, fault and delivery, and be at the real time again."""
        self._control("POST", "reset", {"keep_endpoints": keep_endpoints})

    def _control(self, method: str, door: str, given: Json | None = None) -> Any:
        options: Json = {"params": given} if method == "GET" else {"json": given or {}}
        response = self._http.request(method, f"{self.base_url}/_test/{door}", **options)
        response.raise_for_status()
        return response.json()
