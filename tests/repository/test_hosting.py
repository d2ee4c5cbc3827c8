"""docs/recipes/hosting.md's files, as far as they can be judged without a cluster."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import DIRECT
from streamr.config.door import CERTIFICATE, FOLDER
from streamr.config.load import SettingsError, load
from streamr.config.settings import Settings
from streamr.config.values import is_loopback
from streamr.net.doors import NAMES as TMDBS
from streamr.terminal.health import LIVE, READY
from tests.repository.test_containers import (
    KEY,
    NAMES,
    ROOT,
    drain,
    image_environment,
    last,
    read_yaml,
)

UNIT = (ROOT / "deploy/streamr.service").read_text(encoding="utf-8")
OPERATING = (ROOT / "docs/operating.md").read_text(encoding="utf-8")


def as_in_the_image(environment: dict[str, str]) -> Settings:
    """The settings of a container. Its state folder is the image's, not ours."""
    given = {**image_environment(), **environment}
    del given["STREAMR_STATE_DIR"]
    return load({}, given)


class Kubernetes(SynchronousTestCase):
    """deploy/kubernetes/streamr.yaml."""

    def setUp(self) -> None:
        text = (ROOT / "deploy/kubernetes/streamr.yaml").read_text(encoding="utf-8")
        parts: list[Any] = list(YAML(typ="safe").load_all(text))
        self.by_kind = {each["kind"]: each for each in parts}
        self.pod: Any = self.by_kind["Deployment"]["spec"]["template"]["spec"]
        [self.container] = self.pod["containers"]
        self.environment: dict[str, str] = {
            each["name"]: each["value"] for each in self.container["env"]
        }
        self.mounts = {each["name"]: each for each in self.container["volumeMounts"]}

    def settings(self) -> Settings:
        """What the container starts with; the key is in a file."""
        environment = {**self.environment, "TMDB_API_KEY": KEY}
        del environment["TMDB_API_KEY_FILE"]
        return as_in_the_image(environment)

    def test_its_settings_are_settings(self) -> None:
        self.assertLessEqual(self.environment.keys(), NAMES)
        # a probe comes from the node
        self.assertFalse(is_loopback(self.settings().host))

    def test_the_key_is_where_the_secret_is_mounted(self) -> None:
        path = Path(self.environment["TMDB_API_KEY_FILE"])
        mount = self.mounts["key"]
        self.assertEqual(mount["mountPath"], str(path.parent))
        page = (ROOT / "docs/recipes/hosting.md").read_text(encoding="utf-8")
        [volume] = [each for each in self.pod["volumes"] if each["name"] == "key"]
        name = volume["secret"]["secretName"]
        self.assertIn(f"create secret generic {name} --from-file={path.name}=", page)

    def test_it_may_write_where_the_image_does_and_nowhere_else(self) -> None:
        self.assertTrue(self.container["securityContext"]["readOnlyRootFilesystem"])
        state = self.mounts["state"]["mountPath"]
        self.assertEqual(image_environment()["STREAMR_STATE_DIR"], state)
        self.assertEqual("/tmp", self.mounts["tmp"]["mountPath"])

    def test_it_is_the_images_user(self) -> None:
        context = self.pod["securityContext"]
        user, group = map(int, last("USER").split(":"))
        self.assertEqual((user, group), (context["runAsUser"], context["runAsGroup"]))
        # volumes and the secret belong to root otherwise
        self.assertEqual(group, context["fsGroup"])

    def test_no_probe_asks_tmdb(self) -> None:
        [port] = self.container["ports"]
        self.assertEqual(self.settings().port, port["containerPort"])
        for kind, path in (
            ("startupProbe", LIVE),
            ("readinessProbe", READY),
            ("livenessProbe", LIVE),
        ):
            asked = self.container[kind]["httpGet"]
            self.assertEqual({"path": path, "port": port["name"]}, asked)

    def test_requests_have_time_to_finish(self) -> None:
        seconds = self.pod["terminationGracePeriodSeconds"]
        self.assertGreater(seconds, drain(self.settings(), 2))

    def test_the_nodes_have_time_to_send_requests_elsewhere(self) -> None:
        self.assertGreater(self.settings().stop_delay, 0)

    def test_no_service_becomes_a_setting(self) -> None:
        # what a Service called "proxy" would put into the environment
        with self.assertRaises(SettingsError):
            as_in_the_image({"TMDB_API_KEY": KEY, "PROXY_PORT": "tcp://10.0.0.1:5001"})
        self.assertIs(False, self.pod["enableServiceLinks"])

    def test_service_and_policy_are_for_this_pod(self) -> None:
        labels = self.by_kind["Deployment"]["spec"]["template"]["metadata"]["labels"]
        service, policy = self.by_kind["Service"], self.by_kind["NetworkPolicy"]
        self.assertEqual(labels, service["spec"]["selector"])
        self.assertEqual(labels, policy["spec"]["podSelector"]["matchLabels"])
        self.assertEqual("ClusterIP", service["spec"].get("type", "ClusterIP"))
        [port] = service["spec"]["ports"]
        self.assertEqual(self.settings().port, port["port"])


