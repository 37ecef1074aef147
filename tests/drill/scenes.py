"""The scenes: one thing is broken under load, and mended; each ends with the proof of the books."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from django.core.cache import cache
from django.core.management import call_command
from django.db import close_old_connections, connection
from django.utils import timezone

from accounts.models import User
from config.tasks import HEARTBEAT_KEY
from tests.drill import caddy, tls
from tests.drill.addresses import CADDY, CADDY_HTTPS, EDGE, HTTPS, SITE_HOST, WEB, WEB_PORT
from tests.drill.load import Load, Orders, TimedCall
from tests.drill.programs import ROOT, wait_until
from tests.drill.report import Outcome
from tests.drill.site import Site
from tests.load.chaos import proof
from tests.load.chaos.proof import Evidence
from tests.load.processes import children
from tests.valkey_servers import Node
from tokens import ledger

_BEFORE, _AFTER = 4.0, 5.0  # seconds of load before something is broken, and after it is mended
_SMALL = 1_000_000  # bytes
_JOURNAL, _NOTED_EVERY = 9000, 15.0  # requests, seconds


class Drill:
    """Runs scenes on a site; ``outcomes`` has what they came to."""

    def __init__(self, site: Site, *, rate: float, streams: int, keys: list[str]) -> None:
        self.site = site
        self.rate = rate
        self.streams = streams
        self.outcomes: list[Outcome] = []
        self._keys = keys

    def run(self, scene: "Scene") -> Outcome:
        """Load the site, have the scene break and mend it, and prove the books."""
        with scene.in_front(self.site) as front:
            return self._run(scene, front)

    def _run(self, scene: "Scene", front: "Front") -> Outcome:
        evidence = Evidence(timezone.now(), self.site.spools())
        orders = Orders(front.root, self._keys, self.rate, self.streams, front.host, front.port)
        load = Load(orders)
        noting = _Noting(self.site, evidence)
        load.start()
        noting.start()
        faults: list[str] = []
        note = ""
        try:
            time.sleep(_BEFORE)
            note = scene.play(self)
            time.sleep(_AFTER)
        except Exception as error:  # noqa: BLE001 - the others are played all the same
            faults.append(f"the scene broke off: {error!r}")
        finally:
            calls = load.stop()
            noting.stop()
        outcome = Outcome(scene.title, calls, note, faults)
        self._prove(evidence, outcome)
        outcome.faults += scene.faults(outcome)
        self.outcomes.append(outcome)
        _say(outcome.row())
        return outcome

    def _prove(self, evidence: Evidence, outcome: Outcome) -> None:
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # its server may have gone
        close_old_connections()
        evidence.calls = list(outcome.calls)
        outcome.faults += proof.settle(evidence)
        outcome.faults += proof.faults(evidence)
        outcome.verified = not outcome.faults

    @contextmanager
    def timed(self, what: str, notes: list[str]) -> Iterator[None]:
        began = time.monotonic()
        yield
        notes.append(f"{what} after {time.monotonic() - began:.1f} s")


class _Noting(threading.Thread):
    """Notes what the upstream has done, before it forgets: it remembers 10,000 requests."""

    def __init__(self, site: Site, evidence: Evidence) -> None:
        super().__init__(name="noting", daemon=True)
        self._site, self._evidence = site, evidence
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(_NOTED_EVERY):
            self._evidence.note(self._site.upstream.journal(last=_JOURNAL))

    def stop(self) -> None:
        """Note the rest."""
        self._over.set()
        self.join()
        self._evidence.note(self._site.upstream.journal(last=_JOURNAL))


@dataclass
class Front:
    """Where the clients of a scene connect to, and the root that they trust."""

    root: str
    host: str
    port: int


class Scene:
    """One thing that fails. ``most_seconds`` is the longest time in which requests may fail."""

    name = ""
    title = ""
    most_seconds = 15.0
    may_cut_streams = False

    @contextmanager
    def in_front(self, site: Site) -> Iterator[Front]:
        """Say where the clients connect to: HAProxy."""
        yield Front(str(site.authority.root), EDGE, HTTPS)

    def play(self, drill: Drill) -> str:
        """Break and mend; returns what was seen."""
        raise NotImplementedError

    def faults(self, outcome: Outcome) -> list[str]:
        """Return what users should not have seen."""
        found = []
        if outcome.outage > self.most_seconds:
            found.append(f"requests failed for {outcome.outage:.1f} s")
        if outcome.cut and not self.may_cut_streams:
            found.append(f"{len(outcome.cut)} streams were cut")
        return found


class Peace(Scene):
    name, title, most_seconds = "peace", "nothing", 0.0

    def play(self, drill: Drill) -> str:
        time.sleep(10)
        return ""

    def faults(self, outcome: Outcome) -> list[str]:
        return [f"{len(outcome.failed)} requests failed"] if outcome.failed else []


class PrimaryCrashes(Scene):
    name, title = "primary", "PostgreSQL's primary killed (-9)"

    def play(self, drill: Drill) -> str:
        return _failover(drill, drill.site.postgres.kill_postgres)


class PrimaryHostLost(Scene):
    """Patroni's lease lasts for 20 seconds at least, so it takes longer than a crash."""

    name, title = "primary-host", "the primary's host lost (PostgreSQL and Patroni at once)"
    most_seconds = 35.0

    def play(self, drill: Drill) -> str:
        return _failover(drill, drill.site.postgres.lose_host)


