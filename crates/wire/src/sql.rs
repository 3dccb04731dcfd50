//! A light look at SQL: what a statement does, to which relation, and where it holds a password.
//!
//! No parser: words, quotes, comments and parentheses of all dialects that matter here, read once from left to right.
//! Where dialects differ, what no sane statement means otherwise is taken: `"a"` names a relation where one is due.

mod secrets;
mod tokens;

pub(crate) use secrets::redact;
use tokens::{Reader, Token};

/// A verb is no longer than this, in bytes; what is longer is no SQL.
const VERB_LIMIT: usize = 32;
/// Parentheses that are told apart; deeper ones count as the last of these.
const DEPTH_LIMIT: usize = 32;
/// Common table expressions whose names are remembered.
const CTES_LIMIT: usize = 64;

/// What a statement does, as its first keyword in upper case, and the relation that it mainly does it to; either may
/// be empty. Common table expressions are looked through: the relation is one that exists.
pub(crate) fn summary(sql: &str) -> (String, String) {
    let mut reader = Reader::new(sql);
    let first = loop {
        match reader.next() {
            Some(Token::Mark(b'(' | b';')) => {}
            Some(Token::Word(word)) if word.len() <= VERB_LIMIT && !starts_with_digit(word) => break word,
            _ => return (String::new(), String::new()),
        }
    };
    if !first.eq_ignore_ascii_case("WITH") {
        return (first.to_ascii_uppercase(), relation(first, &mut reader));
    }
    let (verb, names, inner) = behind_ctes(&mut reader);
    let found = relation(verb, &mut reader);
    let is_cte = names.iter().any(|name| name.eq_ignore_ascii_case(&found));
    let verb = if verb.is_empty() { "WITH".to_owned() } else { verb.to_ascii_uppercase() };
    (verb, if found.is_empty() || is_cte { inner } else { found })
}

/// The relation of a statement whose verb has been read.
fn relation(verb: &str, reader: &mut Reader<'_>) -> String {
    const INTO: &[&str] = &[
        "LOW_PRIORITY",
        "DELAYED",
        "HIGH_PRIORITY",
        "IGNORE",
        "OVERWRITE",
        "INTO",
        "TABLE",
        "ONLY",
        "QUICK",
    ];
    const OBJECTS: &[&str] = &[
        "OR",
        "REPLACE",
        "TEMPORARY",
        "TEMP",
        "UNLOGGED",
        "UNIQUE",
        "FULLTEXT",
        "SPATIAL",
        "MATERIALIZED",
        "RECURSIVE",
        "GLOBAL",
        "LOCAL",
        "CONCURRENTLY",
        "ONLINE",
        "OFFLINE",
        "NO_WRITE_TO_BINLOG",
        "TABLE",
        "TABLES",
        "VIEW",
        "INDEX",
        "DATABASE",
        "SCHEMA",
        "PROCEDURE",
        "FUNCTION",
        "TRIGGER",
        "EVENT",
        "SEQUENCE",
        "TYPE",
        "EXTENSION",
        "DOMAIN",
        "SERVER",
        "IF",
        "NOT",
        "EXISTS",
        "ONLY",
        "FULL",
        "VERBOSE",
        "FREEZE",
        "FOREIGN",
        "CONSTRAINT",
        "AGGREGATE",
        "IGNORE",
    ];
    let found = match verb.to_ascii_uppercase().as_str() {
        "SELECT" | "DELETE" => from(reader),
        "INSERT" | "REPLACE" | "MERGE" | "UPDATE" => first_name(reader, INTO),
        "CREATE" | "ALTER" | "DROP" => object(reader, OBJECTS),
        "TRUNCATE" | "RENAME" | "LOCK" | "OPTIMIZE" | "ANALYZE" | "ANALYSE" | "CHECK" | "CHECKSUM"
        | "REPAIR" | "CALL" | "USE" | "TABLE" | "COPY" | "REFRESH" | "VACUUM" | "REINDEX" | "CLUSTER"
        | "HANDLER" | "LISTEN" | "UNLISTEN" | "NOTIFY" | "PREPARE" | "EXECUTE" | "DEALLOCATE" | "DECLARE"
        | "CLOSE" => first_name(reader, OBJECTS),
        "EXPLAIN" | "DESCRIBE" | "DESC" => explained(reader),
        "SHOW" => behind(reader, &["FROM", "IN"], &["TABLE", "VIEW"]),
        "LOAD" => behind(reader, &["TABLE"], &[]),
        "GRANT" | "REVOKE" => behind(reader, &["ON"], &["TABLE"]),
        "FETCH" | "MOVE" => behind(reader, &["FROM", "IN"], &[]),
        _ => None,
    };
    found.filter(|name| !name.eq_ignore_ascii_case("dual")).unwrap_or_default()
}