class Fly(SynchronousTestCase):
    """deploy/fly.toml."""

    def setUp(self) -> None:
        text = (ROOT / "deploy/fly.toml").read_text(encoding="utf-8")
        self.app: dict[str, Any] = tomllib.loads(text)

    def settings(self) -> Settings:
        return as_in_the_image({**self.app["env"], "TMDB_API_KEY": KEY})

    def test_its_settings_are_settings(self) -> None:
        self.assertLessEqual(self.app["env"].keys(), NAMES)

    def test_it_asks_for_the_health_of_the_port_that_is_served(self) -> None:
        service = self.app["http_service"]
        self.assertEqual(self.settings().port, service["internal_port"])
        [check] = service["checks"]
        self.assertEqual(READY, check["path"])
        self.assertTrue((ROOT / self.app["build"]["dockerfile"]).is_file())

    def test_requests_have_time_to_finish(self) -> None:
        self.assertEqual("SIGTERM", self.app["kill_signal"])
        self.assertGreater(self.app["kill_timeout"], drain(self.settings(), 2))

    def test_the_page_gives_it_no_public_address(self) -> None:
        page = (ROOT / "docs/recipes/hosting.md").read_text(encoding="utf-8")
        [deploy] = re.findall(r"^fly deploy .*$", page, re.M)
        self.assertLessEqual({"--flycast", "--no-public-ips"}, set(deploy.split()))
        self.assertIs(False, self.app["http_service"]["force_https"])


