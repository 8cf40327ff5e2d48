#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh OUTDIR: compares the stacks of generated and of strange programs with libunwind's, a TAP line a program; exit status 0 when none was wrong.
# What it builds goes to OUTDIR/capture.
# CAPTURE_FULL=1: every compiler, language, optimisation and frame pointer choice, more seeds, longer. CAPTURE_ONLY=walk|unwind: one tier.
set -u
out=${1:?run.sh OUTDIR}/capture
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 1
cc=${CC:-gcc}
full=${CAPTURE_FULL:-0}
failed=0
tests=0

agent="-std=gnu11 -g -O2 -D_GNU_SOURCE -fPIC -fvisibility=hidden -ftls-model=initial-exec -fasynchronous-unwind-tables -I$root/lib -I$here"

say() { printf '%s\n' "$*"; }
die() { say "run.sh: $*" >&2; exit 1; }

# The capture in a shared object of its own, as in the agent; its text is not recorded.
for tier in walk unwind; do
    mkdir -p "$out/$tier"
    case $tier in
    walk) parts="walk rule step stack_cache stack_memory cfi cfi_program cfi_expr" ;;
    *) parts=walk_none ;;
    esac
    sources="$root/lib/agent/stacks/capture.c $root/lib/core/out.c $root/lib/core/frame_role.c $root/lib/core/textstack.c $root/lib/core/runtime_name.c"
    for f in elf/object elf/object_list elf/symbol_tables elf/exports elf/link_maps elf/dynamic elf/elf base/sys base/peek base/pages base/auxv base/program_path; do
        sources="$sources $root/lib/agent/$f.c"
    done
    for f in libunwind_walk libunwind_load $parts; do sources="$sources $root/lib/agent/unwind/$f.c"; done
    # shellcheck disable=SC2086
    $cc $agent -shared -o "$out/$tier/libcheck.so" "$here/check.c" $sources -Wl,-z,now -lgcc_s -lunwind -ldl -lpthread || die "the capture does not compile"
done
$cc -std=gnu11 -O1 -o "$out/generate" "$here/generate.c" || die "the generator does not compile"

link="-L$out/walk -lcheck -ldl -pthread"
plain="-std=gnu11 -O1 -g -fno-inline -D_GNU_SOURCE -I$here -rdynamic"
for p in modules strange life; do
    # shellcheck disable=SC2086
    $cc $plain -o "$out/$p" "$here/$p.c" $link || die "$p does not compile"
done
for shape in 1 2; do
    for copy in 0 1 2 3; do
        $cc -std=gnu11 -O1 -w -D_GNU_SOURCE -DSHAPE=$shape -fPIC -shared -Wl,-z,lazy -o "$out/module$shape-$copy.so" "$here/module.c" || die "module does not compile"
    done
done

# NAME TIER ARGUMENTS...
run() {
    name=$1 tier=$2 program=$3
    shift 3
    if LD_LIBRARY_PATH="$out/$tier" timeout 120 "$out/$program" "$@" >"$out/$name.log" 2>&1; then
        say "ok $((tests += 1)) $(tail -n 1 "$out/$name.log")"
    else
        status=$?
        failed=1
        say "not ok $((tests += 1)) $name ended with status $status (124: it did not end)"
        sed 's/^/# /' "$out/$name.log" | head -n 60
    fi
}

# One generated program: COMPILER LANGUAGE SEED FLAGS
build() {
    "$out/generate" "$3" 45 >"$out/g-$5.c" || return
    # shellcheck disable=SC2086
    $1 -x "$2" $4 -g -w -D_GNU_SOURCE -I"$here" -o "$out/g-$5" "$out/g-$5.c" $link -Wl,-z,lazy
}
all() {
    for language in c c++; do
        for compiler in gcc clang; do
            for o in 0 1 2 3; do
                for fp in "" no-; do
                    say "$compiler $language -O$o -f${fp}omit-frame-pointer"
                done
            done
        done
    done
}
few() {
    say "gcc c -O0 -fomit-frame-pointer
gcc c -O2 -fno-omit-frame-pointer
gcc c -O3 -fomit-frame-pointer
gcc c++ -O1 -fomit-frame-pointer
gcc c++ -O2 -fno-omit-frame-pointer
clang c -O1 -fno-omit-frame-pointer
clang c -O3 -fomit-frame-pointer
clang c++ -O0 -fno-omit-frame-pointer
clang c++ -O2 -fomit-frame-pointer"
}
if [ "$full" = 1 ]; then
    all >"$out/list"
    seeds="1 2 3" count=150000 timer=6000 loops=3000
else
    few >"$out/list"
    seeds=1 count=125000 timer=1500 loops=300
fi

number=0
: >"$out/built"
for seed in $seeds; do
    while read -r compiler language o fp; do
        number=$((number + 1))
        case $compiler-$language in gcc-c++) tool=g++ ;; clang-c++) tool=clang++ ;; *) tool=$compiler ;; esac
        if ! command -v "$tool" >/dev/null; then
            say "ok $((tests += 1)) stacks of $tool $o $fp # SKIP $tool is not installed"
            continue
        fi
        printf '%s\t%s\t%s\n' "$number" "$((seed * 1000 + number))" "$tool ${o} ${fp}" >>"$out/built"
        build "$tool" "$language" "$((seed * 1000 + number))" "$o $fp" "$number" || die "$tool $o $fp does not compile"
    done <"$out/list"
done

for tier in ${CAPTURE_ONLY:-walk unwind}; do
    # The second tier takes the same stacks about a thousand times slower.
    if [ "$tier" = unwind ]; then div=250 tag="unwind: "; else div=1 tag=; fi
    while IFS='	' read -r number seed what; do
        run "$tier-$number-paths" "$tier" "g-$number" paths "$seed" $((count / div)) "$tag$what"
        run "$tier-$number-threads" "$tier" "g-$number" threads "$seed" $((count / div / 10)) "$tag$what, threads"
        [ "$tier" = walk ] && run "$tier-$number-timer" "$tier" "g-$number" timer "$seed" $timer "$what, timer"
    done <"$out/built"
    # shellcheck disable=SC2086
    run "$tier-strange" "$tier" strange "${tag}strange" ${tag:+loose}
    run "$tier-modules" "$tier" modules "$out" $((loops / (div > 1 ? 10 : 1)))
    run "$tier-life" "$tier" life $((loops / 6))
done
say "1..$tests"
[ "$failed" = 0 ]
