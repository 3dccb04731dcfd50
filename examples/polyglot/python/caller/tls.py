"""TLS: nobody reads what is inside, but who was asked for, and whether they trust each other."""

import socket
import ssl

from caller.fails import fails


def ask(context):
    with socket.create_connection(("gateway", 443), timeout=5) as plain:
        with context.wrap_socket(plain, server_hostname="gateway") as secure:
            secure.sendall(b"GET / HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n")
            while secure.recv(4096):
                pass


def trusting():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def speak(_):
    ask(trusting())
    older = trusting()
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    ask(older)
    strict = ssl.create_default_context()
    strict.maximum_version = ssl.TLSVersion.TLSv1_2
    with fails(ssl.SSLCertVerificationError):
        ask(strict)
