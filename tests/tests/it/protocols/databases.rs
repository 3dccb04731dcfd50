//! PostgreSQL, MySQL, MongoDB, Redis.

use super::expected::{Table, call, fails, silent, table};

pub(super) fn tables() -> Vec<Table> {
    vec![postgres(), mysql(), prepared(), mongodb(), redis()]
}

fn postgres() -> Table {
    table(
        "postgres",
        "caller",
        "postgres",
        vec![
            call("CONNECT market", "OK").header("ssl", "refused"),
            fails("CONNECT market", "28P01").note("password authentication failed"),
            call("CREATE TABLE article", "OK"),
            call("INSERT article", "OK").header("rows", "2"),
            call("SELECT article", "OK").asked("ORDER BY sku").answered(r#"{"sku":"net-40","cents":1999}"#),
            fails("INSERT article", "23505").note("duplicate key").header("constraint", "article_pkey"),
            fails("SELECT nowhere", "42P01").note("does not exist"),
            call("SELECT pg_sleep", "OK"),
            call("LISTEN sales", "OK").answered("net-40"),
            call("NOTIFY sales", "OK"),
            // Prepared once, executed twice.
            call("SELECT article", "OK").asked("WHERE sku = $1").header("$1", "net-40").answered("1999"),
            call("SELECT article", "OK").asked("WHERE sku = $1").header("$1", "rod-270").answered("8900"),
            fails("SELECT", "22012").note("division by zero"),
            call("UPDATE article", "OK").header("command", "UPDATE 1"),
            call("COMMIT", "OK"),
            // One turn of a pipeline.
            call("INSERT article", "OK").header("$1", "hat-w"),
            call("DELETE article", "OK").header("rows", "1"),
            call("COPY article", "OK").asked("line-025\t700"),
            call("COPY article", "OK").answered("box-12\t4200"),
        ],
    )
}

fn mysql() -> Table {
    table(
        "mysql",
        "caller",
        "mysql",
        vec![
            call("CONNECT market", "OK").header("user", "market"),
            fails("CONNECT market", "1045").note("Access denied"),
            call("CREATE TABLE customer", "OK"),
            call("INSERT customer", "OK").asked("'Ada'").header("affected", "1"),
            call("SELECT customer", "OK").answered(r#""name":"Ada""#),
            fails("INSERT customer", "1062").note("Duplicate entry").header("sqlstate", "23000"),
            fails("SELECT nowhere", "1146").note("doesn't exist"),
            call("COMMIT", "OK"),
            call("PING", "OK"),
        ],
    )
}

/// As Go's driver asks.
fn prepared() -> Table {
    table(
        "mysql",
        "stock",
        "mysql",
        vec![
            call("PREPARE SELECT shelf", "OK"),
            call("SELECT shelf", "OK")
                .asked("WHERE sku = ?")
                .header("$1", "net-40")
                .answered(r#""pieces":12"#),
            call("START TRANSACTION", "OK").asked("START TRANSACTION"),
            call("UPDATE shelf", "OK").header("$1", "2").header("$2", "rod-270"),
            call("COMMIT", "OK"),
        ],
    )
}

fn mongodb() -> Table {
    table(
        "mongodb",
        "caller",
        "mongo",
        vec![
            call("insert articles", "OK").asked(r#""sku":"net-40""#).header("n", "1"),
            call("insert articles", "OK").asked(r#""sku":"hook-7""#).header("n", "6"),
            call("find articles", "OK").asked(r#""batchSize":3"#).answered("hook-2").header("returned", "3"),
            call("getMore articles", "OK").answered("hook-7"),
            call("update articles", "OK").header("nmodified", "1"),
            call("aggregate articles", "OK").answered(r#""n":7"#),
            fails("insert articles", "DuplicateKey").note("E11000"),
            fails("nonsense", "CommandNotFound").note("no such command"),
            silent("hello").asked("maxAwaitTimeMS"),
        ],
    )
}

fn redis() -> Table {
    table(
        "redis",
        "caller",
        "redis",
        vec![
            call("SET user:7", "OK").asked("SET user:7 Ada EX 600"),
            call("GET user:7", "string").answered("Ada"),
            call("GET user:8", "nil").answered("(nil)"),
            call("HSET cart:7", "integer").answered("2"),
            call("HGETALL cart:7", "array").answered("\"rod-270\""),
            fails("LPUSH user:7", "WRONGTYPE").note("wrong kind of value"),
            call("INCRBY visits", "integer").answered("1"),
            call("EXPIRE visits", "integer"),
            call("MULTI", "OK"),
            call("DECRBY left", "QUEUED"),
            call("EXEC", "array").answered("(integer) -1"),
            call("EVAL user:7", "string").answered("Ada"),
            call("BLPOP mail", "array").answered("receipt"),
            call("BLPOP mail", "nil").waits(950.0),
            call("SUBSCRIBE sales", "subscribe").answered("net-40"),
            call("PUBLISH sales", "integer").answered("1"),
            fails("AUTH", "WRONGPASS").asked("AUTH stranger [redacted]"),
        ],
    )
}
