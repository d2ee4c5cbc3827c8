"""Pictures of a length that the name says."""

import zlib

from twisted.trial.unittest import SynchronousTestCase

from streamr.simulator.pictures.noise import LARGEST, noise, size_of

from .reading import chunks


class Noise(SynchronousTestCase):
    """noise200000.png."""

    def test_it_has_the_bytes_that_its_name_says(self) -> None:
        for size in (1000, 1001, 4097, 200_000, 200_001, 1_234_567):
            self.assertEqual(size, len(noise(size).data))

    def test_it_is_a_whole_picture_that_cannot_be_compressed(self) -> None:
        data = noise(50_000).data
        found = dict(chunks(data))
        side = int.from_bytes(found[b"IHDR"][:4], "big")
        rows = zlib.decompress(found[b"IDAT"])
        self.assertEqual(len(rows), side * (3 * side + 1))
        self.assertGreater(len(zlib.compress(data)), 49_000)

    def test_the_same_length_is_the_same_picture(self) -> None:
        self.assertEqual(noise(5000), noise(5000))
        self.assertNotEqual(noise(5000).data[:2000], noise(5001).data[:2000])

    def test_names(self) -> None:
        for name, size in (
            ("noise200000.png", 200_000),
            (f"noise{LARGEST}.png", LARGEST),
            (f"noise{LARGEST + 1}.png", None),
            ("noise999.png", None),
            ("noise0200.png", None),
            ("noise200000.jpg", None),
            ("noise.png", None),
        ):
            self.assertEqual(size, size_of(name), name)
