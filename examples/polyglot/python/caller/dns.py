"""DNS: names of a zone of its own, over UDP and TCP. The engine's own resolver is asked inside of the container, unseen."""

import socket

import dns.rcode
import dns.resolver

from caller.fails import fails


def speak(_):
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [socket.gethostbyname("dns")]
    resolver.resolve("shop.market", "A")
    resolver.resolve("www.market", "A")
    resolver.resolve("shop.market", "TXT", tcp=True)
    with fails(dns.resolver.NXDOMAIN):
        resolver.resolve("nowhere.market", "A")
    with fails(dns.resolver.NoNameservers):
        resolver.resolve("elsewhere.example", "A")
