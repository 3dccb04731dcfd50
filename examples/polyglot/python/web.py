"""One HTTP server for what is spoken over HTTP: pages, JSON-RPC, GraphQL, events. WebSockets are on a port of their own.

Only the standard library serves, so that nothing but the protocol is shown.
"""

import asyncio
import gzip
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import websockets
from graphql import build_schema, graphql_sync

SCHEMA = build_schema("type Query { article(sku: String!): Article } type Article { sku: String! name: String! }")
NAMES = {"net-40": "Landing net", "rod-270": "Rod, 2.70 m"}


class Root:
    def article(self, info, sku):
        if sku not in NAMES:
            raise KeyError(f"there is no article {sku}")
        return {"sku": sku, "name": NAMES[sku]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "web"
    disable_nagle_algorithm = True  # head and body are two writes

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/":
            self.answer(200, b"<h1>Market</h1>", "text/html")
        elif path == "/articles":
            self.answer(200, gzip.compress(json.dumps(NAMES).encode()), encoding="gzip")
        elif path == "/broken":
            self.answer(500, b'{"error":"out of order"}')
        elif path == "/events":
            self.events()
        else:
            self.answer(404, b'{"error":"no such page"}')

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = {"/rpc": rpc, "/graphql": graph}.get(self.path, lambda asked: asked)(asked)
        self.answer(201 if self.path == "/orders" else 200, json.dumps(said).encode())

    def answer(self, status, body, media="application/json", encoding=None):
        self.send_response(status)
        self.send_header("Content-Type", media)
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def events(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(3):
            event = f"event: sold\ndata: {number}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            time.sleep(0.3)
        self.wfile.write(b"0\r\n\r\n")


def rpc(asked):
    if asked["method"] == "add":
        return {"jsonrpc": "2.0", "id": asked["id"], "result": sum(asked["params"])}
    error = {"code": -32601, "message": "Method not found"}
    return {"jsonrpc": "2.0", "id": asked["id"], "error": error}


def graph(asked):
    found = graphql_sync(SCHEMA, asked["query"], Root(), variable_values=asked.get("variables"))
    said = {"data": found.data}
    if found.errors:
        said["errors"] = [{"message": error.message} for error in found.errors]
    return said


async def chat(socket):
    async for message in socket:
        if message == "fail":
            await socket.close(1011, "out of order")
        else:
            await socket.send(message)


async def main():
    server = ThreadingHTTPServer(("0.0.0.0", 8000), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    async with websockets.serve(chat, "0.0.0.0", 8001):
        print("serving on ports 8000 and 8001")
        await asyncio.Future()


if __name__ == "__main__":
    asyncio.run(main())
