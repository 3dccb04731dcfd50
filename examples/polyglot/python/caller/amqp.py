"""AMQP: queues, messages with and without confirms, one that nobody wants, one that is put back."""

import pika
from pika.exceptions import ChannelClosedByBroker, UnroutableError

from caller.fails import fails


def speak(number):
    connection = pika.BlockingConnection(pika.ConnectionParameters("rabbitmq"))
    channel = connection.channel()
    channel.queue_declare("orders", durable=True)
    channel.queue_purge("orders")
    channel.basic_publish("", "orders", b'{"sku":"net-40"}', pika.BasicProperties(content_type="application/json", message_id=f"m-{number}"))
    while not (got := channel.basic_get("orders", auto_ack=True))[0]:
        pass
    assert got[2] == b'{"sku":"net-40"}'
    confirmed(connection)
    consumed(connection)
    with fails(ChannelClosedByBroker):
        connection.channel().queue_declare("nowhere", passive=True)
    connection.close()


def confirmed(connection):
    channel = connection.channel()
    channel.exchange_declare("sales", "topic")
    channel.queue_declare("receipts")
    channel.queue_purge("receipts")
    channel.queue_bind("receipts", "sales", "sold.*")
    channel.confirm_delivery()
    channel.basic_publish("sales", "sold.net", b"1")
    channel.basic_publish("sales", "sold.rod", b"2")
    with fails(UnroutableError):
        channel.basic_publish("sales", "lost", b"3", mandatory=True)


def consumed(connection):
    channel = connection.channel()
    said = [channel.basic_ack, channel.basic_reject]
    for method, _, _ in channel.consume("receipts", inactivity_timeout=5):
        answer = said.pop(0)
        answer(method.delivery_tag) if said else answer(method.delivery_tag, requeue=False)
        if not said:
            break
    channel.cancel()
    channel.close()
