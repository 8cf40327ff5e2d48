# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# cpython.sh: CPython's part of tests/runtimes/run: random stacks against sys._getframe, and ends under daemon threads.
#
# Short: the python3 of the system, and the first of the PATH where it is another. Long: also those that pyenv has, those of SOCKLEAK_PYTHONS (a list
# of programs), and of newer Debian releases.

cpython_version() { "$1" -c 'import sys; print(sys.version.split()[0])' 2>/dev/null; }

cpython_programs()
{
    local p version seen=' '
    local -a all=(/usr/bin/python3)
    p=$(command -v python3) && all+=("$p")
    # shellcheck disable=SC2206
    [[ $long ]] && all+=(/usr/bin/python3.? /usr/bin/python3.?? "${HOME-/root}"/.pyenv/versions/3.*/bin/python3 ${SOCKLEAK_PYTHONS-})
    for p in "${all[@]}"; do
        [[ -x $p ]] && version=$(cpython_version "$p") || continue
        p=$("$p" -c 'import sys; print(sys.executable)')
        [[ $version && $seen != *" $version "* ]] || continue
        seen+="$version "
        echo "$version $p"
    done
}

cpython_options=max_frames=128:interval=0:log_path=$WORK/log:leak_check_at_exit=0

# cpython_ends COUNT COMMAND...: so many ends, each must be in good order.
cpython_ends()
{
    local i status count=$1
    shift
    for ((i = 0; i < count; i++)); do
        LD_PRELOAD=$AGENT SOCKLEAK_OPTIONS=$cpython_options timeout 60 "$@" "0.0$((i % 10))"
        status=$?
        ((status == 0)) || { echo "end $i of $count: status $status"; return 1; }
    done
    echo "$count ends in good order"
}

cpython_stacks() # COUNT COMMAND...: with the agent; seeds 1 ...
{
    local seed count=$1
    shift
    for ((seed = 1; seed <= (long ? 4 : 1); seed++)); do
        LD_PRELOAD=$AGENT SOCKLEAK_OPTIONS=$cpython_options SEED=$seed timeout 300 "$@" "$count" || return 1
    done
}

while read -r version program; do
    compare "CPython $version" cpython_stacks "${SOCKLEAK_STACKS:-$((long ? 8000 : 2000))}" "$program" "$TOP/tests/runtimes/cpython_compare.py"
    compare "CPython $version" cpython_ends $((long ? 200 : 20)) "$program" "$TOP/tests/runtimes/cpython_end.py"
done < <(cpython_programs)

# In the root of a newer release, with this build, which its C library can run.
cpython_in_root()
{
    local release=$1 name=$2 root version
    root=$(tests/runtimes/root "$release" "${SOCKLEAK_ROOTS:-build/roots}/$release" "$name" libdw1t64 libelf1t64 libunwind8 libmnl0 libjansson4 libprotobuf-c1 zlib1g libncursesw6 2>"$WORK/why") || {
        row "Debian $release: $(<"$WORK/why")" skipped
        return
    }
    mkdir -p "$root/sockleak"
    cp "$AGENT" "$SOCKLEAK" "$TOP"/tests/runtimes/cpython_*.py "$root/sockleak/"
    # shellcheck disable=SC2016 # the inner shell's own
    local inside=(unshare --mount sh -c 'mount -t proc proc "$0/proc"; exec chroot "$0" env XDG_RUNTIME_DIR=/tmp SOCKLEAK=/sockleak/sockleak LD_PRELOAD=/sockleak/libsockleak.so "$@"' "$root")
    version=$(chroot "$root" /usr/bin/"$name" -c 'import sys; print(sys.version.split()[0])')
    local AGENT=
    cpython_options=max_frames=128:interval=0:log_path=/tmp/log:leak_check_at_exit=0
    compare "CPython $version of Debian $release" cpython_stacks 8000 "${inside[@]}" /usr/bin/"$name" /sockleak/cpython_compare.py
    compare "CPython $version of Debian $release" cpython_ends 100 "${inside[@]}" /usr/bin/"$name" /sockleak/cpython_end.py
}
if [[ $long ]]; then
    cpython_in_root trixie python3.13
    cpython_in_root sid python3.14
fi
