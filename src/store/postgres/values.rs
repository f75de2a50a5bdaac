//! Values on their way to the server and back.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::store::StoreError;
use crate::store::sql::{Params, Value};

type Failure = Box<dyn Error + Sync + Send>;

/// A value that is sent. PostgreSQL's texts hold no U+0000: it goes as U+FFFD, as any other character that cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum SentValue {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl From<Value<'_>> for SentValue {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Int(n) => Self::Int(n),
            Value::Text(text) if text.contains('\0') => Self::Text(text.replace('\0', "\u{fffd}")),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
        }
    }
}

/// # Errors
/// None of its own.
pub(super) fn sent(with: &(impl Params + ?Sized)) -> Result<Vec<SentValue>, StoreError> {
    let mut all = Vec::new();
    with.each(&mut |value| {
        all.push(value.into());
        Ok(())
    })?;
    Ok(all)
}

impl ToSql for SentValue {
    fn to_sql(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(n) if *of == Type::INT8 => n.to_sql(of, out),
            Self::Int(n) if *of == Type::INT4 => i32::try_from(*n)?.to_sql(of, out),
            Self::Int(n) if *of == Type::BOOL => (*n != 0).to_sql(of, out),
            Self::Text(text) if <&str as ToSql>::accepts(of) => text.to_sql(of, out),
            Self::Bytes(bytes) if *of == Type::BYTEA => bytes.to_sql(of, out),
            other => Err(format!("a value of another type than {of}: {}", other.kind()).into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl SentValue {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "none",
            Self::Int(_) => "a number",
            Self::Text(_) => "a text",
            Self::Bytes(_) => "bytes",
        }
    }
}

/// A value as it came.
struct ReceivedValue<'a>(Value<'a>);

impl<'a> FromSql<'a> for ReceivedValue<'a> {
    fn from_sql(of: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        Ok(Self(match *of {
            Type::INT8 => Value::Int(i64::from_sql(of, raw)?),
            Type::INT4 => Value::Int(i32::from_sql(of, raw)?.into()),
            Type::BOOL => Value::Int(bool::from_sql(of, raw)?.into()),
            Type::BYTEA => Value::Bytes(raw),
            _ => Value::Text(<&str>::from_sql(of, raw)?),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failure> {
        Ok(Self(Value::Null))
    }

    fn accepts(of: &Type) -> bool {
        [Type::INT8, Type::INT4, Type::BOOL, Type::BYTEA].contains(of) || <&str as FromSql>::accepts(of)
    }
}

/// The value of a column, from 0; `None`: it is nothing that we write.
pub(in crate::store) fn value_of(row: &Row, column: usize) -> Option<Value<'_>> {
    row.try_get::<_, ReceivedValue<'_>>(column).ok().map(|r| r.0)
}
