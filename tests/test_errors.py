"""The fault table: complete, in RFC 9209's words, and equal to what was measured."""

from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import (
    CAUSES,
    CLIENT_LEFT,
    KEY_CAUSES,
    Attempt,
    Blame,
    Envelope,
    Fault,
    Phase,
    Refusal,
    SettingsError,
)

# The registry "HTTP Proxy Error Types" as RFC 9209, 2.3 filled it.
_REGISTRY = """
    dns_timeout dns_error destination_not_found destination_unavailable
    destination_ip_prohibited destination_ip_unroutable connection_refused
    connection_terminated connection_timeout connection_read_timeout
    connection_write_timeout connection_limit_reached tls_protocol_error
    tls_certificate_error tls_alert_received http_request_error http_request_denied
    http_response_incomplete http_response_header_section_size
    http_response_header_size http_response_body_size
    http_response_trailer_section_size http_response_trailer_size
    http_response_transfer_coding http_response_content_coding http_response_timeout
    http_upgrade_failed http_protocol_error proxy_internal_response
    proxy_internal_error proxy_configuration_error proxy_loop_detected
"""
REGISTERED = frozenset(_REGISTRY.split())
# What the registry cannot say.
_WORDS = """
    tls_reset tls_closed overtaken tls_timeout tls_not_tls http_response_invalid
    http_response_redirect http_rate_limited upstream_error upstream_unavailable
    deadline_exceeded key_refused key_suspended sockets_exhausted
    egress_unreachable egress_timeout egress_closed egress_authentication
    egress_denied egress_failed egress_protocol_error
"""
OUR_OWN = frozenset(_WORDS.split())
# docs/facts/tls.md, "What treq raises", row by row: cause, next route?, same route
# again?
FACTS = (
    ("connection_refused", "yes", "yes"),
    ("connection_timeout", "yes", "no"),
    ("tls_reset", "yes", "yes"),
    ("tls_closed", "yes", "yes"),
    ("tls_timeout", "yes, hedge early", "no"),
    ("tls_alert_received", "yes", "no"),
    ("tls_protocol_error", "yes", "no"),
    ("tls_not_tls", "yes, report interception", "no"),
    ("tls_certificate_error", "another verified route only", "no"),
    ("dns_error", "yes", "once"),
    ("dns_timeout", "yes", "once"),
    ("http_response_timeout", "yes", "once"),
    ("connection_terminated", "yes", "yes"),
    ("http_protocol_error", "yes", "no"),
    ("http_response_incomplete", "yes", "once"),
    ("http_response_content_coding", "yes", "once"),
    # no endpoint of TMDB is as large, so that it is the route that spoils it, and
    # another one brings the answer
    ("http_response_body_size", "yes", "no"),
    ("http_response_invalid", "yes", "once"),
    ("http_response_redirect", "yes", "no"),
    ("http_request_denied", "no", "no"),
    ("http_rate_limited", "no", "later"),
    ("key_refused", "no", "no"),
    ("key_suspended", "no", "no"),
    ("upstream_error", "yes", "once"),
    ("upstream_unavailable", "yes", "once"),
    # docs/facts/tls.md, "What an outbound proxy answers"
    ("egress_unreachable", "yes", "no"),
    ("egress_timeout", "yes", "no"),
    ("egress_closed", "yes", "no"),
    ("egress_authentication", "yes", "no"),
    ("egress_denied", "yes", "no"),
    ("egress_failed", "yes", "no"),
    ("egress_protocol_error", "yes", "no"),
    # "unreachable" in the issue: no route to the address, and asking again opens none
    ("destination_ip_unroutable", "yes", "no"),
)
# The gateway's own causes and its machine's, which no server's behaviour is.
OF_THE_GATEWAY = {
    "proxy_configuration_error",
    "proxy_loop_detected",
    "proxy_internal_error",
    "deadline_exceeded",
    "overtaken",
    "destination_unavailable",
    "connection_limit_reached",
    "destination_ip_prohibited",
    "sockets_exhausted",
}
# What follows from each cause, said a second time by hand: its phase; N: the next route
# may help, S: the same route gets a second try, L: time was up, C: it counts against
# the route; the HTTP status and TMDB's code that the caller is told.
_CONSEQUENCES = """
    dns_error                     resolve  NS-C  502  43
    dns_timeout                   resolve  NSLC  504  24
    connection_refused            connect  NS-C  502  43
    connection_timeout            connect  N-LC  504  24
    destination_ip_unroutable     connect  N--C  502  43
    destination_ip_prohibited     connect  N--C  502  43
    sockets_exhausted             connect  N---  503   9
    egress_unreachable            connect  N--C  502  43
    egress_timeout                connect  N-LC  504  24
    egress_closed                 connect  N--C  502  43
    egress_authentication         connect  N--C  502  43
    egress_denied                 connect  N--C  502  43
    egress_failed                 connect  N--C  502  43
    egress_protocol_error         connect  N--C  502  43
    tls_reset                     tls      NS-C  502  43
    tls_closed                    tls      NS-C  502  43
    tls_timeout                   tls      N-LC  504  24
    tls_alert_received            tls      N--C  502  43
    tls_protocol_error            tls      N--C  502  43
    tls_not_tls                   tls      N--C  502  43
    tls_certificate_error         tls      N--C  502  43
    connection_terminated         request  NS-C  502  43
    http_response_timeout         request  NSLC  504  24
    http_protocol_error           request  N--C  502  43
    overtaken                     request  N--C  502  43
    http_response_incomplete      body     NS-C  502  43
    http_response_content_coding  body     NS-C  502  43
    http_response_body_size       body     N--C  502  43
    http_response_invalid         answer   NS-C  502  43
    http_response_redirect        answer   N--C  502  43
    http_request_denied           answer   ----  403  38
    http_rate_limited             answer   ----  429  25
    key_refused                   answer   ----  401   7
    key_suspended                 answer   ----  401  10
    upstream_error                answer   NS-C  502  43
    upstream_unavailable          answer   NS-C  502  43
    proxy_configuration_error     answer   N--C  502  43
    proxy_loop_detected           gateway  N---  508  43
    proxy_internal_error          gateway  N---  500  11
    destination_unavailable       gateway  N---  503   9
    connection_limit_reached      gateway  ----  429  25
    deadline_exceeded             gateway  --L-  504  24
"""
CONSEQUENCES = {
    row.split()[0]: row.split()[1:] for row in _CONSEQUENCES.split("\n")[1:-1]
}
# TMDB's codes and the HTTP status each of them has.
HTTP = {9: 503, 3: 401, 11: 500, 22: 400, 24: 504, 25: 429, 27: 400, 34: 404, 38: 403}
HTTP |= {43: 502, 47: 400, 7: 401, 10: 401}


