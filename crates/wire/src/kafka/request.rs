//! What a request asks for.

use super::apis::{self, Api, Asks};
use super::fields::Fields;
use super::known::Known;
use super::records::{Place, Seen};

/// What is told of a request.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// What it is about: topics, groups.
    pub(super) about: Vec<String>,
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) records: Option<Seen>,
    /// Topics to which records are written, and how many.
    pub(super) counts: Vec<(String, u64)>,
    /// The producer wants no answer.
    pub(super) unanswered: bool,
}

impl Asked {
    fn fact(&mut self, name: &'static str, value: String) {
        if !value.is_empty() && value.len() <= FACT_LIMIT {
            self.facts.push((name, value));
        }
    }

    pub(super) fn add(&mut self, name: String) {
        if !name.is_empty()
            && name.len() <= NAME_LIMIT
            && !self.about.contains(&name)
            && self.about.len() < NAMES_LIMIT
        {
            self.about.push(name);
        }
    }
}

/// How many names of one message are told, and of what length. Topics have 249 characters at most.
const NAMES_LIMIT: usize = 32;
const NAME_LIMIT: usize = 256;
/// Longer facts are not told, in bytes.
const FACT_LIMIT: usize = 4096;

/// Reads a request behind its header, as far as it is there.
pub(super) fn read(
    api: &Api,
    version: i16,
    mut fields: Fields<'_>,
    known: &mut Known<'_>,
    room: usize,
) -> Asked {
    let mut asked = Asked::default();
    // What is cut off is not told, and what came before it is.
    let _whole = match api.asks {
        Asks::Nothing => Some(()),
        Asks::Name => fields.string().map(|name| asked.add(name)),
        Asks::Names => fields.each(|name| name.string().map(|name| asked.add(name))),
        Asks::Group => group(&mut asked, &mut fields),
        Asks::Other => other(api.key, version, &mut asked, &mut fields, known, room),
    };
    asked
}

fn group(asked: &mut Asked, fields: &mut Fields<'_>) -> Option<()> {
    let group = fields.string()?;
    asked.add(group);
    let member = fields.string()?;
    asked.fact("member", member);
    Some(())
}

fn other(
    key: i16,
    version: i16,
    asked: &mut Asked,
    fields: &mut Fields<'_>,
    known: &mut Known<'_>,
    room: usize,
) -> Option<()> {
    match key {
        apis::PRODUCE => produce(version, asked, fields, known, room),
        apis::FETCH => fetch(version, asked, fields, known),
        apis::LIST_OFFSETS => {
            fields.i32()?;
            fields.skip_if(version >= 2, 1)?;
            fields.each(|topic| {
                asked.add(topic.string()?);
                topic.each(|partition| {
                    partition.skip(12)?;
                    partition.skip_if(version >= 4 || version == 0, 4)?;
                    partition.tags()
                })?;
                topic.tags()
            })
        }
        apis::METADATA => fields.each(|topic| {
            if version >= 10 {
                let mut id = *topic;
                topic.skip(16)?;
                let name = topic.string()?;
                let name = if name.is_empty() { known.topic(&mut id, true)? } else { name };
                asked.add(name);
            } else {
                asked.add(topic.string()?);
            }
            topic.tags()
        }),
        apis::OFFSET_COMMIT => offset_commit(version, asked, fields, known),
        apis::OFFSET_FETCH if version >= 8 => fields.each(|group| {
            asked.add(group.string()?);
            if version >= 9 {
                group.string()?;
                group.i32()?;
            }
            group.each(|topic| {
                known.topic(topic, version >= 10)?;
                topic.each(|partition| partition.skip(4))?;
                topic.tags()
            })?;
            group.tags()
        }),
        apis::FIND_COORDINATOR => {
            if version >= 4 {
                fields.i8()?;
                return fields.each(|name| name.string().map(|name| asked.add(name)));
            }
            asked.add(fields.string()?);
            Some(())
        }
        apis::API_VERSIONS if version >= 3 => {
            let client = fields.string()?;
            asked.fact("client-software-name", client);
            let version = fields.string()?;
            asked.fact("client-software-version", version);
            Some(())
        }
        apis::CREATE_TOPICS => fields.each(|topic| {
            asked.add(topic.string()?);
            topic.skip(6)?;
            topic.each(|assignment| {
                assignment.i32()?;
                assignment.each(|broker| broker.skip(4))?;
                assignment.tags()
            })?;
            topic.each(|config| {
                config.string()?;
                config.string()?;
                config.tags()
            })?;
            topic.tags()
        }),
        apis::DELETE_TOPICS if version >= 6 => fields.each(|topic| {
            let name = topic.string()?;
            let by_id = known.topic(topic, true)?;
            asked.add(if name.is_empty() { by_id } else { name });
            topic.tags()
        }),
        apis::ADD_PARTITIONS_TO_TXN if version >= 4 => {
            fields.each(|transaction| {
                asked.add(transaction.string()?);
                // The first one is enough.
                None
            })
        }
        apis::DELETE_TOPICS => fields.each(|name| name.string().map(|name| asked.add(name))),
        apis::DESCRIBE_TOPIC_PARTITIONS => fields.each(|topic| {
            asked.add(topic.string()?);
            topic.tags()
        }),
        apis::API_VERSIONS => Some(()),
        _ => {
            asked.add(fields.string()?);
            Some(())
        }
    }
}

