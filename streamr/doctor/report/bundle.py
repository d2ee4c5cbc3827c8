"""The bundle: what a maintainer needs, without what is nobody's business; and back."""

from __future__ import annotations

import platform
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from importlib.metadata import version
from typing import Any

from streamr import __version__
from streamr.doctor.diagnosis.diagnose import judge
from streamr.doctor.evidence import Evidence
from streamr.doctor.report.anonymise import Mask
from streamr.policy.redact import Redactor
from streamr.terminal.console import Json

# Raised when a bundle of before can no longer be read.
FORMAT = 1
# What the routes to TMDB are made of.
_PARTS = ("Twisted", "treq", "pyOpenSSL", "cryptography")


def bundle(evidence: Evidence, redact: Redactor) -> Json:
    """The bundle as JSON can hold it. `redact` strikes the secrets out, should any be.

    The verdicts are those over the masked evidence, so nothing slips through them.
    """
    masked = Mask().evidence(evidence)
    diagnosis = judge(masked)
    whole: Json = {
        "format": FORMAT,
        "streamr": __version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "parts": {name: version(name) for name in _PARTS},
        "sound": diagnosis.sound,
        "verdicts": [asdict(each) for each in diagnosis.verdicts],
        "advice": asdict(diagnosis.advice) if diagnosis.advice else None,
        "evidence": asdict(masked),
    }
    return {name: _struck(each, redact) for name, each in whole.items()}


def read(value: object) -> Evidence:
    """The evidence in a bundle. Raises ValueError for what is none."""
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ValueError(f"it is not a bundle of format {FORMAT}")
    evidence = _revived(Evidence, value.get("evidence"), "evidence")
    assert isinstance(evidence, Evidence)
    return evidence


def _struck(value: object, redact: Redactor) -> object:
    match value:
        case str():
            return redact(value)
        case dict():
            return {key: _struck(each, redact) for key, each in value.items()}
        case list() | tuple():
            return [_struck(each, redact) for each in value]
    return value


def _revived(kind: Any, value: Any, where: str) -> object:
    """A value of a type from its JSON. Raises ValueError, naming where it is wrong."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if is_dataclass(kind):
        return _revived_fields(kind, value, where)
    if origin in (types.UnionType, typing.Union):
        return _optional(inner, value, where)
    if origin is tuple:
        _expect(isinstance(value, list), where, "a list")
        item = inner[0]
        return tuple(_revived(item, v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin is Mapping:
        _expect(isinstance(value, dict), where, "an object")
        return {k: _revived(inner[1], v, f"{where}.{k}") for k, v in value.items()}
    if kind is float:
        _expect(type(value) in (int, float), where, "a number")
        return float(value)
    _expect(type(value) is kind, where, f"of type {kind.__name__}")
    return value


def _optional(inner: tuple[object, ...], value: object, where: str) -> object:
    if value is None:
        return None
    (kind,) = (each for each in inner if each is not type(None))
    return _revived(kind, value, where)


def _revived_fields(kind: Any, value: Any, where: str) -> object:
    _expect(isinstance(value, dict), where, "an object")
    hints = typing.get_type_hints(kind)
    found = {}
    for each in fields(kind):
        if each.name in value:
            found[each.name] = _revived(
                hints[each.name], value[each.name], f"{where}.{each.name}"
            )
        elif each.default is MISSING and each.default_factory is MISSING:
            raise ValueError(f"the bundle has no {where}.{each.name}")
    return kind(**found)


def _expect(good: bool, where: str, what: str) -> None:
    if not good:
        raise ValueError(f"the bundle's {where} is not {what}")
