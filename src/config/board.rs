//! `[board]`: the office's page, and `server.base_path`, below which a proxy may serve it.

use url::Url;

use super::board_types::Board;
use super::forms::{URL_FORM, is_loopback, parse_plain_url};
use super::origin::Layer;
use super::read::{Reader, Section};
use super::test_mode::TestMode;

/// A longer path is nobody's.
const BASE_PATH_MAX: usize = 100;
const BASE_PATH_FORM: &str = "a path like \"/dispatch\", or \"\" for none";

/// Reads `[board]`. In a test it is there unless somebody says otherwise.
pub(super) fn board(r: &mut Reader, root: &mut Section, test: &mut TestMode, has_tokens: bool) -> Board {
    let mut s = r.section(root, "board");
    let enabled = r.boolean(&mut s, "enabled");
    let url = r.parsed(&mut s, "url", URL_FORM, parse_plain_url, |url: &Url| url.as_str().to_owned());
    let url = test.local(r, "board.url", url, is_loopback, None);
    r.finish(s);
    let is_said = enabled.as_ref().is_some_and(|f| f.layer > Layer::Default);
    let is_enabled = enabled.is_some_and(|f| f.value) || (test.on && !is_said);
    if is_enabled && !test.on && !has_tokens {
        r.warnings.push("board.enabled: nobody can sign in, as no [[server.tokens]] is configured".into());
    }
    Board { is_enabled, url: url.map(|f| f.value) }
}

/// Reads `server.base_path`: with a slash before it and none behind it; empty: none.
pub(super) fn base_path(r: &mut Reader, server: &mut Section) -> String {
    let found = r.parsed(server, "base_path", BASE_PATH_FORM, read_base_path, |path: &String| path.clone());
    found.map(|f| f.value).unwrap_or_default()
}

fn read_base_path(text: &str) -> Result<String, String> {
    let path = text.trim().trim_end_matches('/');
    if path.is_empty() {
        return Ok(String::new());
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.' | b'~');
    if !path.starts_with('/') {
        return Err("does not begin with a slash".to_owned());
    }
    if path.len() > BASE_PATH_MAX || !path.bytes().all(plain) {
        return Err(format!("is no plain path of at most {BASE_PATH_MAX} characters"));
    }
    if path.split('/').skip(1).any(|part| part.is_empty() || part == "." || part == "..") {
        return Err("has an empty part, or one that leads elsewhere".to_owned());
    }
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_path_is_a_plain_path_without_a_slash_behind_it() {
        for (text, want) in [
            ("", Some("")),
            ("/", Some("")),
            ("/dispatch", Some("/dispatch")),
            ("/office/dispatch/", Some("/office/dispatch")),
            ("dispatch", None),
            ("//evil.example", None),
            ("/a/../b", None),
            ("/a b", None),
            ("/a?b", None),
            ("/{x}", None),
        ] {
            assert_eq!(read_base_path(text).ok().as_deref(), want, "{text:?}");
        }
    }
}
