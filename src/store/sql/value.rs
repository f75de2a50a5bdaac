//! Values that go into a statement, and fields that come out of a row.

use crate::store::StoreError;

/// A value as a database holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Value<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The text, where it is one.
    pub(in crate::store) const fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Int(_) | Self::Bytes(_) => None,
        }
    }

    /// The number, where it is one.
    pub(in crate::store) const fn int(self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(n),
            Self::Null | Self::Text(_) | Self::Bytes(_) => None,
        }
    }
}

/// A value that outlives what it was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum OwnedValue {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl From<Value<'_>> for OwnedValue {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Int(n) => Self::Int(n),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
        }
    }
}

impl From<&str> for OwnedValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<[u8; 16]> for OwnedValue {
    fn from(bytes: [u8; 16]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<i64> for OwnedValue {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

impl From<u32> for OwnedValue {
    fn from(n: u32) -> Self {
        Self::Int(n.into())
    }
}

impl From<bool> for OwnedValue {
    fn from(truth: bool) -> Self {
        Self::Int(truth.into())
    }
}

impl From<String> for OwnedValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Self>> From<Option<T>> for OwnedValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// What a statement takes.
pub(in crate::store) trait Param {
    fn value(&self) -> Value<'_>;
}

impl Param for i64 {
    fn value(&self) -> Value<'_> {
        Value::Int(*self)
    }
}

impl Param for u32 {
    fn value(&self) -> Value<'_> {
        Value::Int((*self).into())
    }
}

impl Param for bool {
    fn value(&self) -> Value<'_> {
        Value::Int((*self).into())
    }
}

impl Param for str {
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl Param for String {
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl Param for [u8; 16] {
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl Param for Vec<u8> {
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl Param for OwnedValue {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Int(n) => Value::Int(*n),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        }
    }
}

impl<T: Param> Param for Option<T> {
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, Param::value)
    }
}

impl<T: Param + ?Sized> Param for &T {
    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}

/// The values of a statement, in the order of their numbers.
pub(in crate::store) trait Params {
    /// # Errors
    /// What `take` returns.
    fn each(&self, take: &mut dyn FnMut(Value<'_>) -> Result<(), StoreError>) -> Result<(), StoreError>;

    /// # Errors
    /// None of its own.
    fn owned(&self) -> Result<Vec<OwnedValue>, StoreError> {
        let mut all = Vec::new();
        self.each(&mut |value| {
            all.push(value.into());
            Ok(())
        })?;
        Ok(all)
    }
}

impl Params for &[&dyn Param] {
    fn each(&self, take: &mut dyn FnMut(Value<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.iter().try_for_each(|p| take(p.value()))
    }
}

impl Params for Vec<&dyn Param> {
    fn each(&self, take: &mut dyn FnMut(Value<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.as_slice().each(take)
    }
}

impl Params for Vec<OwnedValue> {
    fn each(&self, take: &mut dyn FnMut(Value<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.as_slice().each(take)
    }
}

impl Params for [OwnedValue] {
    fn each(&self, take: &mut dyn FnMut(Value<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.iter().try_for_each(|p| take(p.value()))
    }
}

impl Params for [&dyn Param; 0] {
    fn each(&self, _: &mut dyn FnMut(Value<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        Ok(())
    }
}

/// One for each length that is used, so that an empty list has one type alone.
macro_rules! arrays {
    ($($n:literal)+) => {$(
        impl<T: Param> Params for [T; $n] {
            fn each(&self, take: &mut dyn FnMut(Value<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
                self.iter().try_for_each(|p| take(p.value()))
            }
        }
    )+};
}
arrays!(1 2 3);

/// Values of different types.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$(&$value as &dyn $crate::store::sql::Param),*] as &[&dyn $crate::store::sql::Param]
    };
}
pub(in crate::store) use params;

/// What a field of a row is read as. `None`: it holds something else.
pub(in crate::store) trait Field: Sized {
    fn read(value: Value<'_>) -> Option<Self>;
}

impl Field for i64 {
    fn read(value: Value<'_>) -> Option<Self> {
        value.int()
    }
}

impl Field for u32 {
    fn read(value: Value<'_>) -> Option<Self> {
        value.int().and_then(|n| Self::try_from(n).ok())
    }
}

impl Field for bool {
    fn read(value: Value<'_>) -> Option<Self> {
        value.int().map(|n| n != 0)
    }
}

impl Field for String {
    fn read(value: Value<'_>) -> Option<Self> {
        value.text().map(str::to_owned)
    }
}

impl Field for [u8; 16] {
    fn read(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => bytes.try_into().ok(),
            Value::Null | Value::Int(_) | Value::Text(_) => None,
        }
    }
}

impl Field for Vec<u8> {
    fn read(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => Some(bytes.to_vec()),
            Value::Null | Value::Int(_) | Value::Text(_) => None,
        }
    }
}

impl<T: Field> Field for Option<T> {
    fn read(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::read(value).map(Some),
        }
    }
}