class Causes(SynchronousTestCase):
    """CAUSES."""

    def test_names_are_the_registrys_or_known_to_be_our_own(self):
        self.assertEqual(set(CAUSES) - REGISTERED, OUR_OWN)

    def test_none_of_our_own_names_is_registered(self):
        self.assertEqual(OUR_OWN & REGISTERED, frozenset())

    def test_next_route_and_same_route_are_as_measured(self):
        for name, following, same in FACTS:
            cause = CAUSES[name]
            self.assertEqual(cause.next_route, following != "no", name)
            self.assertEqual(cause.same_route, same in ("yes", "once"), name)

    def test_what_follows_from_each_cause_is_what_the_table_here_says(self):
        self.assertEqual(set(CONSEQUENCES), set(CAUSES))
        for name, row in CONSEQUENCES.items():
            cause, counts = CAUSES[name], Fault(name).counts
            flags = (cause.next_route, cause.same_route, cause.slow, counts)
            told = "".join(
                letter if flag else "-"
                for letter, flag in zip("NSLC", flags, strict=True)
            )
            found = [cause.phase, told, str(cause.status), str(int(cause.code))]
            self.assertEqual(found, row, name)

    def test_what_our_own_load_explains_never_counts_against_a_route(self):
        for name in CAUSES:
            fault = Fault(name, own_load=True)
            self.assertFalse(fault.counts, name)
            self.assertFalse(fault.with_retry_after("1").counts, name)

    def test_every_cause_is_a_measured_row_or_the_gateways_own(self):
        self.assertEqual(set(CAUSES), {row[0] for row in FACTS} | OF_THE_GATEWAY)

    def test_every_row_is_complete(self):
        for name, cause in CAUSES.items():
            self.assertEqual(cause.name, name)
            self.assertRegex(name, r"\A[a-z][a-z0-9_]{4,40}\Z")
            self.assertIsInstance(cause.phase, Phase, name)
            self.assertIsInstance(cause.code, Envelope, name)
            self.assertIn(cause.status, (401, 403, 429, 500, 502, 503, 504, 508), name)
            self.assertIn(len(cause.meaning), range(10, 80), name)

    def test_no_two_causes_say_the_same_to_a_person(self):
        meanings = [cause.meaning for cause in CAUSES.values()]
        self.assertEqual(len(meanings), len(set(meanings)))

    def test_what_ended_because_time_was_up_is_slow_and_a_504(self):
        for name, cause in CAUSES.items():
            late = name.endswith("_timeout") or name == "deadline_exceeded"
            self.assertEqual(cause.slow, late, name)
            self.assertEqual(cause.status == 504, late, name)

    def test_each_code_of_tmdb_goes_with_its_status(self):
        for name, cause in CAUSES.items():
            # TMDB has no code for a loop; 43 is the nearest
            status = 502 if cause.status == 508 else cause.status
            self.assertEqual(HTTP[int(cause.code)], status, name)

    def test_what_a_failure_may_speak_against_follows_from_how_far_it_came(self):
        resources = {
            *("http_response_invalid", "http_response_redirect", "upstream_error"),
            *("upstream_unavailable", "http_request_denied", "http_rate_limited"),
            *KEY_CAUSES,
        }
        either = {
            *("connection_terminated", "http_response_timeout", "http_protocol_error"),
            *("overtaken", "http_response_incomplete", "http_response_content_coding"),
            "http_response_body_size",
        }
        found = {
            blame: {name for name, cause in CAUSES.items() if cause.blame is blame}
            for blame in Blame
        }
        self.assertEqual(found[Blame.RESOURCE], resources)
        self.assertEqual(found[Blame.EITHER], either)
        self.assertIn("proxy_configuration_error", found[Blame.ROUTE])

    def test_three_causes_are_refusals_of_who_has_answered(self):
        refused = {name for name in CAUSES if Fault(name).refused}
        self.assertEqual(
            refused, {"key_refused", "key_suspended", "http_request_denied"}
        )
        self.assertEqual({"key_refused", "key_suspended"}, KEY_CAUSES)

    def test_a_second_try_is_never_offered_where_no_other_way_may_help(self):
        for name, cause in CAUSES.items():
            self.assertTrue(cause.next_route or not cause.same_route, name)

    def test_the_phases_follow_an_attempt(self):
        self.assertEqual(
            " ".join(Phase), "resolve connect tls request body answer gateway"
        )

    def test_the_envelopes_codes_are_tmdbs(self):
        self.assertEqual({int(code) for code in Envelope}, {*HTTP, 4})


