"""``greenlight completion``: the script that makes a shell complete greenlight's words."""

from __future__ import annotations

from greenlight.cli.answer import Answer
from greenlight.cli.values import Values

# Each asks the program itself, word by word; a reply has a candidate a line, with a tab
# before its description.  Where there is no reply the shell completes files.
_BASH = """\
_greenlight() {
    local IFS=$'\\n' cur=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=($(greenlight --complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
    [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$cur"))
}
complete -o filenames -F _greenlight greenlight
"""
_ZSH = """\
#compdef greenlight
_greenlight() {
    local -a lines candidates
    lines=("${(@f)$(greenlight --complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    local line
    for line in $lines; do
        [ -z "$line" ] || candidates+=("${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}")
    done
    if (( ${#candidates} )); then _describe greenlight candidates; else _files; fi
}
if [ "$funcstack[1]" = _greenlight ]; then _greenlight "$@"; else compdef _greenlight greenlight; fi
"""
_FISH = """\
function __greenlight_complete
    set -l words (commandline -opc) (commandline -ct)
    greenlight --complete $words[2..-1] 2>/dev/null
end
complete -c greenlight -f -n 'test -n "$(__greenlight_complete)"' -a '(__greenlight_complete)'
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def run(arguments: Values) -> Answer:
    """Print the script."""
    script = _SCRIPTS[arguments.shell]
    return Answer({"shell": arguments.shell, "script": script}, raw=script.encode("ascii"))
