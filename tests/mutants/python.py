"""``python -m tests.mutants python``: change the pure modules in one place at a time, with mutmut.

mutmut (https://mutmut.readthedocs.io) changes operators, numbers, texts, arguments and assignments.
It works in ``.mutants``, on a copy of the sources with its own configuration: there is no Django,
no server and no ``conftest.py``, so that a mutant costs a fraction of a second. mutmut does not
change what stands outside of functions, or functions with a decorator.

Those that survive fail the run, unless ``survivors.txt`` gives a reason for them.
"""

import argparse
import fnmatch
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.mutants.survivors import excused, summary
from tests.upgrades.released import ROOT

WORKSPACE = ROOT / ".mutants"
# Which of the pure modules (pyproject.toml) are about money or limits.
MODULES = [
    "billing/pricing/proration.py",
    "billing/stripe/readings.py",
    "core/currencies.py",
    "core/decimals.py",
    "llmproxy/catalog/pricing.py",
    "llmproxy/protocol/*.py",
    "llmproxy/relay/ceiling.py",
    "llmproxy/routing/breaker.py",
    "tokens/limits/states.py",
    "tokens/limits/windows.py",
    "tokens/periods.py",
]
# They import nothing of Django, and use no fixture of a conftest.py.
TESTS = [
    "tests/billing/test_proration.py",
    "tests/billing/test_readings.py",
    "tests/core",
    "tests/llmproxy/dialects",
    "tests/llmproxy/protocol",
    "tests/llmproxy/test_breaker.py",
    "tests/llmproxy/test_ceiling.py",
    "tests/llmproxy/test_estimate.py",
    "tests/llmproxy/test_sse.py",
    "tests/llmproxy/test_usage.py",
    "tests/llmproxy/test_usage_reports.py",
    "tests/tokens/test_limit_headers.py",
    "tests/tokens/test_local_windows.py",
    "tests/tokens/test_periods.py",
]
PACKAGES = ["billing", "core", "llmproxy", "tokens"]
_KILLED = (1, 3, 24, 36, 152, 255, -24)  # by a test, or by the time that it took


def prepare() -> None:
    """Copy the sources and the tests. Mutants of files that did not change are kept."""
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", *PACKAGES, "tests"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    wanted = {name for name in tracked if (ROOT / name).is_file()}
    for folder in ("", "mutants/"):
        stale = (path for each in (*PACKAGES, "tests") for path in _files(folder + each))
        for path in stale:
            name = str(path.relative_to(WORKSPACE / folder))
            if name.removesuffix(".meta").removesuffix(".spans") not in wanted:
                path.unlink()
    for name in wanted:
        if name.startswith("tests/") and not name.endswith((".py", ".json")):
            continue
        copy = WORKSPACE / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy.exists() or copy.read_bytes() != (ROOT / name).read_bytes():
            shutil.copyfile(ROOT / name, copy)
    (WORKSPACE / "pyproject.toml").write_text(_CONFIGURATION)


def _files(folder: str) -> list[Path]:
    return [path for path in (WORKSPACE / folder).rglob("*") if path.is_file()]


_CONFIGURATION = f"""\
[tool.mutmut]
source_paths = {json.dumps(PACKAGES)}
only_mutate = {json.dumps(MODULES)}
pytest_add_cli_args = ["--noconftest", "-p", "tests.mutants.quick"]
pytest_add_cli_args_test_selection = {json.dumps(TESTS)}
on_dependency_change = "ignore"

[tool.pytest.ini_options]
addopts = "--strict-markers -p no:cacheprovider"
"""


def mutants() -> dict[Path, dict[str, int | None]]:
    """Return the exit code of the tests by mutant, for each module; None if they did not run."""
    found = {}
    for path in sorted((WORKSPACE / "mutants").rglob("*.py.meta")):
        module = path.relative_to(WORKSPACE / "mutants").with_suffix("")
        if any(fnmatch.fnmatch(str(module), pattern) for pattern in MODULES):
            codes = json.loads(path.read_text())["exit_code_by_key"]
            if codes:
                found[module] = codes
    return found


