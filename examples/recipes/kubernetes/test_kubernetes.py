"""The manifests: checked against the schemas of Kubernetes, and run with a real Redis, as a cluster would run them.

A replica is the program of the recipe "gin" with exactly the variables and files that the Deployment gives it; Redis is
a server with the configuration and the users of the manifests.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from testing import Program, Sandbox, assert_no_secrets, free_port, request, request_many, wait_until

HERE = Path(__file__).parent
OLDEST = "1.30"  # for the `sleep` of preStop
Manifest = dict[str, Any]


def manifests() -> list[Manifest]:
    files = [*yaml.safe_load((HERE / "kustomization.yaml").read_text())["resources"], "secret.example.yaml"]
    return [one for file in files for one in yaml.safe_load_all((HERE / file).read_text())]


def find(kind: str, name: str) -> Manifest:
    (found,) = [one for one in manifests() if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def pod_of(kind: str, name: str) -> tuple[Manifest, Manifest]:
    """Returns the pod, and its one container."""
    pod: Manifest = find(kind, name)["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    return pod, container


PODS = [("Deployment", "rewards"), ("StatefulSet", "tango-cache")]


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_manifests_follow_the_schemas_of_kubernetes(version: str) -> None:
    for manifest in manifests():
        kubernetes_validate.validate(manifest, version, strict=True)


def test_misspelt_field_is_refused_by_the_same_check() -> None:
    manifest = find("Deployment", "rewards")
    manifest["spec"]["template"]["spec"]["containers"][0]["readinessProb"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, OLDEST, strict=True)


def test_all_names_that_a_manifest_uses_exist() -> None:
    for kind, name in PODS:
        pod, container = pod_of(kind, name)
        assert find(kind, name)["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        assert find("Service", name)["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
        ports = {port["name"] for port in container["ports"]}
        for probe in ("readinessProbe", "livenessProbe"):
            for action in container.get(probe, {}).values():
                assert not isinstance(action, dict) or action["port"] in ports
        claims = find(kind, name)["spec"].get("volumeClaimTemplates", [])
        volumes = {one["name"] for one in pod["spec"]["volumes"]} | {one["metadata"]["name"] for one in claims}
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
        for volume in pod["spec"]["volumes"]:
            files_of(volume)
    (allowed,) = find("NetworkPolicy", "tango-cache")["spec"]["ingress"]
    labels = pod_of("Deployment", "rewards")[0]["metadata"]["labels"]
    assert allowed["from"][0]["podSelector"]["matchLabels"].items() <= labels.items()


def test_secrets_are_files_and_pods_are_restricted() -> None:
    _, container = pod_of("Deployment", "rewards")
    literal = {one["name"] for one in container["env"] if "value" in one} | set(find("ConfigMap", "tango")["data"])
    assert not literal & {"TANGO_CLIENT_SECRET", "TANGO_PASSWORD", "TANGO_CACHE"}
    for kind, name in PODS:
        pod, container = pod_of(kind, name)
        assert pod["spec"]["securityContext"]["runAsNonRoot"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def files_of(volume: Manifest) -> dict[str, str]:
    """Returns what a volume holds, by file."""
    if "configMap" in volume:
        data: dict[str, str] = find("ConfigMap", volume["configMap"]["name"])["data"]
        return data
    secret = find("Secret", volume["secret"]["secretName"])["stringData"]
    return {item["path"]: secret[item["key"]] for item in volume["secret"]["items"]}


class Cluster:
    """Runs the containers of the manifests as processes, with a root of its own for what is mounted."""

    def __init__(self, start: Callable[..., Program], root: Path, sandbox: Sandbox) -> None:
        self._start = start
        self._root = root
        self.sandbox = sandbox
        self._redis_port = free_port()
        self._replicas = 0

    def mounts(self, kind: str, name: str, values: dict[str, str]) -> dict[str, Path]:
        """Writes what is mounted. Returns the directory for each path in the container."""
        pod, container = pod_of(kind, name)
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        places = {mount["mountPath"]: self._root / name / mount["name"] for mount in container["volumeMounts"]}
        for mount in container["volumeMounts"]:
            places[mount["mountPath"]].mkdir(parents=True, exist_ok=True)
            for file, content in files_of(volumes[mount["name"]]).items() if mount["name"] in volumes else ():
                (places[mount["mountPath"]] / file).write_text(here(values.get(file, content), places))
        return places

    def start_redis(self) -> Program:
        places = self.mounts("StatefulSet", "tango-cache", {})
        (program, config) = pod_of("StatefulSet", "tango-cache")[1]["command"]
        address = ["--port", self._redis_port, "--bind", "127.0.0.1"]
        redis = self._start([program, here(config, places), *address], dict(os.environ), self._root, "redis")
        ping = ["redis-cli", "-p", str(self._redis_port), "ping"]
        # The default user is off, so Redis refuses this command as soon as it serves.
        wait_until("Redis serves", lambda: b"NOAUTH" in subprocess.run(ping, capture_output=True, check=False).stdout)
        return redis

    def redis_files(self) -> list[Path]:
        return [file for file in (self._root / "tango-cache/data").rglob("*") if file.is_file()]

    def environment(self) -> tuple[dict[str, str], str]:
        """Returns the variables of a replica, and its address."""
        sandbox = self.sandbox.variables
        values = {file: sandbox["TANGO_" + file.upper().replace("-", "_")] for file in ("client-secret", "password")}
        places = self.mounts("Deployment", "rewards", values)
        _, container = pod_of("Deployment", "rewards")
        found: dict[str, str] = {}
        for source in container["envFrom"]:
            found |= find("ConfigMap", source["configMapRef"]["name"])["data"]
        for variable in container["env"]:
            if (reference := variable.get("valueFrom", {}).get("secretKeyRef")) is not None:
                found[variable["name"]] = find("Secret", reference["name"])["stringData"][reference["key"]]
            else:
                found[variable["name"]] = variable["value"]
        found = {name: here(value, places) for name, value in found.items()}
        # What differs from a cluster: the addresses, and the sandbox in place of Tango.
        service = find("Service", "tango-cache")
        assert f"@tango-cache:{service['spec']['ports'][0]['port']}" in found["TANGO_CACHE"]
        found["TANGO_CACHE"] = found["TANGO_CACHE"].replace("tango-cache:6379", f"127.0.0.1:{self._redis_port}")
        port = free_port()
        found["LISTEN"] = found["LISTEN"].replace(":8080", f"127.0.0.1:{port}")
        del found["TANGO_ENVIRONMENT"]
        for name in ("TOKEN_URL", "API_URL", "CA_FILE", "PROXY", "CLIENT_ID", "USERNAME"):
            found[f"TANGO_{name}"] = sandbox[f"TANGO_{name}"]
        if "TANGO_TOKEN_LIBRARY" in os.environ:
            found["TANGO_TOKEN_LIBRARY"] = os.environ["TANGO_TOKEN_LIBRARY"]
        return found, f"http://127.0.0.1:{port}"

    def start_replica(self) -> tuple[Program, str]:
        """Starts a replica, and waits until it is ready."""
        environment, url = self.environment()
        self._replicas += 1
        program = self._start([os.environ["RECIPE_GIN"]], environment, self._root, f"replica-{self._replicas}")
        ready = url + pod_of("Deployment", "rewards")[1]["readinessProbe"]["httpGet"]["path"]
        program.wait_until_it_serves(ready)
        assert request(ready).status == 204
        return program, url


def here(text: str, places: dict[str, Path]) -> str:
    for path, directory in sorted(places.items(), reverse=True):
        text = text.replace(path, str(directory))
    return text


@pytest.fixture
def cluster(start: Callable[..., Program], tmp_path: Path, sandbox: Sandbox) -> Iterator[Cluster]:
    yield Cluster(start, tmp_path, sandbox)


def test_replicas_share_one_token_through_a_rollout_and_a_restart_of_redis(cluster: Cluster) -> None:
    sandbox = cluster.sandbox
    redis = cluster.start_redis()
    replicas = [cluster.start_replica() for _ in range(find("Deployment", "rewards")["spec"]["replicas"])]
    assert len(replicas) > 1 and sandbox.token_requests == 0, "replicas that are ready have spent no token"

    responses = request_many([f"{url}/accounts" for _, url in replicas] * 20)
    assert {one.status for one in responses} == {200}
    assert (sandbox.token_requests, sandbox.api_requests) == (1, len(responses))

    logs = [program.log for program, _ in replicas]
    for index, (old, _) in enumerate(list(replicas)):
        replicas[index] = cluster.start_replica()
        assert old.stop() == 0
        assert request(f"{replicas[index][1]}/accounts").status == 200
    assert sandbox.token_requests == 1, "a rollout spends no token"

    redis.stop()
    assert {request(f"{url}/accounts").status for _, url in replicas} == {200}, "without Redis the token is in memory"
    cluster.start_redis()
    _, url = cluster.start_replica()
    assert request(f"{url}/accounts").status == 200
    assert sandbox.token_requests == 1, "a Redis that starts again has the token"
    assert_no_secrets(sandbox, sandbox.log, redis.log, *logs)


def test_redis_keeps_no_token_that_can_be_read(cluster: Cluster) -> None:
    cluster.start_redis()
    _, url = cluster.start_replica()
    assert request(f"{url}/accounts").status == 200
    kept = b"".join(file.read_bytes() for file in cluster.redis_files())
    assert b"tango-token:" in kept, "the entries are in the file of Redis"
    for secret in cluster.sandbox.secrets():
        assert secret.encode() not in kept


def test_replica_without_redis_is_ready_and_sends_no_request_of_its_own(cluster: Cluster) -> None:
    program, url = cluster.start_replica()
    assert request(f"{url}/accounts").status == 503
    assert "the shared cache cannot be used" in program.log.read_text()
    assert cluster.sandbox.token_requests == 0, "a fleet without its cache does not spend a token for each replica"
    cluster.start_redis()
    wait_until("the replica recovers", lambda: request(f"{url}/accounts").status == 200)
    assert cluster.sandbox.token_requests == 1
