//! How a phone number is shown: with its middle hidden.

/// `+19495550101` → `+1949•••0101`; other texts that begin with `+` and hold digits are masked alike, the rest is unchanged.
pub fn masked(s: &str) -> String {
    if !s.starts_with('+') {
        return s.to_owned();
    }
    let chars: Vec<char> = s.chars().collect();
    if chars.len() < 8 {
        return "+•••".to_owned();
    }
    let head = if chars.len() >= 12 { 5 } else { 2 };
    let tail = if chars.len() >= 12 { 4 } else { 2 };
    let front: String = chars.iter().take(head).collect();
    let back: String = chars.iter().skip(chars.len() - tail).collect();
    format!("{front}•••{back}")
}
