//! How many of what, for people.

/// `1 text`, `2 texts`.
pub fn counted(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// The same of what is in memory.
pub fn counted_usize(n: usize, one: &str) -> String {
    counted(u64::try_from(n).unwrap_or(u64::MAX), one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_its_singular() {
        let said = [0, 1, 2].map(|n| counted(n, "text"));
        assert_eq!(said, ["0 texts", "1 text", "2 texts"]);
        for limit in [1, 2] {
            let texts = counted(limit.into(), "text");
            assert!(crate::domain::limits::at_limit(limit).starts_with(&format!("{texts} or more ")));
            assert!(
                crate::domain::limits::at_limit_of_contact("Sam", limit).contains(&format!("got {texts} or more "))
            );
        }
    }
}
