"""The one table: sources in their order, and all that is wrong at once."""

import os
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from streamr.config.load import load, take_stock
from streamr.config.settings import HOW_TO_GET_A_KEY, TABLE, Settings
from streamr.errors import SettingsError

KEY = "0123456789abcdef0123456789abcdef"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln"
TOKEN = "a-shared-secret-of-the-house"
WITH_KEY = {"TMDB_API_KEY": KEY}
SECRETS = {
    "TMDB_API_KEY",
    "TMDB_ACCESS_TOKEN",
    "STREAMR_PROXY_TOKEN",
    "STREAMR_ADMIN_TOKEN",
    "STREAMR_EGRESS",
    "STREAMR_PURGE_TOKEN",
    "STREAMR_SHARED",
}
PIN = "sha256//" + "x" * 43 + "="


class Loading(SynchronousTestCase):
    """Helpers."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def dotenv(self, text: str) -> Path:
        return self.file(".env", text)

    def file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def with_key(self, **environment: str) -> Settings:
        return load({}, {**WITH_KEY, **environment})

    def problems(
        self,
        environment: dict[str, str],
        env_file: Path | None = None,
        flags: dict[str, str | None] | None = None,
    ) -> list[str]:
        with self.assertRaises(SettingsError) as caught:
            load(flags or {}, environment, env_file)
        return caught.exception.problems

    def one_problem(self, *words: str, **environment: str) -> str:
        (problem,) = self.problems({**WITH_KEY, **environment})
        for word in words:
            self.assertIn(word, problem)
        return problem


class Table(Loading):
    """The rows."""

    def test_every_default_passes_its_own_reader(self):
        found = load({}, WITH_KEY)
        for setting in TABLE:
            if setting.name not in ("TMDB_API_KEY", "CORS_ORIGINS"):
                self.assertEqual(
                    getattr(found, setting.field), setting.read(setting.default)
                )

    def test_pictures_are_served_and_kept_unless_a_setting_says_otherwise(self):
        found = load({}, WITH_KEY)
        self.assertEqual(found.tmdb_image_base_url, "https://image.tmdb.org")
        self.assertIs(found.images, True)
        self.assertIs(self.with_key(STREAMR_IMAGES="0").images, False)
        self.assertIsNone(found.image_cache_mb)
        for told in (0, 1_000_000):
            kept = self.with_key(STREAMR_IMAGE_CACHE_MB=str(told))
            self.assertEqual(kept.image_cache_mb, told)

    def test_what_is_wrong_with_them_is_told_with_what_is_allowed(self):
        self.one_problem("STREAMR_IMAGES", "1 or 0", STREAMR_IMAGES="yes")
        self.one_problem(
            "STREAMR_IMAGE_CACHE_MB", "0 to 1000000", STREAMR_IMAGE_CACHE_MB="1000001"
        )
        self.one_problem(
            "TMDB_IMAGE_BASE_URL",
            "evil.example is not TMDB's picture host",
            "image.tmdb.org or on loopback",
            TMDB_IMAGE_BASE_URL="https://evil.example",
        )

    def test_the_defaults_are_the_issues(self):
        found = load({}, WITH_KEY)
        self.assertEqual((found.host, found.port), ("127.0.0.1", 3001))
        self.assertEqual((found.proxy_host, found.proxy_port), ("127.0.0.1", 5001))
        self.assertEqual(found.tmdb_base_url, "https://api.themoviedb.org/3")
        self.assertEqual(found.tmdb_alternate_urls, ("https://api.tmdb.org/3",))
        self.assertEqual((found.deadline, found.address_family), (8.0, "auto"))
        self.assertEqual((found.log_level, found.log_format), ("info", "text"))
        self.assertEqual((found.log_file, found.tmdb_pins, found.only), (None, {}, ""))

    def test_every_row_explains_itself(self):
        for setting in TABLE:
            self.assertTrue(setting.help.endswith((".", "5001")), setting.name)
            self.assertTrue(setting.allowed, setting.name)

    def test_secrets_and_only_secrets_have_no_flag(self):
        without = {setting.name for setting in TABLE if setting.flag is None}
        self.assertEqual(without, SECRETS)
        self.assertEqual({each.name for each in TABLE if each.secret}, SECRETS)

    def test_flags_and_fields_are_distinct(self):
        flags = [setting.flag for setting in TABLE if setting.flag]
        self.assertEqual(len(flags), len(set(flags)))
        self.assertEqual(len(TABLE), len({setting.field for setting in TABLE}))

    def test_the_issues_settings_are_all_there(self):
        wanted = """
            TMDB_API_KEY TMDB_ACCESS_TOKEN PORT HOST PROXY_PORT PROXY_HOST
            TMDB_BASE_URL TMDB_ALTERNATE_URLS TMDB_PROXY_URL STREAMR_PROXY_TOKEN
            TMDB_CA_FILE TMDB_PINS STREAMR_ADDRESS_FAMILY STREAMR_DEADLINE
            CORS_ORIGINS STREAMR_EXTRA_PATHS STREAMR_LOG_FILE STREAMR_LOG_LEVEL
            STREAMR_LOG_FORMAT
        """
        self.assertEqual(set(wanted.split()) - {each.name for each in TABLE}, set())


class Order(Loading):
    """flag > environment > .env > default."""

    def test_each_source_gives_way_to_the_one_before(self):
        env_file = self.dotenv("PORT=3\n")
        for flags, environment, file, port in (
            ({"PORT": "1"}, {"PORT": "2"}, env_file, 1),
            ({"PORT": None}, {"PORT": "2"}, env_file, 2),
            ({}, {}, env_file, 3),
            ({}, {}, None, 3001),
        ):
            found = load(flags, {**WITH_KEY, **environment}, file)
            self.assertEqual(found.port, port)

    def test_an_empty_variable_is_no_value(self):
        env_file = self.dotenv("PORT=3\n")
        self.assertEqual(load({}, {**WITH_KEY, "PORT": ""}, env_file).port, 3)

    def test_spaces_around_a_value_do_not_count(self):
        self.assertEqual(self.with_key(PORT=" 80 ").port, 80)

    def test_a_value_tells_the_file_that_it_came_from(self):
        file = self.file("home.env", "PORT=3\nSTREAMR_DEADLIN=1\n")
        stock = take_stock({}, WITH_KEY, file)
        origins = {each.setting.name: each.origin for each in stock.found}
        self.assertEqual(origins["PORT"], "home.env")
        self.assertIn("(home.env)", stock.problems[0])

    def test_a_missing_env_file_is_no_error(self):
        self.assertEqual(load({}, WITH_KEY, self.folder / ".env").port, 3001)

    def test_an_env_file_may_quote_export_and_comment(self):
        env_file = self.dotenv(
            f"# mine\nexport TMDB_API_KEY='{KEY}'\nHOST=\"localhost\" # here\n"
        )
        found = load({}, {}, env_file)
        self.assertEqual((found.tmdb_api_key, found.host), (KEY, "127.0.0.1"))

    def test_a_dollar_in_a_secret_stays_a_dollar(self):
        env_file = self.dotenv("STREAMR_PROXY_TOKEN=abc${HOME}defghijklmnop\n")
        found = load({}, WITH_KEY, env_file)
        self.assertEqual(found.proxy_token, "abc${HOME}defghijklmnop")

    def test_an_env_file_that_is_no_text_is_one_problem(self):
        path = self.folder / ".env"
        path.write_bytes(b"PORT=\xff\n")
        (problem,) = self.problems(WITH_KEY, path)
        self.assertIn(".env", problem)

    def test_an_env_file_that_is_a_folder_or_leads_nowhere_is_a_problem(self):
        folder, link = self.folder / ".env", self.folder / "link.env"
        folder.mkdir()
        link.symlink_to(self.folder / "nothing")
        for path, said in (
            (folder, ".env cannot be read: Is a directory"),
            (link, "link.env cannot be read: No such file or directory"),
        ):
            self.assertEqual(self.problems(WITH_KEY, path), [said])

    def test_an_env_file_that_is_not_ours_to_read_is_a_problem(self):
        env_file = self.dotenv("PORT=3\n")
        self.folder.chmod(0o711)
        env_file.chmod(0o000)
        if os.getuid() == 0:
            # root may read all
            os.seteuid(65534)
            self.addCleanup(os.seteuid, 0)
        (problem,) = self.problems(WITH_KEY, env_file)
        self.assertEqual(problem, ".env cannot be read: Permission denied")

    def test_a_line_that_sets_nothing_is_named_and_not_shown(self):
        env_file = self.dotenv(f"PORT=3\nTMDB_API_KEY: {KEY}\n{KEY} x\n# PORT x\n\n")
        self.assertEqual(
            self.problems({}, env_file)[:2],
            [
                ".env, line 2: it does not have the form NAME=value",
                ".env, line 3: it does not have the form NAME=value",
            ],
        )


class Problems(Loading):
    """What is said when something is wrong."""

    def test_a_dotenv_in_a_folder_that_cannot_be_looked_into_is_a_problem(self) -> None:
        # as in a working directory of somebody else; root may look into those
        (problem,) = self.problems(WITH_KEY, Path("n" * 300) / ".env")
        self.assertIn(".env cannot be read", problem)

    def test_all_problems_come_at_once(self):
        problems = self.problems(
            {**WITH_KEY, "PORT": "x", "STREAMR_DEADLINE": "0", "HOST": "here"},
            self.dotenv("STREAMR_LOG_LEVEL=loud\nSTREAMR_NONSENSE=1\n"),
        )
        self.assertEqual(len(problems), 5)

    def test_a_missing_key_is_told_beside_the_rest(self):
        problems = self.problems({"PORT": "x", "PROXY_HOST": "0.0.0.0"})
        self.assertIn(HOW_TO_GET_A_KEY, problems)
        self.assertEqual(len(problems), 3)

    def test_each_names_setting_value_what_is_allowed_and_where_it_came_from(self):
        env_file = self.dotenv("STREAMR_LOG_FORMAT=xml\n")
        problems = self.problems(
            {**WITH_KEY, "PROXY_PORT": "99999"}, env_file, {"STREAMR_DEADLINE": "900"}
        )
        for words in (
            ("STREAMR_LOG_FORMAT", "'xml'", "text or json", "from .env"),
            ("PROXY_PORT", "'99999'", "0 to 65535", "from environment"),
            ("STREAMR_DEADLINE", "'900'", "0.5 to 60", "flag --deadline"),
        ):
            (problem,) = (each for each in problems if words[0] in each)
            for word in words:
                self.assertIn(word, problem)

    def test_every_setting_names_itself_when_it_is_wrong(self):
        for setting in TABLE:
            # a token and a short value are wrong for most; the rest takes a bad path
            text = "/no/such/folder/\0x ?"
            with self.assertRaises(SettingsError) as caught:
                load({}, {setting.name: text}, needs_key=False)
            (problem,) = caught.exception.problems
            for word in (setting.name, setting.allowed, "from environment"):
                self.assertIn(word, problem)
            self.assertEqual(setting.secret, text[:4] not in problem, problem)

    def test_a_secrets_value_is_never_in_a_message(self):
        for name in SECRETS:
            for value in ("eyJcanary..", "canary", "canary canary canary"):
                path = self.file("secret", value)
                for environment in ({name: value}, {f"{name}_FILE": str(path)}):
                    for problem in self.problems({**WITH_KEY, **environment}):
                        self.assertNotIn("canary", problem)
                        self.assertIn(name, problem)

    def test_a_password_in_a_url_is_never_in_a_message(self):
        for name in ("TMDB_BASE_URL", "TMDB_ALTERNATE_URLS", "TMDB_PROXY_URL"):
            self.assertNotIn(
                "canary", self.one_problem(name, **{name: "https://me:canary@proxy/x"})
            )

    def test_a_password_with_odd_characters_is_no_exception(self):
        for url in (
            "https://me:canary/x@proxy",
            "https://me:x@canary@proxy",
            "https://me:x canary@proxy",
            "me:canary@proxy:5001",
        ):
            self.assertNotIn("canary", self.one_problem(TMDB_PROXY_URL=url), url)

    def test_a_password_in_an_origin_or_a_pin_is_hidden_too(self):
        for name in ("CORS_ORIGINS", "TMDB_PINS"):
            problem = self.one_problem(**{name: "https://me:canary@app.example/x"})
            self.assertNotIn("canary", problem)


class Unknown(Loading):
    """Names that are no setting."""

    def test_in_the_env_file_it_is_an_error_with_a_hint(self):
        (problem,) = self.problems(WITH_KEY, self.dotenv("STREAMR_DEADLIN=8\n"))
        for word in ("STREAMR_DEADLIN ", ".env", "did you mean STREAMR_DEADLINE?"):
            self.assertIn(word, problem)

    def test_in_the_environment_it_is_a_warning(self):
        found = self.with_key(STREAMR_SERVICE_HOST="10.0.0.1", STREAMR_LOG_LEVL="warn")
        self.assertEqual(len(found.warnings), 2)
        self.assertEqual(found.warnings[0].code, "no-such-setting")
        self.assertIn("STREAMR_SERVICE_HOST (environment)", found.warnings[0].text)
        self.assertIn("did you mean STREAMR_LOG_LEVEL?", found.warnings[1].text)

    def test_a_far_name_gets_no_hint(self):
        (problem,) = self.problems(WITH_KEY, self.dotenv("STREAMR_QUARTZ=1\n"))
        self.assertNotIn("did you mean", problem)

    def test_the_value_of_an_unknown_name_is_not_shown(self):
        (problem,) = self.problems(WITH_KEY, self.dotenv("STREAMR_PROXY_TOKN=canary\n"))
        self.assertNotIn("canary", problem)

    def test_other_programs_names_are_not_ours(self):
        found = load({}, {**WITH_KEY, "PATH": "x"}, self.dotenv("OTHER=1\n"))
        self.assertEqual(found.warnings, ())

    def test_a_typo_of_any_setting_is_an_error_in_the_env_file(self):
        for name, meant in (
            *(("PROT", "PORT"), ("port", "PORT"), ("HSOT", "HOST"), ("HOSTS", "HOST")),
            *(("PROXY_PROT", "PROXY_PORT"), ("TMDB_PIN", "TMDB_PINS")),
            *(("TMDB_APIKEY", "TMDB_API_KEY"), ("tmdb_api_key", "TMDB_API_KEY")),
            *(("CORS_ORIGIN", "CORS_ORIGINS"), ("TMDB_BASEURL", "TMDB_BASE_URL")),
            ("TMDB_API_KEYFILE", "TMDB_API_KEY_FILE"),
        ):
            needs = WITH_KEY if "KEY" not in meant else {"TMDB_ACCESS_TOKEN": JWT}
            problems = self.problems(needs, self.dotenv(f"{name}=canary\n"))
            self.assertEqual(
                problems, [f"{name} (.env) is not a setting; did you mean {meant}?"]
            )

    def test_what_only_reminds_of_a_setting_is_a_warning(self):
        """It may be the app's own, whose .env this is, too."""
        for name, meant in (
            ("TMDB_IMAGE_URL", "TMDB_IMAGE_BASE_URL"),
            ("PROXY_URL", "TMDB_PROXY_URL"),
            ("LOG_LEVEL", "STREAMR_LOG_LEVEL"),
        ):
            found = load({}, WITH_KEY, self.dotenv(f"{name}=canary\n"))
            told = [each.text for each in found.warnings]
            self.assertEqual(
                told, [f"{name} (.env) is not a setting; did you mean {meant}?"]
            )

    def test_a_typo_in_the_environment_is_a_warning(self):
        for name, meant in (("PROT", "PORT"), ("CORS_ORIGIN", "CORS_ORIGINS")):
            (warning,) = self.with_key(**{name: "canary"}).warnings
            self.assertEqual(
                warning.text,
                f"{name} (environment) is not a setting; did you mean {meant}?",
            )
        # those belong to others
        self.assertEqual(self.with_key(LOG_LEVEL="x", PROXY_URL="x").warnings, ())

    def test_what_looks_like_a_setting_that_is_set_is_somebody_elses(self):
        for name, given in (
            ("CORS_ORIGIN", "CORS_ORIGINS=https://app.example"),
            ("TMDB_IMAGE_URL", "TMDB_IMAGE_BASE_URL=https://image.tmdb.org"),
        ):
            env_file = self.dotenv(f"{given}\n{name}=canary\n")
            self.assertEqual(load({}, WITH_KEY, env_file).warnings, ())
        path = self.file("secret", KEY)
        env_file = self.dotenv(f"TMDB_API_KEY_FILE={path}\nTMDB_APIKEY=x\n")
        self.assertEqual(load({}, {}, env_file).warnings, ())

    def test_a_missing_key_comes_with_what_may_be_the_reason(self):
        for name, meant in (
            ("TMDB_KEY", "TMDB_API_KEY"),
            ("TMDB_TOKEN", "TMDB_ACCESS_TOKEN"),
        ):
            told = f"{name} (.env) is not a setting; did you mean {meant}?"
            problems = self.problems({"LOG_LEVEL": "x"}, self.dotenv(f"{name}=x\n"))
            self.assertEqual(problems, [HOW_TO_GET_A_KEY, told])
        self.assertEqual(
            self.problems({"TMDB_APIKEY": "x"})[1],
            "TMDB_APIKEY (environment) is not a setting; did you mean TMDB_API_KEY?",
        )

    def test_only_secrets_have_a_file_variant(self):
        (problem,) = self.problems(WITH_KEY, self.dotenv("STREAMR_DEADLINE_FILE=x\n"))
        self.assertIn("STREAMR_DEADLINE_FILE", problem)


