# call.pl HOST:PORT METHOD PATH [BODY [HEADER...]]: makes one HTTP call and prints the answer's first line.
use strict;
use warnings;
use IO::Socket::INET;

my ($to, $method, $path, $body, @headers) = @ARGV;
$body //= '';
my $socket = IO::Socket::INET->new(PeerAddr => $to, Timeout => 10) or die "connect: $!\n";
my @head = ("$method $path HTTP/1.1", "Host: $to", @headers);
push @head, 'Content-Type: application/json', 'Content-Length: ' . length $body if length $body;
print $socket join "\r\n", @head, '', $body;
my @answer = <$socket>;
print $answer[0] // "nothing\n";
