#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# login.t: LOGIN=leaking or fixed says which login() is tested.
use strict;
use warnings;
use IO::Socket::INET;
use SockleakTest;
use Test::More tests => 2;

our @retry_later;

sub login {
    my ($user) = @_;
    my $connection = IO::Socket::INET->new(Proto => 'tcp') or die "no socket: $@";
    return 1 if $user ne '';
    push @retry_later, $connection if ($ENV{LOGIN} // 'leaking') eq 'leaking';
    return 0;
}

ok(!login(''), 'a refused login is refused');
no_leaked_sockets('a refused login leaks nothing');
