//! Test mode: nothing leaves the machine. What files say (`.env` too, as it lies there from before) is replaced and said;
//! what a flag or an environment variable says for this run is kept where it stays on the machine and refused where not.

use super::origin::{Layer, Origin};
use super::read::{Found, Reader};

/// Whether test mode is on, and what it replaced.
pub(super) struct TestMode {
    pub(super) on: bool,
    pub(super) replaced: Vec<String>,
}

impl TestMode {
    /// The value that counts for `key`. `local` says whether a value stays on this machine; `instead` is what replaces the
    /// file's, with how it is shown; `None`: nothing does, the key is unset.
    pub(super) fn local<T>(
        &mut self,
        r: &mut Reader,
        key: &str,
        found: Option<Found<T>>,
        local: impl Fn(&T) -> bool,
        instead: Option<(T, String)>,
    ) -> Option<Found<T>> {
        if !self.on {
            return found;
        }
        let layer = match found {
            Some(found) if found.layer >= Layer::EnvPlain => {
                if !local(&found.value) {
                    self.refuse(r, &found);
                }
                return Some(found);
            }
            Some(found) => {
                self.say(&found, instead.as_ref().map_or("nothing", |(_, shown)| shown));
                found.layer
            }
            None => Layer::Default,
        };
        match instead {
            Some((value, shown)) => {
                r.show(key, shown, &Origin::TestMode);
                Some(Found { value, key: key.to_owned(), origin: Origin::TestMode, layer })
            }
            None => {
                if layer > Layer::Default {
                    r.show(key, "", &Origin::TestMode);
                }
                None
            }
        }
    }

    fn refuse<T>(&self, r: &mut Reader, found: &Found<T>) {
        let what = "points off this machine, which test mode refuses";
        r.wrong(found.origin.clone(), &found.key, what, "a loopback address (127.0.0.1, ::1 or localhost)");
    }

    /// Notes that a file's value was replaced.
    pub(super) fn say<T>(&mut self, found: &Found<T>, instead: &str) {
        if found.layer > Layer::Default {
            self.replaced.push(format!("{} ({}) is replaced by {instead}", found.key, found.origin));
        }
    }
}