def _failover(drill: Drill, lose: Callable[[], int]) -> str:
    """Lose the primary, which ``lose`` names, and have it follow its successor."""
    notes: list[str] = []
    postgres = drill.site.postgres
    with drill.timed("the standby was the primary", notes):
        lost = lose()
        wait_until(lambda: postgres.primary() == 1 - lost, "the standby")
    with drill.timed("the former one followed it", notes):
        postgres.rejoin(lost)
    return ", ".join(notes)


class Switchover(Scene):
    name, title = "switchover", "PostgreSQL's primary replaced on purpose (switchover)"

    def play(self, drill: Drill) -> str:
        notes: list[str] = []
        with drill.timed("the roles were swapped", notes):
            drill.site.postgres.switch()
        return ", ".join(notes)


class QueueCrashes(Scene):
    """Requests need no queue: they only pass tasks to it."""

    name, title, most_seconds = "valkey", "the queue's Valkey primary killed (-9)", 0.0

    def play(self, drill: Drill) -> str:
        notes: list[str] = []
        watched = drill.site.watched
        with drill.timed("the Sentinels promoted the replica", notes):
            killed = watched.kill_primary()
        cache.delete(HEARTBEAT_KEY)
        with drill.timed("worker and beat were at work", notes):
            wait_until(lambda: bool(cache.get(HEARTBEAT_KEY)), "a heartbeat", seconds=180)
        killed.start()
        return ", ".join(notes)

    def faults(self, outcome: Outcome) -> list[str]:
        return [f"{len(outcome.failed)} requests failed"] if outcome.failed else []


class ShardLost(Scene):
    name, title, most_seconds = "shard", "a shard of the Valkey Cluster killed (-9)", 0.0

    def play(self, drill: Drill) -> str:
        notes: list[str] = []
        cluster = drill.site.cluster
        primary = next(node for node in cluster.primaries if node.client.role()[0] == b"master")
        others = [node for node in cluster.nodes if node is not primary]
        with drill.timed("its replica was promoted", notes):
            primary.kill()
            wait_until(lambda: _masters(others) == 3, "three primaries")
        primary.start()
        wait_until(cluster.is_whole, "the replicas")
        return ", ".join(notes)

    def faults(self, outcome: Outcome) -> list[str]:
        return [f"{len(outcome.failed)} requests failed"] if outcome.failed else []


class WebHostLost(Scene):
    name, title = "web-host", "a web host lost (web server, PgBouncer and HAProxy at once)"
    most_seconds, may_cut_streams = 4.0, True

    def play(self, drill: Drill) -> str:
        site, host = drill.site, drill.site.hosts[1]
        self.running = int(site.servers()["web2"]["scur"])
        host.lose()
        wait_until(lambda: not site.serving()[1], "the load balancer")
        time.sleep(5)
        host.start()
        wait_until(site.is_up, "the host")
        return f"{self.running} requests were running on it"

    def faults(self, outcome: Outcome) -> list[str]:
        found = super().faults(outcome)
        if len(outcome.cut) > self.running:
            found.append(f"{len(outcome.cut)} streams were cut: more than ran on it")
        return found