class Exceptions(SynchronousTestCase):
    """What is raised."""

    def test_a_fault_says_its_cause_and_detail(self):
        self.assertEqual(
            str(Fault("tls_reset", "after 5 bytes")), "tls_reset: after 5 bytes"
        )
        self.assertEqual(str(Fault("tls_reset")), "tls_reset")

    def test_a_fault_can_be_told_with_another_time_to_come_back(self):
        made = Attempt("direct", "api:443", 5, "tls_reset")
        fault = Fault(
            "upstream_error",
            "status 500",
            (made,),
            final=True,
            retry_after="9",
            received=3,
            seconds=0.5,
        )
        later = fault.with_retry_after("30")
        self.assertEqual(later.retry_after, "30")
        for name in ("cause", "detail", "attempts", "final", "received", "seconds"):
            self.assertEqual(getattr(later, name), getattr(fault, name), name)

    def test_a_fault_keeps_what_the_one_who_raised_it_knew(self):
        tried = (Attempt("direct", "api.tmdb.org", 5, "tls_reset"),)
        fault = Fault("dns_error", "why", tried, final=True, retry_after="7")
        self.assertEqual(
            (fault.detail, fault.attempts, fault.final, fault.retry_after),
            ("why", tried, True, "7"),
        )

    def test_a_fault_of_a_way_that_may_try_again_is_not_final(self):
        fault = Fault("dns_error")
        self.assertEqual(
            (fault.detail, fault.attempts, fault.final, fault.retry_after),
            ("", (), False, None),
        )

    def test_a_caller_who_left_is_no_status_of_http(self):
        """499 is nginx's, and what those expect who read its logs."""
        self.assertEqual(CLIENT_LEFT, 499)

    def test_an_unknown_cause_cannot_be_raised(self):
        self.assertRaises(KeyError, Fault, "bad_luck")

    def test_a_refusal_keeps_what_its_page_needs(self):
        refusal = Refusal(405, Envelope.FORMAT, "Invalid method", allow="GET")
        self.assertEqual(
            (refusal.status, refusal.code, refusal.message, refusal.allow),
            (405, 4, "Invalid method", "GET"),
        )
        self.assertIsNone(Refusal(404, Envelope.NOT_FOUND, "no").allow)

    def test_a_refusal_says_its_message_in_a_traceback(self):
        self.assertEqual(str(Refusal(404, Envelope.NOT_FOUND, "no such")), "no such")

    def test_all_problems_of_the_settings_are_in_the_text(self):
        error = SettingsError(["one is wrong", "two is wrong"])
        self.assertEqual(error.problems, ["one is wrong", "two is wrong"])
        self.assertEqual(str(error), "one is wrong; two is wrong")
