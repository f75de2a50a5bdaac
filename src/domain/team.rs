//! Who can be told: contacts, lines and the one function that answers "who holds this role on this line at this time".

use std::collections::{BTreeMap, BTreeSet};

use super::attempt::{Channel, Recipient};
use super::hours::Hours;
use super::levels::Levels;
use super::mail::MailAddress;
use super::oncall::{CalendarShifts, DutyOverride, Holder, HoldersInOrder, Rotation, RotationId, holders};
use super::phone::PhoneNumber;
use super::phone::spelling::{Spelling, shared_country};
use super::policy::Policy;
use super::types::{ContactId, Role, Sender, Timestamp};

/// A technician or owner who can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The configured id.
    pub id: ContactId,
    /// The name as people say it.
    pub name: String,
    /// Where texts go.
    pub phone: PhoneNumber,
    /// Where mails go; `None`: to nowhere.
    pub email: Option<MailAddress>,
    /// Its role on lines that name no team of their own.
    pub role: Option<Role>,
}

impl Contact {
    /// As a text goes to them.
    pub fn recipient(&self) -> Recipient {
        Recipient::by_text(self.id.clone(), self.name.clone(), self.phone.clone())
    }
}

/// One business of the shop, by the number that its customers dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The dialled number in E.164; `None` for the defaults, used for every number that is not listed.
    pub number: Option<String>,
    /// The business's name, as texts show it.
    pub name: String,
    /// In order. `None`: the contacts' own roles.
    pub team: Option<Vec<TeamEntry>>,
    /// Its own sender.
    pub from: Option<Sender>,
    /// Its own policies by lower-case name; what is missing comes from the defaults.
    pub policies: BTreeMap<String, Policy>,
    /// Its own templates; what is missing comes from the defaults.
    pub templates: Templates,
    /// IANA name, for times shown to people of this line.
    pub time_zone: Option<String>,
    /// Its own words of an emergency, beside the shop's.
    pub keywords: Vec<String>,
}

/// Who has which role on a line, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamEntry {
    pub who: TeamWho,
    pub role: TeamRole,
    /// Holds it only then, by the line's clock; `None`, or where no clock is known: always.
    pub hours: Option<Hours>,
    /// Holds nothing while this is set: on leave, not available.
    pub off: bool,
    /// Holds it only while nobody else does.
    pub fallback: bool,
}

impl TeamEntry {
    /// Always on duty.
    pub fn of(contact: ContactId, role: Role) -> Self {
        Self { who: TeamWho::Contact(contact), role: TeamRole::Named(role), hours: None, off: false, fallback: false }
    }

    /// The contact that it names; `None`: whoever's turn it is.
    pub fn contact(&self) -> Option<&ContactId> {
        match &self.who {
            TeamWho::Contact(id) => Some(id),
            TeamWho::Rotation(_) => None,
        }
    }

    /// Its configured name, of a contact or a rotation.
    pub fn name(&self) -> &str {
        match &self.who {
            TeamWho::Contact(id) => id.as_str(),
            TeamWho::Rotation(id) => id.as_str(),
        }
    }
}

/// Whom an entry of a team means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TeamWho {
    Contact(ContactId),
    /// Whoever's turn it is.
    Rotation(RotationId),
}

/// What somebody is in a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TeamRole {
    /// This role.
    Named(Role),
    /// By its place: of those on duty the lowest is [`PRIMARY`], all others are [`BACKUP`] in their order.
    Ranked(u32),
}

/// The role of who is asked first.
pub const PRIMARY: &str = "primary";
/// The role of who is asked after that.
pub const BACKUP: &str = "backup";
/// The role of whose shop it is.
pub const OWNER: &str = "owner";

/// minijinja sources of the texts; `None` means the built-in one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Templates {
    /// The first text to a contact for a call.
    pub notice: Option<String>,
    /// Every later one.
    pub reminder: Option<String>,
}