class WorkerKilled(Scene):
    name, title = "worker", "a web worker process killed (-9)"
    most_seconds, may_cut_streams = 4.0, True

    def play(self, drill: Drill) -> str:
        (worker,) = children(drill.site.hosts[0].web.pid)
        os.kill(worker, signal.SIGKILL)
        wait_until(drill.site.is_up, "the host")
        return ""


class NetworkCut(Scene):
    """The way to the database neither answers nor refuses: packets vanish."""

    name, title = "network", "the network between a web host and the database cut for 20 s"
    most_seconds = 15.0

    def play(self, drill: Drill) -> str:
        notes: list[str] = []
        site, host = drill.site, drill.site.hosts[1]
        host.to_primary.send_to_all(signal.SIGSTOP)
        with drill.timed("it got no more requests", notes):
            wait_until(lambda: not site.serving()[1], "the load balancer")
        time.sleep(20)
        host.to_primary.send_to_all(signal.SIGCONT)
        with drill.timed("it was back", notes):
            wait_until(site.is_up, "the host")
        return ", ".join(notes)


class DiskFull(Scene):
    """The host's web server sees a small disk in the place of its spool."""

    name, title, most_seconds = "disk", "the spool's disk of a web host full for 15 s", 0.0

    def play(self, drill: Drill) -> str:
        site, host = drill.site, drill.site.hosts[1]
        mount = f"mount -t tmpfs -o size=64k tmpfs {host.spool}"
        words = ("unshare", "--user", "--map-root-user", "--mount", "--")
        replace(site, 1, before=(*words, "sh", "-euc", f'{mount}; exec "$@"', "sh"))
        spool = inside(host.web.pid, host.spool)
        if os.statvfs(spool).f_blocks * os.statvfs(spool).f_frsize > _SMALL:
            raise RuntimeError("the spool is not on a small disk of its own")
        written = self._fill(spool / "filler")
        time.sleep(15)
        (spool / "filler").unlink()
        time.sleep(3)
        replace(site, 1)
        return f"{written} bytes filled it"

    def _fill(self, file: Path) -> int:
        written = 0
        with suppress(OSError), file.open("wb", buffering=0) as filler:  # until it is full
            while written < _SMALL:
                written += filler.write(b"0" * 512)
        return written

    def faults(self, outcome: Outcome) -> list[str]:
        return [f"{len(outcome.failed)} requests failed"] if outcome.failed else []


class CaddyInFront(Scene):
    """Caddy with deploy/caddy/Caddyfile, and a certificate that it gets from Pebble by ACME."""

    name, title, most_seconds = "caddy", "nothing, with Caddy and a certificate by ACME", 0.0

    @contextmanager
    def in_front(self, site: Site) -> Iterator[Front]:
        with caddy.running(site.folder, site.logs, site.authority) as root:
            self._wrong = tls.faults(str(root), host=CADDY, port=CADDY_HTTPS)
            yield Front(str(root), CADDY, CADDY_HTTPS)

    def play(self, drill: Drill) -> str:
        time.sleep(10)
        return "TLS as strict as HAProxy's"

    def faults(self, outcome: Outcome) -> list[str]:
        found = [f"{len(outcome.failed)} requests failed"] if outcome.failed else []
        return found + self._wrong


class CertificateExpires(Scene):
    """Connections that exist go on; new ones are refused by the clients until it is renewed."""

    name, title, most_seconds = "certificate", "the site's certificate expired for 5 s", 15.0

    def play(self, drill: Drill) -> str:
        site = drill.site
        site.authority.issue(site.certificate, expired=True)
        site.reload_balancer()
        wait_until(lambda: tls.is_expired(site), "the expired certificate")
        time.sleep(5)
        site.authority.issue(site.certificate)
        site.reload_balancer()
        wait_until(lambda: not tls.is_expired(site), "the new certificate")
        return "no stream was cut by the reloads"


