"""What is written from the code's tables says what the code does."""

import io
from pathlib import Path

from dotenv import dotenv_values
from twisted.trial.unittest import SynchronousTestCase

from streamr.commands import reference
from streamr.config.settings import TABLE

ROOT = Path(__file__).resolve().parents[2]


class Reference(SynchronousTestCase):
    def test_the_settings_are_the_table(self) -> None:
        text = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
        self.assertEqual(text, reference.settings())
        for setting in TABLE:
            self.assertIn(f"| `{setting.name}` |", text)

    def test_the_freshness_table_is_what_the_code_does(self) -> None:
        text = (ROOT / "docs/freshness.md").read_text(encoding="utf-8")
        self.assertEqual(text, reference.freshness())

    def test_the_metrics_are_what_the_code_counts(self) -> None:
        text = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
        self.assertEqual(text, reference.metrics())

    def test_the_example_is_what_the_table_makes(self) -> None:
        text = (ROOT / ".env.example").read_text(encoding="utf-8")
        self.assertEqual(text, reference.env_example())

    def test_the_example_without_its_marks_is_a_file_of_defaults(self) -> None:
        lines = reference.env_example().splitlines()
        text = "\n".join(line[1:] if line[:2] != "# " else "" for line in lines)
        found = dotenv_values(stream=io.StringIO(text))
        self.assertEqual(found, {each.name: each.default for each in TABLE})
