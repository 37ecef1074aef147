"""deploy/monitoring: its rules and dashboards name metrics that exist, and each alert a runbook.

What promtool and amtool check is skipped where they are not installed.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from django.db import connection
from django.test import Client
from pytest_django import Settings

from devserver import dashboards
from tests.developer import MODEL, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.ports import free_port
from tests.waiting import wait_for
from tests.webserver import ROOT, WebServer, demo_server

MONITORING = ROOT / "deploy" / "monitoring"
RUNBOOKS = ROOT / "docs" / "operating" / "runbooks"
SECTIONS = ("**Symptom.**", "**What it means.**", "## Find the cause", "## What to do")
CALL = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
_NAME = re.compile(r"\b(tokengate_[a-z0-9_]+)")
_RECORDED = re.compile(r"\btokengate:[a-z_]+:[a-z0-9_]+")
_PARTS = re.compile(r"_(bucket|sum|count)$")


@cache
def rules() -> list[dict[str, Any]]:
    file = yaml.safe_load((MONITORING / "rules" / "tokengate.yml").read_text())
    return [rule for group in file["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def queries() -> Iterator[str]:
    """Yield every query of rules, tests and dashboards, and every metric in the runbooks."""
    yield from (rule["expr"] for rule in rules())
    for file in (MONITORING / "tests").glob("*.yml"):
        for test in yaml.safe_load(file.read_text())["tests"]:
            yield from (series["series"] for series in test["input_series"])
    for file in (MONITORING / "dashboards").glob("*.json"):
        for panel in json.loads(file.read_text())["panels"]:
            yield from (target["expr"] for target in panel["targets"])
    for page in RUNBOOKS.glob("*.md"):
        yield from _NAME.findall(page.read_text())


@pytest.fixture
def server(upstream: UpstreamProcess, transactional_db: None) -> Iterator[WebServer]:
    with demo_server(upstream, METRICS_TOKEN="scraper") as server:
        yield server


def told(text: str) -> set[str]:
    return set(re.findall(r"^# TYPE (tokengate_\w+) ", text, re.MULTILINE))


def test_every_metric_that_is_named_is_told_by_a_running_server(
    server: WebServer, developer: Make
) -> None:
    dev = developer(server=server)
    dev.http.post("/api/llm/chat/completions", json=CALL).raise_for_status()
    scraped = httpx.get(
        f"{server.url}/metrics", headers={"Authorization": "Bearer scraper"}, trust_env=False
    )

    known = told(scraped.text)
    named = {name for query in queries() for name in _NAME.findall(query)}
    assert len(named) > 40
    assert {name for name in named if not {name, _PARTS.sub("", name)} & known} == set()


def test_the_routes_that_do_not_count_are_those_of_probes(
    server: WebServer, developer: Make
) -> None:
    """The pattern of the rules matches the routes of health checks and scrapes, and no others."""
    dev = developer(server=server)
    dev.http.post("/api/llm/chat/completions", json=CALL).raise_for_status()
    for path in ("/api/health", "/api/health/ready", "/api/v1/health", "/metrics", "/"):
        httpx.get(server.url + path, headers={"Authorization": "Bearer scraper"}, trust_env=False)
    text = httpx.get(
        f"{server.url}/metrics", headers={"Authorization": "Bearer scraper"}, trust_env=False
    ).text

    (pattern,) = {m for query in queries() for m in re.findall(r'route!~"([^"]+)"', query)}
    found = set(
        re.findall(r'^tokengate_request_seconds_count{.*route="([^"]*)"', text, re.MULTILINE)
    )
    left_out = {route for route in found if re.fullmatch(pattern, route)}
    assert left_out == {route for route in found if "health" in route or route == "metrics"}
    assert len(left_out) == 4
    assert any("chat/completions" in route for route in found - left_out)


def test_recorded_series_that_are_named_exist() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    used = {name for query in queries() for name in _RECORDED.findall(query)}

    assert used == recorded


@pytest.mark.parametrize("alert", alerts())
def test_each_alert_is_complete(alert: str) -> None:
    rule = alerts()[alert]

    assert alert.startswith("Tokengate")
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/operating/runbooks/{alert}.md"


@pytest.mark.parametrize("alert", alerts())
def test_each_alert_has_a_runbook(alert: str) -> None:
    page = (RUNBOOKS / f"{alert}.md").read_text()

    assert page.startswith(f"# {alert}\n")
    places = [page.index(section) for section in SECTIONS]
    assert places == sorted(places)


def test_no_runbook_is_without_an_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md")} == alerts().keys()


def test_each_alert_has_tests_in_which_it_fires_and_does_not() -> None:
    seen: dict[str, set[bool]] = {}
    for file in (MONITORING / "tests").glob("*.yml"):
        for test in yaml.safe_load(file.read_text())["tests"]:
            for checked in test["promql_expr_test"]:
                (name,) = re.findall(r'alertname="(\w+)"', checked["expr"])
                seen.setdefault(name, set()).add(bool(checked["exp_samples"]))

    assert seen == {alert: {True, False} for alert in alerts()}


def test_objectives_are_burnt_in_two_windows() -> None:
    for alert in (name for name in alerts() if name.endswith("Burn")):
        windows = re.findall(r"ratio_rate(\w+) > (\S+) \* 0.001", alerts()[alert]["expr"])
        expected = [("1h", "14.4"), ("5m", "14.4"), ("6h", "6"), ("30m", "6")]
        if alert.endswith("SlowBurn"):
            expected = [("1d", "3"), ("2h", "3"), ("3d", "1"), ("6h", "1")]
        assert windows == expected, alert


def test_the_dashboards_are_made_of_the_metrics(db: None) -> None:
    """If this fails: `python -m devserver.dashboards --write`."""
    made = dashboards.dashboards()

    assert {file.name for file in dashboards.FOLDER.glob("*.json")} == made.keys()
    for name, content in made.items():
        assert (dashboards.FOLDER / name).read_text() == content, name


def test_every_metric_has_a_panel(client: Client, db: None, settings: Settings) -> None:
    settings.METRICS_TOKEN = "scraper"
    text = client.get("/metrics", headers={"Authorization": "Bearer scraper"}).text
    board = json.loads((dashboards.FOLDER / "all.json").read_text())
    shown = {
        _PARTS.sub("", name)
        for panel in board["panels"]
        for name in _NAME.findall(panel["targets"][0]["expr"])
    }

    assert shown == {name for name in told(text) if not name.endswith("_created")}


def test_alertmanager_inhibits_alerts_that_exist() -> None:
    config = (MONITORING / "alertmanager.yml").read_text()

    assert set(re.findall(r"Tokengate\w+", config.split("\n", 1)[1])) <= alerts().keys()


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: prometheus, prometheus-alertmanager)")
    return found


def test_promtool_accepts_the_rules() -> None:
    assert_runs(program("promtool"), "check", "rules", str(MONITORING / "rules" / "tokengate.yml"))


def test_promtool_accepts_the_configuration() -> None:
    config = str(MONITORING / "prometheus.yml")
    assert_runs(program("promtool"), "check", "config", "--syntax-only", config)


@pytest.mark.parametrize("file", sorted((MONITORING / "tests").glob("*.yml")), ids=lambda f: f.stem)
def test_promtool_runs_the_tests_of_the_alerts(file: Path) -> None:
    assert_runs(program("promtool"), "test", "rules", str(file))


def test_amtool_accepts_the_configuration() -> None:
    assert_runs(program("amtool"), "check-config", str(MONITORING / "alertmanager.yml"))


def assert_runs(*command: str) -> None:
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_real_prometheus_evaluates_every_rule_and_dashboard(
    server: WebServer, developer: Make, tmp_path: Path
) -> None:
    """With our configuration, but for the target and how often it is scraped."""
    binary = program("prometheus")
    dev = developer(server=server)
    dev.http.post("/api/llm/chat/completions", json=CALL).raise_for_status()
    config = _configured(tmp_path, target=f"127.0.0.1:{server.port}")
    url = f"http://127.0.0.1:{free_port()}"
    command = [binary, f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    command += [f"--web.listen-address={url.removeprefix('http://')}", "--log.level=error"]
    process = subprocess.Popen(command, stderr=(tmp_path / "log").open("wb"))
    try:
        wait_for(lambda: _value(url, 'up{job="tokengate"}') == 1)
        wait_for(lambda: {rule["health"] for rule in _rules(url)} == {"ok"})
        wait_for(lambda: _value(url, "sum(tokengate_request_seconds_count)") != 0)
        assert {rule["name"] for rule in _rules(url)} >= alerts().keys()
        wrong = {
            query
            for query in _drawn() | _told_in_runbooks()
            if _asked(url, query)["status"] != "success"
        }
        assert wrong == set()
    finally:
        process.terminate()
        process.wait(timeout=60)


def _configured(folder: Path, *, target: str) -> Path:
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    config["global"] = {
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "evaluation_interval": "1s",
    }
    config["rule_files"] = [str(MONITORING / "rules" / "*.yml")]
    config.pop("alerting")
    (job,) = config["scrape_configs"]
    (folder / "token").write_text("scraper")
    job["authorization"]["credentials_file"] = str(folder / "token")
    job["static_configs"] = [{"targets": [target]}]
    job["scrape_timeout"] = job["scrape_interval"] = "5s"
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    return folder / "prometheus.yml"


def _drawn() -> set[str]:
    """Return the queries of the dashboards, with an interval in place of Grafana's variable."""
    boards = (json.loads(file.read_text()) for file in (MONITORING / "dashboards").glob("*.json"))
    found = (target["expr"] for b in boards for panel in b["panels"] for target in panel["targets"])
    return {query.replace("$__rate_interval", "5m") for query in found}