class Credentials(Loading):
    """Keys, tokens and the files that hold them."""

    def test_without_a_key_the_message_says_how_to_get_one(self):
        self.assertEqual(self.problems({}), [HOW_TO_GET_A_KEY])
        for word in ("TMDB_API_KEY", ".env", "themoviedb.org", "streamr demo"):
            self.assertIn(word, HOW_TO_GET_A_KEY)

    def test_a_command_that_asks_a_daemon_needs_no_key(self):
        found = load({}, {}, needs_key=False)
        self.assertEqual((found.tmdb_api_key, found.secrets), (None, ()))

    def test_a_token_pasted_into_the_keys_place_is_recognised(self):
        found = load({}, {"TMDB_API_KEY": JWT})
        self.assertEqual((found.tmdb_api_key, found.tmdb_access_token), (None, JWT))

    def test_a_token_in_its_own_place_wins_over_a_pasted_one(self):
        other = JWT[:-1] + "x"
        found = load({}, {"TMDB_API_KEY": JWT, "TMDB_ACCESS_TOKEN": other})
        self.assertEqual(found.tmdb_access_token, other)
        # the other one is a secret all the same
        self.assertEqual(len(found.secrets), 2)

    def test_a_file_holds_any_of_the_secrets(self):
        for name, value in (
            ("TMDB_API_KEY", KEY),
            ("TMDB_ACCESS_TOKEN", JWT),
            ("STREAMR_PROXY_TOKEN", TOKEN),
        ):
            path = self.file("secret", f"{value}\n")
            environment = {"TMDB_API_KEY": KEY, f"{name}_FILE": str(path)}
            if name == "TMDB_API_KEY":
                del environment["TMDB_API_KEY"]
            self.assertIn(value, load({}, environment).secrets)
            env_file = self.dotenv(f"{name}_FILE={path}\n")
            keyless = load({}, {}, env_file, needs_key=False)
            self.assertEqual(keyless.secrets, (value,))

    def test_a_file_in_the_environment_wins_over_a_value_in_the_env_file(self):
        path = self.file("secret", KEY)
        other = self.dotenv(f"TMDB_API_KEY={KEY[::-1]}\n")
        found = load({}, {"TMDB_API_KEY_FILE": str(path)}, other)
        self.assertEqual(found.tmdb_api_key, KEY)

    def test_a_file_that_cannot_be_read_is_named(self):
        (problem,) = self.problems({"TMDB_API_KEY_FILE": "/no/such/file"})[:1]
        for word in ("TMDB_API_KEY_FILE", "/no/such/file", "environment"):
            self.assertIn(word, problem)

    def test_an_empty_file_is_named(self):
        for name in ("TMDB_API_KEY", "TMDB_ACCESS_TOKEN"):
            for text in ("", " \n"):
                path = self.file("secret", text)
                problems = self.problems({f"{name}_FILE": str(path)})
                told = f"{name}_FILE (environment): {str(path)!r} is empty"
                self.assertEqual(problems, [told])

    def test_a_file_that_holds_no_key_says_so_and_does_not_show_it(self):
        path = self.file("secret", "canary")
        (problem,) = self.problems({"TMDB_API_KEY_FILE": str(path)})[:1]
        self.assertIn("from TMDB_API_KEY_FILE", problem)
        self.assertNotIn("canary", problem)

    def test_value_and_file_together_are_one_too_many(self):
        (problem,) = self.problems({"TMDB_API_KEY": KEY, "TMDB_API_KEY_FILE": "/x"})[:1]
        self.assertIn("TMDB_API_KEY and TMDB_API_KEY_FILE", problem)
        self.assertNotIn(KEY, problem)

    def test_the_secrets_are_all_that_must_never_leave(self):
        found = self.with_key(TMDB_ACCESS_TOKEN=JWT, STREAMR_PROXY_TOKEN=TOKEN)
        self.assertEqual(set(found.secrets), {KEY, JWT, TOKEN})


