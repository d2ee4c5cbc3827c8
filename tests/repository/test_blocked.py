"""docs/blocked.md: its settings can be pasted, and it knows the doctor's verdicts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import DIRECT
from streamr.config.load import load
from streamr.config.settings import TABLE, Settings
from streamr.doctor.diagnosis.verdicts import KINDS, Layer
from tests.repository.test_containers import KEY
from tests.repository.test_docs import BLOCK, ROOT, text

PAGE = ROOT / "docs/blocked.md"
LINE = re.compile(r"^(?P<name>[A-Z_]+)=(?P<value>\S+)$")
SECTION = re.compile(r"^## (?P<heading>.+)\n(?P<said>(?:(?!## ).*\n)*)", re.M)
# What the reader has to have: any file does here.
FILES = {"TMDB_CA_FILE": str(PAGE)}
# Verdicts about the network. Most notes say that there is nothing to do.
OF_THE_NETWORK = {
    *(
        name
        for name, kind in KINDS.items()
        if kind.layer in (Layer.DNS, Layer.TLS) and kind.direct
    ),
    *("tcp_silent", "tcp_refused", "ipv6_blackhole", "ipv4_blackhole"),
    *("portal_page", "throttled", "country_refused"),
    *("dns_hijacked", "line_slow", "pictures_fail"),
}


def sections() -> dict[str, str]:
    """What the page says below each heading."""
    return {each["heading"]: each["said"] for each in SECTION.finditer(text(PAGE))}


def pasted(said: str) -> Iterator[dict[str, str]]:
    """The settings of each block."""
    for block in BLOCK.findall(said):
        lines = [LINE.match(line) for line in block.splitlines()]
        if any(lines):
            assert all(lines), block
            yield {line["name"]: line["value"] for line in lines if line}


def loaded(settings: dict[str, str]) -> Settings:
    """The settings as the daemon reads them."""
    given = {name: FILES.get(name, value) for name, value in settings.items()}
    return load({}, {"TMDB_API_KEY": KEY, **given})


class Blocked(SynchronousTestCase):
    def setUp(self) -> None:
        self.sections = sections()

    def settings_of(self, heading: str) -> list[Settings]:
        return [loaded(each) for each in pasted(self.sections[heading])]

    def test_every_setting_can_be_pasted_and_changes_something(self) -> None:
        usual = {each.setting.name: each.value for each in loaded({}).told}
        known = {each.name for each in TABLE}
        found = [each for said in self.sections.values() for each in pasted(said)]
        self.assertGreater(len(found), 6)
        for settings in found:
            told = {each.setting.name: each.value for each in loaded(settings).told}
            for name in settings:
                self.assertIn(name, known)
                self.assertNotEqual(told[name], usual[name], settings)

    def test_there_are_twelve_causes_and_a_second_machine(self) -> None:
        self.assertEqual(len(self.sections), 13)
        self.assertIn("A second machine", self.sections)

    def test_a_route_through_a_proxy_never_takes_the_direct_one_away(self) -> None:
        for heading in ("Both names are filtered", "TMDB's addresses do not answer"):
            first, *through = self.settings_of(heading)[0].egress
            self.assertEqual(first, DIRECT)
            self.assertEqual(len(through), 1)

    def test_against_false_dns_the_first_resolver_is_encrypted(self) -> None:
        [settings] = self.settings_of("DNS gives false answers")
        self.assertEqual(settings.resolvers[0].scheme, "https")
        self.assertTrue(settings.resolvers[0].address)

    def test_every_verdict_about_the_network_has_its_section(self) -> None:
        said = "".join(self.sections.values())
        named = set(re.findall(r"\[`(\w+)`\]\(doctor\.md#\1\)", said))
        self.assertEqual(set(), OF_THE_NETWORK - named)
        self.assertLessEqual(named, set(KINDS))

    def test_what_no_setting_changes_is_said_plainly(self) -> None:
        self.assertIn("Nothing here helps", self.sections["TMDB refuses your country"])
        self.assertEqual(self.settings_of("TMDB refuses your country"), [])

    def test_pictures_are_taken_from_streamr(self) -> None:
        [settings] = self.settings_of("Pictures do not load")
        self.assertTrue(settings.images and settings.rewrite_images)
