# SPDX-License-Identifier: MIT
# leaks.pl: two subs lose their connections, a third closes its own; the server is the program itself, and closes all. All connect in one and the same place.
#
# usage: perl leaks.pl [MODE]    "": at once, and ends. wait: says "ready", then reads a line, works, says "done", and waits for the end of its input.
#        threads: works in two threads. quick: works, and leaves out what Perl does at its end. fork: in a child. exit, die: works, and ends in that way within a sub.
use strict;
use warnings;
use Socket;
use IO::Socket::INET;
use POSIX ();

my $mode = shift // '';
our @kept;
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64) or die "listen: $!";
$| = 1;

sub dial
{
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $listener->sockport) or die "connect: $!";
    my $c = $listener->accept or die "accept: $!";
    close $c;
    sysread $s, my $byte, 1;
    return $s;
}

sub guilty_login { push @kept, dial() }

package Cache;
my $refresh = sub { push @main::kept, main::dial() };
sub guilty_refresh { my ($class, $times) = @_; $refresh->() for 1 .. $times }

package main;
sub innocent_check { my $s = dial(); close $s }

sub work
{
    guilty_login() for 1 .. 3;
    Cache->guilty_refresh(2);
    innocent_check() for 1 .. 4;
}

sub inner { my $end = shift; work(); $end->() }

if ($mode eq 'wait') {
    print "ready\n";
    <STDIN>;
    work();
    print "done\n";
    <STDIN>;
}
elsif ($mode eq 'threads') {
    require threads;
    # what a thread has opened ends with it: they end with the program
    my @t = map { threads->create(sub { work(); print "worked\n"; sleep 600 }) } 1 .. 2;
    <STDIN>;
    POSIX::_exit(0);
}
elsif ($mode eq 'quick') {
    work();
    POSIX::_exit(0);
}
elsif ($mode eq 'fork') {
    defined(my $pid = fork) or die "fork: $!";
    work() unless $pid;
    waitpid $pid, 0 if $pid;
}
elsif ($mode eq 'exit') { inner(sub { exit 0 }) }
elsif ($mode eq 'die') { inner(sub { die "the end\n" }) }
else { work() }