class Binding(Loading):
    """What a wide bind asks for."""

    def test_a_wide_proxy_needs_a_token(self):
        for host in ("0.0.0.0", "::", "10.0.0.1"):
            self.one_problem("PROXY_HOST", host, "STREAMR_PROXY_TOKEN", PROXY_HOST=host)
            found = self.with_key(PROXY_HOST=host, STREAMR_PROXY_TOKEN=TOKEN)
            self.assertEqual(found.proxy_host, host)

    def test_a_proxy_on_loopback_needs_none(self):
        for host in ("127.0.0.1", "::1", "localhost"):
            self.assertIsNone(self.with_key(PROXY_HOST=host).proxy_token)

    def test_a_proxy_that_does_not_run_needs_none(self):
        found = self.with_key(PROXY_HOST="0.0.0.0", STREAMR_ONLY="main")
        self.assertIsNone(found.proxy_token)

    def test_the_door_is_off_and_needs_main(self):
        found = self.with_key()
        self.assertEqual((found.door, found.door_port), (False, 443))
        self.assertEqual(found.door_host, "127.0.0.1")
        self.assertTrue(self.with_key(STREAMR_DOOR="1", STREAMR_ONLY="main").door)
        self.one_problem(
            "STREAMR_DOOR", "needs main", STREAMR_DOOR="1", STREAMR_ONLY="proxy"
        )

    def test_no_two_servers_share_a_port(self):
        ports = {"PORT": "3001", "PROXY_PORT": "5001", "DOOR_PORT": "443"}
        door = {"STREAMR_DOOR": "1"}
        for one, other in (
            ("PORT", "PROXY_PORT"),
            ("PORT", "DOOR_PORT"),
            ("PROXY_PORT", "DOOR_PORT"),
        ):
            same = {**ports, one: "7000", other: "7000"}
            self.one_problem(f"{one} and {other} are both 7000", **same, **door)
        self.with_key(PORT="443")
        self.with_key(PORT="0", PROXY_PORT="0", DOOR_PORT="0", **door)
        self.with_key(PORT="5001", STREAMR_ONLY="main")
        self.one_problem(
            "PORT and DOOR_PORT are both 443", PORT="443", STREAMR_ONLY="main", **door
        )

    def test_on_loopback_any_origin_may_read(self):
        self.assertEqual(self.with_key().cors_origins, ("*",))
        self.assertEqual(self.with_key(CORS_ORIGINS="*").cors_origins, ("*",))

    def test_beyond_loopback_origins_are_named_or_there_are_none(self):
        self.one_problem("CORS_ORIGINS", "HOST", HOST="0.0.0.0", CORS_ORIGINS="*")
        self.assertEqual(self.with_key(HOST="0.0.0.0").cors_origins, ())
        named = self.with_key(HOST="0.0.0.0", CORS_ORIGINS="https://app.example")
        self.assertEqual(named.cors_origins, ("https://app.example",))

    def test_names_of_ours_are_a_list_and_a_url(self):
        found = self.with_key()
        self.assertEqual((found.allowed_hosts, found.public_url), ((), None))
        found = self.with_key(
            STREAMR_ALLOWED_HOSTS="Films.lan, [::1],film.example",
            STREAMR_PUBLIC_URL="https://film.example/tmdb/",
        )
        self.assertEqual(found.allowed_hosts, ("films.lan", "::1", "film.example"))
        self.assertEqual(found.public_url, "https://film.example/tmdb")

    def test_a_host_is_named_without_anything_around_it(self):
        for text in (
            *("https://film.example", "film.example:8443", "film.example/", "*"),
            *("*.film.example", ".film.example", "film example", "fílm.example"),
        ):
            self.one_problem(
                "STREAMR_ALLOWED_HOSTS",
                "allowed: host names",
                STREAMR_ALLOWED_HOSTS=text,
            )

    def test_a_public_url_is_a_url(self):
        for text in ("film.example", "ftp://film.example", "https://film.example?a"):
            self.one_problem("STREAMR_PUBLIC_URL", STREAMR_PUBLIC_URL=text)

    def test_trusted_proxies_are_addresses_and_ranges(self):
        self.assertEqual(self.with_key().trusted_proxies, ())
        found = self.with_key(
            STREAMR_TRUSTED_PROXIES="192.0.2.7, 172.18.0.0/16,[2001:DB8::1], fd00:0::/8"
        )
        self.assertEqual(
            list(map(str, found.trusted_proxies)),
            ["192.0.2.7/32", "172.18.0.0/16", "2001:db8::1/128", "fd00::/8"],
        )

    def test_a_word_stands_for_the_private_ranges(self):
        # a caller in them is known by his IPv4 address
        mapped = self.with_key(STREAMR_TRUSTED_PROXIES="::ffff:172.18.0.0/112")
        self.assertEqual(list(map(str, mapped.trusted_proxies)), ["172.18.0.0/16"])
        found = self.with_key(STREAMR_TRUSTED_PROXIES="10.0.0.0/8,private_ranges")
        named = list(map(str, found.trusted_proxies))
        self.assertEqual(named[0], "10.0.0.0/8")
        self.assertEqual(len(named), len(set(named)))
        self.assertLessEqual({"127.0.0.0/8", "192.168.0.0/16", "fc00::/7"}, set(named))

    def test_what_is_no_proxy_to_trust_is_told(self):
        for text, why in (
            ("nginx", "not an address or a range"),
            ("10.0.0.0/33", "not an address or a range"),
            ("10.0.0.1/8", "10.0.0.0/8 may be meant"),
            ("fd00::1/8", "fd00::/8 may be meant"),
            ("0.0.0.0/0", "every address"),
            ("::/0", "every address"),
            ("::ffff:0:0/96", "every address"),
            ("*", "not an address or a range"),
        ):
            self.one_problem(
                "STREAMR_TRUSTED_PROXIES",
                why,
                "private_ranges",
                STREAMR_TRUSTED_PROXIES=text,
            )

    def test_a_star_and_a_list_exclude_each_other(self):
        self.one_problem("CORS_ORIGINS", CORS_ORIGINS="*,https://app.example")

    def test_rules_of_main_do_not_bind_a_lone_proxy(self):
        found = self.with_key(HOST="0.0.0.0", CORS_ORIGINS="*", STREAMR_ONLY="proxy")
        self.assertEqual(found.only, "proxy")


