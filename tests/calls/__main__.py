"""``python -m tests.calls``: which functions a request calls, and how often.

Each coroutine counts once when it begins, and again whenever it is resumed.
"""

import sys

from tests.calls.counting import calls
from tests.load import stage
from tests.load.lockstep import Lockstep
from tests.load.processes import Server
from tests.load.upstream import MODEL
from tests.ports import free_port


def main() -> int:
    with stage.database(), Lockstep() as ends:
        # Models can be imported only once Django is set up.
        from tests.load import proxy

        proxy.prepare()
        (developer,) = proxy.developers(1)
        port, log = free_port(), stage.folder() / "proxy.log"
        served = [*proxy.gunicorn()[:-1], "tests.calls.counted:application"]
        env = {**proxy.environment(f"http://127.0.0.1:{ends.port}/v1"), "PORT": str(port)}
        with Server(served, port=port, log=log, core=None, env=env):
            ends.connect(port)
            for kind, counted in calls(ends, developer.key, MODEL).items():
                lines = [f"{count:6}  {name}" for name, count in counted.most_common() if count]
                sys.stdout.write("\n".join([f"{counted.total():6}  {kind}", *lines, "", ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
