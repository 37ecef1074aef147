"""``python -m tests.calls``: which functions a request calls, and how often.

Each coroutine counts once when it begins, and again whenever it is resumed.
"""

import argparse
import sys

import httpx

from tests.calls.counting import KINDS, calls_of
from tests.load import stage
from tests.load.processes import Server
from tests.load.upstream import MODEL
from tests.ports import free_port


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.calls", description=__doc__)
    parser.add_argument("--kind", choices=[*KINDS], action="append")
    kinds = parser.parse_args().kind or [*KINDS]
    with stage.database():
        # Models can be imported only once Django is set up.
        from tests.load import proxy

        proxy.prepare()
        (developer,) = proxy.developers(1)
        folder, upstream, port = stage.folder(), free_port(), free_port()
        command = [sys.executable, "-m", "tests.load.upstream", str(upstream)]
        served = [*proxy.gunicorn()[:-1], "tests.calls.counted:application"]
        env = {**proxy.environment(f"http://127.0.0.1:{upstream}/v1"), "PORT": str(port)}
        headers = {"Authorization": f"Bearer {developer.key}"}
        url = f"http://127.0.0.1:{port}"
        with (
            Server(command, port=upstream, log=folder / "upstream.log", core=None, env={}),
            Server(served, port=port, log=folder / "proxy.log", core=None, env=env),
            httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as http,
        ):
            for kind in kinds:
                calls = calls_of(http, kind, model=MODEL)
                lines = [f"{count:6}  {name}" for name, count in calls.most_common()]
                sys.stdout.write("\n".join([f"{calls.total():6}  {kind}", *lines, "", ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
