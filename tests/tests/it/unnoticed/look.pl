# Prints what can be known of a service's process from outside, without what differs from one start to the next.
# The process is the first one of the container, or the one that inits and the supervisor have started.
use strict;
use warnings;

my $pid = shift;
sub text { my $path = shift; open my $file, '<', $path or return ''; local $/; my $text = <$file>; $text // '' }
sub children { my $of = shift; split ' ', text("/proc/$of/task/$of/children") }
sub stat_of { my ($name, @rest) = text("/proc/$_[0]/stat") =~ /\((.*)\) (\S) (.*)/s; ($name, map { split ' ' } @rest) }

while (1) {
    my ($program, @more) = split /\0/, text("/proc/$pid/cmdline");
    my $guest = ($more[0] // '') eq 'supervise';
    last unless $guest || ($program // '') =~ m{(^|/)(docker-init|tini|dumb-init)$};
    my ($child) = children($pid) or last;
    $pid = $child;
}

my ($name, $state, $parent, $group, $session, $terminal, $foreground) = stat_of($pid);
print "command: ", join(' ', map { "<$_>" } split /\0/, text("/proc/$pid/cmdline")), "\n";
print "environment: $_\n" for grep { !/^HOSTNAME=/ } sort split /\0/, text("/proc/$pid/environ");
print "folder: ", readlink("/proc/$pid/cwd") // '-', "\n";
print "leads: session ", $session == $pid ? 1 : 0, ", group ", $group == $pid ? 1 : 0, "\n";
print "terminal: ", $terminal ? 1 : 0, ", in front ", $foreground == $group ? 1 : 0, "\n";
print "$_\n" for grep { /^(Umask|Uid|Gid|Groups|ShdPnd|SigPnd|SigBlk|SigIgn|SigCgt|Cap\w+|NoNewPrivs|Seccomp):/ }
    split /\n/, text("/proc/$pid/status");
print "out of memory: ", text("/proc/$pid/oom_score_adj");
print "limit: $_\n" for split /\n/, text("/proc/$pid/limits");
opendir my $open, "/proc/$pid/fd" or exit;
for my $number (sort { $a <=> $b } grep { /^\d+$/ } readdir $open) {
    my $what = readlink("/proc/$pid/fd/$number") // next;
    $what =~ s/\[\d+\]//;
    print "descriptor $number: $what\n";
}
my @below = map { my @stat = stat_of($_); @stat ? "$stat[0] $stat[1]" : () } children($pid);
print "child: $_\n" for sort @below;
