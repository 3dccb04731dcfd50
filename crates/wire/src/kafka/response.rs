//! What a broker answers: its error codes, the records that were fetched, the names of topics.

use super::apis::{self, Answer, Api};
use super::errors;
use super::fields::Fields;
use super::known::Known;
use super::records::{Place, Seen};

/// Longer words of a broker are not told, in bytes.
const WORDS_LIMIT: usize = 1024;
/// Bytes of the time for which a client is throttled.
pub(super) const TIME: usize = 4;

/// What is told of a response.
#[derive(Debug, Default)]
pub(super) struct Answered {
    /// The first code that says that something failed; else the first that is not `OK`; else `OK` if one was seen.
    pub(super) code: Option<i16>,
    /// What failed, or in which words.
    pub(super) what: String,
    pub(super) records: Option<Seen>,
    /// Topics of which there are records, and how many.
    pub(super) counts: Vec<(String, u64)>,
    /// No code is behind what was read.
    all_codes: bool,
}

impl Answered {
    pub(super) fn code(&mut self, key: i16, code: i16, what: impl FnOnce() -> String) {
        let rank = |code: i16| u8::from(code != 0) + u8::from(!is_normal(key, code));
        if self.code.is_none_or(|known| rank(code) > rank(known)) {
            self.code = Some(code);
            self.what = if code == 0 { String::new() } else { what() };
        }
    }
}

/// Whether a code is no failure of this API: some of them ask until the answer is another.
pub(super) fn is_normal(key: i16, code: i16) -> bool {
    const LEADER_NOT_AVAILABLE: i16 = 5;
    const COORDINATOR_NOT_AVAILABLE: i16 = 15;
    errors::is_normal(code)
        || matches!(
            (key, code),
            (apis::API_VERSIONS, errors::UNSUPPORTED_VERSION)
                | (apis::METADATA, LEADER_NOT_AVAILABLE)
                | (apis::FIND_COORDINATOR, COORDINATOR_NOT_AVAILABLE)
        )
}

/// Reads a response behind its header, as far as it is there.
pub(super) fn read(
    api: &Api,
    version: i16,
    mut fields: Fields<'_>,
    known: &mut Known<'_>,
    room: usize,
) -> Answered {
    let mut answered = Answered::default();
    let read = match api.answer {
        Answer::First => code(api.key, &mut answered, &mut fields),
        Answer::Throttled(since) => {
            fields.skip_if(version >= since, TIME).and_then(|()| code(api.key, &mut answered, &mut fields))
        }
        Answer::FirstOf(since, names) => fields.skip_if(version >= since, TIME).and_then(|()| {
            fields.each(|element| {
                let mut what = String::new();
                for _ in 0..names {
                    what = element.string()?;
                }
                let code = element.i16()?;
                answered.code(api.key, code, || what);
                answered.all_codes = true;
                // What is behind it is not read, and so not the next one.
                None
            })
        }),
        Answer::Custom => custom(api.key, version, &mut answered, &mut fields, known, room),
        Answer::Unread => None,
    };
    if read.is_none() {
        if let Some(seen) = &mut answered.records {
            seen.more = true;
        }
        // What was not read may have failed.
        let is_fine = answered.code.is_some_and(|code| is_normal(api.key, code));
        if is_fine && !answered.all_codes {
            answered.code = None;
        }
    }
    answered
}

fn code(key: i16, answered: &mut Answered, fields: &mut Fields<'_>) -> Option<()> {
    let code = fields.i16()?;
    let words = if key == apis::SASL_AUTHENTICATE { fields.string() } else { None };
    answered.code(key, code, || words.filter(|words| words.len() <= WORDS_LIMIT).unwrap_or_default());
    Some(())
}

fn custom(
    key: i16,
    version: i16,
    answered: &mut Answered,
    fields: &mut Fields<'_>,
    known: &mut Known<'_>,
    room: usize,
) -> Option<()> {
    match key {
        apis::PRODUCE => partitions(key, answered, fields, known, version >= 13, |part| {
            part.skip(8)?;
            part.skip_if(version >= 2, 8)?;
            part.skip_if(version >= 5, 8)?;
            if version >= 8 {
                part.each(|record| {
                    record.i32()?;
                    record.string()?;
                    record.tags()
                })?;
                part.string()?;
            }
            Some(())
        }),
        apis::FETCH => fetched(version, answered, fields, known, room),
        apis::LIST_OFFSETS => {
            fields.skip_if(version >= 2, TIME)?;
            partitions(key, answered, fields, known, false, |part| {
                if version == 0 {
                    return part.each(|offset| offset.skip(8));
                }
                part.skip(16)?;
                part.skip_if(version >= 4, 4)
            })
        }
        apis::METADATA => metadata(version, answered, fields, known),
        apis::OFFSET_COMMIT => {
            fields.skip_if(version >= 3, TIME)?;
            partitions(key, answered, fields, known, version >= 10, |_| Some(()))
        }
        apis::OFFSET_FETCH => {
            fields.skip_if(version >= 3, TIME)?;
            if version < 8 {
                return offsets(version, answered, fields, known);
            }
            fields.each(|group| {
                group.string()?;
                offsets(version, answered, group, known)?;
                group.tags()
            })
        }
        apis::FIND_COORDINATOR => {
            fields.skip_if(version >= 1, TIME)?;
            if version < 4 {
                return code(key, answered, fields);
            }
            fields.each(|coordinator| {
                let name = coordinator.string()?;
                coordinator.i32()?;
                coordinator.string()?;
                coordinator.i32()?;
                let code = coordinator.i16()?;
                answered.code(key, code, || name);
                coordinator.string()?;
                coordinator.tags()
            })
        }
        apis::CREATE_TOPICS => {
            fields.skip_if(version >= 2, TIME)?;
            fields.each(|topic| {
                let name = topic.string()?;
                if version >= 7 {
                    known.learn(topic.id()?, &name);
                }
                let code = topic.i16()?;
                answered.code(key, code, || name);
                if version >= 1 {
                    topic.string()?;
                }
                if version >= 5 {
                    topic.skip(6)?;
                    topic.each(|config| {
                        config.string()?;
                        config.string()?;
                        config.skip(3)?;
                        config.tags()
                    })?;
                }
                topic.tags()
            })
        }
        apis::DELETE_TOPICS => {
            fields.skip_if(version >= 1, TIME)?;
            fields.each(|topic| {
                let name = topic.string()?;
                topic.skip_if(version >= 6, 16)?;
                let code = topic.i16()?;
                answered.code(key, code, || name);
                if version >= 5 {
                    topic.string()?;
                }
                topic.tags()
            })
        }
        apis::ADD_PARTITIONS_TO_TXN if version >= 4 => {
            fields.skip_if(true, TIME)?;
            code(key, answered, fields)
        }
        apis::ADD_PARTITIONS_TO_TXN | apis::TXN_OFFSET_COMMIT => {
            fields.skip_if(true, TIME)?;
            partitions(key, answered, fields, known, false, |_| Some(()))
        }
        _ => None,
    }
}

