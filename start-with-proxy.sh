#!/bin/sh
# Both servers in the foreground, from a fresh checkout: installs itself on first use.
# Without a TMDB key it serves the simulator. Arguments go to `streamr run`, see --help.

case $0 in */*) CDPATH='' cd -- "${0%/*}" || exit 1 ;; esac
. ./deploy/venv.sh

# shellcheck disable=SC2119  # no extras
make_environment
exec .venv/bin/streamr run --demo-if-no-key "$@"
