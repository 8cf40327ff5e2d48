# SPDX-License-Identifier: MIT
# fixed.pl: the same with nothing kept but the reply.
#
#     sockleak run -- perl fixed.pl "$URL"
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
    push @refused, $reply; # the agent is gone at the end of the sub, and its connection with it
    return undef;
}

log_in($_) for qw(ada bob eve joe);
print scalar @refused, " were refused\n";
