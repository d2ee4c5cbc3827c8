"""No secret survives in any form, and ordinary text stays as it is."""

import base64
import json
import string
import traceback
from urllib.parse import quote, quote_plus

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.config.settings import HOW_TO_GET_A_KEY
from streamr.policy.redact import MASK, Redactor

steady = settings(deadline=None, database=None, derandomize=True, max_examples=300)
# Both are made up; the second has a character that each encoding changes.
KEY = "c0ffee00c0ffee00c0ffee00c0ffee00"
TOKEN = "a\"b\\c'd/e+f g&h=i%j?k~l{m}n"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJjMGZmZWUifQ.c2lnbmF0dXJl"
PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


def plain_forms(secret: str) -> list[str]:
    raw = secret.encode()
    return [
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        quote(secret, safe="").lower(),
        json.dumps(secret)[1:-1],
        repr(raw)[2:-1],
        repr(secret)[1:-1],
    ]


def inside_base64(secret: str) -> list[tuple[str, str]]:
    """Texts that hold the secret at each alignment, and the part only it decides."""
    found = []
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset in range(3):
            raw = b"\xff" * offset + secret.encode()
            own = encode(raw).decode().rstrip("=")[4 if offset else 0 : -2]
            found.append((encode(raw + b":tail").decode(), own))
    return found


class Known(SynchronousTestCase):
    """Secrets that are handed in."""

    def test_each_form_of_a_known_secret_is_struck_out(self):
        for secret in (KEY, TOKEN, JWT):
            redact = Redactor([secret])
            for form in plain_forms(secret):
                self.assertEqual(redact(f"before {form} after"), f"before {MASK} after")

    def test_base64_at_all_three_alignments_is_struck_out(self):
        for secret in (KEY, TOKEN, JWT):
            redact = Redactor([secret])
            for text, own in inside_base64(secret):
                self.assertIn(own, text)
                self.assertNotIn(own, redact(f"<{text}>"), secret)

    def test_a_traceback_holds_it_neither_raw_nor_as_repr(self):
        for secret in (KEY, TOKEN):
            for message in (secret, repr(secret), repr(secret.encode())):
                try:
                    raise ValueError(message)
                except ValueError:
                    text = Redactor([secret])(traceback.format_exc())
                for form in plain_forms(secret):
                    self.assertNotIn(form, text)
                self.assertIn("ValueError", text)

    def test_case_makes_no_difference(self):
        self.assertEqual(Redactor([KEY])(KEY.upper()), MASK)

    def test_several_secrets_and_one_inside_another(self):
        redact = Redactor([KEY, KEY + "ff", TOKEN])
        self.assertEqual(
            redact(f"({KEY}) ({KEY}ff) ({TOKEN})"), f"({MASK}) ({MASK}) ({MASK})"
        )

    def test_every_place_is_struck_out(self):
        self.assertNotIn(KEY, Redactor([KEY])(f"{KEY} {KEY}{KEY}\n{KEY}"))

    def test_a_word_too_short_for_a_secret_blots_out_nothing(self):
        self.assertEqual(Redactor(["key", ""])("a key is a key"), "a key is a key")

    @steady
    @given(st.text(PRINTABLE, min_size=16, max_size=80))
    @example(" " * 16)
    @example("\\" * 16)
    @example("'\"" * 8)
    @example("%41" * 6)
    def test_no_secret_survives_in_any_form(self, secret):
        redact = Redactor([secret])
        for form in plain_forms(secret):
            self.assertNotIn(form, redact(f"<{form}>"))
        for text, own in inside_base64(secret):
            self.assertNotIn(own, redact(f"<{text}>"))


class Unknown(SynchronousTestCase):
    """Secrets of strangers, recognised by the words before them."""

    redact = Redactor()

    def struck(self, before: str, secret: str, after: str = "") -> None:
        self.assertEqual(
            self.redact(f"{before}{secret}{after}"), f"{before}{MASK}{after}"
        )

    def test_a_strangers_key_in_a_query(self):
        self.struck("GET /3/movie/550?api_key=", "deadbeef", "&page=2 200")
        self.struck("/x?page=1&API_KEY=", "deadbeef", " 200")
        self.struck("/x?apikey=", "deadbeef")
        self.struck("/x?session_id=", "deadbeef", "&a=b")
        self.struck("/x?guest_session_id=", "deadbeef")
        self.struck("/x?request_token=", "deadbeef")
        self.struck("/x?api_key%3D", "deadbeef")

    def test_a_strangers_key_as_a_pair(self):
        self.struck('{"api_key": "', "deadbeef", '", "page": 1}')
        self.struck("{'api_key': '", "deadbeef", "'}")
        self.struck("X-Api-Key: ", "deadbeef")
        self.struck("password=", "hunter2", " and more")

    def test_what_follows_bearer_and_basic(self):
        self.struck("Authorization: Bearer ", "abcdefgh1234")
        self.struck("authorization: basic ", "dXNlcjpwYXNzd29yZA==")
        self.struck("Bearer%20", "abcdefgh1234")

    def test_a_json_web_token_anywhere(self):
        self.struck("what is ", JWT, " doing here?")
        self.struck("(", JWT.rpartition(".")[0], ")")

    def test_a_json_web_token_after_an_escape(self):
        """The log escapes line breaks, URLs escape quotes: the token stays one."""
        for before in (r"\n", "%22", "token%3D"):
            self.assertNotIn(JWT[:20], self.redact(f"{before}{JWT}"), before)

    def test_a_name_whose_letters_are_percent_encoded(self):
        self.struck("/x?api%5Fkey=", "deadbeef", "&page=1")

    def test_a_pair_inside_escaped_json(self):
        text = json.dumps(json.dumps({"api_key": "deadbeef"}))
        self.assertNotIn("deadbeef", self.redact(text))

    def test_a_masked_text_stays_as_it_is(self):
        for text in ("api_key=x&y", f"Bearer {JWT}", JWT, "Basic dXNlcjpwYXNz"):
            once = self.redact(text)
            self.assertIn(MASK, once)
            self.assertEqual(self.redact(once), once)


class Ordinary(SynchronousTestCase):
    """What is no secret."""

    def test_the_sentences_of_the_house_stay(self):
        redact = Redactor([KEY, JWT])
        for text in (
            HOW_TO_GET_A_KEY,
            "main GET /api/tmdb/popular?page=2 200 12 ms direct [req-1]",
            "Attempting proxy fallback: direct failed (tls_reset), trying proxy@x:5001",
            "TMDB_API_KEY cannot be (a secret, not shown): that is no TMDB key",
            "https://api.themoviedb.org/3/movie/550?language=en-US&query=a%20b",
            "Traceback (most recent call last):\n  File x.py, line 3, in f",
            "the bearer of good news",
        ):
            self.assertEqual(redact(text), text)

    def test_basic_words_are_no_credentials(self):
        text = "basic authentication is not offered"
        self.assertEqual(Redactor()(text), text)

    @steady
    @given(st.text(string.digits + string.punctuation + "ghijlmnoqrvwxz \n"))
    def test_text_without_a_secret_or_its_words_is_untouched(self, text):
        self.assertEqual(Redactor([KEY])(text), text)
