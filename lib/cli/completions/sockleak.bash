# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# sockleak.bash: bash completion of sockleak(1); installed as completions/sockleak.

# The processes that carry the agent: those that live of the state files of this user.
_sockleak_agents()
{
    local file pid
    for file in {"${XDG_RUNTIME_DIR:-/run/user/$UID}/sockleak","/dev/shm/sockleak-$UID"}/{,run-*/}*.sockleak; do
        pid=${file##*/}
        pid=${pid%%.*}
        [[ $pid == *[!0-9]* || ! -d /proc/$pid ]] || printf '%s\n' "$pid"
    done
}

# All processes, those that carry the agent first.
_sockleak_pids()
{
    local comm pid agents
    agents=$(_sockleak_agents)
    [[ ! $agents ]] || printf '%s\n' "$agents"
    for comm in /proc/[0-9]*/comm; do
        pid=${comm#/proc/}
        pid=${pid%/comm}
        [[ $'\n'$agents$'\n' == *$'\n'$pid$'\n'* ]] || printf '%s\n' "$pid"
    done
}

_sockleak_kinds()
{
    # After a comma the words before it stay.
    local done=$2
    [[ $1 == *,* ]] && done+=${1%,*},
    compgen -P "$done" -W 'close_wait fin_wait_2 dead never_connected hangup held_by_child use_after_close open all' -- "${1##*,}"
}

_sockleak()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} i words='' stem=''
    COMPREPLY=()
    # --format=json: three words where '=' breaks words, as it does by default; else one.
    if [[ $cur == = && $prev == --* ]]; then
        cur=''
    elif [[ $prev == = ]] && ((COMP_CWORD > 2)); then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    elif [[ $cur == --*=* ]]; then
        prev=${cur%%=*} stem=${cur%%=*}= cur=${cur#*=}
    fi
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W 'run report explain diff export attach detach scan top clean help --version --help' -- "$cur")
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
        mapfile -t COMPREPLY < <(_sockleak_kinds "$cur" "$stem")
        return
        ;;
    --format)
        [[ $command == diff ]] && words='text json' || words='text json folded junit sarif pprof html'
        mapfile -t COMPREPLY < <(compgen -P "$stem" -W "$words" -- "$cur")
        return
        ;;
    --sort)
        [[ $command == top ]] && words='stuck growth rate age' || words='stuck rate age'
        mapfile -t COMPREPLY < <(compgen -P "$stem" -W "$words" -- "$cur")
        return
        ;;
    --suppressions | --json)
        if [[ $prev == --suppressions || $command == run ]]; then
            mapfile -t COMPREPLY < <(compgen -P "$stem" -f -- "$cur")
            return
        fi
        ;;
    --log | --textfile)
        mapfile -t COMPREPLY < <(compgen -P "$stem" -f -- "$cur")
        return
        ;;
    --output | --sysroot | --debug-dir)
        mapfile -t COMPREPLY < <(compgen -P "$stem" -d -- "$cur")
        return
        ;;
    --grace | --min-age | --for | --watch | --delay | --count | --exitcode | --min | --max-allowed | --max-sockets | --listen | --otlp | --interval | --max-sites) return ;;
    esac
    case $command in
    run) words='--exitcode --max-allowed --kinds --grace --suppressions --no-source --trace --no-trace --json --output --help --' ;;
    report) words='--format --kinds --min-age --sort --max-sockets --suppressions --gen-suppressions --sysroot --debug-dir --no-names --no-source --verbose --exitcode --redact --help' ;;
    diff) words='--format --exitcode --kinds --debug-dir --redact --help' ;;
    export) words='--once --listen --textfile --otlp --interval --max-sites --help' ;;
    explain) words='--full --json --no-memory --no-names --no-source --help' ;;
    attach) words='--grace --kinds --log --for --help' ;;
    detach) words='--help' ;;
    scan) words='--watch --count --all --json --exitcode --min --help' ;;
    top) words='--delay --sort --help' ;;
    clean) words='--dry-run --help' ;;
    help) words='run report explain diff export attach detach scan top clean help' ;;
    esac
    if [[ $cur != -* ]]; then
        case $command in
        attach | detach | scan | top) words=$(_sockleak_pids) ;;
        report | explain)
            mapfile -t COMPREPLY < <(compgen -W "$(_sockleak_pids)" -- "$cur"; compgen -f -- "$cur")
            return
            ;;
        diff)
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
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
# In the order given: the processes with the agent first. Bash before 4.4 sorts.
complete -o nosort -F _sockleak sockleak 2>/dev/null || complete -F _sockleak sockleak
