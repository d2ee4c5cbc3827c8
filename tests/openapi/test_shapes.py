"""The notation of answers.txt, and the JSON Schema that it becomes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from streamr.openapi.shapes import Shape, body, parts, read, reference, type_schema


class Types(SynchronousTestCase):
    """A word each."""

    def test_plain_types_and_null(self) -> None:
        self.assertEqual({"type": "string"}, type_schema("string"))
        self.assertEqual({"type": ["string", "null"]}, type_schema("string|null"))
        self.assertEqual({}, type_schema("any"))
        self.assertEqual({"const": False}, type_schema("false"))

    def test_words(self) -> None:
        self.assertEqual({"type": "string", "const": "tv"}, type_schema('"tv"'))
        self.assertEqual(
            {"type": "string", "enum": ["cast", "crew"]}, type_schema('"cast"|"crew"')
        )

    def test_parts_and_what_may_be_null_beside_them(self) -> None:
        self.assertEqual({"$ref": "#/components/schemas/Genre"}, type_schema("Genre"))
        self.assertEqual(
            {"anyOf": [reference("Genre"), {"type": "null"}]}, type_schema("Genre|null")
        )

    def test_lists_and_maps_hold_alternatives(self) -> None:
        two = {"anyOf": [reference("A"), reference("B")]}
        self.assertEqual({"type": "array", "items": two}, type_schema("[A|B]"))
        self.assertEqual(
            {"type": "object", "additionalProperties": two}, type_schema("{A|B}")
        )
        self.assertEqual(
            {
                "type": "object",
                "additionalProperties": {"type": "array", "items": reference("A")},
            },
            type_schema("{[A]}"),
        )


class Lines(SynchronousTestCase):
    """A line each."""

    def test_a_field_is_required_unless_it_says_otherwise(self) -> None:
        shape = Shape((), (("id", "integer"), ("note", "string")), frozenset({"note"}))
        self.assertEqual(
            {
                "type": "object",
                "required": ["id"],
                "properties": {"id": {"type": "integer"}, "note": {"type": "string"}},
            },
            shape.schema(),
        )

    def test_a_line_takes_in_other_parts(self) -> None:
        shape = parts()["TypedMovie"]
        self.assertEqual(("MovieItem",), shape.parts)
        self.assertEqual(reference("MovieItem"), shape.schema()["allOf"][0])

    def test_a_line_of_one_part_is_that_part(self) -> None:
        self.assertEqual(reference("MovieList"), body("MovieList"))

    def test_a_bare_list(self) -> None:
        self.assertEqual(
            {"type": "array", "items": reference("Country")},
            body("[Country]"),
        )

    def test_an_endpoint_without_a_shape_answers_any_object(self) -> None:
        self.assertEqual({"type": "object"}, body(""))

    def test_without_drops_a_field_of_its_own(self) -> None:
        shape = read("id:integer Credits")
        self.assertEqual(reference("Credits"), shape.without("id").schema())

    def test_lines_go_on_after_a_blank(self) -> None:
        names = [name for name, _ in parts()["MovieItem"].fields]
        self.assertEqual(["adult", "vote_count"], [names[0], names[-1]])
