"""Which routes there are beside direct, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.app.candidates import MOST_CANDIDATES, REMOTE, Space, peers, space
from streamr.boundaries import Dimensions
from tests.properties import examples

COM, ORG = "api.themoviedb.org", "api.tmdb.org"
BASE, OTHER = f"https://{COM}/3", f"https://{ORG}/3"
OWN = "http://127.0.0.1:5001"
PIN = "sha256//" + "x" * 43 + "="
FAR, FARTHER = "https://a.example", "https://b.example:5001"


class Peers(SynchronousTestCase):
    """The proxies that main falls back to."""

    def test_this_machines_own_stays_behind_those_that_are_named(self) -> None:
        for named, expected in (
            ((), ((OWN, True),)),
            ((FAR,), ((FAR, False), (OWN, True))),
            ((FAR, FARTHER), ((FAR, False), (FARTHER, False), (OWN, True))),
        ):
            self.assertEqual(peers(named, OWN, runs_here=True), expected)

    def test_one_that_is_named_stands_where_it_is_named_and_once(self) -> None:
        for name in ("127.0.0.1", "localhost", "[::1]"):
            named = (f"http://{name}:5001", FAR)
            expected = ((OWN, True), (FAR, False))
            self.assertEqual(peers(named, OWN, runs_here=True), expected, name)

    def test_another_port_of_this_machine_is_another_proxy(self) -> None:
        named = ("http://127.0.0.1:6001",)
        expected = ((named[0], False), (OWN, True))
        self.assertEqual(peers(named, OWN, runs_here=True), expected)

    def test_one_that_does_not_run_here_is_meant_only_when_none_is_named(self) -> None:
        self.assertEqual(peers((), OWN, runs_here=False), ((OWN, True),))
        self.assertEqual(peers((FAR,), OWN, runs_here=False), ((FAR, False),))

    def test_one_that_runs_here_is_reached_by_its_own_url(self) -> None:
        own = "https://127.0.0.1:5001"
        for named in ("http://localhost:5001", f"{own}#{PIN}"):
            self.assertEqual(peers((named,), own, runs_here=True), ((own, True),))

    def test_one_that_runs_elsewhere_on_this_machine_keeps_its_pin(self) -> None:
        named = f"https://localhost:5001#{PIN}"
        self.assertEqual(peers((named,), OWN, runs_here=False), ((named, True),))

    def test_without_a_pin_it_is_reached_as_the_settings_know_it(self) -> None:
        own = "https://127.0.0.1:5001"
        named = ("https://localhost:5001",)
        self.assertEqual(peers(named, own, runs_here=False), ((own, True),))


def names(made: Space, routes: Sequence[Dimensions]) -> str:
    """Routes by their names, shortened."""
    told = ", ".join(made.named(each) for each in routes)
    return told.replace(COM, "com").replace(ORG, "org")


def given_(
    *egresses: str,
    resolvers: Sequence[str] = ("system",),
    family: str = "auto",
    alternates: Sequence[str] = (OTHER,),
) -> Space:
    return space(BASE, alternates, family, resolvers, egresses or ("direct",))


LOCAL = "classic@com, modern@org, classic@org, tls12@com, tls12@org"


class Order(SynchronousTestCase):
    """The local routes, in the order of preference."""

    def test_without_anything_given_it_is_what_it_always_was(self) -> None:
        made = given_()
        self.assertEqual(names(made, made.candidates), LOCAL)
        self.assertEqual(made.direct, Dimensions(COM, "modern", "auto", "direct"))
        self.assertEqual(made.urls, {COM: BASE, ORG: OTHER})

    def test_single_families_are_only_tried_where_they_may_heal(self) -> None:
        made = given_()
        self.assertEqual(
            names(made, made.further),
            "modern@com+ipv4, classic@com+ipv4, modern@com+ipv6, modern@org+ipv4, "
            "classic@com+ipv6, classic@org+ipv4, tls12@com+ipv4, modern@org+ipv6, "
            "classic@org+ipv6, tls12@com+ipv6, tls12@org+ipv4, tls12@org+ipv6",
        )

    def test_a_family_that_is_forced_has_no_other(self) -> None:
        for family in ("ipv4", "ipv6"):
            made = given_(family=family)
            self.assertEqual(names(made, made.candidates), LOCAL)
            self.assertEqual(made.further, ())
            self.assertEqual({each.family for each in made.candidates}, {family})

    def test_what_was_given_comes_behind_what_costs_nobody_anything(self) -> None:
        made = given_("direct", "p1", "p2", resolvers=["system", "r2"])
        self.assertEqual(
            names(made, made.candidates),
            f"{LOCAL}, modern@com+dns:r2, modern@com+via:p1, modern@com+via:p2, "
            "classic@com+dns:r2, classic@com+via:p1, classic@com+via:p2, "
            "modern@org+dns:r2, modern@org+via:p1, modern@org+via:p2, "
            "classic@org+dns:r2, classic@org+via:p1, tls12@com+dns:r2, "
            "tls12@com+via:p1, classic@org+via:p2, tls12@com+via:p2, "
            "tls12@org+dns:r2, tls12@org+via:p1, tls12@org+via:p2",
        )

    def test_over_an_outbound_proxy_resolver_and_family_are_its_own(self) -> None:
        made = given_("p1", "direct", "p2", resolvers=["r1", "r2"], family="ipv4")
        for each in (made.direct, *made.candidates, *made.further):
            remote = each.egress != "direct"
            self.assertEqual(each.family, REMOTE if remote else "ipv4")
            self.assertIn(each.resolver, [REMOTE] if remote else ["r1", "r2"])

    def test_direct_is_used_where_the_list_names_it_only(self) -> None:
        for egresses in (("p1",), ("p1", "p2")):
            made = given_(*egresses)
            used = {each.egress for each in (*made.candidates, *made.further)}
            self.assertEqual(used, set(egresses))
            self.assertEqual(made.direct.egress, "p1")

    def test_the_system_is_asked_where_the_list_names_it_only(self) -> None:
        made = given_(resolvers=["r1", "r2"])
        used = {each.resolver for each in (*made.candidates, *made.further)}
        self.assertEqual(used, {"r1", "r2"})

    def test_where_direct_is_second_its_routes_are_named_as_usual(self) -> None:
        made = given_("p1", "direct", resolvers=["system", "r2"])
        told = names(made, (*made.candidates, *made.further)).split(", ")
        self.assertEqual(told[0], "classic@com")
        for name in ("modern@com+direct", "modern@com+direct+dns:r2"):
            self.assertIn(name, told)
        self.assertIn("modern@com+direct+ipv4", told)
        self.assertFalse([each for each in told if "auto" in each or "system" in each])

    def test_what_is_on_this_machine_is_reached_from_here(self) -> None:
        made = space("http://127.0.0.1:1/3", [OTHER], "auto", ["r1"], ["p1"])
        here = [each for each in made.candidates if each.host == "127.0.0.1:1"]
        self.assertEqual(made.direct.egress, "direct")
        self.assertEqual({each.egress for each in here}, set())
        self.assertEqual({each.egress for each in made.candidates}, {"p1"})

    def test_a_route_that_has_no_other_is_its_own_candidate(self) -> None:
        made = space("http://127.0.0.1:1/3", [], "ipv4", ["system"], ["direct"])
        self.assertEqual(made.candidates, (made.direct,))
        self.assertEqual(names(made, made.candidates), "plain@127.0.0.1:1")


class Hosts(SynchronousTestCase):
    def test_one_host_is_there_once_by_the_url_that_was_given_first(self) -> None:
        for again in (BASE, f"https://{COM}:443/3", f"https://{COM}/other/3"):
            for alternates in ((again, OTHER), (OTHER, again), (again, OTHER, again)):
                made = given_(alternates=alternates)
                self.assertEqual(names(made, made.candidates), LOCAL, alternates)
                self.assertEqual(made.urls, {COM: BASE, ORG: OTHER})

    def test_another_port_is_another_place(self) -> None:
        made = space(
            "http://127.0.0.1:1/3", ["http://127.0.0.1:2/3"], "ipv4", ["r"], ["direct"]
        )
        self.assertEqual(names(made, made.candidates), "plain@127.0.0.1:2")


class Usual(SynchronousTestCase):
    """What a page shows before anything was tried."""

    def test_the_first_over_each_resolver_and_each_way_out_is_among_them(self) -> None:
        made = given_("direct", "p1", "p2", resolvers=["system", "r2"])
        self.assertEqual(
            names(made, made.usual),
            f"{LOCAL}, modern@com+dns:r2, modern@com+via:p1, modern@com+via:p2",
        )

    def test_without_anything_given_it_is_all_candidates(self) -> None:
        made = given_()
        self.assertEqual(made.usual, made.candidates)


NAME = st.text("abcdefXYZ019.-_:", min_size=1, max_size=12)


class Promises(SynchronousTestCase):
    """Whatever is given."""

    @examples()
    @given(
        st.sampled_from([BASE, OTHER, "http://127.0.0.1:1/3", "https://[::1]:2/3"]),
        st.lists(st.sampled_from([BASE, OTHER, f"{BASE}/3", "http://[::1]:3/3"])),
        st.sampled_from(["auto", "ipv4", "ipv6"]),
        st.lists(st.just("system") | NAME, min_size=1, max_size=70, unique=True),
        st.lists(st.just("direct") | NAME, min_size=1, max_size=70, unique=True),
    )
    def test_names_are_unique_and_nothing_that_was_given_is_left_out(
        self,
        base: str,
        alternates: list[str],
        family: str,
        resolvers: list[str],
        egresses: list[str],
    ) -> None:
        made = space(base, alternates, family, resolvers, egresses)
        every = (*made.candidates, *made.further)
        self.assertEqual(len(every), len(set(every)))
        self.assertLessEqual(len(every), MOST_CANDIDATES)
        self.assertTrue(made.candidates)
        if len(made.candidates) > 1:
            self.assertNotIn(made.direct, every)
        told = {made.named(each) for each in {made.direct, *every}}
        self.assertEqual(len(told), len({made.direct, *every}))
        for name in told:
            self.assertNotRegex(name, r"[/\s]")
        self.assertLessEqual({each.host for each in every}, set(made.urls))
        self.assertLessEqual(set(made.usual), set(made.candidates))
        remote = "127.0.0.1" not in base and "[::1]" not in base
        ways = len(egresses) + (len(resolvers) - 1) * ("direct" in egresses)
        if remote and ways < 50:
            self.assertLessEqual(
                set(egresses), {made.direct.egress} | {e.egress for e in every}
            )
            if "direct" in egresses:
                known = {made.direct.resolver} | {e.resolver for e in every}
                self.assertLessEqual(set(resolvers), known)
