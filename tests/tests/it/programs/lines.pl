# lines.pl COUNT PER_SECOND: writes numbered lines, `RUN N`, every tenth to standard error, then `RUN done`. RUN counts
# the starts of the container, or of all that share the folder /said. USR1 and TERM end the lines early; how many there
# were is then in /said/RUN.
use strict;
use warnings;

my ($count, $rate) = @ARGV;
my ($n, $ends) = (0, 0);
$SIG{USR1} = sub { $count = 0 };
$SIG{TERM} = sub { ($count, $ends) = (0, 1) };
$| = 1;
my $runs = -d '/said' ? '/said/runs' : '/run-count';
open my $file, '>>', $runs or die $!;
print $file "x\n";
close $file;
my $run = () = do { open my $again, '<', $runs or die $!; <$again> };
my $at_once = int($rate / 50) || 1;
while ($n < $count) {
    $n++;
    if ($n % 10) { print "run $run line $n\n" } else { print STDERR "run $run line $n\n" }
    select undef, undef, undef, 0.02 unless $n % $at_once;
}
if (-d '/said') {
    open my $said, '>', "/said/.$run" or die $!;
    print $said $n;
    close $said;
    rename "/said/.$run", "/said/$run";
}
exit 0 if $ends;
print "run $run done\n";
sleep 1 until $ends;
