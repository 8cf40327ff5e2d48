# SPDX-License-Identifier: MIT
# service.pl: the service that both programs ask: it refuses all but one user, and closes the connection. Prints where it listens.
use strict;
use warnings;
use IO::Socket::INET;

my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16) or die "listen: $!";
$| = 1;
print 'http://127.0.0.1:', $listener->sockport, "/\n";
while (my $client = $listener->accept) {
    my $first = <$client> // next;
    while (<$client>) { last if /^\r?$/ }
    my $answer = $first =~ /ada/ ? '200 OK' : '403 Forbidden';
    print $client "HTTP/1.1 $answer\r\nContent-Length: 3\r\n\r\nno\n";
}
