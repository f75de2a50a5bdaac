//! A shop of many rotations and exceptions, to time the question who holds a role. For the bench alone.

use jiff::tz::TimeZone;

use super::{DutyOverride, MemberList, OverrideId, OverrideKind, OverrideScope, Rotation};
use crate::domain::hours::Hours;
use crate::domain::team::{Contact, Directory, Line, TeamEntry, TeamWho, Templates};
use crate::domain::types::{Role, Timestamp};

/// One line whose `primary` is named by every rotation, and exceptions around one moment.
pub struct SampleDuties {
    directory: Directory,
    role: Role,
    at: Timestamp,
}

impl SampleDuties {
    /// `None`: a name of this sample cannot be read, which is a bug. Of the rotations, `in_team` are in the line's team.
    pub fn new(rotations: u32, in_team: u32, overrides: u32) -> Option<Self> {
        let at: Timestamp = "2026-11-28T04:00:00Z".parse().ok()?;
        let role: Role = "primary".parse().ok()?;
        let contact = |n: u32| {
            let (id, phone) = (format!("c{n}").parse().ok()?, format!("+1949555{:04}", 100 + n).parse().ok()?);
            Some(Contact { id, name: format!("C {n}"), phone, email: None, role: None })
        };
        let contacts = (0..20).map(contact).collect::<Option<Vec<_>>>()?;
        let ids: Vec<_> = contacts.iter().map(|c| c.id.clone()).collect();
        let rotation = |n: u32| {
            let members = ids.iter().map(|id| vec![id.clone()]).collect();
            Some(Rotation {
                id: format!("r{n}").parse().ok()?,
                zone: TimeZone::get("America/Los_Angeles").ok()?,
                handoff: jiff::civil::time(8, 0, 0, 0),
                period_days: 7,
                lists: vec![MemberList { starts: jiff::civil::date(2026, 10, 5), members }],
                days: None,
                hours: Hours::read(["mon-thu 17:00-08:00", "fri 17:00-mon 08:00"]).ok(),
                calendar: None,
            })
        };
        let rotations = (0..rotations).map(rotation).collect::<Option<Vec<_>>>()?;
        let week = std::time::Duration::from_secs(7 * 86_400);
        let exception = |n: u32| {
            Some(DutyOverride {
                id: OverrideId::from_uuid(uuid::Uuid::from_u128(u128::from(n))),
                scope: OverrideScope::Rotation(rotations.get(usize::try_from(n).ok()? % rotations.len())?.id.clone()),
                kind: *OverrideKind::ALL.get(usize::try_from(n).ok()? % 3)?,
                contact: ids.get(usize::try_from(n).ok()? % ids.len())?.clone(),
                // Half of them count at the moment that is asked about.
                from: if n.is_multiple_of(2) { at.minus(week) } else { at.plus(week) },
                until: at.plus(week).plus(week),
                note: String::new(),
                by: "bench".into(),
                made_at: at,
                source: None,
                asked: None,
                withdrawn: None,
            })
        };
        let overrides = (0..overrides).map(exception).collect::<Option<Vec<_>>>()?;
        let in_team = rotations.iter().take(usize::try_from(in_team).ok()?);
        let team = in_team.map(|r| {
            let who = TeamWho::Rotation(r.id.clone());
            Some(TeamEntry { who, ..TeamEntry::of(ids.first()?.clone(), role.clone()) })
        });
        let line = Line {
            number: None,
            name: "Acme".into(),
            team: Some(team.collect::<Option<Vec<_>>>()?),
            from: None,
            policies: Default::default(),
            templates: Templates::default(),
            time_zone: Some("America/Los_Angeles".into()),
            keywords: Vec::new(),
        };
        let directory = Directory {
            contacts,
            default_line: line,
            lines: Vec::new(),
            from: None,
            fallback: Vec::new(),
            mail_from: None,
            voice_from: None,
            last_resort: Vec::new(),
            alert_owners: Vec::new(),
            levels: Default::default(),
            rotations,
            overrides,
            calendars: Default::default(),
        };
        Some(Self { directory, role, at })
    }

    /// Asks once; how many hold it.
    pub fn ask(&self) -> usize {
        self.directory.holders(&self.directory.default_line, &self.role, self.at).len()
    }
}
