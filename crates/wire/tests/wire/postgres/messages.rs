//! PostgreSQL's messages, as a client and a server write them.

fn message(kind: u8, payload: &[&[u8]]) -> Vec<u8> {
    let payload = payload.concat();
    [&[kind][..], &(payload.len() as u32 + 4).to_be_bytes(), &payload].concat()
}

fn count(n: usize) -> [u8; 2] {
    (n as u16).to_be_bytes()
}

fn value(text: Option<&[u8]>) -> Vec<u8> {
    match text {
        None => (-1_i32).to_be_bytes().to_vec(),
        Some(text) => [&(text.len() as u32).to_be_bytes(), text].concat(),
    }
}

pub(crate) fn ssl_request() -> Vec<u8> {
    [8_u32, 80_877_103].map(u32::to_be_bytes).concat()
}

pub(crate) fn gss_request() -> Vec<u8> {
    [8_u32, 80_877_104].map(u32::to_be_bytes).concat()
}

pub(crate) fn cancel_request() -> Vec<u8> {
    [16_u32, 80_877_102, 4242, 99].map(u32::to_be_bytes).concat()
}

pub(crate) fn startup(parameters: &[(&str, &str)]) -> Vec<u8> {
    startup_of(0x0003_0000, parameters)
}

pub(crate) fn startup_of(version: u32, parameters: &[(&str, &str)]) -> Vec<u8> {
    let pairs: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}\0{value}\0")).collect();
    let text = pairs.concat() + "\0";
    [&(text.len() as u32 + 8).to_be_bytes()[..], &version.to_be_bytes(), text.as_bytes()].concat()
}

pub(crate) fn password(text: &str) -> Vec<u8> {
    message(b'p', &[text.as_bytes(), b"\0"])
}

pub(crate) fn query(sql: &str) -> Vec<u8> {
    message(b'Q', &[sql.as_bytes(), b"\0"])
}

pub(crate) fn parse(name: &str, sql: &str, types: &[u32]) -> Vec<u8> {
    let oids: Vec<u8> = types.iter().flat_map(|oid| oid.to_be_bytes()).collect();
    message(b'P', &[name.as_bytes(), b"\0", sql.as_bytes(), b"\0", &count(types.len()), &oids])
}

/// With parameters and results as text.
pub(crate) fn bind(portal: &str, statement: &str, parameters: &[&str]) -> Vec<u8> {
    let values: Vec<u8> = parameters.iter().flat_map(|text| value(Some(text.as_bytes()))).collect();
    let names = [portal.as_bytes(), b"\0", statement.as_bytes(), b"\0"].concat();
    message(b'B', &[&names, &count(0), &count(parameters.len()), &values, &count(0)])
}

/// With parameters and results in their binary form.
pub(crate) fn bind_binary(statement: &str, parameters: &[Option<&[u8]>]) -> Vec<u8> {
    let values: Vec<u8> = parameters.iter().flat_map(|bytes| value(*bytes)).collect();
    let names = [b"\0", statement.as_bytes(), b"\0"].concat();
    message(b'B', &[&names, &[0, 1, 0, 1], &count(parameters.len()), &values, &[0, 1, 0, 1]])
}

pub(crate) fn describe_statement(name: &str) -> Vec<u8> {
    message(b'D', &[b"S", name.as_bytes(), b"\0"])
}

pub(crate) fn describe_portal(name: &str) -> Vec<u8> {
    message(b'D', &[b"P", name.as_bytes(), b"\0"])
}

pub(crate) fn close_statement(name: &str) -> Vec<u8> {
    message(b'C', &[b"S", name.as_bytes(), b"\0"])
}

pub(crate) fn execute(portal: &str, limit: u32) -> Vec<u8> {
    message(b'E', &[portal.as_bytes(), b"\0", &limit.to_be_bytes()])
}

pub(crate) fn sync() -> Vec<u8> {
    message(b'S', &[])
}

pub(crate) fn flush() -> Vec<u8> {
    message(b'H', &[])
}

pub(crate) fn terminate() -> Vec<u8> {
    message(b'X', &[])
}