/// Topics, of each the partitions, of each its number, its code, and what is behind it.
fn partitions(
    key: i16,
    answered: &mut Answered,
    fields: &mut Fields<'_>,
    known: &mut Known<'_>,
    by_id: bool,
    behind: impl Fn(&mut Fields<'_>) -> Option<()>,
) -> Option<()> {
    fields.each(|topic| {
        let name = known.topic(topic, by_id)?;
        topic.each(|part| {
            let (partition, code) = (part.i32()?, part.i16()?);
            answered.code(key, code, || format!("{name}/{partition}"));
            behind(part)?;
            part.tags()
        })?;
        topic.tags()
    })
}

fn fetched(
    version: i16,
    answered: &mut Answered,
    fields: &mut Fields<'_>,
    known: &mut Known<'_>,
    room: usize,
) -> Option<()> {
    fields.skip_if(version >= 1, TIME)?;
    if version >= 7 {
        code(apis::FETCH, answered, fields)?;
        fields.i32()?;
    }
    let mut seen = Seen::new(room);
    let mut counts = Vec::new();
    let read = fields.each_before(|topic, topics_left| {
        let name = known.topic(topic, version >= 13)?;
        let before = seen.count;
        let read = topic.each_before(|part, parts_left| {
            let (partition, code) = (part.i32()?, part.i16()?);
            answered.code(apis::FETCH, code, || format!("{name}/{partition}"));
            answered.all_codes = topics_left == 0 && parts_left == 0;
            before_records(version, part)?;
            let blob = part.blob()?;
            seen.take(Place { topic: &name, partition }, blob, true);
            part.tags()
        });
        if seen.count > before {
            counts.push((name, seen.count - before));
        }
        read?;
        topic.tags()
    });
    answered.records = Some(seen);
    answered.counts = counts;
    read
}

/// Passes over what stands between a fetched partition's code and its records.
pub(super) fn before_records(version: i16, part: &mut Fields<'_>) -> Option<()> {
    part.skip(8)?;
    part.skip_if(version >= 4, 8)?;
    part.skip_if(version >= 5, 8)?;
    if version >= 4 {
        part.each(|aborted| {
            aborted.skip(16)?;
            aborted.tags()
        })?;
    }
    part.skip_if(version >= 11, 4)
}

fn metadata(
    version: i16,
    answered: &mut Answered,
    fields: &mut Fields<'_>,
    known: &mut Known<'_>,
) -> Option<()> {
    fields.skip_if(version >= 3, TIME)?;
    fields.each(|broker| {
        broker.i32()?;
        broker.string()?;
        broker.i32()?;
        if version >= 1 {
            broker.string()?;
        }
        broker.tags()
    })?;
    if version >= 2 {
        fields.string()?;
    }
    fields.skip_if(version >= 1, 4)?;
    // Without topics there is nothing that could fail.
    answered.code(apis::METADATA, 0, String::new);
    fields.each(|topic| {
        let code = topic.i16()?;
        let name = topic.string()?;
        if version >= 10 {
            known.learn(topic.id()?, &name);
        }
        answered.code(apis::METADATA, code, || name);
        topic.skip_if(version >= 1, 1)?;
        topic.each(|part| {
            part.skip(10)?;
            part.skip_if(version >= 7, 4)?;
            for _ in 0..if version >= 5 { 3 } else { 2 } {
                part.each(|replica| replica.skip(4))?;
            }
            part.tags()
        })?;
        topic.skip_if(version >= 8, 4)?;
        topic.tags()
    })
}

fn offsets(
    version: i16,
    answered: &mut Answered,
    fields: &mut Fields<'_>,
    known: &mut Known<'_>,
) -> Option<()> {
    fields.each(|topic| {
        let name = known.topic(topic, version >= 10)?;
        topic.each(|part| {
            let partition = part.i32()?;
            part.skip(8)?;
            part.skip_if(version >= 5, 4)?;
            part.string()?;
            let code = part.i16()?;
            answered.code(apis::OFFSET_FETCH, code, || format!("{name}/{partition}"));
            part.tags()
        })?;
        topic.tags()
    })?;
    if version >= 2 {
        code(apis::OFFSET_FETCH, answered, fields)?;
    }
    Some(())
}
