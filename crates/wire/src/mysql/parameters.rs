//! The parameters of EXECUTE, and the attributes that a client may put beside any query: read by their types.

use std::collections::BTreeMap;

use super::columns::Column;
use super::read::{Reader, text};
use super::statements::{ParameterType, Statement};
use super::values::{binary_value, part_of_value};

/// Parameters that are shown at most.
const SHOWN_LIMIT: usize = 100;
/// A parameter is shown so far, in bytes.
const VALUE_LIMIT: usize = 1024;

/// Names and values, for headers.
pub(super) type Fields = Vec<(String, String)>;

/// What the parameters of one statement are called and look like.
#[derive(Debug, Default)]
struct Shape {
    types: Vec<ParameterType>,
    names: Vec<String>,
}

/// The attributes before the text of a `COM_QUERY`, and the text. Whether there are any is told by the bytes: no text has a
/// byte 1, the number of their sets, in second place.
pub(super) fn query_attributes(payload: &[u8]) -> (Fields, &[u8]) {
    let mut reader = Reader(payload);
    let (count, sets) = (reader.length(), reader.length());
    let (Some(count), Some(1)) = (count, sets) else { return (Vec::new(), payload) };
    let mut fields = Vec::new();
    if count > 0
        && read(&mut reader, count, (true, true), &mut Shape::default(), &BTreeMap::new(), &mut fields)
            .is_none()
    {
        // Where the text begins is not known.
        return (fields, &[]);
    }
    (fields, reader.0)
}

/// What an EXECUTE says behind the statement's id.
#[derive(Debug, Default)]
pub(super) struct Execution {
    pub(super) fields: Fields,
    /// The types, where they were told.
    pub(super) types: Option<Vec<ParameterType>>,
}

/// The parameters of `COM_STMT_EXECUTE`. `attributes`: whether the client may add some of its own, if that is known;
/// then it says how many there are.
pub(super) fn execution(
    (payload, whole): (&[u8], bool),
    statement: &Statement,
    attributes: Option<bool>,
) -> Execution {
    const COUNT_IS_TOLD: u8 = 8;
    let mut execution = Execution::default();
    let mut reader = Reader(payload);
    let (Some(flags), Some(_iterations)) = (reader.u8(), reader.u32()) else { return execution };
    let attributes = attributes.unwrap_or(flags & COUNT_IS_TOLD != 0);
    let mut count = statement.parameters.map(u64::from);
    if attributes && (flags & COUNT_IS_TOLD != 0 || count.is_some_and(|count| count > 0)) {
        count = reader.length();
    }
    let Some(count @ 1..) = count else { return execution };
    let mut shape = Shape { types: statement.types.clone(), names: Vec::new() };
    let read =
        read(&mut reader, count, (attributes, whole), &mut shape, &statement.long, &mut execution.fields);
    if whole && !(read.is_some() && reader.is_empty()) {
        // Something that they depend on was not seen: better none than wrong ones.
        execution.fields.clear();
    } else {
        execution.types = Some(shape.types);
    }
    execution
}

/// The first row of MariaDB's `COM_STMT_BULK_EXECUTE` behind the statement's id.
pub(super) fn bulk(payload: &[u8], statement: &Statement) -> Execution {
    const TYPES_ARE_TOLD: u16 = 128;
    let mut execution = Execution { fields: Vec::new(), types: None };
    let mut reader = Reader(payload);
    let (Some(flags), Some(count)) = (reader.u16(), statement.parameters) else { return execution };
    let mut types = statement.types.clone();
    if flags & TYPES_ARE_TOLD != 0 {
        types.clear();
        for _ in 0..count {
            let Some(kind) = parameter_type(&mut reader) else { return execution };
            types.push(kind);
        }
        execution.types = Some(types.clone());
    }
    for (place, kind) in types.iter().take(SHOWN_LIMIT).enumerate() {
        let value = match reader.u8() {
            Some(0) => value(&mut reader, *kind, true),
            Some(1) => Some("NULL".to_owned()),
            Some(2) => Some("DEFAULT".to_owned()),
            Some(3) => Some("IGNORE".to_owned()),
            _ => None,
        };
        let Some(value) = value else { break };
        execution.fields.push((format!("${}", place + 1), value));
    }
    execution
}

/// A bit for each that is NULL, perhaps their types (and names, where `named`), then the values of the others.
fn read(
    reader: &mut Reader<'_>,
    count: u64,
    (named, whole): (bool, bool),
    shape: &mut Shape,
    long: &BTreeMap<u16, u64>,
    fields: &mut Fields,
) -> Option<()> {
    let count = usize::try_from(count).ok()?;
    let nulls = reader.take(count.div_ceil(8))?;
    if reader.u8()? == 1 {
        *shape = Shape::default();
        for _ in 0..count {
            shape.types.push(parameter_type(reader)?);
            if named {
                shape.names.push(text(reader.string()?));
            }
        }
    }
    for place in 0..count {
        let name = match shape.names.get(place) {
            Some(name) if !name.is_empty() => name.to_lowercase(),
            _ => format!("${}", place + 1),
        };
        let sent_before = u16::try_from(place).ok().and_then(|place| long.get(&place));
        let value = match sent_before {
            Some(bytes) => format!("({bytes} bytes)"),
            None if nulls[place / 8] & (1 << (place % 8)) != 0 => "NULL".to_owned(),
            None => value(reader, *shape.types.get(place)?, whole)?,
        };
        if fields.len() < SHOWN_LIMIT {
            fields.push((name, value));
        }
    }
    Some(())
}

