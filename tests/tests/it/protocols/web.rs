//! HTTP and what is spoken over it, gRPC, WebSocket, TLS, DNS.

use super::expected::{Table, call, fails, given_up, table};

pub(super) fn tables() -> Vec<Table> {
    [http(), grpc(), others()].concat()
}

fn http() -> Vec<Table> {
    vec![
        table(
            "http/1",
            "caller",
            "gateway",
            vec![
                call("GET /", "200").answered("<h1>Market</h1>").header("server", "nginx"),
                call("GET /articles", "200").header("content-encoding", "gzip").answered("Landing net"),
                fails("GET /nowhere", "404").answered("no such page"),
                fails("GET /broken", "500").answered("out of order"),
            ],
        ),
        table(
            "http/1",
            "gateway",
            "web",
            vec![
                call("GET /", "200").header("host", "web:8000"),
                call("POST /orders", "201").asked("rod-270"),
                call("GET /events", "200").parts(&["sold"; 3]).waits(850.0),
                fails("GET /nowhere", "404"),
                fails("GET /broken", "500"),
            ],
        ),
        table(
            "http/1",
            "caller",
            "web",
            vec![
                call("POST /orders", "201").asked("net-40").answered("net-40"),
                call("GET /events", "200").answered("data: 2").parts(&["sold"; 3]).waits(850.0),
                call("add", "200").asked("\"add\"").answered("\"result\": 42"),
                fails("divide", "200").asked("\"divide\"").answered("Method not found"),
                call("query Article", "200").asked("query Article").answered("Landing net"),
                fails("query Article", "200").asked("\"tent\"").answered("there is no article tent"),
                call("GET /chat", "101").header("upgrade", "websocket"),
            ],
        ),
        table(
            "http/2",
            "caller",
            "gateway",
            vec![
                call("GET /", "200").answered("<h1>Market</h1>").header(":scheme", "http"),
                call("GET /articles", "200").header("content-encoding", "gzip").answered("Landing net"),
                call("POST /orders", "201").asked("rod-270").answered("rod-270"),
                call("GET /events", "200").answered("data: 2").parts(&["sold"; 3]).waits(850.0),
                fails("GET /nowhere", "404").answered("no such page"),
                fails("GET /broken", "500").answered("out of order"),
            ],
        ),
    ]
}

fn grpc() -> Vec<Table> {
    vec![
        table(
            "grpc",
            "caller",
            "stock",
            vec![
                // 12 pieces of net-40.
                call("market.Stock/Level", "OK").asked("0a066e65742d3430").answered("0a066e65742d3430100c"),
                fails("market.Stock/Level", "NOT_FOUND").note("there is no article tent"),
                call("market.Stock/Watch", "OK").parts(&["message"; 4]).waits(850.0),
                call("market.Stock/Fill", "OK").parts(&["message"; 3]),
                call("market.Stock/Chat", "OK").parts(&["message"; 4]),
                // Given up by its caller after two of three messages: no status was sent.
                given_up("market.Stock/Watch").note("deadline exceeded after 4").parts(&["message"; 3]),
                fails("market.Stock/Nonsense", "UNIMPLEMENTED").note("unknown method Nonsense"),
            ],
        ),
        table(
            "grpc",
            "caller",
            "prices",
            vec![
                call("market.Prices/Price", "OK")
                    .header("authorization", "[redacted]")
                    .answered("0a03455552"),
                fails("market.Prices/Price", "UNAUTHENTICATED").note("who asks?"),
                given_up("market.Prices/Price").asked("0a0474656e74").note("reset by the client: CANCEL"),
            ],
        ),
        table(
            "grpc",
            "stock",
            "prices",
            vec![call("market.Prices/Price", "OK").header("user-agent", "grpc-go")],
        ),
        table(
            "grpc",
            "caller",
            "gateway",
            vec![call("market.Stock/Level", "OK").answered("0a07726f642d323730")],
        ),
        table(
            "grpc",
            "gateway",
            "stock",
            vec![call("market.Stock/Level", "OK").answered("0a07726f642d323730")],
        ),
    ]
}

fn others() -> Vec<Table> {
    vec![
        table(
            "websocket",
            "caller",
            "web",
            vec![
                call("WebSocket /chat", "1000")
                    .header("sec-websocket-extensions", "permessage-deflate")
                    .parts(&["text", "binary", "ping", "close 1000", "text", "binary", "pong", "close 1000"]),
                call("WebSocket /plain", "1000").asked("in the clear").answered("in the clear"),
                fails("WebSocket /failing", "1011").note("out of order"),
            ],
        ),
        table(
            "tls",
            "caller",
            "gateway",
            vec![
                call("TLS gateway", "TLS 1.3").header("versions", "1.3"),
                call("TLS gateway", "TLS 1.2").header("subject", "gateway"),
                fails("TLS gateway", "TLS 1.2").note("unknown_ca"),
            ],
        ),
        table(
            "dns",
            "caller",
            "dns",
            vec![
                call("A shop.market", "NOERROR").answered("10.20.30.40"),
                call("A www.market", "NOERROR").answered("CNAME").header("flags", "aa"),
                call("TXT shop.market", "NOERROR").answered("open daily"),
                call("A nowhere.market", "NXDOMAIN"),
                fails("A elsewhere.example", "REFUSED").note("refused"),
            ],
        ),
    ]
}
