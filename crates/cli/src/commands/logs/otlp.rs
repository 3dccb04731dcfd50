//! Lines as log records of OpenTelemetry, in the JSON form of its protocol: one `LogsData` a line, as its file exporter
//! writes them.

use std::collections::BTreeMap;

use api::shape::LogLine;
use model::Timestamp;
use serde_json::{Map, Value, json};

/// Records that wait until so many can be told at once, or there are no more.
const BATCH: usize = 1000;

/// Makes records of lines: a line and those that continue it are one.
#[derive(Debug, Default)]
pub(super) struct Otlp {
    /// By service and instance, in the order of their heads.
    records: BTreeMap<(String, String), Vec<Record>>,
    count: usize,
}

#[derive(Debug)]
struct Record {
    stream: String,
    body: String,
    rest: Map<String, Value>,
}

impl Otlp {
    /// Takes a line. Returns what is to be told by now.
    pub(super) fn take(&mut self, line: &LogLine) -> Option<Value> {
        let records = self.records.entry((line.service.clone(), line.instance.clone())).or_default();
        let head = records.iter_mut().rev().find(|record| record.stream == line.stream);
        if let Some(head) = head.filter(|_| line.cont) {
            head.body.push('\n');
            head.body.push_str(&line.text);
            return None;
        }
        // A record is told only when the next one begins: until then it may grow.
        let due = self.count >= BATCH;
        let told = if due { self.flush() } else { None };
        let records = self.records.entry((line.service.clone(), line.instance.clone())).or_default();
        records.push(Record { stream: line.stream.clone(), body: line.text.clone(), rest: record(line) });
        self.count += 1;
        told
    }

    /// All that was taken and not told.
    pub(super) fn flush(&mut self) -> Option<Value> {
        self.count = 0;
        let all = std::mem::take(&mut self.records);
        let resources: Vec<Value> = all
            .into_iter()
            .map(|((service, instance), records)| {
                let records: Vec<Value> = records.into_iter().map(Record::whole).collect();
                json!({
                    "resource": { "attributes": [
                        { "key": "service.name", "value": { "stringValue": service } },
                        { "key": "service.instance.id", "value": { "stringValue": instance } },
                    ] },
                    "scopeLogs": [{
                        "scope": { "name": "shoal", "version": env!("CARGO_PKG_VERSION") },
                        "logRecords": records,
                    }],
                })
            })
            .collect();
        (!resources.is_empty()).then(|| json!({ "resourceLogs": resources }))
    }
}

impl Record {
    fn whole(mut self) -> Value {
        self.rest.insert("body".to_owned(), json!({ "stringValue": self.body }));
        Value::Object(self.rest)
    }
}

/// A record without its body. 64-bit numbers are texts, as the protocol's JSON has them.
fn record(line: &LogLine) -> Map<String, Value> {
    let nanos = line.ts.parse::<Timestamp>().map_or_else(|_| "0".to_owned(), |ts| ts.0.to_string());
    let mut record = Map::new();
    record.insert("timeUnixNano".to_owned(), nanos.clone().into());
    record.insert("observedTimeUnixNano".to_owned(), nanos.into());
    if let Some(level) = &line.level {
        record.insert("severityNumber".to_owned(), severity(level).into());
        record.insert("severityText".to_owned(), level.to_uppercase().into());
    }
    let mut attributes = Vec::new();
    let source =
        if matches!(line.stream.as_str(), "stdout" | "stderr") { "log.iostream" } else { "shoal.stream" };
    attributes.push(attribute(source, &line.stream.clone().into()));
    attributes.extend(line.fields.iter().flatten().map(|(name, value)| attribute(name, value)));
    if let Some(id) = &line.trace {
        if id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) {
            record.insert("traceId".to_owned(), id.clone().into());
        } else {
            attributes.push(attribute("request.id", &id.clone().into()));
        }
    }
    record.insert("attributes".to_owned(), attributes.into());
    record
}

