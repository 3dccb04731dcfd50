# An HTTP service. `/status/N` answers with N, `/slow/MS` after a pause, anything with what it was sent.
use strict;
use warnings;
use IO::Socket::INET;

$SIG{CHLD} = 'IGNORE';
$SIG{TERM} = sub { exit 0 };
$| = 1;

my $server = IO::Socket::INET->new(LocalPort => 8000, Listen => 128, ReuseAddr => 1) or die "listen: $!";
print "listening on 8000\n";
while (my $client = $server->accept) {
    if (fork) { close $client; next }
    my $line = <$client> // exit;
    my ($length, $body) = (0, '');
    while (my $header = <$client>) {
        last if $header =~ /^\r?\n$/;
        $length = $1 if $header =~ /^content-length: *(\d+)/i;
    }
    read $client, $body, $length if $length;
    my ($method, $path) = split / /, $line;
    my $status = $path =~ m{/status/(\d+)} ? $1 : 200;
    select undef, undef, undef, $1 / 1000 if $path =~ m{/slow/(\d+)};
    my $answer = $length ? $body : "{\"path\":\"$path\"}";
    print $client join "\r\n", "HTTP/1.1 $status Said", 'Content-Type: application/json', 'Set-Cookie: id=hidden-cookie',
        'Content-Length: ' . length $answer, 'Connection: close', '', $answer;
    print "$method $path $status\n" unless $path eq '/healthz';
    exit;
}
