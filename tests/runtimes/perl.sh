# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# perl.sh: Perl's part of tests/runtimes/run: random stacks against caller. Short, it is part of the end-to-end tests. Long: also those of Debian 11, 13
# and the one to come.

perl_version() { "$@" -e 'printf "%vd", $^V' 2>/dev/null; }

if [[ $long ]]; then
    here
    compare "Perl $(perl_version perl)" scripted perl stacks.pl 1000 perl
    if have_root Perl bullseye scripts perl ruby; then
        perl=(env PERL5LIB="$(echo "$root"/usr/{lib/*-linux-gnu/perl-base,lib/*-linux-gnu/perl/5.32,share/perl/5.32} | tr ' ' :)" "$root/usr/bin/perl")
        compare "Perl $(perl_version "${perl[@]}") of Debian bullseye" scripted perl stacks.pl 1000 "${perl[@]}"
    fi
    for release in trixie sid; do
        have_root Perl $release scripts perl ruby || continue
        in_root
        compare "Perl $(perl_version "${inside[@]}" perl) of Debian $release" scripted perl stacks.pl 1000 perl
        here
    done
fi
