"""NATS: publish and subscribe, request and reply, nobody who replies, a stream that keeps what it was told."""

import asyncio

import nats
from nats.errors import NoRespondersError
from nats.js.errors import NotFoundError

from caller.fails import fails


async def talk(number):
    client = await nats.connect("nats://nats:4222")
    other = await nats.connect("nats://nats:4222", name="other")

    async def reply(message):
        await message.respond(b"12 pieces")

    await other.subscribe("stock.level", cb=reply)
    sales = await other.subscribe("sales.>")
    await other.flush()
    await client.publish("sales.net", b"net-40", headers={"round": str(number)})
    await sales.next_msg(timeout=5)
    assert (await client.request("stock.level", b"net-40", timeout=5)).data == b"12 pieces"
    with fails(NoRespondersError):
        await client.request("stock.nobody", b"?", timeout=5)
    await keep(client)
    await other.close()
    await client.close()


async def keep(client):
    stream = client.jetstream()
    with fails(NotFoundError):
        await stream.stream_info("NOWHERE")
    await stream.add_stream(name="ORDERS", subjects=["orders.*"])
    await stream.publish("orders.new", b'{"sku":"net-40"}')
    pulled = await stream.pull_subscribe("orders.*", "billing")
    for message in await pulled.fetch(1, timeout=5):
        await message.ack_sync()
    await stream.delete_stream("ORDERS")


def speak(number):
    asyncio.run(talk(number))
