"""The simulator as a process of its own: `python -m streamr.simulator --directory DIR`.

Prints one line of JSON when it listens, then runs until SIGTERM or SIGINT.
"""

import argparse
import json
import sys
from pathlib import Path

from twisted.internet import reactor

from streamr.simulator.faults.table import addressed, describe
from streamr.simulator.hosts.host import SMALL, Latency
from streamr.simulator.service import HOSTS, SimulatorService

LATENCIES = {"none": None, "small": SMALL, "tmdb": Latency()}
DEMO_KEY = "0123456789abcdef0123456789abcdef"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m streamr.simulator")
    add = made.add_argument
    add("--directory", type=Path, help="where simulator-ca.pem is written")
    add("--key", action="append", help=f"a key to accept (default {DEMO_KEY})")
    add("--fault", action="append", default=[], metavar="[HOST=]EXPRESSION")
    add("--seed", type=int, default=0, help="seed of the random numbers")
    add("--control-port", type=int, help="0 lets the system choose")
    add("--no-keep-alive", action="store_true", help="close after every answer")
    add("--latency", choices=LATENCIES, default="small")
    add("--port", action="append", default=[], metavar="HOST=NUMBER")
    add("--list-faults", action="store_true", help="print the table of faults and exit")
    return made


def read_ports(texts: list[str]) -> dict[str, int]:
    """The HOST=NUMBER options."""
    pairs = [text.partition("=") for text in texts]
    for host, _, number in pairs:
        if host not in HOSTS or not number.isdigit():
            raise ValueError(f"--port needs HOST=NUMBER with one of {', '.join(HOSTS)}")
    return {host: int(number) for host, _, number in pairs}


def build(options: argparse.Namespace) -> SimulatorService:
    """The service that the options describe."""
    service = SimulatorService(
        reactor,
        options.directory,
        keys=frozenset(options.key or [DEMO_KEY]),
        ports=read_ports(options.port),
        control_port=options.control_port,
        seed=options.seed,
        latency=LATENCIES[options.latency],
        keep_alive=not options.no_keep_alive,
    )
    for text in options.fault:
        service.set_fault(*addressed(text))
    return service


def announce(service: SimulatorService) -> None:
    """Say where to find everything, on one line."""
    places = {
        "ca_file": str(service.ca_file),
        "pins": service.pins,
        "control_url": service.control_url,
    }
    sys.stdout.write(json.dumps(places) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Read the options and run."""
    arguments = parser()
    options = arguments.parse_args()
    if options.list_faults:
        sys.stdout.write(describe() + "\n")
        return
    if options.directory is None:
        arguments.error("--directory is missing")
    try:
        service = build(options)
    except ValueError as error:
        arguments.error(str(error))
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    announce(service)
    reactor.run()


if __name__ == "__main__":
    main()
