# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# php.sh: PHP's part of tests/runtimes/run: random stacks against debug_backtrace.
#
# Short: the php of the system, as it is and with the compilers of opcache. Long: also those of Debian 11 and 13, each in the root of its release.

ulimit -n "$(ulimit -Hn)"
php_jit=(-d opcache.enable_cli=1 -d opcache.jit_buffer_size=32M -d opcache.jit_hot_func=5 -d opcache.jit_hot_loop=5 -d opcache.jit_hot_return=3
    -d opcache.jit_hot_side_exit=3 -d opcache.file_update_protection=0)

php_stacks() # PHP...; seeds 1 ...
{
    local seed
    for ((seed = 1; seed <= (long ? 4 : 1); seed++)); do
        timeout 300 python3 "$TOP/tests/runtimes/php_compare.py" "${SOCKLEAK_STACKS:-3000}" $seed "$@" || return 1
    done
}

php_ways() # LABEL PHP...
{
    local label=$1
    shift
    compare "$label" php_stacks "$@"
    compare "$label with opcache" php_stacks "$@" -d opcache.enable_cli=1 -d opcache.jit_buffer_size=0 -d opcache.file_update_protection=0
    [[ $label == 'PHP 7.'* ]] && return
    compare "$label with its tracing compiler" php_stacks "$@" "${php_jit[@]}" -d opcache.jit=tracing
    compare "$label with its compiler of functions" php_stacks "$@" "${php_jit[@]}" -d opcache.jit=1205
}

# shellcheck disable=SC2016 # PHP's own
php_version() { "$@" -n -r 'echo PHP_VERSION;' 2>/dev/null; }

if command -v php >/dev/null; then
    php_ways "PHP $(php_version php)" php
else
    row 'PHP: there is no php' failed
fi

if [[ $long ]]; then
    # on this system's C library, with its other libraries
    if have_root PHP bullseye php php7.4-cli php7.4-opcache; then
        php=(env LD_LIBRARY_PATH="$(libraries_of_root)" PHP_INI_SCAN_DIR="$(echo "$root"/etc/php/*/cli/conf.d)" "$root"/usr/bin/php7.4
            -d extension_dir="$(echo "$root"/usr/lib/php/20??????)")
        php_ways "PHP $(php_version "${php[@]}") of Debian bullseye" "${php[@]}"
    fi
    if have_root PHP trixie php php8.4-cli php8.4-opcache; then
        mkdir -p "$root/sockleak"
        cp "$AGENT" "$TOP"/tests/runtimes/php_*.php "$root/sockleak/"
        # shellcheck disable=SC2016 # the inner shell's own
        ROOT=$root php_ways "PHP $(php_version chroot "$root" php) of Debian trixie" \
            unshare --mount sh -c 'mount -t proc proc "$0/proc"; exec chroot "$0" "$@"' "$root" php
    fi
fi
