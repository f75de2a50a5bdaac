//! Which country codes exist, as data.
//!
//! Source: ITU-T, "List of Recommendation ITU-T E.164 assigned country codes" (complement to E.164, Operational Bulletin 1114 of
//! 15.12.2016 and later amendments): codes of countries, geographic areas, global services and networks, also those that are
//! reserved for a named country (379, 997). Spare codes are left out. No two codes begin each other, so that a number has one.
//! Areas and lengths within a country are no part of it: they change without notice, and no list compiled in may keep a person from
//! being told.

const CODES: &[&str] = &[
    // 1: North America and the Caribbean. 2: Africa, and some islands of the Atlantic.
    "1", "20", "211", "212", "213", "216", "218", "220", "221", "222", "223", "224", "225", "226", "227", "228", "229",
    "230", "231", "232", "233", "234", "235", "236", "237", "238", "239", "240", "241", "242", "243", "244", "245",
    "246", "247", "248", "249", "250", "251", "252", "253", "254", "255", "256", "257", "258", "260", "261", "262",
    "263", "264", "265", "266", "267", "268", "269", "27", "290", "291", "297", "298", "299",
    // 3 and 4: Europe.
    "30", "31", "32", "33", "34", "350", "351", "352", "353", "354", "355", "356", "357", "358", "359", "36", "370",
    "371", "372", "373", "374", "375", "376", "377", "378", "379", "380", "381", "382", "383", "385", "386", "387",
    "389", "39", "40", "41", "420", "421", "423", "43", "44", "45", "46", "47", "48", "49",
    // 5: the rest of America. 6: South-East Asia and Oceania.
    "500", "501", "502", "503", "504", "505", "506", "507", "508", "509", "51", "52", "53", "54", "55", "56", "57",
    "58", "590", "591", "592", "593", "594", "595", "596", "597", "598", "599", "60", "61", "62", "63", "64", "65",
    "66", "670", "672", "673", "674", "675", "676", "677", "678", "679", "680", "681", "682", "683", "685", "686",
    "687", "688", "689", "690", "691", "692",
    // 7: Russia and Kazakhstan. 8: East Asia, and services that belong to no country.
    "7", "800", "808", "81", "82", "84", "850", "852", "853", "855", "856", "86", "870", "878", "880", "881", "882",
    "883", "886", "888", // 9: the Middle East, South and Central Asia; 979: a service.
    "90", "91", "92", "93", "94", "95", "960", "961", "962", "963", "964", "965", "966", "967", "968", "970", "971",
    "972", "973", "974", "975", "976", "977", "979", "98", "992", "993", "994", "995", "996", "997", "998",
];

/// Whether these digits are a whole country code.
pub(super) fn is_code(digits: &str) -> bool {
    CODES.contains(&digits)
}

/// The country code that these digits of an international number begin with.
pub(super) fn code_of(digits: &str) -> Option<&'static str> {
    CODES.iter().find(|code| digits.starts_with(**code)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_country_code_at_most() {
        for a in CODES {
            assert_eq!(CODES.iter().filter(|b| b.starts_with(a)).count(), 1, "{a}");
            assert!((1..=3).contains(&a.len()) && a.bytes().all(|b| b.is_ascii_digit()) && !a.starts_with('0'), "{a}");
        }
    }

    #[test]
    fn codes_that_nobody_has_are_not_there() {
        for (digits, code) in [
            ("19495550101", Some("1")),
            ("442079460018", Some("44")),
            ("4205550199", Some("420")),
            ("3816450199", Some("381")),
            ("997055501990", Some("997")),
            ("999999999999", None),
            ("2105550199", None),
            ("3845550199", None),
            ("0", None),
            ("", None),
        ] {
            assert_eq!(code_of(digits), code, "{digits}");
        }
    }
}
