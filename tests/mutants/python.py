"""``python -m tests.mutants pure|callers``: change modules in one place at a time, with mutmut.

mutmut (https://mutmut.readthedocs.io) changes operators, numbers, texts, arguments and assignments,
but nothing outside of functions, and no function with a decorator. It works in ``.mutants``, on a
copy of the sources with its own configuration.

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

from tests.mutants.suites import SUITES, Suite
from tests.mutants.survivors import excused, summary
from tests.upgrades.released import ROOT

_KILLED = (1, 3, 24, 36, 152, 255, -14, -24)  # by a test, or by the time that it took
Codes = dict[str, int | None]


def prepare(suite: Suite) -> None:
    """Copy the sources and the tests. Mutants of files that did not change are kept."""
    listed = ["git", "ls-files", "-co", "--exclude-standard", "--", *suite.sources, "tests"]
    found = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    wanted = {name for name in found.stdout.splitlines() if (ROOT / name).is_file()}
    for folder in (suite.folder, suite.folder / "mutants"):
        for path in [path for each in (*suite.sources, "tests") for path in _files(folder / each)]:
            name = str(path.relative_to(folder))
            if name.removesuffix(".meta").removesuffix(".spans") not in wanted:
                path.unlink()
    for name in wanted:
        copy = suite.folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy.exists() or copy.read_bytes() != (ROOT / name).read_bytes():
            shutil.copyfile(ROOT / name, copy)
    (suite.folder / "pyproject.toml").write_text(_configuration(suite))


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _configuration(suite: Suite) -> str:
    arguments = ["-p", "tests.mutants.quick", "-p", "no:cacheprovider"]
    arguments += ["-p", "tests.mutants.database"] if suite.has_database else ["--noconftest"]
    mutmut = {
        "source_paths": suite.sources,
        "only_mutate": suite.modules,
        "pytest_add_cli_args": arguments,
        "pytest_add_cli_args_test_selection": suite.tests,
        "on_dependency_change": "ignore",
        "process_isolation": suite.isolation,
        "timeout_multiplier": suite.patience,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in mutmut.items()]
    others = (ROOT / "pyproject.toml").read_text() if suite.has_database else _NO_PYTEST
    return "\n".join([others, "[tool.mutmut]", *lines, ""])


# Without a setting, pytest would read those of the project, above .mutants.
_NO_PYTEST = '[tool.pytest.ini_options]\naddopts = "--strict-markers"\n'


def generate(suite: Suite) -> None:
    """Have mutmut write every mutant anew, and forget which tests call what.

    Tests may have changed, or a run may have been stopped. Results of functions that did not change
    are kept.
    """
    (suite.folder / "mutants" / "mutmut-stats.json").unlink(missing_ok=True)
    for results in (suite.folder / "mutants").rglob("*.py.meta"):
        results.with_suffix("").unlink(missing_ok=True)
        try:
            json.loads(results.read_text())
        except ValueError:  # A run was stopped while it wrote them.
            results.unlink()
    _mutmut(suite, sys.executable, "-m", "tests.mutants.generate")


def run(suite: Suite, names: list[str]) -> None:
    """Have mutmut try these mutants; without names, all that were not killed."""
    if suite.has_database:
        subprocess.run([sys.executable, "-m", "tests.mutants.database"], cwd=ROOT, check=True)
    mutmut = str(Path(sys.executable).with_name("mutmut"))
    _mutmut(suite, mutmut, "run", "--max-children", str(suite.at_once), *names)


def _mutmut(suite: Suite, *command: str) -> None:
    environment = {**os.environ, **suite.environment}
    done = subprocess.run(command, cwd=suite.folder, env=environment, check=False)
    if done.returncode:
        sys.exit("mutmut could not run.")


def mutants(suite: Suite) -> dict[Path, Codes]:
    """Return the exit code of the tests by mutant, for each module; None if they did not run."""
    found = {}
    for path in sorted((suite.folder / "mutants").rglob("*.py.meta")):
        module = path.relative_to(suite.folder / "mutants").with_suffix("")
        codes: Codes = json.loads(path.read_text())["exit_code_by_key"]
        if codes and any(fnmatch.fnmatch(str(module), pattern) for pattern in suite.modules):
            found[module] = codes
    return found


def forget_survivors(suite: Suite) -> None:
    """Have those tried again that survived."""
    for path in (suite.folder / "mutants").rglob("*.py.meta"):
        data = json.loads(path.read_text())
        data["exit_code_by_key"] = {
            name: code if code in _KILLED else None
            for name, code in data["exit_code_by_key"].items()
        }
        path.write_text(json.dumps(data, indent=4))


def chosen(suite: Suite, files: list[str], *, again: bool = False) -> list[str]:
    """Return the names of the mutants in these files; ``again``: those that were not killed."""
    return [
        name
        for module, codes in mutants(suite).items()
        if not files or any(fnmatch.fnmatch(str(module), pattern) for pattern in files)
        for name, code in codes.items()
        if not (again and code in _KILLED)
    ]


def described(name: str, module: Path) -> str:
    """Return a mutant as ``survivors.txt`` names it: its place, the line, and what it became."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant  # it reads the configuration

    diff = get_diff_for_mutant(name, path=module).splitlines()[2:]
    before = " ".join(line[1:].strip() for line in diff if line.startswith("-"))
    after = " ".join(line[1:].strip() for line in diff if line.startswith("+"))
    function = re.sub(r"__mutmut_\d+$", "", name.rpartition(".")[2])
    function = function.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
    return f"{module} {function}: {before} → {after}"


def report(suite: Suite, names: set[str]) -> int:
    """Print the share of each module, and the survivors without a reason."""
    os.chdir(suite.folder)
    allowed, total = excused(), Counter[str]()
    unexplained: list[tuple[str, str]] = []
    for module, codes in mutants(suite).items():
        tried = {name: code for name, code in codes.items() if name in names}
        if not tried:
            continue
        survivors = [
            (name, described(name, module)) for name, code in tried.items() if code not in _KILLED
        ]
        without = [one for one in survivors if one[1] not in allowed]
        killed = len(tried) - len(survivors)
        total.update(killed=killed, reasoned=len(survivors) - len(without))
        unexplained += without
        share = 100 * killed / len(tried)
        sys.stdout.write(f"{share:5.1f} %  {killed:4} of {len(tried):4}  {module}\n")
    for name, text in unexplained:
        sys.stdout.write(f"survived  {text}\n          ({name})\n")
    line, is_good = summary(
        suite.title,
        killed=total["killed"],
        reasoned=total["reasoned"],
        unexplained=len(unexplained),
    )
    sys.stdout.write(line + "\n")
    return 0 if is_good else 1


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("suite", choices=SUITES)
    arguments.add_argument("files", nargs="*", help="such as 'llmproxy/protocol/us*'; else all")
    arguments.add_argument("--sample", type=int, help="so many, chosen at random")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--again", action="store_true", help="those that survived last time")
    asked = arguments.parse_intermixed_args()
    suite = SUITES[asked.suite]
    if not asked.again:
        shutil.rmtree(suite.folder, ignore_errors=True)
    prepare(suite)
    generate(suite)
    names = chosen(suite, asked.files, again=asked.again)
    if asked.sample:
        names = random.Random(asked.seed).sample(names, min(asked.sample, len(names)))
    some = bool(asked.files or asked.sample)  # mutmut tries those that are named in any case
    if asked.again and not some:
        forget_survivors(suite)
    if names:
        run(suite, names if some else [])
    return report(suite, set(names if asked.sample else chosen(suite, asked.files)))


if __name__ == "__main__":
    sys.exit(main())
