"""LangChain's own tests of ChatOpenAI and ChatAnthropic pass, and each answer is paid."""

import os
import re
import subprocess

from tests.clients.playing import DRIVERS, PYTHON
from tests.developer import MODEL, Developer
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.endpoints.conftest import book
from tests.webserver import WebServer
from tokens.ledger.verify import verify

_LEAST = 55  # tests of both classes together


def test_the_standard_tests_pass(
    dev: Developer, product: WebServer, upstream: UpstreamProcess
) -> None:
    env = {"MODEL": MODEL, "ROOT_URL": product.url, "KEY": dev.key, "NO_PROXY": "*"}

    ran = subprocess.run(
        [str(PYTHON), "langchain_suite.py"],
        cwd=DRIVERS,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **env},
        capture_output=True,
        text=True,
        timeout=600,
    )

    assert ran.returncode == 0, ran.stdout[-5000:]
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert passed
    assert int(passed[1]) >= _LEAST
    assert dev.balance.used == sum(one.charged for one in dev.receipts) == book(upstream) > 0
    assert verify() == []
