#!/bin/sh
# RERUN.sh of greenlight's packet format, version 1: checks a packet without greenlight.
#
#   sh RERUN.sh [DIR] [--key FILE] [--replay]
#
#   DIR        the folder that holds packet/ and seal/; without it, the folder above this script's
#   --key FILE a public key you trust: an OpenSSH .pub line, or an allowed_signers file
#   --replay   afterwards let an installed greenlight execute the recorded steps again
#
# Exit 0 where everything holds, 1 where anything does not, 64 where the command line is wrong; the
# last line is the verdict.  Run your own copy of this script, not the packet's: a packet whose copy
# has other bytes fails, and docs/spec/rerun-sh.md of greenlight publishes the SHA-256 of the true one.
#
# Needs sh, awk, sed, find and coreutils, and a git that knows SHA-256 repositories.  An openssl that
# verifies Ed25519 checks the signature too.  Writes only into a temporary directory, which it removes.

set -u
umask 077
LC_ALL=C
export LC_ALL
unset CDPATH

usage() {
	printf 'RERUN.sh: error: USAGE: %s\n' "$1" >&2
	printf 'usage: sh RERUN.sh [DIR] [--key FILE] [--replay]\n' >&2
	exit 64
}

# A name from the evidence may hold anything that a terminal obeys: only printable ASCII gets out.
show() { tr '\n' '?' | sed 's/[^ -~]/?/g'; }

# finding CODE WHERE EXPECTED FOUND: one line that tells it.
finding() { printf 'FAIL %s %s: expected %s, found %s' "$1" "$2" "$3" "$4" | show && echo; }

# Findings are kept in a variable: a full disk must not lose one.
findings=''
newline='
'
add() {
	[ -n "$1" ] || return 0
	printf '%s\n' "$1"
	findings=$findings$1$newline
}
fail() { add "$(finding "$@")"; }

verdict() {
	[ -n "$findings" ] || {
		printf 'PASS bytes; signature: %s\n' "$1"
		exit 0
	}
	printf '%s' "$findings" | awk 'NR == 1 { first = substr($0, 6) }
		END { print "FAIL " NR (NR == 1 ? " finding" : " findings") ", the first: " first }'
	exit 1
}

hex_of() { od -An -v -tx1 | tr -d ' \n'; }

# The bytes of hex digits, by way of printf's octal escapes: the only ones that every sh has.
bytes_of() {
	# shellcheck disable=SC2059  # the format holds nothing but \ooo
	printf "$(printf '%s\n' "$1" | awk '{
		digits = "0123456789abcdef"
		for (i = 1; i < length($0); i += 2) {
			byte = 16 * (index(digits, substr($0, i, 1)) - 1) + index(digits, substr($0, i + 1, 1)) - 1
			printf "\\%03o", byte
		}
	}')"
}

sha256_of() { sha256sum | cut -c 1-64; }

size_of() { wc -c <"$1" | tr -d ' '; }

# The lines of sha256sum for files named ./path, without the "./", sorted bytewise by path.
# \001 sorts below all that a name may hold, so that sorting lines sorts paths.
sums() {
	awk '{ print substr($0, 69) "\001" substr($0, 1, 64) }' | sort | awk -F '\001' '{ print $2 "  " $1 }'
}

# --- the command line ---------------------------------------------------------------------------

dir='' key='' replay=no
while [ $# -gt 0 ]; do
	case $1 in
	--key)
		[ $# -ge 2 ] || usage '--key needs a file'
		key=$2
		shift
		;;
	--replay) replay=yes ;;
	-h | --help)
		sed -n '2,16s/^# \{0,1\}//p' "$0"
		exit 0
		;;
	-*) usage "unknown option $(printf %s "$1" | show)" ;;
	'') usage 'DIR is empty' ;;
	*)
		[ -z "$dir" ] || usage 'more than one DIR'
		dir=$1
		;;
	esac
	shift
done

