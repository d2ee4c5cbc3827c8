"""Asks a client one question after another and prints what came of it, as JSON.

A script is started as `python use_….py BASE_URL [QUESTION …]`; without names all
questions are asked. This runs in the clients' own environment: standard library only.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

BASE_URL = sys.argv[1]


def ask(questions: Mapping[str, Callable[[], Any]], thrown: type[Exception]) -> None:
    """Ask, and tell each answer or the error of a type that the client promises."""
    told = {name: _asked(questions[name], thrown) for name in sys.argv[2:] or questions}
    print(json.dumps(told))


def _asked(question: Callable[[], Any], thrown: type[Exception]) -> dict[str, Any]:
    began = time.monotonic()
    try:
        told = {"answer": question()}
    except thrown as error:
        told = {"error": type(error).__name__, "says": str(error)}
    return {**told, "seconds": time.monotonic() - began}


def ids(items: Any) -> list[int]:
    """The ids of a list of dictionaries."""
    return [item["id"] for item in items]
