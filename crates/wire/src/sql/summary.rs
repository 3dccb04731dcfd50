//! What a statement does and to what, from its words: `SELECT` and `shop`.
//!
//! The verb is the keyword, or keywords, it begins with (behind the queries of a `WITH`). The object is the main table,
//! without quotes, or what stands closest to one; of a query `query` finds it.

use super::Dialect;
use super::names::{behind, behind_options, behind_queries, name, relation};
use super::tokens::{Kind, Token, Tokens};

/// What so many words do not tell, more do not either.
const TOKENS_LIMIT: usize = 4000;
/// Longer verbs are cut, in bytes.
const VERB_LIMIT: usize = 64;
/// Longer objects are cut, in bytes.
const OBJECT_LIMIT: usize = 200;

/// What a statement does, and to what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Summary {
    /// Empty when the text begins with no word.
    pub(crate) verb: String,
    /// Empty when there is none.
    pub(crate) object: String,
}

/// Sums up a statement. Of one that `is_cut` the last word may be half a word, and is not used.
pub(crate) fn summary(statement: &[u8], is_cut: bool, dialect: Dialect) -> Summary {
    let mut all: Vec<Token<'_>> = Tokens::new(statement, 0, dialect).take(TOKENS_LIMIT).collect();
    all.pop_if(|last| is_cut && last.range.end == statement.len());
    let open = all.iter().take_while(|token| token.is_mark(b'(') || token.is_mark(b';')).count();
    let mut tokens = &all[open..];
    let explains = tokens.first().filter(|first| first.is_any(&["EXPLAIN", "DESCRIBE", "DESC"]));
    if explains.is_some() {
        tokens = behind_manner(&tokens[1..]);
    }
    let whole = tokens;
    let mut queries = Vec::new();
    if tokens.first().is_some_and(|t| t.is("WITH")) {
        tokens = behind_queries(&tokens[1..], dialect, &mut queries);
    }
    let reader = Reader { dialect, queries: &queries };
    let (mut verb, mut object) = reader.describe(tokens);
    if verb.is_empty() && tokens.len() < whole.len() {
        "WITH".clone_into(&mut verb);
    }
    if object.is_empty() && !queries.is_empty() {
        object = reader.main_relation(whole);
    }
    if let Some(explains) = explains {
        // MySQL explains tables as well.
        if object.is_empty() && !whole.first().is_some_and(|first| first.is_any(&STATEMENTS)) {
            object = relation(whole, dialect).unwrap_or_default();
        }
        verb = upper(explains);
    }
    object.truncate(object.floor_char_boundary(OBJECT_LIMIT));
    verb.truncate(verb.floor_char_boundary(VERB_LIMIT));
    Summary { verb, object }
}

/// What can be explained.
const STATEMENTS: [&str; 11] = [
    "SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "TABLE", "VALUES", "WITH", "EXECUTE",
    "DECLARE",
];

/// The tokens behind how something is explained.
fn behind_manner<'t, 'a>(tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    let mut tokens = behind_options(tokens);
    loop {
        tokens = match tokens {
            [first, rest @ ..] if first.is_any(&["EXTENDED", "PARTITIONS"]) => rest,
            [first, equals, _, rest @ ..] if first.is("FORMAT") && equals.is_mark(b'=') => rest,
            _ => return tokens,
        };
    }
}

fn upper(token: &Token<'_>) -> String {
    String::from_utf8_lossy(token.bytes).to_ascii_uppercase()
}

/// What is needed to read a statement's tokens.
pub(super) struct Reader<'q> {
    pub(super) dialect: Dialect,
    /// The names of the queries of its `WITH`.
    pub(super) queries: &'q [String],
}

