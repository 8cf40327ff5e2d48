# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# lib.bash: what the hosts share. A host is tests/hosts/NAME.sh; it sets
#
#   what="..."            one line: what is done with it
#   needs="cmd=package"   the commands (or absolute paths) it needs, and the Debian package of each
#   optional="..."        the same, for parts that are left out when they are missing
#   limit=SECONDS         after which each of the two runs is stopped, when 600 are not enough
#   work()                does it, once bare and once under the agent, and prints what must be the same both times
#
# and uses the functions below. Everything is started with `server`, `client` or `with`: bare or preloaded, as $MODE says.
#
#   $DIR      a folder of this run's own        $LIB   a copy of the library there: whoever maps it belongs to this run
#   $HERE     tests/hosts                       $STATE the state directory, as the agent sees it

PATH=$PATH:/usr/sbin:/sbin
umask 022
STARTED=()

with_env()
{
    WITH=()
    # the containers' way: bare and preloaded, all of it under the filter that Docker puts on a container
    [[ ${HOSTS_CONTAINER-} ]] && WITH=("$HERE/../containers/in_profile")
    [[ $MODE == bare ]] && return
    WITH+=(env "LD_PRELOAD=$LIB" "SOCKLEAK_OPTIONS=grace=1s:interval=250ms:log_format=json:print_suppressions=0:log_path=$DIR/log/%e.%p:closes=${HOSTS_CLOSES:-0}")
}

# client NAME COMMAND...: in the foreground; output to $DIR/NAME.out, .err. `with COMMAND...` leaves the output alone.
client()
{
    local name=$1
    shift
    "${WITH[@]}" "$@" >>"$DIR/$name.out" 2>>"$DIR/$name.err" </dev/null
}
with() { "${WITH[@]}" "$@"; }

# server NAME COMMAND...: in the background; its number in $pid. helper: the same, never under the agent
server()
{
    local name=$1
    shift
    "${WITH[@]}" "$@" >>"$DIR/$name.out" 2>>"$DIR/$name.err" </dev/null &
    pid=$!
    STARTED+=("$pid")
}
helper()
{
    local name=$1
    shift
    "$@" >>"$DIR/$name.helper" 2>&1 </dev/null &
    pid=$!
    STARTED+=("$pid")
}

# until_true SECONDS COMMAND...
until_true()
{
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS >= end)); then
            echo "waited in vain for: $*"
            return 1
        fi
        sleep 0.1
    done
}
listens() { (exec 5<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
gone() { [[ ! -d /proc/$1 ]] || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }

# stop PID [SIGNAL]: ends it, prints its status
stop()
{
    local status
    kill "-${2:-TERM}" "$1" 2>/dev/null
    until_true 60 gone "$1" || kill -KILL "$1"
    wait "$1" 2>/dev/null
    status=$?
    echo "status $status"
}

# ports N: free a moment ago, in PORTS
ports()
{
    # shellcheck disable=SC2034 # for the hosts' scripts
    read -r -a PORTS < <(python3 - "$1" <<'PY'
import socket, sys
all = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in all: s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in all])
PY
    )
}

# look: every process of this run is held against ss and /proc at this moment; see audit.py. When bare: nothing.
look()
{
    [[ $MODE == bare ]] && return
    python3 "$HERE/audit.py" "$LIB" "$SOCKLEAK" "$DIR" >>"$DIR/audit" || echo "audit failed" >>"$DIR/audit"
}

# looks PID: again and again, until PID has ended: programs that live for a moment are met in the middle of some of them
looks()
{
    [[ $MODE == bare ]] && return
    until gone "$1"; do look && sleep 2; done
}
# best_of FILE...: of lines "NAME ok|skipped|failed|error" the best of each name: what passes when it is run once more has passed. Not of "the file ended with N"
best_of()
{
    cat "$@" 2>/dev/null | awk 'function rank(s) { return s == "ok" ? 3 : s == "skipped" ? 2 : 1 }
        $1 != "the" { if (!($1 in best) || rank($2) > rank(best[$1])) best[$1] = $2 } END { for (k in best) print k, best[k] }' | sort
}
# own_source COMMAND PATH...: $SOURCE is a folder with these paths of the source of COMMAND's package. 1, and the host is skipped: it cannot be had.
own_source()
{
    SOURCE=$("$HERE/source" "$BUILD/sources/$1" "$@" 2>"$DIR/source.log") && return
    echo "skip: $(tail -n 1 "$DIR/source.log")"
    return 1
}

# expect KIND REGEX WHY: the program does that: a use_after_close or held_by_child whose line (told.py) the regex matches is no false one. Prove it first.
expect() { printf '%s\t%s\t%s\n' "$@" >>"$DIR/expected"; }

# descriptors LABEL PID: what it has open, by sort: the same bare and preloaded
descriptors()
{
    local link
    printf '%s holds' "$1"
    for link in "/proc/$2/fd/"*; do
        link=$(readlink "$link") || continue
        case $link in
        socket:*) echo socket ;;
        pipe:*) echo pipe ;;
        anon_inode:*) echo "${link#anon_inode:}" ;;
        *) echo file ;;
        esac
    done | sort | uniq -c | awk '{printf " %s=%s", $2, $1} END {print ""}'
}

# leave_closing PORT TEXT N: N clients that send TEXT and close their side at once
leave_closing()
{
    local i
    for ((i = 0; i < $3; i++)); do
        # shellcheck disable=SC2059 # its escapes are meant
        (exec 5<>"/dev/tcp/127.0.0.1/$1" && printf "$2" >&5) 2>/dev/null
    done
}
# close_waits PORT N: for until_true: N sockets at this local port, or more, are in CLOSE_WAIT in the kernel's tables
close_waits() { (($(ss -Htn state close-wait "sport = :$1" | wc -l) >= $2)); }

# a user to run as where the program refuses to be root
as_user()
{
    AS=()
    ((EUID == 0)) || return 0
    AS=(setpriv "--reuid=$1" "--regid=$1" --clear-groups)
    mkdir -p "$DIR/run-$1" && chown "$1" "$DIR/run-$1" && chmod 700 "$DIR/run-$1"
    AS+=(env "XDG_RUNTIME_DIR=$DIR/run-$1")
}
