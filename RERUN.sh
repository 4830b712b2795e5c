#!/bin/sh
# ./RERUN.sh               verify and replay every reference packet of this repository
# ./RERUN.sh test [ARGS]   run the tests; ARGS go to pytest
# ./RERUN.sh setup [dev]   only make the environment: .venv beside this script
# ./RERUN.sh --help        this text
#
# Needs Python 3.11 or later with venv and pip, git, and a package index (the first time only).  What
# is installed is locked by hash in requirements/; uv is used where it is installed and works.  No
# variable of the caller's environment is needed, and nothing is written outside this folder but what
# pip keeps in its own cache.  Exit codes: 0, 1 where something does not hold, 64 for a wrong command
# line, 69 where a prerequisite is missing.
#
# To check one packet without greenlight, use the script that packets carry: docs/spec/rerun-sh.md.

set -eu
unset CDPATH PYTHONHOME PYTHONPATH VIRTUAL_ENV 2>/dev/null || :

say() { printf 'RERUN.sh: %s\n' "$1" >&2; }
die() {
	printf 'RERUN.sh: error: %s\n' "$1" >&2
	[ -z "${2-}" ] || printf 'RERUN.sh: hint: %s\n' "$2" >&2
	exit "${3:-69}"
}

root=$(cd -- "$(dirname -- "$0")" && pwd -P)
script=$root/${0##*/}
venv=$root/.venv
python=$venv/bin/python
log=$root/.venv.log
state=$venv/.greenlight # what is installed, or `incomplete`; absent in a .venv that is not ours

# --- what is wanted -------------------------------------------------------------------------------

job=${1-main}
[ $# -eq 0 ] || shift
case $job in
main | -h | --help) want=runtime ;;
test) want=dev ;;
setup | --setup-locked)
	want=${1-runtime}
	case $want in runtime | dev) ;; *) die "no such environment: $want" "setup or setup dev" 64 ;; esac
	;;
*) die "unknown argument: $job" "./RERUN.sh --help" 64 ;;
esac
case $job in -h | --help)
	sed -n '2,/^$/s/^# \{0,1\}//p' "$script"
	exit 0
	;;
esac

# Without a home, tools would guess one; this one is ours to write in.
if [ -z "${HOME-}" ]; then
	HOME=$venv/home
	export HOME
fi

# --- the environment ------------------------------------------------------------------------------

# The tests' environment holds everything of the other at the same versions (tests/test_shipped.py).
wanted() {
	printf '%s %s %s\n' "$1" "$root" \
		"$(cat "$root/pyproject.toml" "$root/requirements/build.txt" "$root/requirements/$1.txt" | cksum)"
}
ready() {
	[ -x "$python" ] && [ -f "$state" ] || return 1
	[ "$(cat "$state")" = "$(wanted dev)" ] ||
		{ [ "$1" = runtime ] && [ "$(cat "$state")" = "$(wanted runtime)" ]; }
}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
has_uv() { command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1; }

# Sets base: a Python that can make an environment, alone or with uv's help.
find_python() {
	base='' seen=''
	for candidate in python3.13 python3.12 python3.11 python3 python3.14 python; do
		new_enough "$candidate" || continue
		seen=$candidate
		if "$candidate" -c 'import venv, ensurepip' >/dev/null 2>&1 || has_uv; then
			base=$candidate
			return
		fi
	done
	[ -n "$seen" ] &&
		die "$seen has no venv module with pip" 'install it, for instance: apt-get install python3-venv'
	die 'no Python 3.11 or later' 'install one, for instance: apt-get install python3 python3-venv'
}

make_venv() {
	if [ -x "$python" ] && new_enough "$python"; then
		# Whole, if perhaps outdated; or somebody's own, which is installed into and never removed.
		[ "$(cat "$state" 2>/dev/null)" = incomplete ] || return 0
	elif [ -e "$venv" ] && [ ! -e "$state" ] && ! rmdir "$venv" 2>/dev/null; then
		die '.venv is not one that this script made, and no Python runs in it' 'move it away'
	fi
	rm -rf "$venv.old"
	[ ! -e "$venv" ] || mv "$venv" "$venv.old" # so that .venv is never half removed
	rm -rf "$venv.old"
	mkdir "$venv" 2>/dev/null || die "cannot write to $root"
	echo incomplete >"$state"
	"$base" -m venv "$venv" >"$log" 2>&1 ||
		{ has_uv && uv venv --quiet --allow-existing --python "$base" "$venv" >>"$log" 2>&1; } ||
		die "$base could not make $venv" "see $log"
}

# install ARGS: by uv where it works, else by pip.
install() {
	if has_uv && uv pip install --quiet --python "$python" "$@" >"$log" 2>&1; then return; fi
	PIP_DISABLE_PIP_VERSION_CHECK=1 "$python" -m pip install --quiet --no-input "$@" \
		>"$log" 2>&1 || {
		tail -n 3 "$log" >&2
		die "could not install $want requirements" \
			"is a package index reachable (PIP_INDEX_URL)? all of it: $log"
	}
}

setup() {
	ready "$want" && return # somebody else made it while this one waited for the lock
	say "making the environment in .venv ($want): about a minute, once"
	find_python
	make_venv
	echo incomplete >"$state"
	install --require-hashes -r "$root/requirements/build.txt" -r "$root/requirements/$want.txt"
	# The project itself, as it lies here, built by the locked back end.
	install --no-deps --no-build-isolation --editable "$root"
	wanted "$want" >"$state.new"
	mv -f "$state.new" "$state"
	rm -f "$log"
}

if [ "$job" = --setup-locked ]; then
	setup
	exit 0
fi

command -v git >/dev/null 2>&1 || die 'no git' 'install it, for instance: apt-get install git'
if ! ready "$want"; then
	find_python
	# One at a time.  The lock is the kernel's: a killed set-up leaves none behind.
	"$base" -c '
import fcntl, os, sys
lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o666)
fcntl.flock(lock, fcntl.LOCK_EX)
os.set_inheritable(lock, True)
os.execvp("sh", ["sh", *sys.argv[2:]])
' "$root/.venv.lock" "$script" --setup-locked "$want" || exit $?
fi
mkdir -p "$HOME" 2>/dev/null || :

# --- the job --------------------------------------------------------------------------------------

PATH=$venv/bin:$PATH
export PATH
cd "$root"
case $job in
main) exec "$python" tools/main_job.py "$@" ;;
test) exec "$python" -m pytest -n auto "$@" ;;
setup) exit 0 ;;
esac
