"""Which places URLs name."""

from twisted.trial.unittest import SynchronousTestCase

from streamr.config.addresses import place


class Place(SynchronousTestCase):
    def test_equal_places_are_equal_texts(self) -> None:
        for urls, where in (
            (("https://a.test", "https://A.test:443", "https://a.test/x"), "a.test"),
            (("http://a.test", "http://a.test:80/"), "a.test"),
            (("https://[::1]", "https://[::1]:443/3"), "[::1]"),
            (("https://a.test:80", "https://A.test:80/3"), "a.test:80"),
            (("http://a.test:443",), "a.test:443"),
        ):
            self.assertEqual({place(each) for each in urls}, {where})