class ClockSkewed(Scene):
    name, title, most_seconds = "clock", "a web host's clock 5 minutes ahead", 4.0

    def play(self, drill: Drill) -> str:
        site = drill.site
        replace(site, 1, **_ahead())
        time.sleep(5)
        note = _sessions()
        replace(site, 1)
        return note


class Upgrade(Scene):
    """From a former version to this one, back, and forward again, one web server at a time.

    The migrations run while the former version serves. They are not undone on the way back.
    """

    name, title = "upgrade", "a former version upgraded, rolled back, and upgraded again"
    most_seconds = 0.0

    def __init__(self, code: Path) -> None:
        self._code = code

    def play(self, drill: Drill) -> str:
        site, notes = drill.site, list[str]()
        with drill.timed("migrated", notes):
            call_command("migrate", verbosity=0)
        with drill.timed("upgraded", notes):
            self._replace_both(site, ROOT)
        with drill.timed("rolled back", notes):
            self._replace_both(site, self._code)
        with drill.timed("upgraded again", notes):
            self._replace_both(site, ROOT)
        return ", ".join(notes)

    def _replace_both(self, site: Site, code: Path) -> None:
        for number, host in enumerate(site.hosts):
            replace(site, number, **site.former(host.host, code))

    def faults(self, outcome: Outcome) -> list[str]:
        return [f"{len(outcome.failed)} requests failed"] if outcome.failed else []


class RollingRestart(Scene):
    """What an upgrade does with each web server, without another version."""

    name, title, most_seconds = "restart", "both web servers drained and restarted in turn", 0.0

    def play(self, drill: Drill) -> str:
        for number in (0, 1):
            replace(drill.site, number)
        return ""

    def faults(self, outcome: Outcome) -> list[str]:
        return [f"{len(outcome.failed)} requests failed"] if outcome.failed else []


def replace(site: Site, number: int, **how: object) -> None:
    """Drain a web server, stop it, and start it anew as ``WebHost.serve`` says."""
    name, host = f"web{number + 1}", site.hosts[number]
    site.ask_balancer(f"set server web/{name} state drain")
    host.web.stop(90)
    host.serve(**how)  # type: ignore[arg-type]
    site.ask_balancer(f"set server web/{name} state ready")
    wait_until(site.is_up, name)


def inside(pid: int, path: Path) -> Path:
    """Return a path as the process with this id sees it."""
    return Path(f"/proc/{pid}/root{path}")


def _masters(nodes: Sequence[Node]) -> int:
    roles = [node.client.role()[0] for node in nodes]
    return roles.count(b"master")


def _ahead() -> dict[str, str]:
    """Return the variables with which a process is five minutes ahead."""
    command = ("faketime", "-f", "+300s", "env")
    shown = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    variables = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    return {name: variables[name] for name in ("LD_PRELOAD", "FAKETIME")}


def _sessions() -> str:
    """Sign in on each host, and use the session on the other one; tells what is answered."""
    email, password = f"clock-{time.time()}@example.com", "correct horse battery"
    user = User.objects.create_user(email, password=password)
    ledger.open_account(user.pk)
    told = []
    headers = {"Host": SITE_HOST, "X-Forwarded-Proto": "https"}
    with httpx.Client(headers=headers, trust_env=False, timeout=30) as http:
        for name, here, there in (("behind", *WEB), ("ahead", *WEB[::-1])):
            body = {"email": email, "password": password}
            signed = http.post(f"http://{here}:{WEB_PORT}/api/auth/login", json=body)
            bearer = {"Authorization": f"Bearer {signed.raise_for_status().json()['access']}"}
            seen = http.get(f"http://{there}:{WEB_PORT}/api/auth/me", headers=bearer)
            told.append(f"{seen.status_code} to a session of the host that is {name}")
    return f"the other host answers {', '.join(told)}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


SCENES: list[Callable[[], Scene]] = [
    Peace,
    ClockSkewed,
    RollingRestart,
    WorkerKilled,
    WebHostLost,
    PrimaryCrashes,
    Switchover,
    PrimaryHostLost,
    NetworkCut,
    QueueCrashes,
    ShardLost,
    DiskFull,
    CaddyInFront,
    CertificateExpires,
]

__all__ = ["SCENES", "Drill", "Scene", "TimedCall"]
