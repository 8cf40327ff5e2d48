# SPDX-License-Identifier: MIT
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Socket;

$| = 1;
my $l = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', LocalPort => 0, ReuseAddr => 1) or die;
my $port = $l->sockport;
my $server = fork;
if (!$server) {
    $SIG{CHLD} = 'IGNORE';
    while (my $c = $l->accept) {
        if (!fork) {
            close $l;
            while (my $line = <$c>) { print $c scalar reverse($line =~ s/\n//r), "\n"; last if $line eq "end\n"; }
            close $c;
            exit 0;
        }
        close $c;
    }
    exit 0;
}
my $good = 0;
for my $i (1 .. 30) {
    my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die;
    print $c "line $i\nend\n";
    $c->flush;
    my @answer = <$c>;
    $good += "@answer" eq reverse("line $i") . "\n dne\n";
    close $c;
}
print "served $good\n";
kill 'TERM', $server;
waitpid $server, 0;
print "server ended by $?\n";
print 'child says ', `echo hello`;
open my $p, '-|', 'echo', 'piped' or die;
print <$p>;
close $p;

my (@keep, $s);
for (1 .. 3) {
    my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die;
    $s = $l->accept;
    print $s "unread\n" if $_ == 2;
    close $s;
    push @keep, $c;
}
socketpair my $a, my $b, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die;
close $b;
push @keep, $a;
print 'readable ', scalar(IO::Select->new(@keep)->can_read(10)), "\n";
print "ready\n";
select undef, undef, undef, 0.05 until -e $ARGV[0];
exit 4;
