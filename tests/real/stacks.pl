# SPDX-License-Identifier: MIT
# stacks.pl: calls itself in many ways at random, and opens a socket in each stack. Writes the descriptor and what caller() says of the stack to FILE, a line each.
#
# usage: perl stacks.pl SEED STACKS FOLDER FILE    FOLDER: for files of its own, which it requires
use strict;
use warnings;
use utf8;
use feature qw(say state current_sub lexical_subs);
use Socket;
use List::Util qw(first reduce);

my ($seed, $stacks, $folder, $file) = @ARGV;
srand $seed;
open my $out, '>:utf8', $file or die "$file: $!";
my @kept;
$SIG{USR1} = 'IGNORE'; # one that waits until its handler is gone
our ($left, $files) = (0, 0);

sub leaf
{
    my ($where, @frames) = ([__FILE__, __LINE__ + 1]);
    socket my $s, PF_INET, SOCK_STREAM, 0 or die "socket: $!";
    for (my $i = 0; my @c = caller $i; $i++) {
        next if $c[3] eq '(eval)' && !defined $c[6];
        my $sub = $c[7] ? $where->[0] =~ m{/do\d+\.pl$} ? '(do)' : '(require)' : $c[3];
        push @frames, [$sub, @$where];
        $where = [@c[1, 2]];
    }
    push @frames, ['(main)', @$where] unless ${^GLOBAL_PHASE} eq 'END' || ($threads::threads && threads->tid);
    push @kept, $s;
    say $out join "\t", fileno $s, map { my ($sub, $file, $line) = @$_; $file =~ s/^\(eval \d+\)$/(eval)/; "$sub\t$file\t$line" } @frames;
    return 0;
}

sub go;

package Tied;
sub TIESCALAR { bless [], shift }
sub FETCH { main::go() }
sub STORE { main::go() }
sub TIEHASH { bless {}, shift }
sub EXISTS { main::go() }
package Over;
use overload '+' => sub { main::go() }, '""' => \&text, '<=>' => sub { main::go(); 0 }, '&{}' => sub { main::go(); sub { 1 } };
sub text { main::go(); 'text' }
package Dies;
sub new { bless {}, shift }
sub DESTROY { local $@; main::go() }
package Auto;
our $AUTOLOAD;
sub AUTOLOAD { return if $AUTOLOAD =~ /DESTROY/; main::go() }
package Ünï::Çode;
sub größe { main::go() }
package main;

sub by_name { go() }
sub by_goto { goto &by_name }
sub with_args
{
    my %o = @_;
    my @x = map {
        go()
    } 1;
    return $o{a};
}
sub deep { my $n = shift; return $n ? deep($n - 1) : go() }
sub in_loops
{
    for my $i (1) {
        while (1) {
            {
                go();
                last;
            }
            last;
        }
    }
}
sub choose
{
    my $x = shift;
    if ($x == 1) {
        return 0;
    }
    elsif ($x == 2 && go()) {
        return 1;
    }
    elsif (
        $x == 3
        && go())
    {
        return 2;
    }
    elsif ($x == 4) {
        go();
    }
    else {
        return go() ? 1
            : 2;
    }
}
sub compare { go(); $a <=> $b }
sub prototyped(&) { $_[0]->() }
*alias = \&by_name;
*given = sub { go() };
*Other::globbed = *by_name;
my sub lexical { go() }
my $level;

sub renamed_file
{
#line 7 "elsewhere/named.pl"
    go();
}
#line 112 "stacks.pl"

my @ways = (
    sub { by_name() },
    sub { by_goto() },
    sub { with_args(a => 1) },
    sub { deep(int rand 5) },
    sub { in_loops() },
    sub { choose(2) },
    sub { choose(3) },
    sub { choose(4) },
    sub { choose(5) },
    sub { my @l = sort compare 2, 1 },
    sub { my @l = sort { go(); $a <=> $b } 2, 1 },
    sub { my @l = sort { by_name(); $b <=> $a } 2, 1 },
    sub { my $by = sub { go(); 0 }; my @l = sort $by 2, 1 },
    sub { prototyped { go() } },
    sub { alias() },
    sub { given() },
    sub { Other::globbed() },
    sub { lexical() },
    sub { renamed_file() },
    sub { eval { go() } },
    sub { eval { eval { by_name() }; 1 } },
    sub { eval 'go()'; die $@ if $@ },
    sub { eval "\n\nsub { \n go() }->()"; die $@ if $@ },
    sub { eval "#line 5 \"made.pl\"\nby_name()"; die $@ if $@ },
    sub { state $n = 0; $n++; eval "sub made$n { go() } made$n()"; die $@ if $@ },
    sub { eval 'BEGIN { go() } 1' or die $@ },
    sub { tie my $t, 'Tied'; my $v = $t },
    sub { tie my $t, 'Tied'; $t = 1 },
    sub { tie my %t, 'Tied'; exists $t{x} },
    sub { my $o = bless [], 'Over'; my $v = $o + 1 },
    sub { my $o = bless [], 'Over'; my $v = "$o" },
    sub { my $o = bless [], 'Over'; $o->() },
    sub { my $o = bless [], 'Over'; my @l = sort { $a <=> $b } $o, $o },
    sub { my $d = Dies->new; undef $d },
    sub { { my $d = Dies->new; } 1 },
    sub { Auto->anything },
    sub { Ünï::Çode->größe },
    sub { my $m = 'by_name'; main->$m },
    sub { my $c = main->can('by_name'); &$c },
    sub { &{sub { go() }} },
    sub { local $SIG{USR1} = sub { go() }; kill USR1 => $$; 1 },
    sub { local $SIG{USR1} = 'by_name'; kill USR1 => $$; 1 },
    sub { local $SIG{__WARN__} = sub { go() }; warn "x\n" },
    sub { local $SIG{__DIE__} = sub { go() }; eval { die "x\n" } },
    sub { 'x' =~ /x(?{ go() })/ },
    sub { (my $s = 'x') =~ s/x/go()/e },
    sub { (my $s = 'x') =~ s/x/by_name()/ee },
    sub { first { go(); 1 } 1 },
    sub { reduce { go() } 1, 2 },
    sub { grep { go() } 1 },
    sub { sub { my $n = shift; $n ? __SUB__->($n - 1) : go() }->(2) },
    sub { my @l = (by_name(), with_args(
        a => go())) },
    sub { my $f = $files++; open my $o, '>', "$folder/f$f.pl" or die; print $o "package F$f;\nsub in { main::go() }\nin();\n1;\n"; close $o; require "$folder/f$f.pl" },
    sub { my $f = $files++; open my $o, '>', "$folder/do$f.pl" or die; print $o "\n\nmain::go();\n1;\n"; close $o; do "$folder/do$f.pl" },
    sub { my $f = $files++; open my $o, '>', "$folder/G$f.pm" or die; print $o "package G$f;\nsub import { main::go() }\n1;\n"; close $o;
        local @INC = ($folder, @INC); eval "use G$f; 1" or die $@ },
);

sub go
{
    return leaf() if !$left;
    local $left = $left - 1;
    local $_;
    $ways[rand @ways]->();
    return 0;
}

for (1 .. $stacks) {
    $left = 1 + int rand 9;
    go();
}
$left = 0;
END { leaf() if !$threads::threads }