/// `SeverityNumber` of the log data model: the first of the four of each level.
fn severity(level: &str) -> u8 {
    match level {
        "trace" => 1,
        "debug" => 5,
        "info" => 9,
        "warn" => 13,
        "error" => 17,
        _ => 21,
    }
}

fn attribute(name: &str, value: &Value) -> Value {
    json!({ "key": name, "value": any(value) })
}

/// A JSON value as the protocol's `AnyValue`.
fn any(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(flag) => json!({ "boolValue": flag }),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => json!({ "intValue": whole.to_string() }),
            None => json!({ "doubleValue": number }),
        },
        Value::String(text) => json!({ "stringValue": text }),
        Value::Array(all) => json!({ "arrayValue": { "values": all.iter().map(any).collect::<Vec<_>>() } }),
        Value::Object(all) => {
            let values: Vec<Value> = all.iter().map(|(name, value)| attribute(name, value)).collect();
            json!({ "kvlistValue": { "values": values } })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, level: Option<&str>, cont: bool) -> LogLine {
        LogLine {
            cursor: String::new(),
            ts: "1970-01-01T00:00:01.000000007Z".to_owned(),
            service: "orders".to_owned(),
            instance: "shop-orders-1".to_owned(),
            stream: "stderr".to_owned(),
            level: level.map(str::to_owned),
            text: text.to_owned(),
            fields: None,
            trace: None,
            cont,
            raw: None,
            whole: None,
        }
    }

    #[test]
    fn a_trace_is_one_record() {
        let mut otlp = Otlp::default();
        assert!(otlp.take(&line("ERROR boom", Some("error"), false)).is_none());
        assert!(otlp.take(&line("  at x", Some("error"), true)).is_none());
        assert!(otlp.take(&line("next", None, false)).is_none());
        let told = otlp.flush().unwrap();
        let records = &told["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
        assert_eq!(
            records,
            &json!([
                {
                    "timeUnixNano": "1000000007", "observedTimeUnixNano": "1000000007",
                    "severityNumber": 17, "severityText": "ERROR",
                    "attributes": [{ "key": "log.iostream", "value": { "stringValue": "stderr" } }],
                    "body": { "stringValue": "ERROR boom\n  at x" },
                },
                {
                    "timeUnixNano": "1000000007", "observedTimeUnixNano": "1000000007",
                    "attributes": [{ "key": "log.iostream", "value": { "stringValue": "stderr" } }],
                    "body": { "stringValue": "next" },
                },
            ])
        );
        assert!(otlp.flush().is_none(), "told once");
    }

    #[test]
    fn fields_and_ids_have_their_places() {
        let mut shown = line("{}", None, false);
        shown.fields =
            json!({ "n": 7, "f": 1.5, "ok": true, "a": [1], "o": { "x": null } }).as_object().cloned();
        shown.trace = Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned());
        let made = record(&shown);
        assert_eq!(made["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
        let values: Vec<&Value> =
            made["attributes"].as_array().unwrap().iter().map(|a| &a["value"]).collect();
        for value in [
            json!({ "intValue": "7" }),
            json!({ "doubleValue": 1.5 }),
            json!({ "boolValue": true }),
            json!({ "arrayValue": { "values": [{ "intValue": "1" }] } }),
            json!({ "kvlistValue": { "values": [{ "key": "x", "value": {} }] } }),
        ] {
            assert!(values.contains(&&value), "{value}");
        }
        shown.trace = Some("r-7".to_owned());
        let made = record(&shown);
        assert!(made.get("traceId").is_none(), "a request's id is no trace's");
        assert!(made["attributes"].to_string().contains("request.id"));
    }

    #[test]
    fn many_are_told_in_batches() {
        let mut otlp = Otlp::default();
        let told = (0..=BATCH * 2).filter(|_| otlp.take(&line("x", None, false)).is_some()).count();
        assert_eq!(told, 2);
        assert!(otlp.flush().is_some());
    }
}
