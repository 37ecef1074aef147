"""Generates a Python client from the server's OpenAPI document, and uses it."""

import importlib
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT_URL, KEY = os.environ["ROOT_URL"], os.environ["KEY"]


def main() -> None:
    with TemporaryDirectory() as folder:
        generator = str(Path(sys.executable).with_name("openapi-python-client"))
        source = ["--url", f"{ROOT_URL}/api/schema/", "--meta", "none"]
        target = ["--output-path", f"{folder}/tokengate_client"]
        subprocess.run([generator, "generate", *source, *target], check=True)
        sys.path.insert(0, folder)
        use()


def use() -> None:
    package = importlib.import_module("tokengate_client")
    balance = importlib.import_module("tokengate_client.api.tokens.tokens_balance_retrieve")
    usage = importlib.import_module("tokengate_client.api.tokens.usage")
    with package.AuthenticatedClient(base_url=ROOT_URL, token=KEY) as client:
        assert balance.sync(client=client).available > 0
        assert usage.sync_detailed(client=client).status_code == 200
    with package.AuthenticatedClient(base_url=ROOT_URL, token="wrong") as client:
        refused = balance.sync_detailed(client=client)
        assert refused.status_code == 401
        assert refused.parsed.error.code == "invalid_token"


if __name__ == "__main__":
    main()