case $0 in /*) self=$0 ;; *) self=$PWD/$0 ;; esac
[ -f "$self" ] || usage 'run it as a file: sh RERUN.sh DIR'
if [ -z "$dir" ]; then
	dir=$(dirname "$self")/..
	[ -d "$dir/packet" ] && [ -d "$dir/seal" ] || usage 'no DIR given, and no packet/ and seal/ above this script'
fi
case $dir in /*) ;; *) dir=$PWD/$dir ;; esac
[ -d "$dir" ] || usage "DIR is not a directory: $(printf %s "$dir" | show)"
if [ -n "$key" ]; then
	case $key in /*) ;; *) key=$PWD/$key ;; esac
	[ -f "$key" ] && [ -r "$key" ] || usage "the file of --key cannot be read: $(printf %s "$key" | show)"
fi
for tool in awk base64 cmp cut dirname env find git grep head mkdir mktemp od sed sha256sum sort tail tr wc; do
	command -v "$tool" >/dev/null 2>&1 || {
		printf 'FAIL TOOL_MISSING: expected the program %s, found none\n' "$tool"
		exit 1
	}
done

tmp=$(mktemp -d) || exit 1
case $tmp in /*) ;; *) tmp=$PWD/$tmp ;; esac
trap 'rm -rf "$tmp"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$dir" || exit 1

printf 'RERUN.sh for packet format 1, sha256:%s\n' "$(sha256_of <"$self")"

# --- a. the folder: nothing but regular files, and nothing that git does not see ------------------

top=$(find . ! -name . -prune -exec sh -c 'printf "%s" "${1#./}" | tr "\n" "?"; echo' sh {} \;) ||
	fail FILE_UNREADABLE . 'a readable folder' 'an error of find'
add "$(printf '%s\n' "$top" | while IFS= read -r name; do
	case $name in
	packet | seal | ledger)
		[ -d "$name" ] || finding FOLDER_MALFORMED "$name" 'a directory' 'something else'
		;;
	*) finding FOLDER_MALFORMED "$name" 'only packet/, seal/ and ledger/' 'this too' ;;
	esac
done)"
for name in packet seal; do
	[ -d "$name" ] || fail FOLDER_MALFORMED "$name" 'a directory' nothing
done

# refuse CODE EXPECTED TEST...: a finding for each path that find's TEST picks out.
refuse() {
	code=$1 expected=$2
	shift 2
	# One line a path, whatever it holds: no newline of a name gets through.
	paths=$(find . "$@" -exec sh -c 'printf "%s" "${1#./}" | tr "\n" "?"; echo' sh {} \;) ||
		fail FILE_UNREADABLE . 'a readable folder' 'an error of find'
	[ -z "$paths" ] || add "$(printf '%s\n' "$paths" | while IFS= read -r name; do
		finding "$code" "$name" "$expected" 'this path'
	done)"
}
refuse FILE_TYPE_REFUSED 'regular files and directories only' ! -type f ! -type d
refuse PATH_CONTROL 'names without control characters' -name '*[[:cntrl:]]*'
refuse PATH_BACKSLASH 'names without a backslash' -name '*\\*'
refuse PATH_DOTGIT 'no .git, which git would not show' -name '.[gG][iI][tT]'
[ -z "$findings" ] || verdict # what follows trusts one path a line, and follows no link

directories=$(find packet seal -type d -print) && files=$(find packet seal ! -type d -print) ||
	fail FILE_UNREADABLE . 'a readable folder' 'an error of find'
# A directory that stands above no other path is empty.
add "$({
	printf '%s\n' "$directories" "$files"
	echo
	printf '%s\n' "$directories"
} | awk '$0 == "" { second = 1; next }
	!second { path = $0; if (sub("/[^/]*$", "", path)) full[path] = 1; next }
	!($0 in full) { print "FAIL DIRECTORY_EMPTY " $0 ": expected files, found none" }' | sed 's/[^ -~]/?/g')"

for name in SHA256SUMS seal.cose signer.pub statement.cbor; do
	[ -f "seal/$name" ] || fail SEAL_FILE_MISSING "seal/$name" 'a file' nothing
done
add "$(printf '%s\n' "$files" "$directories" | while IFS= read -r name; do
	case $name in
	seal/SHA256SUMS | seal/seal.cose | seal/signer.pub | seal/statement.cbor) ;;
	seal/*) finding SEAL_FILE_EXTRA "$name" 'the four files of a seal' 'this too' ;;
	esac
done)"

# --- b. the packet brings this script and no other ------------------------------------------------

cmp -s "$self" packet/RERUN.sh || fail RERUN_SCRIPT_DIFFERS packet/RERUN.sh \
	"this script, sha256:$(sha256_of <"$self")" \
	"$([ -f packet/RERUN.sh ] && printf 'sha256:%s' "$(sha256_of <packet/RERUN.sh)" || echo nothing)"

# --- c. the manifest, both ways ---------------------------------------------------------------------

(cd packet && find . -type f ! -path ./MANIFEST.sha256 -exec sha256sum {} +) >"$tmp/hashed" ||
	fail FILE_UNREADABLE packet 'readable files' 'an error of sha256sum'
sums <"$tmp/hashed" >"$tmp/manifest"
if [ ! -f packet/MANIFEST.sha256 ]; then
	fail MANIFEST_MISSING packet/MANIFEST.sha256 'a file' nothing
elif ! cmp -s "$tmp/manifest" packet/MANIFEST.sha256; then
	# It is wrong already; what follows only says how.
	lines=$(awk 'function bad(code, path, expected, found) {
			print "FAIL " code " packet/" path ": expected " expected ", found " found
		}
		NR == FNR { actual[substr($0, 67)] = substr($0, 1, 64); order[++count] = substr($0, 67); next }
		{ digest = substr($0, 1, 64); path = substr($0, 67) }
		length(digest) != 64 || digest ~ /[^0-9a-f]/ || substr($0, 65, 2) != "  " || path == "" || path in named {
			bad("MANIFEST_MALFORMED", "MANIFEST.sha256", "a line of sha256sum, one a path", "line " FNR)
			next
		}
		{ named[path] = 1 }
		!(path in actual) { bad("MANIFEST_FILE_MISSING", path, "a file", "nothing"); next }
		actual[path] != digest { bad("MANIFEST_DIGEST_MISMATCH", path, digest, actual[path]) }
		END {
			for (i = 1; i <= count; i++)
				if (!(order[i] in named)) bad("MANIFEST_FILE_EXTRA", order[i], "a line of the manifest", "none")
		}' "$tmp/manifest" packet/MANIFEST.sha256 | sed 's/[^ -~]/?/g')
	[ -n "$lines" ] || lines=$(finding MANIFEST_MALFORMED packet/MANIFEST.sha256 'lines sorted by path' 'other bytes')
	add "$lines"
fi

# --- d. packet_tree: the Git tree id in SHA-256 object format, by git alone ------------------------

# Whatever the caller set for git would change what is hashed, and so would the packet's own
# .gitattributes and .gitignore: info/attributes outranks the first, -f the second.
# shellcheck disable=SC2046  # names of variables, one a word
unset GIT_ $(env | sed -n 's/^\(GIT_[A-Za-z0-9_]*\)=.*/\1/p')
tree=$(
	GIT_DIR=$tmp/git GIT_WORK_TREE=. GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_ATTR_NOSYSTEM=1
	HOME=$tmp XDG_CONFIG_HOME=$tmp
	export GIT_DIR GIT_WORK_TREE GIT_CONFIG_NOSYSTEM GIT_CONFIG_GLOBAL GIT_ATTR_NOSYSTEM HOME XDG_CONFIG_HOME
	cd packet &&
		git init -q --object-format=sha256 --template= >"$tmp/git.out" 2>&1 &&
		git config core.fileMode false && mkdir -p "$tmp/git/info" &&
		echo '* -text -ident -filter -eol -working-tree-encoding' >"$tmp/git/info/attributes" &&
		git add -A -f >>"$tmp/git.out" 2>&1 &&
		git write-tree 2>>"$tmp/git.out"
) || tree=''
if [ ! -d "$tmp/git/objects" ]; then
	fail TOOL_MISSING packet 'a git that knows SHA-256 repositories' "$(git --version 2>/dev/null || echo none)"
