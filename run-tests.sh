#!/bin/sh
# The whole suite, under trial and under pytest. Arguments go to pytest.

case $0 in */*) CDPATH='' cd -- "${0%/*}" || exit 1 ;; esac
. ./deploy/venv.sh

make_environment test
failed=0
.venv/bin/python -m twisted.trial tests || failed=1
.venv/bin/python -m pytest "$@" || failed=1
exit "$failed"
