//! One statement for many sets of values: each of its values goes as an array, and the server runs it once.
//!
//! A statement costs the server and us more than the row that it finds. Where the changes of a batch ask the same of different calls,
//! they ask it together; see [`super::pipeline`].

use tokio_postgres::types::Type;

/// A read as it asks for many: its rows, and behind each as the last column which set of values it answers, from 1. Rows of one set
/// are in the read's own order. `None`: it takes no value, so there is nothing that differs.
///
/// The read stands in a lateral join. OFFSET keeps PostgreSQL from making it a part of another plan: it walks for each set what it would
/// walk for one, in the read's own order, whatever the server has counted of its tables so far.
pub(super) fn read_of_many(sql: &str, types: &[Type]) -> Option<String> {
    let (source, sql) = (source(types)?, with_columns(sql));
    let apart = if sql.contains("OFFSET") { "" } else { " OFFSET 0" };
    Some(format!("SELECT q.*, v.place FROM {source} CROSS JOIN LATERAL ({sql}{apart}) AS q"))
}

/// A write as it does many, in their order. `None`: it is of a form that this cannot say of many.
pub(super) fn write_of_many(sql: &str, types: &[Type]) -> Option<String> {
    let source = source(types)?;
    let says = |word: &str| sql.contains(word);
    if says("RETURNING") {
        return None;
    }
    if sql.starts_with("INSERT INTO ") {
        let (head, values) = sql.split_once("VALUES")?;
        let (values, tail) = in_parentheses(values)?;
        let is_plain = !takes_a_value(head) && !takes_a_value(tail);
        return is_plain.then(|| format!("{head}SELECT {} FROM {source} ORDER BY v.place{tail}", with_columns(values)));
    }
    let (set, which) = sql.split_once("WHERE").filter(|_| sql.starts_with("UPDATE "))?;
    let is_plain = !which.contains("WHERE") && !says("FROM");
    is_plain.then(|| format!("{}FROM {source} WHERE{}", with_columns(set), with_columns(which)))
}

/// What is within the parentheses that come next, and what stands behind them.
fn in_parentheses(sql: &str) -> Option<(&str, &str)> {
    let sql = sql.trim_start().strip_prefix('(')?;
    let mut depth = 1_usize;
    for (at, c) in sql.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let (within, behind) = sql.split_at(at);
            return Some((within, behind.strip_prefix(')')?));
        }
    }
    None
}

/// The arrays as rows, each with its place. `None`: there are none.
fn source(types: &[Type]) -> Option<String> {
    if types.is_empty() {
        return None;
    }
    let arrays: Vec<String> = (1..).zip(types).map(|(n, of)| format!("${n}::{}[]", of.name())).collect();
    let columns: Vec<String> = (1..=types.len()).map(|n| format!("v{n}")).collect();
    Some(format!("unnest({}) WITH ORDINALITY AS v({}, place)", arrays.join(", "), columns.join(", ")))
}

fn takes_a_value(sql: &str) -> bool {
    with_columns(sql) != sql
}

/// The statement with the columns of [`source`] where its values stood.
fn with_columns(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 32);
    let mut rest = sql;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        let after = &from[1..];
        out.push_str(before);
        // `$` within a text stands before no number: a path of JSON.
        out.push_str(if after.starts_with(|c: char| c.is_ascii_digit()) { "v.v" } else { "$" });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_is_asked_once_for_many() {
        let made = read_of_many("SELECT a FROM t WHERE b = $1 AND c = $2 ORDER BY d", &[Type::BYTEA, Type::TEXT]);
        let expected = "SELECT q.*, v.place FROM unnest($1::bytea[], $2::text[]) WITH ORDINALITY AS v(v1, v2, place) \
                        CROSS JOIN LATERAL (SELECT a FROM t WHERE b = v.v1 AND c = v.v2 ORDER BY d OFFSET 0) AS q";
        assert_eq!(made.as_deref(), Some(expected));
        assert_eq!(read_of_many("SELECT 1", &[]), None);
        let path = "SELECT 1 FROM t WHERE json_extract(data, '$.report') = $1";
        assert!(read_of_many(path, &[Type::TEXT]).is_some_and(|sql| sql.contains("'$.report') = v.v1")));
    }

    #[test]
    fn a_write_is_done_once_for_many() {
        let types = [Type::BYTEA, Type::INT8];
        let from = "FROM unnest($1::bytea[], $2::int8[]) WITH ORDINALITY AS v(v1, v2, place)";
        for (one, many) in [
            (
                "INSERT INTO t (a, b, c)\n VALUES ($1, coalesce($2, 0), 1) ON CONFLICT (a) DO UPDATE SET b = t.b + excluded.b",
                format!(
                    "INSERT INTO t (a, b, c)\n SELECT v.v1, coalesce(v.v2, 0), 1 {from} ORDER BY v.place \
                     ON CONFLICT (a) DO UPDATE SET b = t.b + excluded.b"
                ),
            ),
            ("UPDATE t SET b = $2 WHERE id = $1", format!("UPDATE t SET b = v.v2 {from} WHERE id = v.v1")),
        ] {
            assert_eq!(write_of_many(one, &types).as_deref(), Some(many.as_str()));
        }
    }

    #[test]
    fn what_cannot_be_said_of_many_is_not() {
        for sql in [
            "INSERT INTO t (a) VALUES ($1) RETURNING id",
            "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET b = $2",
            "INSERT INTO t (a) SELECT $1",
            "UPDATE t SET a = $2 FROM u WHERE u.id = t.id",
            "UPDATE t SET a = (SELECT 1 FROM u WHERE x = $1) WHERE b = $2",
            "UPDATE t SET a = $1",
            "DELETE FROM t WHERE a = $1",
        ] {
            assert_eq!(write_of_many(sql, &[Type::TEXT, Type::TEXT]), None, "{sql}");
        }
    }
}