fn produce(
    version: i16,
    asked: &mut Asked,
    fields: &mut Fields<'_>,
    known: &mut Known<'_>,
    room: usize,
) -> Option<()> {
    if version >= 3 {
        let transaction = fields.string()?;
        asked.fact("transactional-id", transaction);
    }
    let acks = fields.i16()?;
    asked.unanswered = acks == 0;
    asked.fact("acks", acks.to_string());
    fields.i32()?;
    let mut seen = Seen::new(room);
    let mut counts = Vec::new();
    let whole = fields.each(|topic| {
        let name = known.topic(topic, version >= 13)?;
        asked.add(name.clone());
        let before = seen.count;
        let read = topic.each(|part| {
            let partition = part.i32()?;
            let blob = part.blob()?;
            seen.take(Place { topic: &name, partition }, blob, false);
            part.tags()
        });
        counts.push((name, seen.count - before));
        read?;
        topic.tags()
    });
    seen.more |= whole.is_none();
    asked.counts = counts;
    asked.records = Some(seen);
    whole
}

fn fetch(version: i16, asked: &mut Asked, fields: &mut Fields<'_>, known: &mut Known<'_>) -> Option<()> {
    if version < 15 {
        fields.i32()?;
    }
    let wait = fields.i32()?;
    asked.fact("max-wait-ms", wait.to_string());
    fields.i32()?;
    fields.skip_if(version >= 3, 4)?;
    fields.skip_if(version >= 4, 1)?;
    let (mut id, mut epoch) = (0, 0);
    if version >= 7 {
        (id, epoch) = (fields.i32()?, fields.i32()?);
    }
    // A session begins, or there is none.
    if epoch <= 0 || id == 0 {
        known.session.clear();
    }
    let mut fetched = Vec::new();
    let mut read = fields.each(|topic| {
        let name = known.topic(topic, version >= 13)?;
        topic.each(|part| {
            let mut partition = *part;
            fetched.push((name.clone(), partition.i32()?));
            part.skip(16)?;
            part.skip_if(version >= 9, 4)?;
            part.skip_if(version >= 12, 4)?;
            part.skip_if(version >= 5, 8)?;
            part.tags()
        })?;
        topic.tags()
    });
    for (topic, partition) in &fetched {
        known.session.add(topic, *partition);
    }
    let mut forgotten = Vec::new();
    if version >= 7 && read.is_some() {
        read = fields.each(|topic| {
            let name = known.topic(topic, version >= 13)?;
            topic.each(|part| {
                forgotten.push((name.clone(), part.i32()?));
                Some(())
            })?;
            topic.tags()
        });
    }
    for (topic, partition) in &forgotten {
        known.session.remove(topic, *partition);
    }
    known.session.topics().into_iter().for_each(|topic| asked.add(topic));
    read
}

fn offset_commit(
    version: i16,
    asked: &mut Asked,
    fields: &mut Fields<'_>,
    known: &mut Known<'_>,
) -> Option<()> {
    asked.add(fields.string()?);
    if version >= 1 {
        fields.i32()?;
        let member = fields.string()?;
        asked.fact("member", member);
    }
    if version >= 7 {
        fields.string()?;
    }
    fields.skip_if((2..=4).contains(&version), 8)?;
    let mut offsets = Vec::new();
    let read = fields.each(|topic| {
        let name = known.topic(topic, version >= 10)?;
        topic.each(|part| {
            let (partition, offset) = (part.i32()?, part.i64()?);
            if offsets.len() < NAMES_LIMIT {
                offsets.push(format!("{name}/{partition}={offset}"));
            }
            part.skip_if(version >= 6, 4)?;
            part.skip_if(version == 1, 8)?;
            part.string()?;
            part.tags()
        })?;
        topic.tags()
    });
    asked.fact("offsets", offsets.join(", "));
    read
}
