# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# sockleak.bash: bash completion of sockleak(1); installed as completions/sockleak.

_sockleak_pids()
{
    local comm
    for comm in /proc/[0-9]*/comm; do
        comm=${comm#/proc/}
        printf '%s\n' "${comm%/comm}"
    done
}

_sockleak_kinds()
{
    # After a comma the words before it stay.
    local done=''
    [[ $1 == *,* ]] && done=${1%,*},
    compgen -P "$done" -W 'close_wait fin_wait_2 dead never_connected hangup held_by_child use_after_close open all' -- "${1##*,}"
}

_sockleak()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} i words=''
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W 'run report explain attach detach scan top clean help --version --help' -- "$cur")
        return
    fi
    if [[ $command == run ]]; then
        for ((i = 2; i < COMP_CWORD; i++)); do
            if [[ ${COMP_WORDS[i]} == -- ]]; then # the program's own completion
                if declare -F _command_offset >/dev/null; then
                    _command_offset $((i + 1))
                else
                    mapfile -t COMPREPLY < <(compgen -c -f -- "$cur")
                fi
                return
            fi
        done
    fi
    case $prev in
    --kinds)
        mapfile -t COMPREPLY < <(_sockleak_kinds "$cur")
        return
        ;;
    --format)
        mapfile -t COMPREPLY < <(compgen -W 'text json folded junit sarif' -- "$cur")
        return
        ;;
    --sort)
        [[ $command == top ]] && words='stuck growth rate age' || words='stuck rate age'
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
        return
        ;;
    --suppressions | --json)
        if [[ $prev == --suppressions || $command == run ]]; then
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            return
        fi
        ;;
    --output | --sysroot | --debug-dir)
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        return
        ;;
    --grace | --min-age | --for | --watch | --delay | --count | --exitcode | --min | --max-allowed | --max-sockets) return ;;
    esac
    case $command in
    run) words='--exitcode --max-allowed --kinds --grace --suppressions --no-source --json --output --help --' ;;
    report) words='--format --kinds --min-age --sort --max-sockets --suppressions --gen-suppressions --sysroot --debug-dir --no-names --no-source --verbose --help' ;;
    explain) words='--full --json --no-memory --no-names --no-source --help' ;;
    attach) words='--grace --kinds --for --help' ;;
    detach) words='--help' ;;
    scan) words='--watch --count --all --json --exitcode --min --help' ;;
    top) words='--delay --sort --help' ;;
    clean) words='--dry-run --help' ;;
    help) words='run report explain attach detach scan top clean help' ;;
    esac
    if [[ $cur != -* ]]; then
        case $command in
        attach | detach | scan | top) words=$(_sockleak_pids) ;;
        report | explain)
            mapfile -t COMPREPLY < <(compgen -f -W "$(_sockleak_pids)" -- "$cur")
            return
            ;;
        clean)
            mapfile -t COMPREPLY < <(compgen -d -- "$cur")
            return
            ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _sockleak sockleak
