"""HTTP/2 without TLS, by prior knowledge: several requests on one connection."""

import asyncio

import httpx


async def talk():
    async with httpx.AsyncClient(http1=False, http2=True, base_url="http://gateway:8080") as client:
        await client.get("/articles")
        await client.get("/nowhere")
        await client.post("/orders", json={"sku": "rod-270"})
        await asyncio.gather(client.get("/events"), client.get("/"), client.get("/broken"))


def speak(_):
    asyncio.run(talk())
