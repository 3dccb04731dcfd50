"""Kafka: topics, records, a group that reads them. The client is librdkafka."""

import time

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from caller.fails import fails

BROKER = {"bootstrap.servers": "kafka:9092"}
# The broker waits as long for more members of a group as they say they may take.
GROUP = {"group.id": "billing", "auto.offset.reset": "earliest", "enable.auto.commit": False, "session.timeout.ms": 6000,
         "max.poll.interval.ms": 6000, "heartbeat.interval.ms": 500}


def speak(number):
    admin = AdminClient({**BROKER, "client.id": "admin"})
    topic = NewTopic("orders", num_partitions=1, replication_factor=1)
    if number == 1:
        admin.create_topics([topic])["orders"].result(10)
    with fails(KafkaException):
        admin.create_topics([topic])["orders"].result(10)

    producer = Producer({**BROKER, "client.id": "shop", "acks": "all"})
    producer.produce("orders", key="7", value='{"sku":"net-40"}', headers={"round": str(number)})
    assert producer.flush(10) == 0
    packing = Producer({**BROKER, "client.id": "packing", "compression.type": "gzip", "linger.ms": 50})
    for piece in range(20):
        packing.produce("orders", value=f"piece {piece}, packed with great care")
    assert packing.flush(10) == 0

    consumer = Consumer({**BROKER, **GROUP, "client.id": "billing"})
    consumer.subscribe(["orders"])
    until = time.monotonic() + 15
    while time.monotonic() < until and (message := consumer.poll(1)) is None:
        pass
    assert message is not None and message.error() is None
    consumer.commit(message, asynchronous=False)
    consumer.close()
