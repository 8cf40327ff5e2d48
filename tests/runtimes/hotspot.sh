# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# hotspot.sh: HotSpot's part of tests/runtimes/run: random stacks against Throwable.getStackTrace.
#
# Short: the javac of the system. Long: all of /usr/lib/jvm, and those of SOCKLEAK_JDKS (a list of folders); each collector with classes being unloaded,
# and virtual threads where there are any.

hotspot_homes()
{
    local home version seen=' '
    local -a all
    all=("$(readlink -f "$(command -v javac)")")
    all=("${all[0]%/bin/javac}")
    # shellcheck disable=SC2206
    [[ $long ]] && all+=(/usr/lib/jvm/* ${SOCKLEAK_JDKS-})
    for home in "${all[@]}"; do
        [[ -x $home/bin/javac ]] || continue
        version=$("$home/bin/javac" -version 2>&1)
        [[ $seen != *" ${version#javac } "* ]] || continue
        seen+="${version#javac } "
        echo "${version#javac } $home"
    done
}

# What is run in another root is put before this, with the agent and a folder as they are named there.
hotspot_inside=() hotspot_agent=$AGENT hotspot_work=$WORK

# hotspot_stacks HOME COUNT FLAGS [WORD...]
hotspot_stacks()
{
    local home=$1 count=$2 flags=$3 out=${hotspot_root-}$hotspot_work
    shift 3
    rm -f "$out"/hotspot.*
    # shellcheck disable=SC2086 # several flags
    timeout 300 "${hotspot_inside[@]}" env LD_PRELOAD="$hotspot_agent" \
        SOCKLEAK_OPTIONS="kinds=all:log_format=json:max_frames=128:interval=0:leak_check_at_exit=all:log_max=0:log_path=$hotspot_work/hotspot" \
        "$home/bin/java" $flags -cp "$hotspot_work/classes" JavaStacks "$hotspot_work/stacks" "$count" 40000 "${SEED:-1}" 3 "$@" || return
    python3 "$TOP/tests/runtimes/hotspot_compare.py" "$out"/hotspot.* "$out/stacks" "$@"
}

# hotspot_stressed RUNS HOME: so many runs, each collector in its turn, of few stacks and much garbage; none may crash, and each one's stacks are compared.
hotspot_stressed()
{
    local i runs=$1 home=$2 collectors=(G1 Serial Parallel Z Shenandoah) flags
    for ((i = 0; i < runs; i++)); do
        flags="-XX:+UnlockExperimentalVMOptions -XX:+Use${collectors[i % 5]}GC -Xmx512m"
        SEED=$((1000 + i)) hotspot_stacks "$home" 300 "$flags" churn >"$WORK/stressed" 2>&1 || {
            cat "$WORK/stressed"
            echo "run $((i + 1)) of $runs with $flags has failed"
            return 1
        }
    done
    echo "$runs runs under the collectors' stress in good order"
}

hotspot_version()
{
    local version=$1 home=$2 flags
    local count=${SOCKLEAK_STACKS:-$((long ? 8000 : 1000))}
    rm -rf "${hotspot_root-}$hotspot_work/classes"
    cp "$TOP/tests/runtimes/JavaStacks.java" "${hotspot_root-}$hotspot_work/"
    "${hotspot_inside[@]}" "$home/bin/javac" -d "$hotspot_work/classes" "$hotspot_work/JavaStacks.java" || return
    for flags in -Xint -XX:TieredStopAtLevel=1 -XX:+TieredCompilation -XX:-TieredCompilation -Xcomp; do
        compare "HotSpot $version $flags" hotspot_stacks "$home" "$count" "$flags"
    done
    compare "HotSpot $version, classes are unloaded" hotspot_stacks "$home" "$count" -Xmx512m churn
    if [[ $long ]]; then
        for flags in G1 Serial Parallel Z Shenandoah; do
            compare "HotSpot $version, classes are unloaded, $flags" hotspot_stacks "$home" "$count" "-XX:+UnlockExperimentalVMOptions -XX:+Use${flags}GC -Xmx512m" churn
        done
        compare "HotSpot $version, no compressed oops" hotspot_stacks "$home" "$count" -XX:-UseCompressedOops churn
        compare "HotSpot $version, one small code cache" hotspot_stacks "$home" "$count" '-XX:-SegmentedCodeCache -XX:ReservedCodeCacheSize=4m' churn
    fi
    if [[ $long && ${version%%.*} -ge 21 ]]; then
        compare "HotSpot $version, virtual threads" hotspot_stacks "$home" "$count" '' virtual
        compare "HotSpot $version, virtual threads that were moved" hotspot_stacks "$home" "$count" '' virtual yield
    fi
}

while read -r hotspot_number hotspot_home; do
    hotspot_version "$hotspot_number" "$hotspot_home"
    [[ $long ]] && compare "HotSpot $hotspot_number" hotspot_stressed 100 "$hotspot_home"
done < <(hotspot_homes)

# In the root of a newer release, with this build, which its C library can run.
hotspot_in_root()
{
    local release=$1 package=$2 home
    hotspot_root=$(tests/runtimes/root "$release" "${SOCKLEAK_ROOTS:-build/roots}/$release-java" "$package") 2>"$WORK/why" || {
        row "Debian $release: $(<"$WORK/why")" skipped
        return
    }
    hotspot_root=$(cd "$hotspot_root" && pwd) hotspot_work=/tmp/sockleak hotspot_agent=/tmp/sockleak/libsockleak.so
    mkdir -p "$hotspot_root$hotspot_work"
    cp "$AGENT" "$hotspot_root$hotspot_work/"
    # shellcheck disable=SC2016 # the inner shell's own
    hotspot_inside=(unshare --mount sh -c 'mount -t proc proc "$0/proc"; exec chroot "$0" env XDG_RUNTIME_DIR=/tmp "$@"' "$hotspot_root")
    home=$(chroot "$hotspot_root" readlink -f /usr/bin/javac) home=${home%/bin/javac}
    hotspot_version "$("${hotspot_inside[@]}" "$home/bin/javac" -version 2>&1 | sed "s/javac //")" "$home"
}
# hotspot_home_of_root PACKAGE: $hotspot_home is that JDK of $root. Its absolute links, as those to its settings in /etc, lead into the root then, so that it
# runs on this system's C library.
hotspot_home_of_root()
{
    local to link
    hotspot_home=$(echo "$root"/usr/lib/jvm/"$1"-*)
    while IFS=$'\t' read -r to link; do
        [[ $to == /* && -e $root$to ]] && ln -sfnr "$root$to" "$link"
    done < <(find "$hotspot_home" -type l -printf '%l\t%p\n')
    [[ -x $hotspot_home/bin/javac ]]
}
if [[ $long ]]; then
    if have_root HotSpot bullseye java openjdk-11-jdk-headless && hotspot_home_of_root java-11-openjdk; then
        hotspot_version "$("$hotspot_home/bin/javac" -version 2>&1 | sed 's/javac //') of Debian bullseye" "$hotspot_home"
    fi
    hotspot_in_root trixie openjdk-21-jdk-headless
fi
