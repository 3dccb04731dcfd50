"""WebSockets: compressed ones, one without compression, one that the server ends with a failure."""

import asyncio

import websockets

from caller.fails import fails


async def talk():
    async with websockets.connect("ws://web:8001/chat?room=1") as socket:
        await socket.send("hello")
        assert await socket.recv() == "hello"
        await socket.send(b"\x00\x01")
        assert await socket.recv() == b"\x00\x01"
        await (await socket.ping())
    async with websockets.connect("ws://web:8001/plain", compression=None) as socket:
        await socket.send("in the clear")
        await socket.recv()
    async with websockets.connect("ws://web:8001/failing") as socket:
        await socket.send("fail")
        with fails(websockets.ConnectionClosedError):
            await socket.recv()


def speak(_):
    asyncio.run(talk())
