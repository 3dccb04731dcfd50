//! AMQP, Kafka, NATS, MQTT.

use serde_json::Value;

use super::expected::{Table, call, fails, silent, table};

const ORDER: &str = r#"{"sku":"net-40"}"#;

pub(super) fn tables() -> Vec<Table> {
    vec![amqp(), kafka(), nats(), mqtt()]
}

/// Senders and receivers at one place of a broker, and how many messages passed there.
const JOINED: [(&str, &str, &str, u64); 12] = [
    ("rabbitmq", "amqp", "orders", 1),
    ("rabbitmq", "amqp", "sales/sold.net", 1),
    ("rabbitmq", "amqp", "sales/sold.rod", 1),
    ("kafka", "kafka", "orders", 21),
    ("nats", "nats", "sales.net", 1),
    ("nats", "nats", "stock.level", 1),
    ("nats", "nats", "orders.new", 1),
    ("mosquitto", "mqtt", "market/sales/{id}", 3),
    ("mosquitto", "mqtt", "market/noted", 1),
    ("redis", "redis", "mail", 1),
    ("redis", "redis", "sales", 1),
    ("postgres", "postgres", "sales", 1),
];

/// Places of brokers whose edge from sender to receiver lacks, or counts wrong.
pub(super) fn unjoined(edges: &[Value]) -> Vec<String> {
    let lacks = |(via, protocol, topic, calls): &(&str, &str, &str, u64)| {
        let those: Vec<_> = edges.iter().filter(|e| e["via"] == *via && e["protocol"] == *protocol).collect();
        let found =
            those.iter().find(|e| e["topic"] == *topic && e["from"] == "caller" && e["to"] == "caller");
        let right = found.is_some_and(|e| e["calls"] == *calls);
        (!right).then(|| format!("{calls} messages by `{topic}` of {via} are not joined, only {those:?}"))
    };
    JOINED.iter().filter_map(lacks).collect()
}

fn amqp() -> Table {
    table(
        "amqp",
        "caller",
        "rabbitmq",
        vec![
            call("CONNECT /", "OK").header("product", "Pika"),
            call("Queue.Declare orders", "OK"),
            silent("Publish orders").asked(ORDER).header("message-id", "m-1"),
            call("Basic.Get orders", "OK").answered(ORDER),
            call("Publish sales/sold.net", "ACK").asked("1"),
            fails("Publish sales/lost", "312").note("NO_ROUTE"),
            call("Deliver sales/sold.net", "ACK").answered("1").header("queue", "receipts"),
            fails("Deliver sales/sold.rod", "REJECT").answered("2").header("handling-ms", ""),
            fails("Queue.Declare nowhere", "404").note("no queue 'nowhere'"),
            call("Connection.Close", "OK"),
        ],
    )
}

fn kafka() -> Table {
    table(
        "kafka",
        "caller",
        "kafka",
        vec![
            call("ApiVersions", "OK").header("client-id", "shop"),
            call("CreateTopics orders", "OK"),
            fails("CreateTopics orders", "TOPIC_ALREADY_EXISTS").note("orders"),
            call("Produce orders", "OK").asked(r#""value":{"sku":"net-40"}"#).header("acks", "-1"),
            call("Produce orders", "OK").header("records", "20").header("codec", "gzip"),
            call("FindCoordinator billing", "OK"),
            call("JoinGroup billing", "MEMBER_ID_REQUIRED"),
            call("JoinGroup billing", "OK").waits(2000.0),
            call("SyncGroup billing", "OK"),
            call("Fetch orders", "OK").answered(r#""value":{"sku":"net-40"}"#).header("records", "21"),
            call("OffsetCommit billing", "OK").header("offsets", "orders/0=1"),
            call("LeaveGroup billing", "OK"),
        ],
    )
}

fn nats() -> Table {
    table(
        "nats",
        "caller",
        "nats",
        vec![
            call("CONNECT other", "PONG").header("version", "2.9"),
            silent("SUB sales.>"),
            silent("PUB sales.net").asked("net-40").header("round", "1"),
            silent("MSG sales.net").asked("net-40").header("round", "1"),
            silent("REQ stock.level").asked("net-40").answered("12 pieces"),
            silent("MSG stock.level").asked("net-40").answered("12 pieces"),
            fails("REQ stock.nobody", "503").note("no responders"),
            fails("REQ $JS.API.STREAM.INFO.NOWHERE", "404").note("stream not found"),
            silent("REQ orders.new").asked(ORDER).answered(r#""seq":1"#),
            silent("MSG orders.new").asked(ORDER),
        ],
    )
}

fn mqtt() -> Table {
    table(
        "mqtt",
        "caller",
        "mosquitto",
        vec![
            call("CONNECT reader", "Success"),
            call("CONNECT writer", "Connection Accepted").header("will-topic", "market/gone"),
            call("SUBSCRIBE market/#", "Granted QoS 2"),
            silent("PUBLISH market/sales/0").asked(ORDER).header("qos", "0"),
            silent("PUBLISH market/sales/1").asked(ORDER).header("qos", "1"),
            silent("PUBLISH market/sales/2").asked(ORDER).header("qos", "2"),
            silent("DELIVER market/sales/0").answered(ORDER),
            call("DELIVER market/sales/2", "Success").answered(ORDER),
            call("PUBLISH market/noted", "Success").header("user-property", "round: 1"),
            fails("PUBLISH forbidden/topic", "Not authorized"),
            call("UNSUBSCRIBE market/#", "Success"),
            call("DISCONNECT reader", "Normal disconnection"),
        ],
    )
}