/// Everything that the decisions need to know of people: built from checked configuration, replaced whole on a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// In the order of the configuration.
    pub contacts: Vec<Contact>,
    /// The default line: its `number` is `None`, its policies are the shop's.
    pub default_line: Line,
    /// The listed ones.
    pub lines: Vec<Line>,
    /// The sender where a line names none.
    pub from: Option<Sender>,
    /// Used in this order while the breaker of a line's own sender is open.
    pub fallback: Vec<Sender>,
    /// From whom mails come; `None`: no mail is sent.
    pub mail_from: Option<MailAddress>,
    /// The number that phone calls come from where a line names none; `None`: no phone is rung.
    pub voice_from: Option<Sender>,
    /// Who is told once a round where a step, a line or a ladder finds nobody, before a call is given up.
    pub last_resort: Vec<ContactId>,
    /// Whom a sink of alerts tells that texts.
    pub alert_owners: Vec<ContactId>,
    /// The words of levels and of emergencies.
    pub levels: Levels,
    /// In the order of the configuration.
    pub rotations: Vec<Rotation>,
    /// Exceptions that may still count or have counted lately, those that were withdrawn left out.
    pub overrides: Vec<DutyOverride>,
    /// What calendars say, as they were read last.
    pub calendars: BTreeMap<RotationId, CalendarShifts>,
}

impl Directory {
    /// The line that was dialled, or the defaults. `true` where the number was given and is not listed. Digits are compared,
    /// however they are written; a number that may be that of two lines is that of none.
    pub fn line(&self, dialled: Option<&str>) -> (&Line, bool) {
        let Some(number) = dialled.map(str::trim).filter(|n| !n.is_empty()) else { return (&self.default_line, false) };
        if let Some(line) = self.lines.iter().find(|l| l.number.as_deref() == Some(number)) {
            return (line, false);
        }
        match self.line_spelled(number) {
            Some(line) => (line, false),
            // With no lines configured every number is the shop's own.
            None => (&self.default_line, !self.lines.is_empty()),
        }
    }

    fn line_spelled(&self, number: &str) -> Option<&Line> {
        let spelling = Spelling::read(number).filter(|_| !self.lines.is_empty())?;
        let country = shared_country(self.line_numbers());
        let is = |line: &&Line| line.number.as_deref().is_some_and(|own| spelling.is(own, country));
        let mut found = self.lines.iter().filter(is);
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    fn line_numbers(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().filter_map(|l| l.number.as_deref())
    }

    /// The country of numbers that are given without one: that of all lines; where none is listed, that of the sender, else of
    /// all contacts. `None`: nobody can say.
    pub fn country(&self) -> Option<&'static str> {
        if !self.lines.is_empty() {
            return shared_country(self.line_numbers());
        }
        let contacts = || shared_country(self.contacts.iter().map(|c| c.phone.e164()));
        shared_country(self.from.iter().map(Sender::as_str)).or_else(contacts)
    }

    /// The policy of this emergency level on this line; levels are read without regard to case.
    pub fn policy<'a>(&'a self, line: &'a Line, level: &str) -> Option<&'a Policy> {
        let level = level.trim().to_lowercase();
        line.policies.get(&level).or_else(|| self.default_line.policies.get(&level))
    }

    /// The policy of the level that this word means on this line: a policy's own name, else an alias.
    pub fn policy_meant<'a>(&'a self, line: &'a Line, word: &str) -> Option<&'a Policy> {
        self.policy(line, word).or_else(|| self.policy(line, self.levels.meant(word)?))
    }

    /// The zone by whose clock people of this line live.
    pub fn zone<'a>(&'a self, line: &'a Line) -> Option<&'a str> {
        line.time_zone.as_deref().or(self.default_line.time_zone.as_deref())
    }

    /// Every level that exists on this line.
    pub fn levels(&self, line: &Line) -> Vec<String> {
        let mut all: Vec<String> = self.default_line.policies.keys().chain(line.policies.keys()).cloned().collect();
        all.sort();
        all.dedup();
        all
    }

    /// The contact with this id.
    pub fn contact(&self, id: &ContactId) -> Option<&Contact> {
        self.contacts.iter().find(|c| &c.id == id)
    }

    /// Those of the last resort who are known; a contact of another system may have gone since.
    pub fn last_resort(&self) -> impl Iterator<Item = &Contact> {
        self.last_resort.iter().filter_map(|id| self.contact(id))
    }

    /// Whom alerts by text go to, as far as they are known, one a phone; a contact of another system may have gone since.
    pub fn alert_owners(&self) -> impl Iterator<Item = &Contact> {
        let mut phones: Vec<&str> = Vec::new();
        let known = self.alert_owners.iter().filter_map(|id| self.contact(id));
        known.filter(move |owner| {
            let is_first = !phones.contains(&owner.phone.e164());
            phones.push(owner.phone.e164());
            is_first
        })
    }

    /// Whether alerts by text go to this phone.
    pub fn is_alert_owner(&self, phone: &str) -> bool {
        self.alert_owners().any(|owner| owner.phone.e164() == phone)
    }

