# SPDX-License-Identifier: MIT
# leaking.pl: asks a service over HTTP with LWP; the agents that were refused are kept to be looked at, and so are their connections.
#
#     sockleak run -- perl leaking.pl "$URL"
use strict;
use warnings;
use LWP::UserAgent;

my @refused;

sub log_in
{
    my ($user) = @_;
    my $agent = LWP::UserAgent->new(keep_alive => 1);
    my $reply = $agent->get("$ARGV[0]$user");
    return $reply->content if $reply->is_success;
    push @refused, $agent; # with the connection that it keeps for the next request
    return undef;
}

log_in($_) for qw(ada bob eve joe);
print scalar @refused, " were refused\n";