elif [ ${#tree} -ne 64 ]; then
	fail TREE_MISMATCH packet 'files that git takes' "its refusal: $(sed -n 1p "$tmp/git.out")"
fi

# --- e. the seal's sums, and the statement's first bytes ------------------------------------------

[ -f seal/statement.cbor ] && [ -f seal/seal.cose ] && [ -f seal/signer.pub ] && [ -f seal/SHA256SUMS ] || verdict

(cd seal && sha256sum ./seal.cose ./signer.pub ./statement.cbor) | sums >"$tmp/sums"
cmp -s "$tmp/sums" seal/SHA256SUMS ||
	fail SEAL_SUMS_MISMATCH seal/SHA256SUMS "$(cut -c 1-16,65- <"$tmp/sums" | tr '\n' ' ')" \
		"$(head -c 512 seal/SHA256SUMS | cut -c 1-16,65- | tr '\n' ' ')"

# \254: a map of twelve; \001: key 1; \170\107: a text of 71 bytes.
head -c 75 seal/statement.cbor >"$tmp/first"
printf '\254\001\170\107sha256:%s' "$tree" >"$tmp/expected"
if [ "$(size_of seal/statement.cbor)" -le 75 ]; then
	fail STATEMENT_MALFORMED seal/statement.cbor 'more than 75 bytes' "$(size_of seal/statement.cbor)"
elif [ -n "$tree" ] && ! cmp -s "$tmp/expected" "$tmp/first"; then
	fail TREE_MISMATCH packet "$(tail -c 71 "$tmp/first")" "sha256:$tree"
fi

# --- f. the signature, over the whole statement ----------------------------------------------------

# signer.pub: the line of an OpenSSH Ed25519 key, in its one spelling.
blob=$(sed -n '1s/^ssh-ed25519 \([A-Za-z0-9+/]*\)$/\1/p' seal/signer.pub)
public=$(printf %s "$blob" | base64 -d 2>/dev/null | hex_of)
x=${public#0000000b7373682d6564323535313900000020}
printf 'ssh-ed25519 %s\n' "$blob" >"$tmp/signer"
if [ ${#blob} -ne 68 ] || [ ${#x} -ne 64 ] || ! cmp -s "$tmp/signer" seal/signer.pub; then
	fail SEAL_KEY_MISMATCH seal/signer.pub 'one line of an OpenSSH Ed25519 key' 'something else'
	verdict
fi

# kid: RFC 9679 thumbprint, the SHA-256 of the COSE_Key {1: 1, -1: 6, -2: x}; issuer: RFC 9679 section 5.6.
kid=$(bytes_of "a301012006215820$x" | sha256_of)
issuer=urn:ietf:params:oauth:ckt:sha-256:$(bytes_of "$kid" | base64 | tr '+/' '-_' | tr -d '=\n')

# Everything in seal.cose has constant length, so places are enough: see docs/spec/seal.md.
cose=$(hex_of <seal/seal.cose)
part() { printf %s "$cose" | cut -c "$((2 * $1 + 1))-$((2 * ($1 + $2)))"; }
text() { printf %s "$1" | hex_of; }
subject=$(tail -c 71 "$tmp/first")
skeleton=$(part 0 10).$(part 10 41).$(part 51 3).$(part 86 5).$(part 168 3).$(part 242 4)
constant=d28458eea40127037829.$(text application/vnd.greenlight.statement+cbor).045820.0fa201784d.027847.a0f65840
if [ ${#cose} -ne 620 ]; then
	fail SEAL_MALFORMED seal/seal.cose '310 bytes' "$(size_of seal/seal.cose)"
elif [ "$skeleton" != "$constant" ]; then
	fail SEAL_MALFORMED seal/seal.cose 'the COSE_Sign1 of a statement' 'another header'
else
	[ "$(part 54 32)" = "$kid" ] || fail SEAL_KEY_MISMATCH 'seal/seal.cose#kid' "$kid" "$(part 54 32)"
	[ "$(part 91 77)" = "$(text "$issuer")" ] ||
		fail SEAL_KEY_MISMATCH 'seal/seal.cose#iss' "$issuer" "$(tail -c +92 seal/seal.cose | head -c 77)"
	[ "$(part 171 71)" = "$(text "$subject")" ] ||
		fail SEAL_MALFORMED 'seal/seal.cose#sub' "$subject" "$(tail -c +172 seal/seal.cose | head -c 71)"
fi
# The statement ends with its keys 11, the executor, and 12, the format version.
last=$(tail -c 82 seal/statement.cbor | hex_of)
[ "${last%????}" = "0b784d$(text "$issuer")" ] ||
	fail SEAL_KEY_MISMATCH 'seal/statement.cbor#11' "$issuer" "$(tail -c 79 seal/statement.cbor | head -c 77)"
[ "${last#"${last%????}"}" = 0c01 ] ||
	fail UNSUPPORTED_VERSION 'seal/statement.cbor#12' 'format version 1' 'another, which another script checks'

# The keys that FILE trusts: `ssh-ed25519 KEY`, or `PRINCIPALS [namespaces="..greenlight.."] ssh-ed25519 KEY`.
# A line with any other option (cert-authority, a time limit) needs more than sh to judge: not used.
trusted() {
	awk '{ sub(/\r$/, "") }
		$1 == "ssh-ed25519" { print $2; next }
		/^[ \t]*#/ || NF < 3 { next }
		$2 == "ssh-ed25519" { print $3; next }
		$3 == "ssh-ed25519" && $2 ~ /^namespaces="([^" !]*,)?(greenlight|\*)(,[^" !]*)?"$/ { print $4 }' "$key"
}
if [ -n "$key" ] && ! trusted | grep -q -x -F -e "$blob"; then
	fail SIGNER_NOT_TRUSTED seal/signer.pub "a key of $key" "$issuer"
fi

# verifies KEY-HEX SIGNATURE-HEX: whether openssl takes the signature over $tmp/message.
verifies() {
	bytes_of "302a300506032b6570032100$1" >"$tmp/key.der"
	bytes_of "$2" >"$tmp/signature"
	openssl pkeyutl -verify -pubin -keyform DER -inkey "$tmp/key.der" -rawin \
		-in "$tmp/message" -sigfile "$tmp/signature" >/dev/null 2>&1
}
# Test 2 of RFC 8032 section 7.1: an openssl that does not know Ed25519 must not look like a bad seal.
printf '\162' >"$tmp/message"
known=92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da
known=${known}085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00
if ! command -v openssl >/dev/null 2>&1; then
	signature='NOT CHECKED (no openssl)'
elif ! verifies 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c $known; then
	signature='NOT CHECKED (this openssl does not verify Ed25519)'
else
	# RFC 9052 section 4.4: Sig_structure ["Signature1", protected, h'', statement].
	size=$(size_of seal/statement.cbor)
	if [ "$size" -lt 256 ]; then head=$(printf '58%02x' "$size")
	elif [ "$size" -lt 65536 ]; then head=$(printf '59%04x' "$size")
	else head=$(printf '5a%08x' "$size"); fi
	{
		bytes_of "846a5369676e617475726531$(part 2 240)40$head"
		cat seal/statement.cbor
	} >"$tmp/message"
	verifies "$x" "$(part 246 64)" ||
		fail SEAL_SIGNATURE_INVALID seal/seal.cose 'a signature by seal/signer.pub over the statement' 'another'
	signature='matches the enclosed key'
	[ -z "$key" ] || signature='verified by pinned key'
fi

case $signature in
NOT*)
	[ -z "$key" ] || fail TOOL_MISSING seal/seal.cose 'an openssl that verifies Ed25519, since --key was given' none
	echo 'NOTE no signature was checked: this promises the bytes against the statement, not who made it'
	;;
matches*) echo 'NOTE the signer is whoever made the packet: give --key FILE with a key that you trust' ;;
esac

# --- g, h. the verdict, after a replay where one was asked for --------------------------------------

if [ "$replay" = yes ] && [ -z "$findings" ]; then
	if ! command -v greenlight >/dev/null 2>&1; then
		fail TOOL_MISSING packet 'greenlight, which --replay needs' 'none; the checks before this one hold'
	else
		echo 'NOTE replaying with the installed greenlight'
		if [ -n "$key" ]; then greenlight rerun "$dir" --key "$key"; else greenlight rerun "$dir"; fi ||
			fail REPLAY_DIFFERS packet 'a replay that gives the same outcomes' "exit $? of greenlight rerun"
		signature="$signature; replay: done"
	fi
fi
verdict "$signature"