/// The first relation behind a FROM of the statement itself, else of a SELECT inside it. A FROM inside a function
/// (`EXTRACT(DAY FROM x)`) is none.
fn from(reader: &mut Reader<'_>) -> Option<String> {
    let mut selects = [false; DEPTH_LIMIT];
    selects[0] = true;
    let (mut depth, mut opened, mut sought, mut distinct) = (0_usize, false, false, false);
    let mut deep = None;
    while let Some(token) = reader.next() {
        let here = &mut selects[depth.min(DEPTH_LIMIT - 1)];
        match token {
            Token::Mark(b'(') => {
                // What FROM asks for may stand in parentheses: a join, or a SELECT.
                let joined = sought;
                depth += 1;
                selects[depth.min(DEPTH_LIMIT - 1)] = joined;
                opened = true;
                continue;
            }
            Token::Mark(b')') => {
                depth = depth.saturating_sub(1);
                if depth == 0 && sought && deep.is_some() {
                    return deep;
                }
            }
            Token::Word(word) if opened && is(word, &["SELECT", "WITH"]) => {
                *here = true;
                // Its own FROM is due first.
                sought &= depth == 0;
            }
            Token::Word(word) if is(word, &["FROM"]) && *here && !distinct => sought = true,
            Token::Word(word) if sought && is(word, &["ONLY", "LATERAL"]) => {}
            Token::Word(_) | Token::Quoted(_) if sought && *here => {
                let name = reader.name(&token);
                if depth == 0 {
                    return name;
                }
                deep = deep.or(name);
                sought = false;
            }
            Token::Mark(b';') if depth == 0 => break,
            Token::Word(_) | Token::Quoted(_) | Token::Text | Token::Mark(_) => {}
        }
        // `a IS DISTINCT FROM b` compares.
        distinct = matches!(token, Token::Word(word) if is(word, &["DISTINCT"]));
        opened = false;
    }
    deep
}

/// The first name that is none of the words that may stand before it.
fn first_name(reader: &mut Reader<'_>, before: &[&str]) -> Option<String> {
    loop {
        match reader.next()? {
            Token::Word(word) if is(word, before) => {}
            Token::Mark(b'(') => {}
            token @ (Token::Word(_) | Token::Quoted(_)) => return reader.name(&token),
            Token::Text | Token::Mark(_) => return None,
        }
    }
}

/// What CREATE, ALTER and DROP are about; an index's and a trigger's table.
fn object(reader: &mut Reader<'_>, before: &[&str]) -> Option<String> {
    let mut on = false;
    loop {
        match reader.next()? {
            Token::Word(word) if is(word, &["USER", "ROLE"]) => return None,
            Token::Word(word) if is(word, &["DEFINER", "ALGORITHM"]) => reader.skip_setting(),
            Token::Word(word) if is(word, &["SQL", "SECURITY", "INVOKER"]) => {}
            Token::Word(word) if is(word, before) => on |= is(word, &["INDEX", "TRIGGER"]),
            token @ (Token::Word(word) | Token::Quoted(word)) => {
                if on && matches!(token, Token::Word(_)) && is(word, &["ON"]) {
                    return first_name(reader, before);
                }
                let name = reader.name(&token);
                return if on { behind(reader, &["ON"], &[]).or(name) } else { name };
            }
            Token::Text | Token::Mark(_) => return None,
        }
    }
}