    /// The contact that somebody means who wrote this: by id or phone, else by name; without regard to case, and however the
    /// number is written. What may mean two means none.
    pub fn contact_named(&self, text: &str) -> Option<&Contact> {
        let text = text.trim();
        let exact = self.contacts.iter().find(|c| c.id.as_str() == text || c.phone.e164() == text);
        let one = |is: &dyn Fn(&Contact) -> bool| {
            let mut found = self.contacts.iter().filter(|c| is(c));
            let first = found.next()?;
            found.next().is_none().then_some(first)
        };
        let lower = text.to_lowercase();
        let by_id = || one(&|c| c.id.as_str().to_lowercase() == lower);
        let by_name = || one(&|c| c.name.trim().to_lowercase() == lower);
        let by_number = || {
            let spelling = Spelling::read(text)?;
            let country = self.country();
            one(&|c| spelling.is(c.phone.e164(), country))
        };
        exact.or_else(by_id).or_else(by_number).or_else(by_name)
    }

    /// The contact with this phone.
    pub fn by_phone(&self, phone: &str) -> Option<&Contact> {
        self.contacts.iter().find(|c| c.phone.e164() == phone)
    }

    /// The rotation with this id.
    pub fn rotation(&self, id: &RotationId) -> Option<&Rotation> {
        self.rotations.iter().find(|r| &r.id == id)
    }

    /// The team of this line. `None`: the contacts' own roles.
    pub fn team<'a>(&'a self, line: &'a Line) -> Option<&'a [TeamEntry]> {
        line.team.as_deref().or(self.default_line.team.as_deref())
    }

