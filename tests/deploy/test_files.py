"""deploy/: what can be checked of its other files, by their own programs where those are here."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.config.env_example import DOCUMENTED
from tests.webserver import ROOT

DEPLOY = ROOT / "deploy"
DRILL = ROOT / ".drill" / "bin"
OVERLAYS = ("staging", "production")


def manifests() -> list[dict[str, Any]]:
    files = sorted((DEPLOY / "kubernetes" / "base").glob("*.yaml"))
    return [one for file in files for one in yaml.safe_load_all(file.read_text()) if one]


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in manifests() if one.get("kind") == kind}


def pods() -> dict[str, dict[str, Any]]:
    found = {**of_kind("Deployment"), **of_kind("Job")}
    return {name: one["spec"]["template"]["spec"] for name, one in found.items()}


def test_the_base_lists_every_file() -> None:
    folder = DEPLOY / "kubernetes" / "base"
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]

    assert {*listed, "kustomization.yaml"} == {file.name for file in folder.iterdir()}


@pytest.mark.parametrize("name", ["web", "worker", "beat", "migrate"])
def test_pods_are_confined(name: str) -> None:
    pod = pods()[name]
    (container,) = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["limits"]["memory"]


def test_a_web_pod_is_given_longer_than_its_streams() -> None:
    settings = of_kind("ConfigMap")["tokengate-settings"]["data"]
    web = pods()["web"]
    pause = web["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert web["terminationGracePeriodSeconds"] > int(settings["GRACEFUL_TIMEOUT"]) + pause


def test_only_settings_that_exist_are_set() -> None:
    names = set(of_kind("ConfigMap")["tokengate-settings"]["data"])
    for file in DEPLOY.glob("systemd/*.service"):
        names |= set(re.findall(r"^Environment=([A-Z_]+)=", file.read_text(), re.MULTILINE))
    example = (DEPLOY / "systemd" / "settings.env.example").read_text()
    names |= set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))

    assert {name.removesuffix("_FILE") for name in names} - {
        "PYTHONUNBUFFERED"
    } <= DOCUMENTED.keys()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_valid_for_kubernetes(overlay: str, tmp_path: Path) -> None:
    if not (DRILL / "kubectl").exists():
        pytest.skip("kubectl and kubernetes-validate are installed by `make .drill/.installed`")
    folder = DEPLOY / "kubernetes" / "overlays" / overlay
    built = subprocess.run(
        [str(DRILL / "kubectl"), "kustomize", str(folder)], capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    (tmp_path / "all.yaml").write_text(built.stdout)

    checked = subprocess.run(
        [str(DRILL / "kubernetes-validate"), "--strict", str(tmp_path / "all.yaml")],
        capture_output=True,
        text=True,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("file", sorted(DEPLOY.glob("**/*.sh")), ids=lambda file: file.name)
def test_scripts_are_valid(file: Path) -> None:
    assert subprocess.run(["sh", "-n", str(file)]).returncode == 0


def test_units_are_valid(tmp_path: Path) -> None:
    """Of the programs that they start, it is enough that they could be."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    for file in (DEPLOY / "systemd").glob("tokengate*"):
        text = re.sub(r"/opt/tokengate/current/.venv/bin/\w+", "/bin/true", file.read_text())
        (tmp_path / file.name).write_text(text)

    units = sorted(map(str, tmp_path.iterdir()))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True
    )

    assert checked.returncode == 0, checked.stderr
    assert not re.search(r"tokengate.*(Unknown|Failed|not executable)", checked.stderr)


def test_haproxy_takes_its_files(tmp_path: Path) -> None:
    if not shutil.which("haproxy"):
        pytest.skip("haproxy is not installed")
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=a",
            "-keyout",
            str(tmp_path / "key"),
            "-out",
            str(tmp_path / "certificate"),
        ],
        check=True,
        capture_output=True,
    )
    pem = tmp_path / "site.pem"
    pem.write_text((tmp_path / "certificate").read_text() + (tmp_path / "key").read_text())
    env = {
        "BIND": "127.0.0.1",
        "PORT": "5432",
        "HTTP_PORT": "8080",
        "HTTPS_PORT": "8443",
        "CERTIFICATES": str(pem),
        "RUN_DIR": str(tmp_path),
        "SITE_HOST": "api.example.com",
        **{f"WEB{n}": "127.0.0.1:8000" for n in (1, 2)},
        **{f"DB{n}": "127.0.0.1:5432" for n in (1, 2)},
        **{f"API{n}_HOST": "127.0.0.1" for n in (1, 2)},
        **{f"API{n}_PORT": "8008" for n in (1, 2)},
    }
    for file in (DEPLOY / "haproxy").glob("*.cfg"):
        checked = subprocess.run(
            ["haproxy", "-c", "-f", str(file)],
            env={**os.environ, **env},
            capture_output=True,
            text=True,
        )
        assert checked.returncode == 0, checked.stderr