class Outbound(SynchronousTestCase):
    """deploy/warp.yml and deploy/gluetun.yml, each on top of compose.yaml."""

    FILES = ("deploy/warp.yml", "deploy/gluetun.yml")

    def services(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = read_yaml(name)["services"]
        return found

    def test_they_keep_to_the_compose_specification(self) -> None:
        said = subprocess.run(
            [
                *(sys.executable, "-m", "check_jsonschema"),
                *("--builtin-schema", "vendor.compose-spec", *self.FILES),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        self.assertEqual(said.returncode, 0, said.stdout)

    def test_streamr_goes_directly_first_and_then_through_the_service(self) -> None:
        for name in self.FILES:
            services = self.services(name)
            [service] = set(services) - {"streamr"}
            given = services["streamr"]["environment"]
            self.assertLessEqual(given.keys(), NAMES)
            direct, through = as_in_the_image({**given, "TMDB_API_KEY": KEY}).egress
            self.assertEqual((direct, through.host), (DIRECT, service))
            self.assertEqual(services["streamr"]["depends_on"], [service])

    def test_they_belong_to_a_service_and_a_profile_of_compose(self) -> None:
        whole = read_yaml("compose.yaml")["services"]
        for name in self.FILES:
            services = self.services(name)
            [service] = set(services) - {"streamr"}
            self.assertIn("streamr", whole)
            self.assertNotIn(service, whole)
            self.assertEqual(
                services[service]["profiles"], whole["streamr"]["profiles"]
            )

    def test_nobody_else_can_use_the_proxy(self) -> None:
        for name in self.FILES:
            for service in self.services(name).values():
                self.assertNotIn("ports", service)

    def test_the_page_and_the_file_say_the_same_command(self) -> None:
        page = (ROOT / "docs/recipes/hosting.md").read_text(encoding="utf-8")
        for name in self.FILES:
            command = f"docker compose -f compose.yaml -f {name} --profile one up -d"
            self.assertIn(f"\n{command}\n", page)
            self.assertIn(command, (ROOT / name).read_text(encoding="utf-8"))


class Door(SynchronousTestCase):
    """deploy/door.yml, on top of compose.yaml."""

    FILE = "deploy/door.yml"

    def setUp(self) -> None:
        self.overlay: dict[str, Any] = read_yaml(self.FILE)
        self.streamr = self.overlay["services"]["streamr"]
        self.app = self.overlay["services"]["seerr"]

    def test_it_keeps_to_the_compose_specification(self) -> None:
        command = ("-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec")
        said = subprocess.run(
            [sys.executable, *command, self.FILE],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        self.assertEqual(said.returncode, 0, said.stdout)

    def test_the_app_finds_the_door_under_the_names_that_it_asks_for(self) -> None:
        place = self.streamr["networks"]["door"]["ipv4_address"]
        [subnet] = self.overlay["networks"]["door"]["ipam"]["config"]
        self.assertIn(ip_address(place), ip_network(subnet["subnet"]))
        hosts = dict(each.split(":") for each in self.app["extra_hosts"])
        names = [each for each in TMDBS if not each.startswith("www.")]
        self.assertEqual(hosts, dict.fromkeys(names, place))
        self.assertIn("door", self.app["networks"])
        self.assertNotIn("extra_hosts", self.streamr)

    def test_the_door_is_open_there_and_published_nowhere(self) -> None:
        given = self.streamr["environment"]
        found = as_in_the_image({**given, "TMDB_API_KEY": KEY})
        self.assertEqual((found.door, found.door_port), (True, 443))
        place = self.streamr["networks"]["door"]["ipv4_address"]
        self.assertEqual(found.door_host, place)
        self.assertNotIn("ports", self.streamr)

    def test_the_app_gets_the_certificate_and_not_the_key(self) -> None:
        pem = self.app["environment"]["NODE_EXTRA_CA_CERTS"]
        mounted = [each.split(":") for each in self.app["volumes"]]
        self.assertIn(["./door-ca.pem", pem, "ro"], mounted)
        self.assertNotIn("state", [each[0] for each in mounted])
        said = (ROOT / self.FILE).read_text(encoding="utf-8")
        self.assertIn(f"{FOLDER}/{CERTIFICATE} > {CERTIFICATE}", said)
        # the image's entrypoint is streamr already
        for command in re.findall(r"docker compose run --rm (.*)", said):
            self.assertNotIn("streamr streamr", command)
            entry = command.startswith("--entrypoint")
            self.assertTrue(entry or command.split()[1] in ("door",), command)
        self.assertNotIn("door-ca.key", said)


class Fleet(SynchronousTestCase):
    """deploy/kubernetes/fleet.yaml and deploy/compose.fleet.yaml."""

    def setUp(self) -> None:
        text = (ROOT / "deploy/kubernetes/fleet.yaml").read_text(encoding="utf-8")
        parts: list[Any] = list(YAML(typ="safe").load_all(text))
        self.comment = text.partition("apiVersion")[0]
        self.by_kind = {each["kind"]: each for each in parts}
        base = (ROOT / "deploy/kubernetes/streamr.yaml").read_text(encoding="utf-8")
        self.streamr = next(iter(YAML(typ="safe").load_all(base)))
        self.compose: Any = read_yaml("deploy/compose.fleet.yaml")

    def test_the_commands_lead_to_what_the_files_make(self) -> None:
        name = self.streamr["metadata"]["name"]
        self.assertIn(f"kubectl scale deploy/{name} --replicas=3", self.comment)
        [url] = re.findall(r"STREAMR_SHARED=(\S+)", self.comment)
        found = as_in_the_image({"TMDB_API_KEY": KEY, "STREAMR_SHARED": url}).shared
        service = self.by_kind["Service"]
        [port] = service["spec"]["ports"]
        assert found is not None
        self.assertEqual(
            (found.host, found.port), (service["metadata"]["name"], port["port"])
        )

    def test_budget_and_policies_are_for_these_pods(self) -> None:
        labels = self.streamr["spec"]["template"]["metadata"]["labels"]
        budget = self.by_kind["PodDisruptionBudget"]["spec"]
        self.assertEqual(budget["selector"]["matchLabels"], labels)
        self.assertEqual(budget["maxUnavailable"], 1)
        engine = self.by_kind["Deployment"]["spec"]["template"]
        for kind, key in (("Service", "selector"), ("NetworkPolicy", "podSelector")):
            found = self.by_kind[kind]["spec"][key]
            self.assertEqual(
                found.get("matchLabels", found), engine["metadata"]["labels"]
            )
        [rule] = self.by_kind["NetworkPolicy"]["spec"]["ingress"]
        [source] = rule["from"]
        self.assertEqual(source["podSelector"]["matchLabels"], labels)

    def test_the_engine_keeps_nothing_and_makes_room(self) -> None:
        [container] = self.by_kind["Deployment"]["spec"]["template"]["spec"][
            "containers"
        ]
        for words in (container["args"], self.compose["services"]["valkey"]["command"]):
            said = " ".join(words)
            self.assertIn("--save  --appendonly no", said)
            self.assertIn("--maxmemory 256mb --maxmemory-policy allkeys-lru", said)

    def test_compose_keeps_to_its_specification(self) -> None:
        command = ("-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec")
        said = subprocess.run(
            [sys.executable, *command, "deploy/compose.fleet.yaml"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        self.assertEqual(said.returncode, 0, said.stdout)

    def test_haproxy_knows_each_streamr_and_publishes_alone(self) -> None:
        services = self.compose["services"]
        nodes = [name for name, each in services.items() if each["image"] == "streamr"]
        text = self.compose["configs"]["haproxy"]["content"]
        self.assertEqual(re.findall(r"server (\w+) \1:3001", text), nodes)
        published = [name for name, each in services.items() if "ports" in each]
        self.assertEqual(published, ["haproxy"])
        # what is more than addresses is as in the file for one machine
        alone = (ROOT / "deploy/haproxy.cfg").read_text(encoding="utf-8")
        for line in ("retry-on conn-failure empty-response", "balance uri"):
            self.assertIn(line, text)
            self.assertIn(line, alone)

    def test_the_settings_of_its_nodes_are_settings(self) -> None:
        given = dict(self.compose["x-streamr"]["environment"])
        del given["TMDB_API_KEY_FILE"]
        given["CORS_ORIGINS"] = ""
        found = as_in_the_image({**given, "TMDB_API_KEY": KEY})
        assert found.shared is not None
        self.assertIn(found.shared.host, self.compose["services"])
        self.assertGreater(found.stop_delay, 0)


class SystemdRun(SynchronousTestCase):
    """The command for `doctor` and `check` in docs/operating.md."""

    def setUp(self) -> None:
        [line] = re.findall(r"^sudo (systemd-run (?:.*\\\n)+.*)$", OPERATING, re.M)
        words = shlex.split(line.replace("\\\n", " "))
        options = [each for each in words if each.startswith("--")]
        self.given = dict(each[2:].split("=", 1) for each in options if "=" in each)
        self.variables = dict(
            each.removeprefix("--setenv=").split("=", 1)
            for each in options
            if each.startswith("--setenv=")
        )
        self.program = words[-2]

    def unit(self, pattern: str) -> str:
        """What the unit says, by the pattern's one group."""
        found = re.search(pattern, UNIT, re.M)
        assert found is not None
        return found[1]

    def test_it_reads_the_units_settings(self) -> None:
        file = self.unit("^EnvironmentFile=(.*)$")
        self.assertEqual(f"EnvironmentFile={file}", self.given["property"])

    def test_its_key_and_its_state_are_the_units(self) -> None:
        state = f"/var/lib/{self.unit('^StateDirectory=(.*)$')}"
        key = self.unit("^LoadCredential=tmdb-api-key:(.*)$")
        self.assertEqual(
            {"TMDB_API_KEY_FILE": key, "STREAMR_STATE_DIR": state}, self.variables
        )
        self.assertEqual(state, self.given["working-directory"])
        self.assertLessEqual(self.variables.keys(), NAMES)

    def test_its_program_is_beside_the_units(self) -> None:
        program = Path(self.unit(r"^ExecStart=(\S+)"))
        self.assertEqual(program.with_name("streamr"), Path(self.program))
