# lines.pl COUNT PER_SECOND: writes numbered lines, `RUN N`, every tenth to standard error, then `RUN done`. RUN counts
# the starts of the container.
use strict;
use warnings;

my ($count, $rate) = @ARGV;
$SIG{TERM} = sub { exit 0 };
$| = 1;
open my $file, '+>>', '/run-count' or die $!;
print $file "x\n";
close $file;
my $run = () = do { open my $again, '<', '/run-count' or die $!; <$again> };
my $at_once = int($rate / 50) || 1;
for my $n (1 .. $count) {
    if ($n % 10) { print "run $run line $n\n" } else { print STDERR "run $run line $n\n" }
    select undef, undef, undef, 0.02 unless $n % $at_once;
}
print "run $run done\n";
sleep 3600;
