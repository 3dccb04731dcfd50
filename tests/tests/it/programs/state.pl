# An HTTP service that says which /srv/version it read when: as it started, at the last hangup, and now.
use strict;
use warnings;
use IO::Socket::INET;

sub version { open my $file, '<', '/srv/version' or return 'none'; my $line = <$file> // ''; chomp $line; $line }

my $server = IO::Socket::INET->new(LocalPort => 8000, Listen => 128, ReuseAddr => 1) or die "listen: $!";
my ($start, $hangup) = (version(), '');
$SIG{TERM} = sub { exit 0 };
$SIG{HUP} = sub { $hangup = version() };
$SIG{PIPE} = 'IGNORE';
$| = 1;
print "started with $start\n";
while (1) {
    my $client = $server->accept or next;
    while (my $line = <$client>) { last if $line =~ /^\r?\n$/ }
    my $now = version();
    my $answer = "start=$start hangup=$hangup now=$now\n";
    print $client "HTTP/1.1 200 OK\r\nContent-Length: ", length $answer, "\r\nConnection: close\r\n\r\n$answer";
    close $client;
}
