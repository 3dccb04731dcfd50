# Says which signals reach it, and ends by those that ask for it.
use strict;
use warnings;

$| = 1;
my %code = (TERM => 3, INT => 4, QUIT => 5);
for my $name (qw(HUP USR1 USR2 WINCH CONT ALRM)) { $SIG{$name} = sub { print "$name\n" } }
for my $name (keys %code) { $SIG{$name} = sub { print "$name\n"; exit $code{$name} } }
print join(' ', 'up', map { "<$_>" } @ARGV), "\n";
sleep 1 while 1;
