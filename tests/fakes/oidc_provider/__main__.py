"""`python -m tests.fakes.oidc_provider PORT`: the provider's process.

Its id_tokens name their key by `kid`, as those of every real provider do.
"""

import sys
from typing import Any

import oidc_provider_mock
import uvicorn
from oidc_provider_mock import _app

_stock = _app.OpenIDCode.get_jwt_config


def _with_kid(self: Any, grant: Any, client: Any = None) -> dict[str, Any]:
    kid = _app.storage.jwk.as_dict()["kid"]
    return {**_stock(self, grant, client), "kid": kid}


_app.OpenIDCode.get_jwt_config = _with_kid

if __name__ == "__main__":
    uvicorn.run(
        oidc_provider_mock.app(), interface="wsgi", port=int(sys.argv[1]), log_level="error"
    )