class ProxyTLS(Loading):
    """The proxy's certificate and its key."""

    def setUp(self) -> None:
        super().setUp()
        # what is in them is read at the start, by what uses it
        self.certificate = str(self.file("cert.pem", "any"))
        self.key = str(self.file("key.pem", "any"))

    def test_both_are_paths(self):
        found = self.with_key(PROXY_TLS_CERT=self.certificate, PROXY_TLS_KEY=self.key)
        self.assertEqual(str(found.proxy_tls_cert), self.certificate)
        self.assertEqual(str(found.proxy_tls_key), self.key)
        self.assertNotIn(self.key, found.secrets)

    def test_one_without_the_other_is_an_error_that_names_both(self):
        both = ("PROXY_TLS_CERT", "PROXY_TLS_KEY", "both or none")
        self.one_problem(*both, PROXY_TLS_CERT=self.certificate)
        self.one_problem(*both, PROXY_TLS_KEY=self.key)
        only = {"STREAMR_ONLY": "proxy"}
        self.one_problem(*both, PROXY_TLS_CERT=self.certificate, **only)

    def test_a_main_alone_needs_no_key_to_recognise_its_proxy(self):
        found = self.with_key(PROXY_TLS_CERT=self.certificate, STREAMR_ONLY="main")
        self.assertEqual(str(found.proxy_tls_cert), self.certificate)
        key = {"PROXY_TLS_KEY": self.key, "STREAMR_ONLY": "main"}
        self.one_problem("PROXY_TLS_CERT", **key)

    def test_a_file_that_is_not_there_is_told_once(self):
        missing = str(self.folder / "nothing.pem")
        self.one_problem(
            "PROXY_TLS_KEY",
            missing,
            "no such file",
            PROXY_TLS_CERT=self.certificate,
            PROXY_TLS_KEY=missing,
        )


