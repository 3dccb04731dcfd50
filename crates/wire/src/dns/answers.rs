//! What a query and its response say, put into an exchange.

use model::exchange::{Exchange, Message as Half};

use crate::json;
use crate::limits::Limits;

use super::data;
use super::message::{Message, Record, Section, word};
use super::words;

/// Names the exchange by what is asked: `A orders.shop`, `UPDATE shop`.
pub(super) fn name(exchange: &mut Exchange, message: &Message<'_>) {
    let Some(question) = &message.question else { return };
    exchange.target.clone_from(&question.name);
    exchange.method = match message.header.opcode() {
        0 => words::kind(question.kind).into_owned(),
        opcode => words::opcode(opcode).into_owned(),
    };
}

/// The small facts of a query.
pub(super) fn query(half: &mut Half, message: &Message<'_>) {
    let mut fact = |name: &str, value: String| half.headers.push((name.to_owned(), value));
    fact("flags", message.header.flag_names());
    if let Some(question) = &message.question
        && question.class != 1
    {
        fact("class", words::class(question.class).into_owned());
    }
    if message.header.counts[0] > 1 {
        fact("questions", message.header.counts[0].to_string());
    }
    if let Some(opt) = message.edns() {
        fact("edns-udp-size", opt.class.to_string());
        if opt.ttl & 0x8000 != 0 {
            fact("dnssec-ok", "yes".to_owned());
        }
    }
}

/// What a response tells: its code, its small facts, its answers.
pub(super) fn response(exchange: &mut Exchange, message: &Message<'_>, limits: &Limits) {
    let code = message.rcode();
    let (status, failure) = words::rcode(code);
    exchange.status = Some(status.into_owned());
    let mut facts = vec![("flags".to_owned(), message.header.flag_names())];
    let errors = extended_errors(message);
    if let Some(failure) = failure {
        let words = [failure].into_iter().chain(errors.iter().map(String::as_str));
        exchange.failure = Some(words.filter(|w| !w.is_empty()).collect::<Vec<_>>().join(": "));
    }
    facts.extend(errors.into_iter().map(|error| ("extended-error".to_owned(), error)));
    if message.header.counts[2] > 0 {
        facts.push(("authority".to_owned(), message.header.counts[2].to_string()));
    }
    if let Some(half) = &mut exchange.response {
        half.headers.extend(facts);
        let answers = message.records().filter(|record| record.section == Section::Answer);
        render(half, message, answers, limits);
    }
}

/// More answers to the same question, of a zone transfer.
pub(super) fn more(half: &mut Half, message: &Message<'_>, limits: &Limits) {
    if !half.cut {
        let answers = message.records().filter(|record| record.section == Section::Answer);
        render(half, message, answers, limits);
    }
}

/// So much of an answer is kept however short bodies are: it tells whose addresses those are that are called next.
const KEPT: usize = 4096;

/// Adds records to a list of `{name, type, ttl, data}`, which is well-formed even when it is cut.
fn render(half: &mut Half, message: &Message<'_>, answers: impl Iterator<Item = Record>, limits: &Limits) {
    half.media = Some("application/json".to_owned());
    if half.body == b"[]" {
        half.body.clear();
    } else {
        // The bracket that closes what is there.
        half.body.pop();
    }
    let mut any = !half.body.is_empty();
    for record in answers {
        let mut text = String::from(if any { "," } else { "[" });
        text.push_str("{\"name\":");
        json::string(&mut text, &message.name(&record).unwrap_or_default());
        text.push_str(",\"type\":");
        json::string(&mut text, &words::kind(record.kind));
        text.extend([format!(",\"ttl\":{},\"data\":", record.ttl)]);
        json::string(&mut text, &data::text(message, &record));
        text.push('}');
        if half.body.len() + text.len() >= limits.body.max(KEPT) {
            half.cut = true;
            break;
        }
        half.body.extend_from_slice(text.as_bytes());
        any = true;
    }
    half.body.extend_from_slice(if any { b"]" } else { b"[]" });
}

/// `DNSSEC Bogus: signature of shop. expired` (RFC 8914).
fn extended_errors(message: &Message<'_>) -> Vec<String> {
    let mut errors = Vec::new();
    let options = message.edns().and_then(|opt| message.bytes.get(opt.data));
    let mut rest = options.unwrap_or_default();
    while let (Some(code), Some(length)) = (word(rest, 0), word(rest, 2)) {
        let Some((value, behind)) = rest[4..].split_at_checked(usize::from(length)) else { break };
        if code == 15
            && let Some(number) = word(value, 0)
        {
            let name = words::extended_error(number);
            let extra = String::from_utf8_lossy(&value[2..]);
            let extra = extra.trim_matches(['\0', ' ']);
            errors.push(if extra.is_empty() { name.into_owned() } else { format!("{name}: {extra}") });
        }
        rest = behind;
    }
    errors
}
