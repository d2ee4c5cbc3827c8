#!/bin/sh
# Both servers in the foreground, from a fresh checkout: installs itself on first use.
# Without a TMDB key it serves the simulator. Arguments go to `streamr run`, see --help.

# what streamr tells its user to type has to be right where the user is
case $0 in ./*/*) here= ;; ./*) here=. ;; */*) here= ;; *) here=. ;; esac
case $0 in */*) CDPATH='' cd -- "${0%/*}" || exit 1 ;; esac
. ./deploy/venv.sh

# shellcheck disable=SC2119  # no extras
make_environment
streamr=.venv/bin/streamr
[ "$here" ] || streamr=$PWD/$streamr
exec "$streamr" run --demo-if-no-key "$@"
