"""The image, compose.yaml and render.yaml: that they name things as streamr does.

What runs inside is looked at by deploy/check-image.sh; here nothing is built.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from twisted.trial.unittest import SynchronousTestCase

from streamr.app.daemon import DRAIN_GRACE
from streamr.cli import CommandLine
from streamr.config.load import load
from streamr.config.settings import TABLE, Settings
from streamr.terminal.health import READY

ROOT = Path(__file__).resolve().parents[2]
NAMES = {each.name for each in TABLE} | {
    f"{each.name}_FILE" for each in TABLE if each.secret
}
COMMANDS = {each[0] for each in CommandLine.subCommands}
KEY = "c0ffee00c0ffee11c0ffee22c0ffee33"
SECRET = re.compile(r"\b[0-9a-f]{32,}\b|\beyJ")


def read_yaml(name: str) -> Any:
    """A YAML file of the checkout."""
    return YAML(typ="safe").load((ROOT / name).read_text(encoding="utf-8"))


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.M).replace("\\\n", " ")
    lines = (line.partition(" ") for line in text.splitlines() if line)
    return [(word, " ".join(rest.split())) for word, _, rest in lines]


def last(word: str) -> str:
    """What the last instruction of that name says: the one that counts."""
    return [rest for each, rest in instructions() if each == word][-1]


def image_environment() -> dict[str, str]:
    """The settings that the image makes."""
    pairs = dict(each.split("=", 1) for each in last("ENV").split())
    return {name: value for name, value in pairs.items() if name != "PATH"}


def drain(found: Settings, servers: int) -> float:
    """Seconds that an orderly end may take."""
    return found.stop_delay + servers * (found.deadline + DRAIN_GRACE)


class Image(SynchronousTestCase):
    """The Dockerfile."""

    def test_every_program_gets_its_signals_itself(self) -> None:
        # a shell as process 1 would keep SIGTERM to itself
        check = last("HEALTHCHECK").partition(" CMD ")[2]
        for told in (last("ENTRYPOINT"), last("CMD"), check):
            self.assertIsInstance(json.loads(told), list)

    def test_its_commands_are_streamrs(self) -> None:
        self.assertEqual(["streamr"], json.loads(last("ENTRYPOINT")))
        [run] = json.loads(last("CMD"))
        _, check = json.loads(last("HEALTHCHECK").partition(" CMD ")[2])
        self.assertLessEqual({run, check}, COMMANDS)

    def test_it_is_not_root(self) -> None:
        user, _, group = last("USER").partition(":")
        self.assertGreater(min(int(user), int(group)), 999)

    def test_its_settings_are_settings(self) -> None:
        self.assertLessEqual(image_environment().keys(), NAMES)

    def test_main_can_be_reached_and_the_proxy_cannot(self) -> None:
        # the state folder is the image's alone
        environment = {**image_environment(), "TMDB_API_KEY": KEY}
        del environment["STREAMR_STATE_DIR"]
        found = load({}, environment)
        self.assertEqual("::", found.host)
        self.assertEqual("127.0.0.1", found.proxy_host)
        self.assertEqual((), found.cors_origins)
        self.assertEqual(str(found.port), last("EXPOSE"))

    def test_nothing_goes_into_it_but_what_is_named(self) -> None:
        lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        rules = [line for line in lines if line and not line.startswith("#")]
        self.assertEqual("*", rules[0])
        let_in = {line[1:] for line in rules if line.startswith("!")}
        copied: set[str] = set()
        for word, rest in instructions():
            if word == "COPY" and not rest.startswith("--from"):
                copied.update(rest.split()[:-1])
        self.assertEqual(copied, let_in)
        self.assertNotIn(".", copied)
        self.assertIn("**/.env*", rules)


class Compose(SynchronousTestCase):
    """compose.yaml, for its two profiles."""

    def setUp(self) -> None:
        self.services: dict[str, Any] = read_yaml("compose.yaml")["services"]

    def load(self, name: str) -> Settings:
        """The settings as a container of that service reads them."""
        environment = {**image_environment(), **self.services[name]["environment"]}
        for secret in [each for each in environment if each.endswith("_FILE")]:
            path = environment.pop(secret)
            self.assertIn(Path(path).name, self.services[name]["secrets"])
            self.assertEqual("/run/secrets", str(Path(path).parent))
            environment[secret.removesuffix("_FILE")] = KEY
        environment["CORS_ORIGINS"] = ""
        del environment["STREAMR_STATE_DIR"]
        return load({}, environment)

    def test_it_keeps_to_the_compose_specification(self) -> None:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "check_jsonschema"),
                *("--builtin-schema", "vendor.compose-spec", "compose.yaml"),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_its_settings_are_settings(self) -> None:
        for name, service in self.services.items():
            self.assertLessEqual(service["environment"].keys(), NAMES, name)

    def test_each_service_starts_with_what_it_is_given(self) -> None:
        one, main, proxy = (self.load(each) for each in ("streamr", "main", "proxy"))
        self.assertEqual(("", "main", "proxy"), (one.only, main.only, proxy.only))
        self.assertEqual("127.0.0.1", one.proxy_host)

    def test_main_finds_the_proxy_and_has_its_token(self) -> None:
        main, proxy = self.load("main"), self.load("proxy")
        self.assertEqual((f"http://proxy:{proxy.proxy_port}",), main.tmdb_proxy_url)
        self.assertEqual(KEY, main.proxy_token)
        self.assertEqual(KEY, proxy.proxy_token)
        self.assertIn("two", self.services["proxy"]["profiles"])

    def test_only_this_machine_reaches_main_and_nobody_the_proxy(self) -> None:
        for name in ("streamr", "main"):
            port = self.load(name).port
            self.assertEqual([f"127.0.0.1:{port}:{port}"], self.services[name]["ports"])
        self.assertNotIn("ports", self.services["proxy"])

    def test_nothing_but_the_state_and_tmp_can_be_written(self) -> None:
        for name, service in self.services.items():
            self.assertTrue(service["read_only"], name)
            self.assertEqual(["/tmp"], service["tmpfs"])
            [volume] = service["volumes"]
            state = image_environment()["STREAMR_STATE_DIR"]
            self.assertEqual(state, volume.partition(":")[2])

    def test_requests_have_time_to_finish(self) -> None:
        for name, service in self.services.items():
            seconds = float(service["stop_grace_period"].removesuffix("s"))
            self.assertGreater(seconds, drain(self.load(name), 2))


class Render(SynchronousTestCase):
    """render.yaml, as far as it can be judged without Render."""

    def setUp(self) -> None:
        [self.service] = read_yaml("render.yaml")["services"]
        self.variables: list[Mapping[str, Any]] = self.service["envVars"]

    def load(self) -> Settings:
        """The settings as Render's container reads them; it names the port."""
        given = {each["key"]: each.get("value", "") for each in self.variables}
        environment = {**image_environment(), **given, "PORT": "10000"}
        environment["TMDB_API_KEY"] = KEY
        del environment["STREAMR_STATE_DIR"]
        return load({}, environment)

    def test_one_port_is_public(self) -> None:
        found = self.load()
        self.assertEqual(("::", 10000), (found.host, found.port))
        self.assertEqual("127.0.0.1", found.proxy_host)
        self.assertEqual("", found.only)

    def test_its_settings_are_settings(self) -> None:
        self.assertLessEqual({each["key"] for each in self.variables}, NAMES)

    def test_the_key_is_asked_for(self) -> None:
        [key] = [each for each in self.variables if each["key"] == "TMDB_API_KEY"]
        self.assertEqual({"key": "TMDB_API_KEY", "sync": False}, key)

    def test_it_builds_the_image_and_asks_for_its_health(self) -> None:
        self.assertEqual("docker", self.service["runtime"])
        self.assertTrue((ROOT / self.service["dockerfilePath"]).is_file())
        self.assertEqual(READY, self.service["healthCheckPath"])

    def test_requests_have_time_to_finish(self) -> None:
        seconds = self.service["maxShutdownDelaySeconds"]
        self.assertGreater(seconds, drain(self.load(), 2))


class Secrets(SynchronousTestCase):
    """Nothing of all that holds one, and git keeps out where they lie."""

    def test_no_file_holds_a_secret(self) -> None:
        for name in ("Dockerfile", "compose.yaml", "render.yaml"):
            text = (ROOT / name).read_text(encoding="utf-8")
            self.assertIsNone(SECRET.search(text), name)

    def test_git_ignores_the_files_that_do(self) -> None:
        ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
        self.assertLessEqual({".env", "secrets/"}, set(ignored))
        for secret in read_yaml("compose.yaml")["secrets"].values():
            self.assertTrue(secret["file"].startswith("./secrets/"))
