# SPDX-License-Identifier: MIT
# keep_alive.pl: HTTP::Tiny keeps its connection after the answer; the server closes it; the client lives until the end of its input.
use strict;
use warnings;
use HTTP::Tiny;
use IO::Socket::INET;

my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die $!;
my $server = fork // die $!;
if (!$server) {
    my $c = $listener->accept;
    my $line;
    1 while defined($line = <$c>) && $line ne "\r\n";
    print $c "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    close $c;
    exit 0;
}
my $http = HTTP::Tiny->new(keep_alive => 1);
my $url = 'http://127.0.0.1:' . $listener->sockport . '/';
close $listener;
my $answer = $http->get($url);
die "no answer: $answer->{status}" unless $answer->{success};
waitpid $server, 0;
$| = 1;
print "kept\n";
1 while <STDIN>;