    /// Who holds this role on this line at this time, and why: all of them are told, each once, in the team's order.
    pub fn holders<'a>(&'a self, line: &Line, role: &Role, at: Timestamp) -> Vec<Holder<'a>> {
        holders::holders(self, line, role, at)
    }

    /// The same, those on a job behind those who are not.
    pub fn holders_in_order<'a>(
        &'a self,
        line: &Line,
        role: &Role,
        at: Timestamp,
        busy: &BTreeSet<ContactId>,
    ) -> HoldersInOrder<'a> {
        holders::in_order(self.holders(line, role, at), busy)
    }

    /// Who holds this role on this line at some hour of some day, leave and exceptions aside.
    pub fn ever_holding<'a>(&'a self, line: &Line, role: &Role) -> Vec<&'a Contact> {
        self.named_by(line, role, |e| !e.off)
    }

    /// Whether anybody holds this role on this line at some hour of some day.
    pub fn is_ever_held(&self, line: &Line, role: &Role) -> bool {
        !self.ever_holding(line, role).is_empty() || self.is_by_calendar(line, role)
    }

    /// Whether a calendar says who holds this role: whoever that is, now or later.
    fn is_by_calendar(&self, line: &Line, role: &Role) -> bool {
        let names =
            |e: &TeamEntry| matches!(&e.role, TeamRole::Named(r) if r.as_str().eq_ignore_ascii_case(role.as_str()));
        let mut entries = self.team(line).unwrap_or_default().iter().filter(|e| !e.off && names(e));
        entries.any(|e| match &e.who {
            TeamWho::Rotation(id) => {
                self.calendars.contains_key(id) || self.rotation(id).is_some_and(|r| r.calendar.is_some())
            }
            TeamWho::Contact(_) => false,
        })
    }

    /// Whether somebody is there for this role on this line, whatever their hours and leave: of those who are asked by place, one is
    /// enough for all roles.
    pub fn is_staffed(&self, line: &Line, role: &Role) -> bool {
        let same = |name: &str| name.eq_ignore_ascii_case(role.as_str());
        let by_place = || {
            let team = self.team(line).unwrap_or_default().iter();
            let known = team.filter(|e| e.contact().is_some_and(|id| self.contact(id).is_some()));
            known.filter(|e| matches!(e.role, TeamRole::Ranked(_))).count() > 0
        };
        !self.named_by(line, role, |_| true).is_empty()
            || self.is_by_calendar(line, role)
            || ((same(PRIMARY) || same(BACKUP)) && by_place())
    }

    /// Whoever the entries of this role name, each once: contacts, and all who take turns.
    fn named_by<'a>(&'a self, line: &Line, role: &Role, is_meant: fn(&TeamEntry) -> bool) -> Vec<&'a Contact> {
        let same = |a: &str| a.eq_ignore_ascii_case(role.as_str());
        let mut found: Vec<&Contact> = Vec::new();
        let Some(team) = line.team.as_ref().or(self.default_line.team.as_ref()) else {
            found.extend(self.contacts.iter().filter(|c| c.role.as_ref().is_some_and(|r| same(r.as_str()))));
            return found;
        };
        let entries = || team.iter().filter(|e| is_meant(e));
        let place = |e: &TeamEntry| if let TeamRole::Ranked(place) = e.role { Some(place) } else { None };
        let is_there = |e: &&TeamEntry| e.contact().is_some_and(|id| self.contact(id).is_some());
        let first = entries().filter(is_there).filter_map(place).min();
        let holds = |e: &&TeamEntry| match &e.role {
            TeamRole::Named(name) => same(name.as_str()),
            TeamRole::Ranked(_) if place(e) == first => same(PRIMARY),
            TeamRole::Ranked(_) => same(BACKUP),
        };
        for id in entries().filter(holds).flat_map(|e| self.all_of(&e.who)) {
            if let Some(contact) = self.contact(id)
                && !found.iter().any(|c| c.id == contact.id)
            {
                found.push(contact);
            }
        }
        found
    }

    /// Everybody whom an entry may mean some day.
    fn all_of<'a>(&'a self, who: &'a TeamWho) -> Vec<&'a ContactId> {
        match who {
            TeamWho::Contact(id) => vec![id],
            TeamWho::Rotation(id) => {
                let listed = self.rotation(id).into_iter().flat_map(Rotation::all_members);
                let events = self.calendars.get(id).into_iter().flat_map(|c| c.all());
                listed.chain(events.filter_map(|e| e.who.as_ref().ok()).flatten()).collect()
            }
        }
    }

    /// The template of this line for the first text to a contact; `None`: the built-in text.
    pub fn notice_template<'a>(&'a self, line: &'a Line) -> Option<&'a str> {
        line.templates.notice.as_deref().or(self.default_line.templates.notice.as_deref())
    }

    /// The template of this line for every later text to a contact; `None`: the built-in text.
    pub fn reminder_template<'a>(&'a self, line: &'a Line) -> Option<&'a str> {
        line.templates.reminder.as_deref().or(self.default_line.templates.reminder.as_deref())
    }

    /// The sender of this line.
    pub fn sender<'a>(&'a self, line: &'a Line) -> Option<&'a Sender> {
        line.from.as_ref().or(self.from.as_ref())
    }

    /// How the last resort of this line is told: by text where texts can be sent, else by phone or by mail.
    pub fn last_resort_channel(&self, line: &Line) -> Channel {
        match (self.sender(line), &self.voice_from, &self.mail_from) {
            (None, Some(_), _) => Channel::Voice,
            (None, None, Some(_)) => Channel::Email,
            _ => Channel::Sms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(id: &str, phone: &str, role: &str) -> Contact {
        Contact {
            email: None,
            id: id.parse().expect("id"),
            name: id.to_uppercase(),
            phone: phone.parse().expect("phone"),
            role: role.parse().ok(),
        }
    }

    fn line(number: Option<&str>) -> Line {
        Line {
            number: number.map(str::to_owned),
            name: "Acme".into(),
            team: None,
            from: None,
            policies: BTreeMap::new(),
            templates: Templates::default(),
            time_zone: None,
            keywords: Vec::new(),
        }
    }

    fn directory() -> Directory {
        Directory {
            contacts: vec![
                contact("sam", "+19495550101", "primary"),
                contact("ana", "+19495550102", "backup"),
                contact("bo", "+19495550103", "Primary"),
            ],
            default_line: line(None),
            lines: vec![Line {
                team: Some(vec![
                    TeamEntry::of("ana".parse().expect("id"), "primary".parse().expect("role")),
                    TeamEntry::of("ana".parse().expect("id"), "PRIMARY".parse().expect("role")),
                ]),
                ..line(Some("+18005550100"))
            }],
            from: "+15005550006".parse().ok(),
            fallback: Vec::new(),
            mail_from: None,
            voice_from: None,
            last_resort: Vec::new(),
            alert_owners: Vec::new(),
            levels: Levels::default(),
            rotations: Vec::new(),
            overrides: Vec::new(),
            calendars: BTreeMap::new(),
        }
    }

    #[test]
    fn a_line_with_a_team_uses_it_and_others_use_the_contacts_own_roles() {
        let d = directory();
        let primary: Role = "primary".parse().expect("role");
        let names = |l: &Line| {
            d.holders(l, &primary, Timestamp::default())
                .iter()
                .map(|h| h.contact.id.as_str().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(d.line(Some("+18005550100")).0), ["ana"]);
        assert_eq!(names(d.line(Some("+18005550199")).0), ["sam", "bo"]);
        assert_eq!(names(d.line(None).0), ["sam", "bo"]);
    }

    #[test]
    fn of_places_the_first_on_duty_is_the_primary_and_the_others_are_backups_in_order() {
        let night = |place, id: &str, hours: Option<&str>, off| TeamEntry {
            who: TeamWho::Contact(id.parse().expect("id")),
            fallback: false,
            role: TeamRole::Ranked(place),
            hours: hours.map(|h| Hours::read([h]).expect("hours")),
            off,
        };
        let mut d = directory();
        d.lines[0].time_zone = Some("America/Los_Angeles".into());
        d.lines[0].team = Some(vec![
            night(1, "sam", Some("08:00-17:00"), false),
            night(2, "ana", None, false),
            night(3, "bo", None, false),
            night(1, "gone", None, false),
            TeamEntry::of("bo".parse().expect("id"), "owner".parse().expect("role")),
        ]);
        let names = |d: &Directory, role: &str, at: &str| -> Vec<String> {
            let at = at.parse().expect("a time");
            d.holders(&d.lines[0], &role.parse().expect("role"), at).iter().map(|h| h.contact.id.to_string()).collect()
        };
        let (day, evening) = ("2026-11-27T20:00:00Z", "2026-11-28T04:00:00Z");
        assert_eq!(
            (names(&d, "primary", day), names(&d, "Backup", day)),
            (vec!["sam".into()], vec!["ana".into(), "bo".into()])
        );
        assert_eq!(
            (names(&d, "primary", evening), names(&d, "backup", evening)),
            (vec!["ana".into()], vec!["bo".into()])
        );
        assert_eq!(names(&d, "owner", day), ["bo"]);
        if let Some(team) = &mut d.lines[0].team {
            team[1].off = true;
        }
        assert_eq!((names(&d, "primary", evening), names(&d, "backup", evening)), (vec!["bo".into()], vec![]));
        let backup = "backup".parse().expect("role");
        assert!(d.is_ever_held(&d.lines[0], &backup), "by day");
        // Without a clock to read the hours by, somebody is better than nobody.
        (d.lines[0].time_zone, d.default_line.time_zone) = (None, None);
        assert_eq!(names(&d, "primary", evening), ["sam"]);
    }

    #[test]
    fn a_line_is_found_however_its_number_is_written() {
        let d = directory();
        for text in ["18005550100", "(800) 555-0100", "tel:+1-800-555-0100", " +1 800 555 0100", "8005550100"] {
            let (line, unlisted) = d.line(Some(text));
            assert!(line.number.as_deref() == Some("+18005550100") && !unlisted, "{text}");
        }
        for text in ["8005550199", "+448005550100", "Anonymous", "5550100"] {
            assert!(d.line(Some(text)).1, "{text}");
        }
        let two = |a: &str, b: &str| Directory { lines: vec![line(Some(a)), line(Some(b))], ..directory() };
        let abroad = two("+18005550100", "+448005550100");
        assert!(abroad.line(Some("8005550100")).1, "of either country");
        assert!(!abroad.line(Some("18005550100")).1 && !abroad.line(Some("00448005550100")).1);
        let alike = two("+4930555010", "+494930555010");
        assert!(alike.line(Some("4930555010")).1, "it may be either");
    }

    #[test]
    fn a_contact_is_found_by_id_name_and_number_however_they_are_written() {
        let mut d = directory();
        d.contacts[0].name = "Sam Ortiz".into();
        for text in
            ["sam", "Sam", "SAM ORTIZ", " sam ", "+19495550101", "+1 (949) 555-0101", "9495550101", "tel:+19495550101"]
        {
            assert_eq!(d.contact_named(text).map(|c| c.id.as_str()), Some("sam"), "{text}");
        }
        for text in ["", "kim", "9495550199", "+449495550101"] {
            assert_eq!(d.contact_named(text), None, "{text}");
        }
        d.contacts[1].name = "Sam Ortiz".into();
        assert_eq!(d.contact_named("sam ortiz"), None, "there are two");
        d.lines.clear();
        d.from = "Acme".parse().ok();
        assert_eq!(d.country(), Some("1"), "that of all contacts");
    }

    #[test]
    fn an_unlisted_number_is_told_apart_from_none_given() {
        let d = directory();
        assert!(d.line(Some("+18005550199")).1);
        assert!(!d.line(Some("+18005550100")).1);
        assert!(!d.line(None).1 && !d.line(Some(" ")).1);
    }
}
