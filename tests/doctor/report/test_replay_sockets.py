"""From evidence back: the network that a bundle describes brings the same verdicts.

Network and doctor share one process, so time passes only while nothing happens: what
the machine has to do besides is never taken for the network's silence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import pytest_twisted

from streamr.doctor.diagnosis.diagnose import judge
from streamr.doctor.diagnosis.verdicts import KINDS, Layer
from streamr.doctor.evidence import Evidence
from streamr.doctor.probe.examination import DoctorReactor
from streamr.doctor.report import bundle, replay
from streamr.policy.redact import Redactor
from streamr.simulator.network import Network
from tests.doctor.drawer import BOTH, DIRECT, KEY, OTHER, on
from tests.doctor.examining import examine
from tests.idle import IdleTime

HOLE6 = {"answers": ["127.0.0.1", "::1"], "boxes": {"::1": "black-hole"}}
FILTERED6 = {**HOLE6, "boxes": {"::1": "reset-after-hello"}}
LIE6 = {**HOLE6, "boxes": {"::1": "cert-untrusted"}}
STRANGER = {"answers": ["127.0.0.3"], "boxes": {"127.0.0.3": "cert-untrusted"}}
NETWORKS: dict[str, dict[str, object]] = {
    "sound": {},
    "name": on([DIRECT], "reset-after-hello"),
    "name, half of the tries": on([DIRECT], "fin-after-hello:p=0.6"),
    "split hello": on(BOTH, "reset-after-hello:when=big"),
    "no TLS 1.3": on(BOTH, "alert-protocol-version:when=tls13"),
    "random": on(BOTH, "reset-after-hello:p=0.5"),
    "nothing": {**on(BOTH, "fin-after-hello"), "proxies": ["works"]},
    "interception": on(BOTH, "cert-self-signed"),
    "expired": on(BOTH, "cert-expired"),
    "portal": on(BOTH, "plain-http"),
    "poisoned": {"dns": True, "hosts": {DIRECT: STRANGER}},
    "resolver fails": {"dns": True, "hosts": {DIRECT: {"answers": "fails"}}},
    "IPv6 filtered": {"hosts": {DIRECT: FILTERED6}},
    "a lie for IPv6": {"dns": True, "hosts": {DIRECT: LIE6}},
    "refused": on(BOTH, "refuse"),
    "address": on([DIRECT], "reset-at-accept"),
    "a stale pin": {"dns": True, "pins": {DIRECT: ["127.0.0.3"]}},
    "down": on(BOTH, "status:code=503,body=html"),
    "country": on(BOTH, "status:code=403,body=html"),
    "suspended": on(BOTH, "status:code=401,own=10"),
    "damaged": on([DIRECT], "short-body"),
    "throttled": on(BOTH, "drip:interval=0.1,size=64"),
    "clock": {"clock": 7200.0, "proxies": ["token", "fails"]},
    "combined": {
        "hosts": {
            DIRECT: {"fault": "reset-after-hello", **HOLE6},
            OTHER: {"fault": "reset-after-hello:when=big+cut-json"},
        }
    },
}


async def seen_in(
    reactor: DoctorReactor, spec: Mapping[str, object], directory: Path, **more: str
) -> Evidence:
    """What the doctor sees in a network."""
    clock = IdleTime(reactor)
    network = Network(clock, directory, spec, keys=frozenset({KEY}), seed=7)
    network.startService()
    try:
        found = {**network.environment, "TMDB_API_KEY": KEY, **more}
        return await examine(clock, found, network.dns, directory)
    finally:
        await network.stopService()
        clock.stop()


def network_codes(evidence: Evidence) -> set[str]:
    """The verdicts that a network has to show again: this machine is nobody else's."""
    codes = judge(evidence).codes
    return {each for each in codes if KINDS[each].layer is not Layer.MACHINE}


@pytest.mark.parametrize("name", NETWORKS)
@pytest_twisted.ensureDeferred
async def test_a_bundle_brings_its_network_back(
    reactor: DoctorReactor, tmp_path: Path, name: str
) -> None:
    before = await seen_in(reactor, NETWORKS[name], tmp_path)
    sent = json.dumps(bundle.bundle(before, Redactor([KEY])))
    received = bundle.read(json.loads(sent))
    spec = replay.network(received)
    after = await seen_in(reactor, spec, tmp_path, **replay.settings(received))
    assert network_codes(after) == network_codes(before), spec
