//! What is known of Redis' commands: where their key stands, which wait, which leave or fetch messages.
//!
//! A command that is not listed is one word, and its first argument is its key: that holds for most of Redis' own and
//! for those of modules.

use model::exchange::TopicRole::{self, Receives, Sends};

/// Where the key, or the channel, stands: an argument's place, counted from the command's name at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    At(usize),
    /// The second word is a part of the name, and the key comes behind it.
    AfterSubcommand,
    /// Behind a number of keys, which may be none; then what stands at this place says most.
    Counted {
        count: usize,
        otherwise: usize,
    },
    AfterStreams,
    None,
}

/// A command's names are in upper case.
fn key(name: &str) -> Key {
    match name {
        "ACL" | "CLIENT" | "CLUSTER" | "COMMAND" | "CONFIG" | "DEBUG" | "FUNCTION" | "LATENCY" | "MEMORY"
        | "MODULE" | "OBJECT" | "PUBSUB" | "SCRIPT" | "SENTINEL" | "SLOWLOG" | "XGROUP" | "XINFO" => {
            Key::AfterSubcommand
        }
        "AUTH" | "BGSAVE" | "ECHO" | "FAILOVER" | "FLUSHALL" | "FLUSHDB" | "LOLWUT" | "PING" | "PSYNC"
        | "REPLCONF" | "SAVE" | "SCAN" | "SHUTDOWN" | "SWAPDB" | "SYNC" | "WAIT" | "WAITAOF" => Key::None,
        "BLMPOP" | "BZMPOP" | "MIGRATE" => Key::At(3),
        "BITOP" | "LMPOP" | "SINTERCARD" | "ZDIFF" | "ZINTER" | "ZINTERCARD" | "ZMPOP" | "ZUNION" => {
            Key::At(2)
        }
        "EVAL" | "EVAL_RO" => Key::Counted { count: 2, otherwise: usize::MAX },
        "EVALSHA" | "EVALSHA_RO" | "FCALL" | "FCALL_RO" => Key::Counted { count: 2, otherwise: 1 },
        "XREAD" | "XREADGROUP" => Key::AfterStreams,
        _ => Key::At(1),
    }
}

/// What a connection listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Listening {
    Channel,
    Pattern,
    Shard,
    /// Whatever else a server pushes, such as keys that are to be forgotten.
    Pushes,
}

impl Listening {
    /// The command that begins it.
    pub(super) fn command(self) -> &'static str {
        match self {
            Self::Channel => "SUBSCRIBE",
            Self::Pattern => "PSUBSCRIBE",
            Self::Shard => "SSUBSCRIBE",
            Self::Pushes => "PUSH",
        }
    }
}

/// What a command does to the connection, beyond being answered once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Nothing,
    Subscribes(Listening),
    Unsubscribes(Listening),
    /// All that the server does is told from now on.
    Monitors,
    /// The connection becomes a replica's.
    Replicates,
    /// The connection is as it was at its beginning, or ends.
    Resets,
    /// `CLIENT REPLY`.
    RepliesOff,
    RepliesOn,
    SkipsReply,
    /// Runs what was queued, and is answered by all its answers.
    Executes,
}

/// What of an answer must not be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Veil {
    Nothing,
    Everything,
    /// The values of settings that hold a password.
    Secrets,
}

/// A command as far as its first arguments tell.
#[derive(Debug)]
pub(super) struct Meaning {
    /// In upper case, with the subcommand where that is a part of the name.
    pub(super) method: String,
    /// The place of the first key or channel among the arguments.
    pub(super) key: Option<usize>,
    pub(super) waits: bool,
    pub(super) topic: Option<TopicRole>,
    pub(super) effect: Effect,
    pub(super) veil: Veil,
}

/// What these arguments, of which the first is the command's name, mean.
pub(super) fn meaning(arguments: &[Vec<u8>]) -> Meaning {
    let word = |place: usize| {
        arguments.get(place).map(|word| super::quote::text(word).to_ascii_uppercase()).unwrap_or_default()
    };
    let number = |place: usize| word(place).parse::<u64>().unwrap_or_default();
    let position = |name: &str| {
        arguments.iter().skip(1).position(|word| word.eq_ignore_ascii_case(name.as_bytes())).map(|at| at + 1)
    };
    let name = word(0);
    let (mut method, at) = (name.clone(), key(&name));
    let place = match at {
        Key::At(place) => Some(place),
        Key::AfterSubcommand => Some(2),
        Key::Counted { count, .. } if number(count) > 0 => Some(count + 1),
        Key::Counted { otherwise, .. } => Some(otherwise),
        Key::AfterStreams => position("STREAMS").map(|place| place + 1),
        Key::None => None,
    };
    let subcommand = word(1);
    if at == Key::AfterSubcommand && !subcommand.is_empty() {
        method.push(' ');
        method.push_str(&subcommand);
    }
    let streams = matches!(at, Key::AfterStreams);
    let waits = match name.as_str() {
        "BLMOVE" | "BLMPOP" | "BLPOP" | "BRPOP" | "BRPOPLPUSH" | "BZMPOP" | "BZPOPMAX" | "BZPOPMIN"
        | "MONITOR" | "PSUBSCRIBE" | "PSYNC" | "SSUBSCRIBE" | "SUBSCRIBE" | "SYNC" | "WAIT" | "WAITAOF" => {
            true
        }
        _ => {
            streams && position("BLOCK").is_some_and(|block| position("STREAMS").is_none_or(|at| block < at))
        }
    };
    let topic = match name.as_str() {
        "LPUSH" | "LPUSHX" | "PUBLISH" | "RPUSH" | "RPUSHX" | "SPUBLISH" | "XADD" => Some(Sends),
        "BLMOVE" | "BLMPOP" | "BLPOP" | "BRPOP" | "BRPOPLPUSH" | "LMOVE" | "LMPOP" | "LPOP"
        | "PSUBSCRIBE" | "RPOP" | "RPOPLPUSH" | "SSUBSCRIBE" | "SUBSCRIBE" | "XREAD" | "XREADGROUP" => {
            Some(Receives)
        }
        _ => None,
    };
    let effect = match name.as_str() {
        "SUBSCRIBE" => Effect::Subscribes(Listening::Channel),
        "PSUBSCRIBE" => Effect::Subscribes(Listening::Pattern),
        "SSUBSCRIBE" => Effect::Subscribes(Listening::Shard),
        "UNSUBSCRIBE" => Effect::Unsubscribes(Listening::Channel),
        "PUNSUBSCRIBE" => Effect::Unsubscribes(Listening::Pattern),
        "SUNSUBSCRIBE" => Effect::Unsubscribes(Listening::Shard),
        "MONITOR" => Effect::Monitors,
        "PSYNC" | "SYNC" => Effect::Replicates,
        "RESET" | "QUIT" => Effect::Resets,
        "EXEC" => Effect::Executes,
        "CLIENT" if subcommand == "REPLY" => match word(2).as_str() {
            "OFF" => Effect::RepliesOff,
            "ON" => Effect::RepliesOn,
            "SKIP" => Effect::SkipsReply,
            _ => Effect::Nothing,
        },
        _ => Effect::Nothing,
    };
    let veil = match (name.as_str(), subcommand.as_str()) {
        ("ACL", "GETUSER" | "LIST" | "GENPASS") => Veil::Everything,
        ("CONFIG", "GET") => Veil::Secrets,
        _ => Veil::Nothing,
    };
    Meaning { method, key: place.filter(|place| *place < arguments.len()), waits, topic, effect, veil }
}

