# The checkout's virtual environment, one for start-with-proxy.sh, run-tests.sh and
# .ci/run. They source this file and call `make_environment EXTRA…` in the checkout.
#
# The stamp in .venv says what is installed: the checksum of setup.py and the checkout's
# place (a moved environment would run the old place's code), then one line per extra.

stamp=.venv/streamr-stamp

complain() {
    printf 'streamr: %s\n' "$1" >&2
    exit 1
}

# Sets $python to an interpreter that can make the environment, or ends with what is
# missing: in the first interpreter there is, or that there is none.
find_python() {
    problem=
    for python in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11
    do
        answer=$("$python" -c '
import sys
version = "%d.%d" % sys.version_info[:2]
if sys.version_info < (3, 11):
    version += " old"
else:
    try:
        import ensurepip, venv
    except ImportError:
        version += " bare"
print(version)' 2>/dev/null) || continue
        case $answer in
        *" old") wrong="is too old (${answer% old}); install Python 3.11 or newer \
(Debian, Ubuntu: apt-get install python3 python3-venv)" ;;
        *" bare") wrong="lacks the venv module; install it (Debian, Ubuntu: apt-get \
install python${answer% bare}-venv)" ;;
        *) return ;;
        esac
        [ "$problem" ] || problem="$python $wrong"
    done
    complain "${problem:-there is no Python here; install Python 3.11 or newer (Debian, \
Ubuntu: apt-get install python3 python3-venv)} and start again"
}

# Whether the environment can run what was installed into it. The version tells Twisted
# from this checkout's folder of the same name.
is_whole() {
    [ -x .venv/bin/streamr ] &&
        .venv/bin/python -I -c 'from twisted import __version__; import streamr' \
            2>/dev/null
}

# Whether pip can (still) install into it: half an installation can be finished.
can_install() {
    .venv/bin/python -I -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' \
        2>/dev/null
}

make_environment() {
    setup=$(cksum <setup.py)
    installed=
    reason="first start, about a minute"
    if [ -f "$stamp" ]; then
        { IFS= read -r old_setup; IFS= read -r old_place; installed=$(tr '\n' ' '); } <"$stamp"
        if [ "$old_place" != "$PWD" ] || ! is_whole; then
            rm -rf .venv
            installed=
            reason="its environment was broken or moved, about a minute"
        elif [ "$old_setup" != "$setup" ]; then
            installed=
            reason="setup.py has changed"
        else
            missing=
            for extra in "$@"; do
                case " $installed" in
                *" $extra "*) ;;
                *) missing=yes ;;
                esac
            done
            [ "$missing" ] || return 0
            reason="what $* needs"
        fi
    fi

    can_install || {
        find_python
        "$python" -m venv --clear .venv || complain "$python could not make .venv"
    }
    rm -f "$stamp"
    printf 'Installing streamr (%s) …\n' "$reason" >&2
    extras=$(IFS=,; printf '%s' "$*")
    output=$(.venv/bin/python -m pip install --disable-pip-version-check --quiet \
        --editable ".${extras:+[$extras]}" 2>&1) || {
        printf '%s\n' "$output" >&2
        complain "installing failed, see above: most often the network or the package\
 registry did not answer, then starting again is enough"
    }
    # shellcheck disable=SC2086  # one word, one line
    printf '%s\n' "$setup" "$PWD" $installed "$@" >"$stamp"
}