fn parameter_type(reader: &mut Reader<'_>) -> Option<ParameterType> {
    let (kind, flags) = (reader.u8()?, reader.u8()?);
    Some((kind, flags & 0x80 != 0))
}

/// The next value; its beginning when it may be cut.
fn value(reader: &mut Reader<'_>, (number, unsigned): ParameterType, whole: bool) -> Option<String> {
    // Clients send text and bytes in all string types.
    let column = Column { name: String::new(), kind: number, unsigned, binary: true };
    let mut ahead = *reader;
    let (value, cut) = match binary_value(&mut ahead, &column, VALUE_LIMIT) {
        Some(shown) => shown,
        None if whole => return None,
        None => part_of_value(&mut ahead, &column, VALUE_LIMIT)?,
    };
    let shown = format!("{}{}", value.plain(), if cut { "…" } else { "" });
    *reader = ahead;
    Some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(fields: &Fields) -> String {
        fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn attributes_stand_before_a_text_and_are_told_from_it() {
        let cases: [(&[u8], &str, &[u8]); 6] = [
            (b"SELECT 1", "", b"SELECT 1"),
            (b"\0\x01SELECT 1", "", b"SELECT 1"),
            (b"\nSELECT 1", "", b"\nSELECT 1"),
            (
                b"\x02\x01\0\x01\xfe\0\x0bTraceParent\x03\x80\0\x0200\x07\0\0\0SELECT 1",
                "traceparent=00 $2=7",
                b"SELECT 1",
            ),
            (b"\x01\x01\x01\x01\xfe\0\x01aSELECT 1", "a=NULL", b"SELECT 1"),
            (b"\x01\x01\0\x01\x63\0\x01aSELECT 1", "", b""),
        ];
        for (payload, fields, sql) in cases {
            let (seen, rest) = query_attributes(payload);
            assert_eq!((show(&seen).as_str(), rest), (fields, sql), "{payload:?}");
        }
    }

    #[test]
    fn parameters_are_read_by_types_that_may_have_been_told_before() {
        let mut statement = Statement { parameters: Some(3), ..Statement::default() };
        let told = b"\0\x01\0\0\0\x02\x01\x03\0\xfd\0\xfc\0\x07\0\0\0\x02\xff\0";
        let seen = execution((told, true), &statement, Some(false));
        assert_eq!(show(&seen.fields), "$1=7 $2=NULL $3=0xff00");
        statement.types = seen.types.unwrap();
        statement.long.insert(2, 5_000_000);
        let again = execution((b"\0\x01\0\0\0\0\0\x08\0\0\0\x02ab", true), &statement, Some(false));
        assert_eq!(show(&again.fields), "$1=8 $2=ab $3=(5000000 bytes)");
        statement.long.clear();
        let broken = execution((&told[..told.len() - 1], true), &statement, Some(false));
        assert!(broken.fields.is_empty() && broken.types.is_none());
        let cut = execution((&told[..told.len() - 1], false), &statement, Some(false));
        assert_eq!(show(&cut.fields), "$1=7 $2=NULL $3=0xff…");
        let unknown = execution((told, true), &Statement::default(), Some(false));
        assert!(unknown.fields.is_empty() && unknown.types.is_none());
    }

    #[test]
    fn attributes_of_an_execution_have_names_and_follow_its_parameters() {
        let statement = Statement { parameters: Some(1), ..Statement::default() };
        let bytes = b"\x08\x01\0\0\0\x02\0\x01\x03\0\0\xfe\0\x03Tag\x07\0\0\0\x02xy";
        assert_eq!(show(&execution((bytes, true), &statement, Some(true)).fields), "$1=7 tag=xy");
        assert_eq!(show(&execution((bytes, true), &statement, None).fields), "$1=7 tag=xy");
        for end in 0..bytes.len() {
            execution((&bytes[..end], end % 2 == 0), &statement, Some(true));
            query_attributes(&bytes[..end]);
        }
        let many = [&b"\x08\x01\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff\xff"[..], &[0; 99]].concat();
        assert!(execution((&many, true), &statement, Some(true)).fields.is_empty());
    }

    #[test]
    fn a_batch_shows_its_first_row() {
        let statement = Statement { parameters: Some(2), ..Statement::default() };
        let bytes = b"\x80\0\x03\0\xfd\0\0\x07\0\0\0\x01\0\x08\0\0\0\0\x01a";
        assert_eq!(show(&bulk(bytes, &statement).fields), "$1=7 $2=NULL");
    }
}