def _told_in_runbooks() -> set[str]:
    """Return the queries of the runbooks, those in blocks and those in the text."""
    pattern = r"```promql\n\s*(.+?)\n\s*```|`((?:max|sum|topk|rate)[ (][^`]+)`"
    pages = (page.read_text() for page in RUNBOOKS.glob("*.md"))
    return {"".join(found) for page in pages for found in re.findall(pattern, page)}


def _statements() -> Iterator[str]:
    """Yield the queries in SQL of the runbooks that need nothing of the reader."""
    for page in RUNBOOKS.glob("*.md"):
        text = page.read_text()
        found = re.findall(r"""psql -c (?:"([^"]+)"|'([^']+)')|`(SELECT [^`]+)`""", text)
        found += [(sql, "", "") for sql in re.findall(r"```sql\n\s*(.+?)\n\s*```", text)]
        yield from (sql for parts in found if not set("<…") & set(sql := "".join(parts)))


def test_the_sql_of_the_runbooks_runs(db: None) -> None:
    statements = sorted(set(_statements()))

    assert len(statements) > 10
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.replace("%", "%%"))


def _asked(url: str, query: str) -> dict[str, Any]:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, timeout=60, trust_env=False)
    found: dict[str, Any] = answer.json()
    return found


def _value(url: str, query: str) -> float:
    try:
        found = _asked(url, query)["data"]["result"]
    except (httpx.TransportError, ValueError):  # It has not started yet.
        return 0.0
    return float(found[0]["value"][1]) if found else 0.0


def _rules(url: str) -> list[dict[str, Any]]:
    groups = httpx.get(f"{url}/api/v1/rules", timeout=60, trust_env=False).json()["data"]["groups"]
    return [rule for group in groups for rule in group["rules"]]
