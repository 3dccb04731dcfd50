"""MQTT 5 and 3.1.1: all qualities of service, a topic that is not allowed, a last will, a retained message."""

import queue

from paho.mqtt import client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.packettypes import PacketTypes


def connect(name, version, will=False):
    """A client, and the queues of what it receives and of what was acknowledged."""
    client = mqtt.Client(name, protocol=version)
    received, done = queue.Queue(), queue.Queue()
    client.on_message = lambda _client, _data, message: received.put(message)
    for event in ("on_connect", "on_subscribe", "on_publish", "on_unsubscribe"):
        setattr(client, event, lambda *said, event=event: done.put(event))
    if will:
        client.will_set("market/gone", name, qos=1)
    client.connect("mosquitto")
    client.loop_start()
    expect(done, "on_connect")
    return client, received, done


def expect(done, event):
    assert done.get(timeout=5) == event


def speak(number):
    reader, received, read = connect("reader", mqtt.MQTTv5)
    reader.subscribe([("market/#", mqtt.SubscribeOptions(qos=2))])
    expect(read, "on_subscribe")
    writer, _, written = connect("writer", mqtt.MQTTv311, will=True)
    for quality in (0, 1, 2):
        writer.publish(f"market/sales/{quality}", '{"sku":"net-40"}', qos=quality)
        expect(written, "on_publish")
        received.get(timeout=5)
    writer.disconnect()
    writer.loop_stop()
    properties = Properties(PacketTypes.PUBLISH)
    properties.ContentType = "text/plain"
    properties.UserProperty = ("round", str(number))
    for topic in ("market/noted", "forbidden/topic"):
        reader.publish(topic, "hear, hear", qos=1, properties=properties)
        expect(read, "on_publish")
    received.get(timeout=5)
    reader.unsubscribe("market/#")
    expect(read, "on_unsubscribe")
    reader.disconnect()
    reader.loop_stop()
