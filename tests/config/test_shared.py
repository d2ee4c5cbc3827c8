"""STREAMR_SHARED: what is taken, what is refused; nothing repeats a password."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import SharedEngine
from streamr.config.load import load, reread
from streamr.config.shared import FROM_ENVIRONMENT, engine, settled, shown
from streamr.errors import SettingsError

SECRET = "canary-shared"
KEY = {"TMDB_API_KEY": "c0ffee00c0ffee11c0ffee22c0ffee33"}


class Engines(SynchronousTestCase):
    def test_each_scheme_with_its_defaults(self) -> None:
        for text, found in (
            ("redis://localhost", SharedEngine("tcp", "localhost", 6379)),
            ("valkey://10.0.0.5:7000/3", SharedEngine("tcp", "10.0.0.5", 7000, "", 3)),
            ("redis://[::1]:6380", SharedEngine("tcp", "::1", 6380)),
            ("rediss://r.example.com", SharedEngine("tls", "r.example.com", 6379)),
            ("valkeys://r.example.com/0", SharedEngine("tls", "r.example.com", 6379)),
            ("unix:///run/v.sock", SharedEngine("unix", path="/run/v.sock")),
            ("", None),
        ):
            self.assertEqual(engine(text), found, text)

    def test_user_and_password_are_decoded_and_never_shown(self) -> None:
        found = engine(f"rediss://app:{SECRET}%40%2F@r.example.com:6380/1")
        assert found is not None
        self.assertEqual((found.user, found.password), ("app", f"{SECRET}@/"))
        self.assertEqual(shown(found), "r.example.com:6380")
        self.assertNotIn(SECRET, repr(found))
        only = engine(f"redis://:{SECRET}@localhost")
        assert only is not None
        self.assertEqual((only.user, only.password), (None, SECRET))

    def test_what_is_none_is_refused_without_being_repeated(self) -> None:
        for text, said in (
            (f"http://:{SECRET}@localhost", "scheme"),
            (f"{SECRET}", "scheme"),
            (f"redis://:{SECRET}@r.example.com", "rediss://"),
            (f"redis://:{SECRET}@8.8.8.8:6379", "rediss://"),
            (f"redis://:{SECRET}@local host", "spaces"),
            (f"redis://:{SECRET}@", "host name"),
            (f"redis://:{SECRET}[x]@localhost", "host name"),
            (f"rediss://:{SECRET}@my_redis", "letters, digits"),
            (f"redis://:{SECRET}@localhost/x", "database"),
            (f"redis://:{SECRET}@localhost/99999", "database"),
            (f"redis://:{SECRET}@localhost?db=1", "parameters"),
            (f"redis://:{SECRET}@localhost:0", "port 0"),
            (f"redis://{SECRET}@localhost", "without a password"),
            (f"unix://{SECRET}/run/v.sock", "unix://"),
        ):
            error = self.assertRaises(ValueError, engine, text)
            self.assertIn(said, str(error), text)
            self.assertNotIn(SECRET, str(error))

    def test_env_is_what_the_platform_says(self) -> None:
        found = settled(FROM_ENVIRONMENT, {"REDIS_URL": "redis://cache:6379/2"})
        self.assertEqual(found, SharedEngine("tcp", "cache", 6379, "", 2))
        for wrong in ({}, {"REDIS_URL": ""}, {"REDIS_URL": f"http://{SECRET}"}):
            error = self.assertRaises(ValueError, settled, FROM_ENVIRONMENT, wrong)
            self.assertIn("REDIS_URL", str(error))
            self.assertNotIn(SECRET, str(error))
        self.assertIsNone(settled(None, {}))


class Loaded(SynchronousTestCase):
    def test_it_is_a_secret_of_which_the_place_may_be_shown(self) -> None:
        url = f"redis://:{SECRET}@localhost:6379"
        found = load({}, {**KEY, "STREAMR_SHARED": url})
        self.assertIn(SECRET, found.secrets)
        told = {each.setting.name: each.value for each in found.told}
        self.assertEqual(told["STREAMR_SHARED"], "localhost:6379")
        self.assertNotIn(SECRET, repr(found))

    def test_env_is_settled_when_settings_are_read(self) -> None:
        given = {**KEY, "STREAMR_SHARED": "env"}
        found = load({}, {**given, "REDIS_URL": f"redis://:{SECRET}@localhost"})
        assert found.shared is not None
        self.assertEqual(found.shared.password, SECRET)
        error = self.assertRaises(SettingsError, load, {}, given)
        self.assertIn("STREAMR_SHARED", error.problems[0])

    def test_another_one_needs_a_restart(self) -> None:
        found = load({}, {**KEY, "STREAMR_SHARED": f"redis://:{SECRET}@localhost"})
        again, problems = reread(found, {})
        self.assertEqual((again.shared, problems), (found.shared, []))
