"""Packaging. The packages are listed by hand: `tests` out, `twisted.plugins` in."""

import re
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "(.+)"$', (HERE / "streamr/__init__.py").read_text(), re.M
)
assert VERSION is not None, "streamr/__init__.py names no version"

setup(
    name="streamr",
    version=VERSION.group(1),
    description="A gateway that keeps TMDB reachable for film and series apps.",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=[
        "streamr",
        "streamr.app",
        "streamr.commands",
        "streamr.config",
        "streamr.doctor",
        "streamr.doctor.diagnosis",
        "streamr.doctor.probe",
        "streamr.doctor.report",
        "streamr.downstream",
        "streamr.fields",
        "streamr.gateway",
        "streamr.net",
        "streamr.observe",
        "streamr.openapi",
        "streamr.policy",
        "streamr.routing",
        "streamr.shared",
        "streamr.simulator",
        "streamr.simulator.faults",
        "streamr.simulator.hosts",
        "streamr.simulator.pictures",
        "streamr.simulator.surroundings",
        "streamr.simulator.tmdb",
        "streamr.store",
        "streamr.store.pictures",
        "streamr.terminal",
        "streamr.tmdb",
        "streamr.upstream",
        "streamr.upstream.dial",
        "streamr.upstream.resolve",
        "streamr.web",
        "streamr.web.api",
        "streamr.web.demo",
        "streamr.web.pages",
        "streamr.web.server",
        "streamr.web.status",
        "twisted.plugins",
    ],
    # One line that keeps the plugin visible after `pip install -e .`: with it
    # setuptools writes a plain .pth, which Twisted's plugin scan can follow
    # (docs/facts/twisted.md, "The plugin in an editable installation").
    package_dir={"": "."},
    package_data={
        "streamr": ["py.typed"],
        "streamr.openapi": ["*.txt", "*.css", "*.js"],
        "streamr.simulator.tmdb": ["*.json"],
        "streamr.tmdb": ["*.txt"],
        "streamr.web.status": ["*.css", "*.js", "*.svg"],
    },
    install_requires=[
        # the reactor, the servers and the HTTP client; 26.10 fixes seven CVEs
        "Twisted[tls]>=26.10",
        # the outbound calls' request layer over Twisted's Agent
        "treq>=26.7",
        # the URLs that treq asks for
        "hyperlink>=21.0",
        # the TLS profiles are pyOpenSSL contexts
        "pyOpenSSL>=26.4",
        # checks that a certificate is for the host we asked
        "service-identity>=26.1",
        # the simulator makes its own certificates with it; pyOpenSSL's engine
        "cryptography>=50",
        # reads .env files
        "python-dotenv>=1.2",
        # reads and writes the structured field Proxy-Status (RFC 9651)
        "http-sf>=1.1",
        # the commands' tables: widths, wide characters, colour only where it is wanted
        "rich>=15.0",
        # DNS over HTTPS needs HTTP/2, which Twisted's client does not speak
        "h2>=4.4",
        # the same for resolvers that speak only HTTP/1.1; to the tests it is another
        # reader of HTTP, which has to read alike what is taken
        "h11>=0.16",
        # counts, histograms and both text formats of /metrics
        "prometheus-client>=0.26",
    ],
    extras_require={
        "brotli": [
            # a smaller form of stored answers for browsers
            "brotli>=1.1",
        ],
        "shared": [
            # reads and writes what Valkey and Redis speak
            "hiredis>=3.5",
        ],
        "test": [
            # runs the suite beside trial, with real sockets
            "pytest>=9.2",
            # gives pytest the reactor
            "pytest-twisted>=1.14.3",
            # runs files of tests side by side: most of them wait for their sockets
            "pytest-xdist>=3.8",
            # properties over generated input
            "hypothesis>=6.170",
            # the suite runs with the extra, and says what it does without
            "brotli>=1.1",
            # what nodes share: its tests
            "hiredis>=3.5",
            # a certificate authority of the tests' own
            "trustme>=1.2.1",
            # answers are held against the description's schemas
            "jsonschema>=4.26",
            # whether the description is OpenAPI 3.1
            "openapi-spec-validator>=0.9",
            # holds compose.yaml against the Compose specification; reads YAML
            "check-jsonschema>=0.39",
            # drives Chromium over the status page, where there is one
            "selenium>=4.40",
            # says what a screen reader or weak eyes could not use
            "axe-core-python>=0.1",
            # builds the wheel that the packaging test opens, without a network
            "setuptools>=80",
        ],
        "dev": [
            # lint and format
            "ruff>=0.17",
            # types
            "mypy>=2.4",
            # mypy's understanding of zope interfaces
            "mypy-zope>=1.0.17",
        ],
    },
    entry_points={"console_scripts": ["streamr = streamr.cli:main"]},
    zip_safe=False,
)
