"""The one setting that is advised, and that it was tried."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from streamr.config.resolvers import resolvers
from streamr.config.settings import TABLE
from streamr.doctor.diagnosis.advice import Advice, open_options
from streamr.doctor.diagnosis.diagnose import judge
from streamr.doctor.diagnosis.facts import Facts
from streamr.doctor.evidence import (
    NO_PROXY,
    SYSTEM,
    Connect,
    EgressReply,
    Evidence,
    NameLookup,
    Tried,
)
from tests.doctor.diagnosis.test_diagnose import SPLIT, replies
from tests.doctor.diagnosis.test_given import (
    DOH,
    FOREIGN,
    OVER_SOCKS,
    SOCKS,
    lied_to,
    walled,
)
from tests.doctor.scenes import (
    AT_ONE_ADDRESS,
    DIRECT,
    FILTERED,
    HERE,
    OTHER,
    SIX,
    THERE,
    WORKS,
    but,
    everywhere,
    good,
    shaken,
    sound,
)

BY_DOH = Tried("resolver", DOH.name, None, 80, 200)


def without_ipv6(**more: object) -> Evidence:
    """A network in which IPv6 is a black hole."""
    found = but(
        lookups=(NameLookup(DIRECT, "system", (HERE, SIX)), sound().lookups[1]),
        connects=(
            Connect(SIX, "connection_timeout", 3000),
            Connect(HERE, None, 9),
            Connect(THERE, None, 9),
        ),
        checks=(shaken(DIRECT, HERE), shaken(OTHER, THERE)),
    )
    return replace(found, **more)  # type: ignore[arg-type]


def advice(evidence: Evidence) -> Advice | None:
    """What is advised."""
    return judge(evidence).advice


class Advised(SynchronousTestCase):
    """What is said last."""

    def is_set(self, evidence: Evidence, setting: str) -> None:
        """Check that this is advised, and was tried."""
        found = advice(evidence)
        assert found is not None
        self.assertEqual(setting, found.setting)
        self.assertTrue(found.tried)

    def test_nothing_is_advised_where_nothing_is_wrong(self) -> None:
        for evidence in (sound(), but(egresses=(OVER_SOCKS,))):
            self.assertIsNone(advice(evidence))

    def test_an_outbound_proxy_that_works_goes_to_the_front(self) -> None:
        self.is_set(walled(), f"STREAMR_EGRESS={SOCKS.written},direct")

    def test_direct_goes_to_the_front_where_the_first_proxy_fails(self) -> None:
        broken = but(
            egress=(SOCKS, NO_PROXY),
            egresses=(EgressReply("socks", "egress_denied", 9),),
        )
        self.is_set(broken, f"STREAMR_EGRESS=direct,{SOCKS.written}")

    def test_a_resolver_goes_to_the_front_after_a_request_as_if_it_were_there(
        self,
    ) -> None:
        setting = f"STREAMR_RESOLVERS={DOH.written},system"
        self.is_set(lied_to(tried=(BY_DOH,)), setting)
        self.assertTrue(resolvers(setting.partition("=")[2]))
        # TMDB's other name works as well, and is known to
        failed = replace(BY_DOH, status=None, cause="http_response_timeout")
        for tried in ((), (failed,)):
            self.is_set(lied_to(tried=tried), f"TMDB_BASE_URL=https://{OTHER}/3")

    def test_what_has_yet_to_be_tried_is_the_best_first(self) -> None:
        evidence = lied_to()
        found = list(open_options(Facts(evidence), judge(evidence).verdicts))
        self.assertEqual([DOH.name], [each.value for each in found])
        self.assertEqual(HERE, found[0].place)
        tried = replace(evidence, tried=(BY_DOH,))
        self.assertEqual([], list(open_options(Facts(tried), judge(tried).verdicts)))

    def test_a_family_that_works_is_forced_where_the_other_one_does_not(self) -> None:
        known = Tried("family", "ipv4", None, 80, 200)
        self.is_set(without_ipv6(tried=(known,)), "STREAMR_ADDRESS_FAMILY=ipv4")

    def test_tmdbs_other_name_is_asked_where_one_is_filtered(self) -> None:
        found = but(matrix=FILTERED, names=AT_ONE_ADDRESS, replies=(good(OTHER),))
        self.is_set(found, f"TMDB_BASE_URL=https://{OTHER}/3")

    def test_the_other_name_is_no_help_where_its_resolver_misleads_as_well(
        self,
    ) -> None:
        lookups = tuple(NameLookup(h, "system", (FOREIGN,)) for h in (DIRECT, OTHER))
        found = advice(lied_to(lookups=lookups))
        self.assertFalse(found is not None and "TMDB_BASE_URL" in found.setting)

    def test_a_resolver_of_the_second_opinion_is_named_as_it_was_asked(self) -> None:
        for tcp, setting in ((False, "udp://9.9.9.9"), (True, "tcp://9.9.9.9")):
            found = lied_to(
                resolvers=(SYSTEM,),
                second=(NameLookup(DIRECT, "9.9.9.9", (HERE,), tcp=tcp),),
                tried=(Tried("resolver", "9.9.9.9", None, 80, 200),),
                replies=(),
            )
            self.is_set(found, f"STREAMR_RESOLVERS={setting}")

    def test_what_nobody_gave_is_said_to_be_untried(self) -> None:
        dead = walled(egress=(NO_PROXY,), egresses=())
        failing = walled(egresses=(replace(OVER_SOCKS, cause="egress_denied"),))
        for evidence in (dead, failing):
            found = advice(evidence)
            assert found is not None
            self.assertEqual("STREAMR_EGRESS", found.setting)
            self.assertFalse(found.tried)
            self.assertIn("untried", found.words)

    def test_names_that_nobody_resolves_need_another_resolver(self) -> None:
        lost = tuple(
            NameLookup(h, "system", (), "dns_error", "SERVFAIL")
            for h in (DIRECT, OTHER)
        )
        empty = but(lookups=lost, connects=(), checks=(), matrix=SPLIT, replies=())
        found = advice(replace(empty, matrix=replace(SPLIT, arms=(), differences=())))
        assert found is not None
        self.assertEqual("STREAMR_RESOLVERS", found.setting)

    def test_nothing_is_advised_where_no_setting_helps(self) -> None:
        for evidence in (
            but(replies=replies(status=403)),
            but(replies=replies(status=401, code=7)),
            but(has_key=False),
            but(matrix=SPLIT),
            # what it says itself is all that helps: a hosts entry is in the way
            but(matrix=everywhere(4, cause="proxy_loop_detected"), replies=()),
            walled(egress=(NO_PROXY,), egresses=(), proxies=(WORKS,)),
        ):
            self.assertIsNone(advice(evidence))

    def test_whatever_is_advised_is_a_setting(self) -> None:
        known = {each.name for each in TABLE}
        for evidence in (walled(), lied_to(tried=(BY_DOH,)), without_ipv6()):
            found = advice(evidence)
            if found is not None:
                self.assertIn(found.setting.partition("=")[0], known)
