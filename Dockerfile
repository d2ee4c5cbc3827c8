# streamr as an image: docker build -t streamr . (docs/operating.md says how to run it)
ARG BASE=docker.io/library/debian:trixie-slim

FROM ${BASE} AS base
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/*

FROM base AS build
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv
# for a package registry behind a certificate authority of your own
ARG PIP_CERT
WORKDIR /source
COPY setup.py pyproject.toml README.md LICENSE ./
COPY streamr streamr
COPY twisted twisted
RUN python3 -m venv /opt/streamr \
    && /opt/streamr/bin/pip install --no-cache-dir '.[brotli,shared]' \
    && /opt/streamr/bin/pip uninstall --yes pip

FROM base
LABEL org.opencontainers.image.title="streamr" \
    org.opencontainers.image.description="A gateway that keeps TMDB reachable" \
    org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/streamr /opt/streamr
# by number, so that an orchestrator can see that it is not root
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/streamr
USER 10001:10001
WORKDIR /var/lib/streamr
# A container's loopback belongs to the container, so main listens on every address, IPv6
# and IPv4 (only IPv4 where the kernel has no IPv6): anyone who can reach the published
# port uses your key, and browsers read answers only for the origins in CORS_ORIGINS. The
# proxy stays on the container's loopback.
ENV PATH=/opt/streamr/bin:$PATH \
    HOST=:: \
    STREAMR_STATE_DIR=/var/lib/streamr
EXPOSE 3001
# Settings come from the environment: the check does not see a flag after `run`.
HEALTHCHECK --interval=30s --timeout=10s --start-period=15s --retries=3 \
    CMD ["streamr", "healthcheck"]
# no shell in between: SIGTERM lets requests in flight finish
ENTRYPOINT ["streamr"]
CMD ["run"]