impl Reader<'_> {
    fn relation(&self, tokens: &[Token<'_>]) -> Option<String> {
        relation(tokens, self.dialect)
    }

    /// The verb and the object of a statement without `WITH` and `EXPLAIN`.
    fn describe(&self, tokens: &[Token<'_>]) -> (String, String) {
        let Some((first, rest)) = tokens.split_first().filter(|(first, _)| first.kind == Kind::Word) else {
            return Default::default();
        };
        let mut verb = upper(first);
        let object = match verb.as_str() {
            "SELECT" | "VALUES" => self.selected(rest),
            "INSERT" | "REPLACE" | "MERGE" => {
                let rest = behind_options(rest);
                let rest =
                    rest.split_first().filter(|(first, _)| first.is("INTO")).map_or(rest, |(_, rest)| rest);
                self.relation(behind_options(rest))
            }
            "DELETE" => behind(rest, &["FROM"]).and_then(|rest| self.relation(rest)),
            "SHOW" if self.dialect == Dialect::Mysql => match behind(rest, &["FROM", "IN"]) {
                Some(rest) => self.relation(rest),
                None if rest.first().is_some_and(|t| t.is("CREATE")) => {
                    self.relation(behind_options(&rest[1..]))
                }
                None => None,
            },
            "UPDATE"
            | "TABLE"
            | "CALL"
            | "SAVEPOINT"
            | "LISTEN"
            | "UNLISTEN"
            | "NOTIFY"
            | "EXECUTE"
            | "DECLARE"
            | "CLOSE"
            | "SHOW"
            | "RESET"
            | "SET"
            | "RELEASE"
            | "DEALLOCATE"
            | "TRUNCATE"
            | "LOCK"
            | "VACUUM"
            | "ANALYZE"
            | "ANALYSE"
            | "CLUSTER"
            | "REINDEX"
            | "REFRESH"
            | "PREPARE"
            | "DISCARD"
            | "RENAME"
            | "OPTIMIZE"
            | "CHECK"
            | "CHECKSUM"
            | "REPAIR"
            | "USE"
            | "HANDLER"
            | "START_REPLICATION"
            | "CREATE_REPLICATION_SLOT"
            | "DROP_REPLICATION_SLOT"
            | "READ_REPLICATION_SLOT" => self.relation(behind_options(rest)),
            "COPY" if rest.first().is_some_and(|t| t.is_mark(b'(')) => Some(self.main_relation(rest)),
            "COPY" => self.relation(rest),
            "LOAD" => behind(rest, &["TABLE"]).and_then(|rest| self.relation(rest)),
            "FETCH" | "MOVE" => {
                behind(rest, &["FROM", "IN"]).and_then(|rest| self.relation(rest)).or_else(|| {
                    let last = rest.iter().rfind(|t| matches!(t.kind, Kind::Word | Kind::Name));
                    last.map(|last| name(last, self.dialect))
                })
            }
            "GRANT" | "REVOKE" => {
                behind(rest, &["ON"]).map(behind_options).and_then(|rest| self.relation(rest))
            }
            "START" if rest.first().is_some_and(|t| t.is("TRANSACTION")) => {
                verb.push_str(" TRANSACTION");
                None
            }
            "ROLLBACK" => match behind(rest, &["TO"]) {
                Some(rest) => {
                    verb.push_str(" TO");
                    self.relation(behind_options(rest))
                }
                None => None,
            },
            "CREATE" | "DROP" | "ALTER" => self.defined(&mut verb, rest),
            _ => None,
        };
        (verb, object.unwrap_or_default())
    }

    /// `CREATE`, `DROP` and `ALTER` are told apart by what they create: that word belongs to the verb.
    fn defined(&self, verb: &mut String, mut rest: &[Token<'_>]) -> Option<String> {
        const BEFORE: [&str; 21] = [
            "OR",
            "REPLACE",
            "GLOBAL",
            "LOCAL",
            "TEMP",
            "TEMPORARY",
            "UNLOGGED",
            "UNIQUE",
            "RECURSIVE",
            "CONSTRAINT",
            "TRUSTED",
            "PROCEDURAL",
            "DEFAULT",
            "FULLTEXT",
            "SPATIAL",
            "ONLINE",
            "OFFLINE",
            "AGGREGATE",
            "SQL",
            "SECURITY",
            "INVOKER",
        ];
        loop {
            rest = match rest {
                [first, behind @ ..] if first.is_any(&BEFORE) => behind,
                [first, next, ..] if first.is("EVENT") && next.is("TRIGGER") => &rest[1..],
                // `DEFINER = root@localhost`
                [first, equals, behind @ ..]
                    if first.is_any(&["DEFINER", "ALGORITHM"]) && equals.is_mark(b'=') =>
                {
                    let at = behind.get(1).is_some_and(|t| t.is_mark(b'@'));
                    behind.get(if at { 3 } else { 1 }..).unwrap_or_default()
                }
                _ => break,
            };
        }
        let mut of_index = false;
        loop {
            let (first, behind) = rest.split_first().filter(|(first, _)| first.kind == Kind::Word)?;
            rest = behind;
            verb.push(' ');
            verb.push_str(&upper(first));
            of_index |= first.is("INDEX");
            if !first.is_any(&["MATERIALIZED", "FOREIGN", "TEXT", "SEARCH", "ACCESS"]) {
                break;
            }
        }
        if of_index && let Some(table) = behind(rest, &["ON"]).and_then(|rest| self.relation(rest)) {
            return Some(table);
        }
        self.relation(behind_options(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_summed_up() {
        let cases = [
            ("SELECT * FROM shop WHERE id = 1", "SELECT shop"),
            ("select now()", "SELECT now"),
            ("select 1", "SELECT"),
            ("select pg_catalog.version()", "SELECT pg_catalog.version"),
            ("SELECT (SELECT max(x) FROM a) FROM b JOIN c ON true", "SELECT b"),
            ("SELECT * FROM (SELECT * FROM inner_t) x", "SELECT inner_t"),
            ("SELECT extract(epoch FROM ts), trim(both FROM n) FROM t", "SELECT t"),
            ("SELECT a IS DISTINCT FROM b FROM t", "SELECT t"),
            ("SELECT DISTINCT place($1)", "SELECT place"),
            ("SELECT * FROM ONLY public.\"User\" u", "SELECT public.User"),
            ("SELECT * FROM generate_series(1, 3)", "SELECT generate_series"),
            ("SELECT * FROM generate_series(1, 3) g JOIN t ON true", "SELECT t"),
            ("SELECT * FROM (a JOIN b ON true)", "SELECT a"),
            ("(SELECT 1 FROM a) UNION (SELECT 2 FROM b)", "SELECT a"),
            ("-- all of it\n/* FROM x */ TABLE Shop", "TABLE shop"),
            ("WITH a AS (SELECT * FROM t) SELECT * FROM a", "SELECT t"),
            (
                "WITH RECURSIVE a(n) AS (VALUES (1)), b AS MATERIALIZED (SELECT 2) SELECT * FROM a JOIN u ON true",
                "SELECT u",
            ),
            ("with d as (delete from old returning *) insert into new select * from d", "INSERT new"),
            ("INSERT INTO \"order\" (a) VALUES ($1)", "INSERT order"),
            ("UPDATE ONLY s.t SET a = 1 FROM u", "UPDATE s.t"),
            ("DELETE FROM t USING u", "DELETE t"),
            ("MERGE INTO t USING u ON true", "MERGE t"),
            ("COPY t (a, b) FROM STDIN", "COPY t"),
            ("COPY (SELECT * FROM v) TO STDOUT", "COPY v"),
            ("BEGIN ISOLATION LEVEL SERIALIZABLE", "BEGIN"),
            ("start transaction read only", "START TRANSACTION"),
            ("ROLLBACK TO SAVEPOINT sp", "ROLLBACK TO sp"),
            ("ROLLBACK", "ROLLBACK"),
            ("RELEASE sp", "RELEASE sp"),
            ("CREATE TABLE IF NOT EXISTS t (a int)", "CREATE TABLE t"),
            ("create or replace temp view v as select 1", "CREATE VIEW v"),
            ("CREATE UNIQUE INDEX CONCURRENTLY i ON s.t (a)", "CREATE INDEX s.t"),
            ("CREATE MATERIALIZED VIEW m AS SELECT 1", "CREATE MATERIALIZED VIEW m"),
            ("DROP TABLE IF EXISTS t CASCADE", "DROP TABLE t"),
            ("ALTER TABLE ONLY t ADD COLUMN b int", "ALTER TABLE t"),
            ("TRUNCATE TABLE t", "TRUNCATE t"),
            ("VACUUM (FULL, ANALYZE) t", "VACUUM t"),
            ("REFRESH MATERIALIZED VIEW CONCURRENTLY m", "REFRESH m"),
            ("SET LOCAL search_path = a", "SET search_path"),
            ("SHOW transaction isolation level", "SHOW transaction"),
            ("LISTEN news", "LISTEN news"),
            ("UNLISTEN *", "UNLISTEN *"),
            ("NOTIFY news, 'x'", "NOTIFY news"),
            ("DECLARE c CURSOR FOR SELECT 1", "DECLARE c"),
            ("FETCH 10 FROM c", "FETCH c"),
            ("FETCH c", "FETCH c"),
            ("EXECUTE get(1)", "EXECUTE get"),
            ("DEALLOCATE ALL", "DEALLOCATE all"),
            ("EXPLAIN (ANALYZE, BUFFERS) SELECT * FROM t", "EXPLAIN t"),
            ("explain analyze select 1 from t", "EXPLAIN t"),
            ("GRANT SELECT ON TABLE t TO joe", "GRANT t"),
            ("CALL pay(1)", "CALL pay"),
            ("DO $$ begin end $$", "DO"),
            ("START_REPLICATION SLOT s LOGICAL 0/0", "START_REPLICATION s"),
            ("IDENTIFY_SYSTEM", "IDENTIFY_SYSTEM"),
            ("", ""),
            ("'x'", ""),
            ("SELECT FROM", "SELECT"),
            ("INSERT", "INSERT"),
            ("WITH", "WITH"),
            ("WITH a AS (SELECT", "WITH"),
        ];
        for (text, expected) in cases {
            let Summary { verb, object } = summary(text.as_bytes(), false, Dialect::Postgres);
            let found = if object.is_empty() { verb } else { format!("{verb} {object}") };
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn statements_of_mysql_are_summed_up() {
        let cases = [
            ("SELECT @@version_comment LIMIT 1", "SELECT"),
            ("SELECT a, (SELECT count(*) FROM items) FROM `shop`.`Orders` o", "SELECT shop.Orders"),
            ("SELECT 'a FROM b', \"x FROM y\", 'it''s \\' FROM z' FROM t", "SELECT t"),
            ("SELECT 1 FROM DUAL", "SELECT"),
            ("  -- first\n # second\n/* SELECT x FROM y */ insert INTO t(a) VALUES (1)", "INSERT t"),
            ("/*!40101 SET NAMES utf8 */", "SET NAMES"),
            ("/*M!100100 SELECT */ 1", "SELECT"),
            ("REPLACE LOW_PRIORITY INTO a.b SELECT * FROM c", "REPLACE a.b"),
            ("INSERT IGNORE t VALUES (1)", "INSERT t"),
            ("UPDATE LOW_PRIORITY t SET a = 1", "UPDATE t"),
            ("DELETE a, b FROM a INNER JOIN b", "DELETE a"),
            ("WITH x AS (SELECT 1) INSERT INTO log SELECT * FROM x", "INSERT log"),
            ("CREATE TEMPORARY TABLE IF NOT EXISTS `a``b` (id INT)", "CREATE TABLE a`b"),
            (
                "CREATE OR REPLACE DEFINER=`root`@`%` SQL SECURITY INVOKER VIEW v AS SELECT 1 FROM t",
                "CREATE VIEW v",
            ),
            ("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t", "CREATE EVENT e"),
            ("CREATE USER 'shop'@'%' IDENTIFIED BY 'x'", "CREATE USER"),
            ("DROP TABLE IF EXISTS a, b", "DROP TABLE a"),
            ("LOAD DATA LOCAL INFILE 'a.csv' IGNORE INTO TABLE t FIELDS TERMINATED BY ','", "LOAD t"),
            ("EXPLAIN FORMAT = JSON SELECT * FROM t", "EXPLAIN t"),
            ("DESCRIBE t", "DESCRIBE t"),
            ("SHOW FULL COLUMNS FROM t", "SHOW t"),
            ("SHOW CREATE TABLE t", "SHOW t"),
            ("show databases", "SHOW"),
            ("GRANT SELECT ON shop.orders TO 'a'@'b'", "GRANT shop.orders"),
            ("SET autocommit=0", "SET autocommit"),
            ("SELECT 1; SELECT 2", "SELECT"),
            ("{call x}", ""),
            ("17", ""),
            ("SELECT * FROM größe", "SELECT größe"),
        ];
        for (text, expected) in cases {
            let Summary { verb, object } = summary(text.as_bytes(), false, Dialect::Mysql);
            let found = if object.is_empty() { verb } else { format!("{verb} {object}") };
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn half_a_name_is_none() {
        for (text, object) in
            [("SELECT 1 FROM sho", ""), ("SELECT 1 FROM shop ", "shop"), ("SELECT 1 FROM shop w", "shop")]
        {
            let summary = summary(text.as_bytes(), true, Dialect::Postgres);
            assert_eq!((summary.verb.as_str(), summary.object.as_str()), ("SELECT", object), "{text}");
        }
    }

    #[test]
    fn deep_and_long_texts_are_bounded() {
        let deep = "SELECT ".to_owned() + &"(".repeat(100_000);
        assert_eq!(summary(deep.as_bytes(), true, Dialect::Postgres).verb, "SELECT");
        let long = format!("TABLE {}", "ä".repeat(1000));
        assert_eq!(summary(long.as_bytes(), false, Dialect::Postgres).object.len(), OBJECT_LIMIT);
    }
}