pub(crate) fn function_call(oid: u32) -> Vec<u8> {
    message(b'F', &[&oid.to_be_bytes(), &count(0), &count(0), &count(0)])
}

pub(crate) fn copy_data(data: &[u8]) -> Vec<u8> {
    message(b'd', &[data])
}

pub(crate) fn copy_done() -> Vec<u8> {
    message(b'c', &[])
}

pub(crate) fn copy_fail(why: &str) -> Vec<u8> {
    message(b'f', &[why.as_bytes(), b"\0"])
}

pub(crate) fn authentication(code: u32, rest: &[u8]) -> Vec<u8> {
    message(b'R', &[&code.to_be_bytes(), rest])
}

pub(crate) fn parameter(name: &str, value: &str) -> Vec<u8> {
    message(b'S', &[name.as_bytes(), b"\0", value.as_bytes(), b"\0"])
}

pub(crate) fn key(process: u32, key: &[u8]) -> Vec<u8> {
    message(b'K', &[&process.to_be_bytes(), key])
}

/// The server speaks 3.0 only, and does not know an option.
pub(crate) fn negotiation(option: &str) -> Vec<u8> {
    message(b'v', &[&0x0003_0000_u32.to_be_bytes(), &1_u32.to_be_bytes(), option.as_bytes(), b"\0"])
}

pub(crate) fn ready() -> Vec<u8> {
    message(b'Z', &[b"I"])
}

/// An answer that says no more than its kind: `ParseComplete` and its like.
pub(crate) fn done(kind: u8) -> Vec<u8> {
    message(kind, &[])
}

/// Names and types of columns.
pub(crate) fn columns(columns: &[(&str, u32)]) -> Vec<u8> {
    let each = |(name, oid): &(&str, u32)| {
        [name.as_bytes(), b"\0", &[0; 6], &oid.to_be_bytes(), &[0; 6], &count(0)].concat()
    };
    message(b'T', &[&count(columns.len()), &columns.iter().flat_map(each).collect::<Vec<_>>()])
}

pub(crate) fn types(types: &[u32]) -> Vec<u8> {
    let oids: Vec<u8> = types.iter().flat_map(|oid| oid.to_be_bytes()).collect();
    message(b't', &[&count(types.len()), &oids])
}

pub(crate) fn row(values: &[&str]) -> Vec<u8> {
    let values: Vec<_> = values.iter().map(|text| Some(text.as_bytes())).collect();
    row_of(&values)
}

pub(crate) fn row_of(values: &[Option<&[u8]>]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|bytes| value(*bytes)).collect();
    message(b'D', &[&count(values.len()), &bytes])
}

pub(crate) fn complete(tag: &str) -> Vec<u8> {
    message(b'C', &[tag.as_bytes(), b"\0"])
}

pub(crate) fn error(code: &str, text: &str) -> Vec<u8> {
    error_at(code, text, None)
}

pub(crate) fn error_at(code: &str, text: &str, position: Option<usize>) -> Vec<u8> {
    let position = position.map(|place| format!("P{place}\0")).unwrap_or_default();
    let fields = format!("SERROR\0VERROR\0C{code}\0M{text}\0{position}\0");
    message(b'E', &[fields.as_bytes()])
}

pub(crate) fn notice(text: &str) -> Vec<u8> {
    message(b'N', &[format!("SNOTICE\0VNOTICE\0C00000\0M{text}\0\0").as_bytes()])
}

pub(crate) fn notification(channel: &str, payload: &str) -> Vec<u8> {
    message(b'A', &[&7_u32.to_be_bytes(), channel.as_bytes(), b"\0", payload.as_bytes(), b"\0"])
}

/// The beginning of a COPY: `G` in, `H` out, `W` both; `format` 0 is text.
pub(crate) fn copy_begins(kind: u8, format: u8) -> Vec<u8> {
    message(kind, &[&[format], &count(1), &count(usize::from(format))])
}

pub(crate) fn function_result() -> Vec<u8> {
    message(b'V', &[&value(Some(b"1"))])
}