class Destinations(Loading):
    """Where the key and the requests may go."""

    def test_only_official_hosts_and_loopback_are_tmdb(self):
        for name in ("TMDB_BASE_URL", "TMDB_ALTERNATE_URLS"):
            for url in ("https://evil.example/3", "http://api.themoviedb.org/3"):
                self.one_problem(name, url, "allowed", **{name: url})
            self.with_key(**{name: "https://api.tmdb.org/3"})
            self.with_key(**{name: "http://127.0.0.1:8080/3"})

    def test_proxies_are_a_list_in_order(self):
        found = self.with_key(
            TMDB_PROXY_URL="https://b.example, http://127.0.0.1:5001/"
        )
        self.assertEqual(
            found.tmdb_proxy_url, ("https://b.example", "http://127.0.0.1:5001")
        )
        self.assertEqual(found.warnings, ())

    def test_a_proxys_pin_stays_with_its_url(self):
        found = self.with_key(TMDB_PROXY_URL=f"https://b.example#{PIN}, https://c")
        self.assertEqual(
            found.tmdb_proxy_url, (f"https://b.example#{PIN}", "https://c")
        )

    def test_one_proxy_is_named_once_whatever_its_pins(self):
        url = f"https://b.example#{PIN}, https://b.example"
        self.one_problem("https://b.example twice", ";", TMDB_PROXY_URL=url)

    def test_two_urls_of_one_host_and_port_are_told_apart_by_nobody(self):
        for first, second in (
            ("https://a.example/x", "https://a.example/y"),
            ("https://a.example/x", "https://A.example/x"),
            ("https://a.example", "https://a.example:443"),
            ("http://127.0.0.1", "https://127.0.0.1"),
            (f"https://a.example/x#{PIN}", "https://a.example/y"),
        ):
            problem = self.one_problem(
                "TMDB_PROXY_URL",
                "host name of its own",
                TMDB_PROXY_URL=f"{first}, {second}",
            )
            self.assertIn(f"{first.partition('#')[0]} and {second}", problem)

    def test_one_host_on_two_ports_is_two_proxies(self):
        urls = ("https://a.example", "https://a.example:5001", "http://127.0.0.1:443")
        found = self.with_key(TMDB_PROXY_URL=",".join(urls))
        self.assertEqual(found.tmdb_proxy_url, urls)

    def test_a_pin_of_tmdb_is_an_error(self):
        for name in ("TMDB_BASE_URL", "TMDB_ALTERNATE_URLS"):
            url = f"https://api.tmdb.org/3#{PIN}"
            self.one_problem(name, "TMDB_PROXY_URL", **{name: url})
        url = f"https://api.themoviedb.org#{PIN}"
        self.one_problem("TMDB_PROXY_URL", "takes no pin", TMDB_PROXY_URL=url)

    def test_plain_http_to_another_machine_is_a_warning(self):
        for url in ("http://10.0.0.7:5001", "http://proxy:5001"):
            (warning,) = self.with_key(TMDB_PROXY_URL=url).warnings
            for word in ("TMDB_PROXY_URL", url, "STREAMR_PROXY_TOKEN"):
                self.assertIn(word, warning.text)

    def test_plain_http_over_the_internet_is_an_error(self):
        url = "http://proxy.example:5001"
        self.one_problem("TMDB_PROXY_URL", url, "https", TMDB_PROXY_URL=url)
