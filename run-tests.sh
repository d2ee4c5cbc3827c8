#!/bin/sh
# The whole suite, under trial and under pytest, side by side. Arguments go to pytest;
# `-n0` has it run in one process, as `--pdb` needs.

case $0 in */*) CDPATH='' cd -- "${0%/*}" || exit 1 ;; esac
. ./deploy/venv.sh

# A file of tests stays in one process, and the files keep their order (tests/conftest.py
# has the reason). Three, though two processors are common: tests with sockets wait more
# than they compute.
SIDE_BY_SIDE='--numprocesses 3 --dist loadfile --no-loadscope-reorder'

make_environment test
failed=
said=$(mktemp) || exit 1
# all examples of the property tests run under pytest, a tenth of them here as well
STREAMR_TEST_EXAMPLES=0.1 .venv/bin/python -m twisted.trial --reporter=text tests >"$said" 2>&1 &
trial=$!
# what runs behind a script does not hear Ctrl-C
trap 'rm -f "$said"; kill "$trial" 2>/dev/null' EXIT
trap 'exit 130' INT TERM
# shellcheck disable=SC2086  # several words
.venv/bin/python -m pytest $SIDE_BY_SIDE "$@" || failed=' pytest'
wait "$trial" || failed="$failed trial"
echo "== trial"
cat "$said"
[ -z "$failed" ] || echo "failed:$failed" >&2
[ -z "$failed" ]
