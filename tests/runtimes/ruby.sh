# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# ruby.sh: Ruby's part of tests/runtimes/run: random stacks against caller_locations, also while code is made and freed, and in code of YJIT. Short, it is
# part of the end-to-end tests. Long: also those of Debian 11, 13 and the one to come.

ruby_version() { "$@" -e 'print RUBY_VERSION' 2>/dev/null; }

ruby_ways() # LABEL RUBY...
{
    local label=$1
    shift
    compare "$label" scripted ruby stacks.rb 600 "$@"
    churn=churn compare "$label, code is made and freed" scripted ruby stacks.rb 400 "$@"
    "${inside[@]}" "$@" --yjit -e 1 2>/dev/null || return 0
    compare "$label with YJIT" scripted ruby stacks.rb 600 "$@" --yjit --yjit-call-threshold=1
}

if [[ $long ]]; then
    here
    ruby_ways "Ruby $(ruby_version ruby)" ruby
    if have_root Ruby bullseye scripts perl ruby; then
        ruby=(env LD_LIBRARY_PATH="$(libraries_of_root)" RUBYLIB="$(echo "$root"/usr/lib/{,*-linux-gnu/}ruby/2.7.0 "$root/usr/lib/ruby/vendor_ruby" | tr ' ' :)"
            "$root/usr/bin/ruby2.7" --disable-gems)
        ruby_ways "Ruby $(ruby_version "${ruby[@]}") of Debian bullseye" "${ruby[@]}"
    fi
    for release in trixie sid; do
        have_root Ruby $release scripts perl ruby || continue
        in_root
        ruby_ways "Ruby $(ruby_version "${inside[@]}" ruby) of Debian $release" ruby
        here
    done
fi