/// What an EXPLAIN is about: a statement's relation, or the relation itself.
fn explained(reader: &mut Reader<'_>) -> Option<String> {
    const STATEMENTS: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "TABLE"];
    let mut depth = 0_usize;
    loop {
        match reader.next()? {
            Token::Mark(b'(') => depth += 1,
            Token::Mark(b')') => depth = depth.saturating_sub(1),
            Token::Word(word) if is(word, STATEMENTS) => return Some(relation(word, reader)),
            Token::Word(word) if is(word, &["WITH"]) => {
                let (verb, _, inner) = behind_ctes(reader);
                return Some(if inner.is_empty() { relation(verb, reader) } else { inner });
            }
            Token::Word(word) if is(word, &["FORMAT"]) => reader.skip_setting(),
            Token::Word(word) if is(word, &["ANALYZE", "VERBOSE", "EXTENDED", "PARTITIONS"]) => {}
            token @ (Token::Word(_) | Token::Quoted(_)) if depth == 0 => return reader.name(&token),
            Token::Word(_) | Token::Quoted(_) | Token::Text | Token::Mark(_) => {}
        }
    }
}

/// The name behind one of `words`, and behind those of `between` that may follow or stand in their place.
fn behind(reader: &mut Reader<'_>, words: &[&str], between: &[&str]) -> Option<String> {
    loop {
        match reader.next()? {
            Token::Word(word) if is(word, words) || is(word, between) => return first_name(reader, between),
            Token::Word(_) | Token::Quoted(_) | Token::Text | Token::Mark(_) => {}
        }
    }
}

/// Reads past the common table expressions: the verb behind them, their names, and the first relation inside them.
fn behind_ctes<'a>(reader: &mut Reader<'a>) -> (&'a str, Vec<String>, String) {
    const MAIN: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "TABLE", "VALUES"];
    let (mut names, mut inner) = (Vec::<String>::new(), String::new());
    let (mut depth, mut sought) = (0_usize, false);
    while let Some(token) = reader.next() {
        match token {
            Token::Mark(b'(') => depth += 1,
            Token::Mark(b')') => depth = depth.saturating_sub(1),
            Token::Word(word) if depth == 0 && is(word, MAIN) => return (word, names, inner),
            Token::Word(word) if depth == 0 && is(word, &["RECURSIVE", "AS", "NOT", "MATERIALIZED"]) => {}
            Token::Word(_) | Token::Quoted(_) if depth == 0 => {
                if names.len() < CTES_LIMIT {
                    names.extend(reader.name(&token));
                }
            }
            Token::Word(word) if is(word, &["FROM", "INTO", "UPDATE"]) => {
                sought = true;
                continue;
            }
            Token::Word(_) | Token::Quoted(_) if sought && inner.is_empty() => {
                let name = reader.name(&token).unwrap_or_default();
                if !names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
                    inner = name;
                }
            }
            Token::Word(_) | Token::Quoted(_) | Token::Text | Token::Mark(_) => {}
        }
        sought = false;
    }
    ("", names, inner)
}

fn is(word: &str, words: &[&str]) -> bool {
    words.iter().any(|known| word.eq_ignore_ascii_case(known))
}