/// Commands that people type, and that clients send before anything else: what tells an inline command from other text.
const WORDS: [&str; 61] = [
    "ACL",
    "APPEND",
    "AUTH",
    "BGSAVE",
    "BLPOP",
    "BRPOP",
    "CLIENT",
    "CLUSTER",
    "COMMAND",
    "CONFIG",
    "DBSIZE",
    "DECR",
    "DEL",
    "DISCARD",
    "ECHO",
    "EVAL",
    "EXEC",
    "EXISTS",
    "EXPIRE",
    "FLUSHALL",
    "FLUSHDB",
    "GET",
    "HDEL",
    "HELLO",
    "HGET",
    "HGETALL",
    "HSET",
    "INCR",
    "INFO",
    "KEYS",
    "LLEN",
    "LPOP",
    "LPUSH",
    "LRANGE",
    "MEMORY",
    "MGET",
    "MONITOR",
    "MSET",
    "MULTI",
    "PING",
    "PSUBSCRIBE",
    "PSYNC",
    "PUBLISH",
    "QUIT",
    "REPLCONF",
    "ROLE",
    "RPOP",
    "RPUSH",
    "SADD",
    "SCAN",
    "SELECT",
    "SET",
    "SLOWLOG",
    "SMEMBERS",
    "SUBSCRIBE",
    "TTL",
    "TYPE",
    "XADD",
    "XRANGE",
    "XREAD",
    "ZADD",
];

/// Whether bytes that are followed by more, or not, may be the name of a well-known command.
pub(super) fn is_well_known(name: &[u8], ends: bool) -> bool {
    WORDS.iter().any(|word| {
        let known = word.as_bytes();
        let same = known.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        same && (!ends || known.len() == name.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> String {
        let arguments = super::super::quote::split(line.as_bytes());
        let meaning = meaning(&arguments);
        let key = meaning.key.map(|at| String::from_utf8_lossy(&arguments[at]).into_owned());
        let waits = if meaning.waits { " waits" } else { "" };
        let topic = meaning.topic.map_or(String::new(), |role| format!(" {role:?}"));
        format!("{} {}{waits}{topic}", meaning.method, key.unwrap_or_default())
    }

    #[test]
    fn commands_are_named_and_their_keys_found() {
        for (line, expected) in [
            ("get user:7", "GET user:7"),
            ("ping", "PING "),
            ("ping hello", "PING "),
            ("AUTH secret", "AUTH "),
            ("config get maxmemory", "CONFIG GET maxmemory"),
            ("OBJECT ENCODING k", "OBJECT ENCODING k"),
            ("COMMAND", "COMMAND "),
            ("BITOP AND dest a b", "BITOP dest"),
            ("EVAL 'return 1' 0", "EVAL "),
            ("EVAL 'return 1' 1 k v", "EVAL k"),
            ("EVALSHA c0ffee 0", "EVALSHA c0ffee"),
            ("FCALL f 2 a b", "FCALL a"),
            ("XREAD COUNT 2 STREAMS a b 0 0", "XREAD a Receives"),
            ("XREAD BLOCK 0 STREAMS a $", "XREAD a waits Receives"),
            ("XREAD STREAMS block 0", "XREAD block Receives"),
            ("XREADGROUP GROUP g c BLOCK 5 STREAMS s >", "XREADGROUP s waits Receives"),
            ("XREAD STREAMS", "XREAD  Receives"),
            ("BLPOP q 0", "BLPOP q waits Receives"),
            ("BLMPOP 0 2 a b LEFT", "BLMPOP a waits Receives"),
            ("WAIT 1 0", "WAIT  waits"),
            ("PUBLISH news hi", "PUBLISH news Sends"),
            ("JSON.GET doc $", "JSON.GET doc"),
            ("SCAN 0 MATCH *", "SCAN "),
        ] {
            assert_eq!(check(line), expected, "{line}");
        }
    }
}