def generate() -> None:
    """Have mutmut write every mutant, and forget which tests call what: tests may have changed."""
    (WORKSPACE / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    _mutmut(sys.executable, "-m", "tests.mutants.generate")


def run(names: list[str]) -> None:
    """Have mutmut try these mutants; without names, all that were not killed."""
    _mutmut(str(Path(sys.executable).with_name("mutmut")), "run", *names)


def _mutmut(*command: str) -> None:
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=WORKSPACE, env=environment, check=False)
    if done.returncode:
        sys.exit("mutmut could not run.")


def forget_survivors() -> None:
    """Have those tried again that survived."""
    for path in (WORKSPACE / "mutants").rglob("*.py.meta"):
        data = json.loads(path.read_text())
        codes = data["exit_code_by_key"]
        data["exit_code_by_key"] = {
            name: code if code in _KILLED else None for name, code in codes.items()
        }
        path.write_text(json.dumps(data, indent=4))


def chosen(files: list[str], sample: int | None, seed: int, *, again: bool) -> list[str]:
    """Return the names of the mutants to try."""
    names = [
        name
        for module, codes in mutants().items()
        if not files or any(fnmatch.fnmatch(str(module), pattern) for pattern in files)
        for name, code in codes.items()
        if not (again and code in _KILLED)
    ]
    return random.Random(seed).sample(names, min(sample, len(names))) if sample else names


def described(name: str, module: Path) -> str:
    """Return a mutant as ``survivors.txt`` names it: its place, the line, and what it became."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant  # it reads the configuration

    diff = get_diff_for_mutant(name, path=module).splitlines()[2:]
    before = " ".join(line[1:].strip() for line in diff if line.startswith("-"))
    after = " ".join(line[1:].strip() for line in diff if line.startswith("+"))
    function = re.sub(r"__mutmut_\d+$", "", name.rpartition(".")[2])
    function = function.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
    return f"{module} {function}: {before} → {after}"


def report(names: set[str]) -> int:
    """Print the share of each module, and the survivors without a reason."""
    os.chdir(WORKSPACE)
    allowed, total, unexplained = excused(), Counter[str](), []
    for module, codes in mutants().items():
        tried = {name: code for name, code in codes.items() if name in names}
        if not tried:
            continue
        survivors = [
            (name, described(name, module)) for name, code in tried.items() if code not in _KILLED
        ]
        without = [(name, text) for name, text in survivors if text not in allowed]
        killed = len(tried) - len(survivors)
        total.update(tried=len(tried), killed=killed, reasoned=len(survivors) - len(without))
        unexplained += without
        share = 100 * killed / len(tried)
        sys.stdout.write(f"{share:5.1f} %  {killed:4} of {len(tried):4}  {module}\n")
    for name, text in unexplained:
        sys.stdout.write(f"survived  {text}\n          ({name})\n")
    line, is_good = summary(
        "Pure modules",
        killed=total["killed"],
        reasoned=total["reasoned"],
        unexplained=len(unexplained),
    )
    sys.stdout.write(line + "\n")
    return 0 if is_good else 1


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "files", nargs="*", help="such as 'llmproxy/protocol/us*'; all by default"
    )
    arguments.add_argument("--sample", type=int, help="so many, chosen at random")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument(
        "--again", action="store_true", help="only those that survived last time"
    )
    asked = arguments.parse_args()
    if not asked.again:
        shutil.rmtree(WORKSPACE, ignore_errors=True)
    prepare()
    generate()
    names = chosen(asked.files, asked.sample, asked.seed, again=asked.again)
    if asked.again:
        forget_survivors()
    if names:
        run(names if asked.files or asked.sample else [])
    everything = chosen(asked.files, None, 0, again=False)
    return report(set(names if asked.sample else everything))


if __name__ == "__main__":
    sys.exit(main())