fn starts_with_digit(word: &str) -> bool {
    word.as_bytes().first().is_some_and(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_summed_up_by_its_verb_and_its_main_relation() {
        let cases = [
            ("select 1", "SELECT "),
            ("SELECT @@version_comment LIMIT 1", "SELECT "),
            ("select * from orders where id = 7", "SELECT orders"),
            ("SELECT a, (SELECT count(*) FROM items) FROM `shop`.`orders` o", "SELECT shop.orders"),
            ("SELECT (SELECT max(id) FROM items)", "SELECT items"),
            ("SELECT * FROM (SELECT * FROM [dbo].[x]) s JOIN y", "SELECT dbo.x"),
            ("SELECT * FROM ((a JOIN b)) WHERE 1", "SELECT a"),
            ("SELECT EXTRACT(DAY FROM now()), TRIM(x FROM y) FROM t", "SELECT t"),
            ("SELECT EXTRACT(DAY FROM now())", "SELECT "),
            ("SELECT a IS DISTINCT FROM b FROM ONLY \"My Table\"", "SELECT My Table"),
            ("SELECT 'a FROM b', \"x FROM y\", 'it''s \\' FROM z' FROM t", "SELECT t"),
            ("SELECT 1 FROM DUAL", "SELECT "),
            ("(SELECT 1 FROM a) UNION (SELECT 2 FROM b)", "SELECT a"),
            ("  -- first\n # second\n/* SELECT x FROM y */ insert INTO t(a) VALUES (1)", "INSERT t"),
            ("/*!40101 SET NAMES utf8 */", "SET "),
            ("/*M!100100 SELECT */ 1", "SELECT "),
            ("REPLACE LOW_PRIORITY INTO a.b SELECT * FROM c", "REPLACE a.b"),
            ("INSERT IGNORE t VALUES (1)", "INSERT t"),
            ("UPDATE ONLY t SET a = 1", "UPDATE t"),
            ("DELETE FROM t WHERE a IN (SELECT b FROM c)", "DELETE t"),
            ("DELETE a, b FROM a INNER JOIN b", "DELETE a"),
            (
                "WITH RECURSIVE x (n) AS (SELECT 1 FROM orders), y AS (SELECT * FROM x) SELECT * FROM y",
                "SELECT orders",
            ),
            ("WITH x AS (SELECT 1) INSERT INTO log SELECT * FROM x", "INSERT log"),
            ("WITH x AS (SELECT 1 FROM a) SELECT * FROM b, x", "SELECT b"),
            ("CREATE TEMPORARY TABLE IF NOT EXISTS `a``b` (id INT)", "CREATE a`b"),
            (
                "CREATE OR REPLACE DEFINER=`root`@`%` SQL SECURITY INVOKER VIEW v AS SELECT 1 FROM t",
                "CREATE v",
            ),
            ("CREATE UNIQUE INDEX i ON t (a)", "CREATE t"),
            ("DROP INDEX i", "DROP i"),
            ("CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET @a = 1", "CREATE t"),
            ("CREATE USER shop IDENTIFIED BY 'x'", "CREATE "),
            ("alter table only t add column a int", "ALTER t"),
            ("DROP TABLE IF EXISTS a, b", "DROP a"),
            ("TRUNCATE t", "TRUNCATE t"),
            ("LOAD DATA LOCAL INFILE 'a.csv' IGNORE INTO TABLE t FIELDS TERMINATED BY ','", "LOAD t"),
            ("CALL shop.pay(1)", "CALL shop.pay"),
            ("EXPLAIN FORMAT = JSON SELECT * FROM t", "EXPLAIN t"),
            ("EXPLAIN (ANALYZE, BUFFERS) UPDATE t SET a = 1", "EXPLAIN t"),
            ("DESCRIBE t", "DESCRIBE t"),
            ("SHOW FULL COLUMNS FROM t", "SHOW t"),
            ("SHOW CREATE TABLE t", "SHOW t"),
            ("show databases", "SHOW "),
            ("GRANT SELECT ON shop.orders TO 'a'@'b'", "GRANT shop.orders"),
            ("COPY t (a, b) FROM STDIN", "COPY t"),
            ("DO $$ BEGIN PERFORM 1 FROM x; END $$", "DO "),
            ("BEGIN", "BEGIN "),
            ("SELECT data #> '{a}' FROM t", "SELECT t"),
            ("SELECT 1; SELECT 2 FROM t", "SELECT "),
            ("{call x}", " "),
            ("17", " "),
            ("", " "),
            ("SELECT * FROM", "SELECT "),
            ("SELECT * FROM größe", "SELECT größe"),
        ];
        for (sql, expected) in cases {
            let (verb, relation) = summary(sql);
            assert_eq!(format!("{verb} {relation}"), expected, "{sql}");
        }
    }

    #[test]
    fn no_beginning_of_a_statement_panics() {
        let sql = "WITH a AS (SELECT 'ü\\'' FROM [x]) SELECT \"é\"\"\" FROM `t``` /* ö */ WHERE $1 = '";
        for (end, _) in sql.char_indices() {
            let start = sql.split_at(end).0;
            let (verb, _) = summary(start);
            assert!(verb.len() <= VERB_LIMIT, "{start}");
            assert!(redact(start).len() <= start.len() + 24, "{start}");
        }
        let deep = "SELECT (".repeat(100_000);
        assert_eq!(summary(&deep), ("SELECT".to_owned(), String::new()));
    }
}
