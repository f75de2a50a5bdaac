//! Secrets: read from a key or from the file that its `_file` twin names, and never shown.

use secrecy::{ExposeSecret, SecretString};

use super::file::read_text;
use super::forms::parse_url;
use super::origin::{ConfigProblem, Origin, resolve};
use super::read::{Found, Reader, Section};
use super::secret_url::{MASK, SecretUrl};
use super::types::Part;

/// More than any secret needs.
pub(super) const SECRET_BYTES_MAX: u64 = 64 << 10;

/// Notes that a part lacks something, unless that key's problem is known already (its file could not be read).
pub(super) fn need(r: &mut Reader, part: Part, at: Option<Origin>, key: &str, form: &str) {
    let twin = format!("{key}_file");
    if !r.deferred.iter().any(|(_, p)| p.key == key || p.key == twin) {
        r.deferred.push((part, ConfigProblem::new(at, key, "is missing", form)));
    }
}

/// Whether this is the key of a secret's file, and not that of the secret itself.
pub(super) fn is_named(key: &str) -> bool {
    key.ends_with("_file")
}

/// Whether the secret of this key is in a file that is named and could not be read: nothing stands in for it.
pub(super) fn is_unreadable(r: &Reader, key: &str) -> bool {
    r.deferred.iter().any(|(_, p)| is_named(&p.key) && p.key.strip_suffix("_file") == Some(key))
}

impl Reader {
    /// The secret `name`, or the content of the file that `name_file` names. Of two in one place neither wins: an error. Of
    /// two in different places the stronger counts. A file that cannot be read is a problem of `part` alone, so that commands
    /// which need no such secret run for users who may not read it.
    pub(super) fn secret(&mut self, section: &mut Section, name: &str, part: Part) -> Option<Found<SecretString>> {
        let twin = format!("{name}_file");
        let form = format!("a text, or its file in {twin}");
        let direct = self.text(section, name, &form);
        let file = self.text(section, &twin, "the path of a file that holds the secret");
        let found = match (direct, file) {
            (Some(a), Some(b)) if a.layer == b.layer => {
                let what = format!("is given, and {} ({}) too", b.key, b.origin);
                self.wrong(a.origin, &a.key, what, "one of the two");
                return None;
            }
            (Some(a), b) if b.as_ref().is_none_or(|b| a.layer > b.layer) => a,
            (_, Some(b)) => self.read_secret(b, section.key(name), part)?,
            (_, None) => return None,
        };
        if !found.value.chars().all(|c| c.is_ascii_graphic()) {
            let what = "holds a space, a control character or one that is not ASCII";
            self.wrong(found.origin, &found.key, what, "the credential alone");
            return None;
        }
        self.show(&section.key(name), MASK, &found.origin);
        let is_typed = !is_named(&found.key) && !self.secret_files.iter().any(|(key, _)| *key == found.key);
        if let (true, Origin::File(file, _) | Origin::DotEnv(file, _)) = (is_typed, &found.origin) {
            self.secret_files.push((found.key.clone(), self.cwd.join(file)));
        }
        Some(Found { value: found.value.into(), key: found.key, origin: found.origin, layer: found.layer })
    }

    fn read_secret(&mut self, file: Found<String>, key: String, part: Part) -> Option<Found<String>> {
        let path = resolve(&self.cwd, &file.origin, &file.value);
        let what = match read_text(&path, SECRET_BYTES_MAX) {
            Ok(text) => {
                let text = text.strip_suffix('\n').unwrap_or(&text);
                let text = text.strip_suffix('\r').unwrap_or(text);
                if !text.is_empty() {
                    self.secret_files.push((key.clone(), path));
                    return Some(Found { value: text.to_owned(), key, origin: file.origin, layer: file.layer });
                }
                format!("{} is empty", path.display())
            }
            Err(e) => format!("cannot read {}: {e}", path.display()),
        };
        self.show(&key, "(unreadable)", &file.origin);
        let problem = ConfigProblem::new(file.origin, file.key, what, "a readable file that holds the secret alone");
        self.deferred.push((part, problem));
        None
    }

    /// A URL that is itself a secret, or the file that holds it.
    pub(super) fn secret_url(&mut self, section: &mut Section, name: &str, part: Part) -> Option<Found<SecretUrl>> {
        let found = self.secret(section, name, part)?;
        match parse_url(found.value.expose_secret()) {
            Ok(url) => {
                let value = SecretUrl(url);
                self.show(&section.key(name), value.to_string(), &found.origin);
                Some(Found { value, key: found.key, origin: found.origin, layer: found.layer })
            }
            Err(what) => {
                self.wrong(found.origin, &found.key, what, "an https:// URL (http:// only on this machine)");
                None
            }
        }
    }
}
