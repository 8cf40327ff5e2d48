# SPDX-License-Identifier: MIT
# SockleakTest.pm: no_leaked_sockets(NAME): a test of the Test::More kind. Run the file under the agent: prove --exec 'sockleak run -- perl' t/
#
# It asks the command about this process. Perl closes what it still holds when it ends, so the process' end would be too late to ask; for the same reason the
# stack shows perl's own functions, and it is the test's name that leads to the line.
package SockleakTest;
use strict;
use warnings;
use Exporter 'import';
use Test::Builder;

our @EXPORT = ('no_leaked_sockets');

sub no_leaked_sockets {
    my ($name) = @_;
    my $command = $ENV{SOCKLEAK} // 'sockleak';
    my $report = `$command report --kinds all --min-age 0 $$ 2>&1`;
    my $test = Test::Builder->new;
    # 0: it looked. Else it says why it could not, and that is no pass.
    my $fine = $? == 0 && $report !~ /WARNING: sockleak/;
    $test->ok($fine, $name) or $test->diag($report);
    return $fine;
}

1;
