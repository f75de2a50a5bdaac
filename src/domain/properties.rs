//! What every property of outside input needs: fields out of bytes, and XML read back.
//!
//! A property is a function of bytes that panics where something does not hold that must hold of any input. Each stands beside the
//! code that it is about, in a file `properties.rs`; `testkit::fuzz` names them all. The tests play each over its corpus in
//! `tests/fuzz/corpus` and over inputs by chance (`testing/properties.rs`), the fuzz targets in `tests/fuzz` let coverage look on.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

/// The texts of an input. Between them stands the byte 0xff, which no text holds; what is missing is empty.
pub(crate) fn texts<const N: usize>(raw: &[u8]) -> [String; N] {
    let mut parts = raw.splitn(N, |b| *b == 0xff);
    std::array::from_fn(|_| String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned())
}

/// The input as one text.
pub(crate) fn text(raw: &[u8]) -> String {
    String::from_utf8_lossy(raw).into_owned()
}

/// One thing of an XML document, in the document's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum XmlPart {
    /// An element begins: its name, its attributes.
    Open(String, Vec<(String, String)>),
    Text(String),
    Close,
}

/// Reads a document as any reader of XML does.
///
/// # Panics
/// Where it is not well-formed XML 1.0, has no single root, or holds anything but elements and text.
pub(crate) fn xml(document: &str) -> Vec<XmlPart> {
    assert!(document.chars().all(is_of_xml), "a character that XML cannot hold: {document:?}");
    let mut reader = Reader::from_str(document);
    reader.config_mut().expand_empty_elements = true;
    let (mut parts, mut text, mut depth) = (Vec::new(), String::new(), 0_usize);
    loop {
        let event = reader.read_event().unwrap_or_else(|e| panic!("not well-formed, {e}: {document:?}"));
        match &event {
            Event::Decl(_) if parts.is_empty() && text.is_empty() => continue,
            Event::Text(more) => {
                text.push_str(&more.xml10_content().expect("UTF-8"));
                continue;
            }
            Event::GeneralRef(reference) => {
                let name = reference.decode().expect("UTF-8");
                let character = reference.resolve_char_ref().ok().flatten().map(String::from);
                let known = character.or_else(|| resolve_predefined_entity(&name).map(str::to_owned));
                text.push_str(&known.unwrap_or_else(|| panic!("the entity {name:?} is not known: {document:?}")));
                continue;
            }
            _ if text.is_empty() => {}
            _ => {
                let text = std::mem::take(&mut text);
                assert!(depth > 0 || text.trim().is_empty(), "text outside of the root: {document:?}");
                parts.extend((depth > 0).then_some(XmlPart::Text(text)));
            }
        }
        match event {
            Event::Start(tag) => {
                assert!(depth > 0 || parts.is_empty(), "a second root: {document:?}");
                depth += 1;
                parts.push(opened(&tag, document));
            }
            Event::End(_) => {
                depth = depth.checked_sub(1).unwrap_or_else(|| panic!("an end without a beginning: {document:?}"));
                parts.push(XmlPart::Close);
            }
            Event::Eof => break,
            other => panic!("neither an element nor text: {other:?} in {document:?}"),
        }
    }
    assert!(depth == 0 && !parts.is_empty(), "it breaks off: {document:?}");
    parts
}

fn opened(tag: &BytesStart<'_>, document: &str) -> XmlPart {
    let name = |raw: &[u8]| {
        let name = std::str::from_utf8(raw).expect("UTF-8");
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric()) && !name.is_empty(), "{name:?} in {document:?}");
        name.to_owned()
    };
    let one = |attribute: quick_xml::events::attributes::Attribute<'_>| {
        let value = std::str::from_utf8(&attribute.value).expect("UTF-8");
        assert!(!value.contains('<'), "an attribute holds a tag: {document:?}");
        let value = quick_xml::escape::unescape(value).unwrap_or_else(|e| panic!("{e}: {document:?}"));
        (name(attribute.key.as_ref()), value.into_owned())
    };
    let all = tag.attributes().map(|a| one(a.unwrap_or_else(|e| panic!("{e}: {document:?}"))));
    XmlPart::Open(name(tag.name().as_ref()), all.collect())
}

/// The names of the elements in order, each `/` an end: what a document is made of, whatever it says.
pub(crate) fn shape(parts: &[XmlPart]) -> String {
    let name = |part: &XmlPart| match part {
        XmlPart::Open(name, _) => format!("<{name}"),
        XmlPart::Text(_) => String::new(),
        XmlPart::Close => "/".to_owned(),
    };
    parts.iter().map(name).collect()
}

/// Whether XML 1.0 may hold this character (§2.2).
pub(crate) const fn is_of_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_one_document_of_elements_and_text_is_told() {
        let whole = xml("<?xml version=\"1.0\"?><a><b c=\"1&amp;2\"/>x&lt;y</a>");
        let open = |name: &str, of: &[(&str, &str)]| {
            XmlPart::Open(name.to_owned(), of.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
        };
        let text = XmlPart::Text("x<y".to_owned());
        assert_eq!(whole, [open("a", &[]), open("b", &[("c", "1&2")]), XmlPart::Close, text, XmlPart::Close]);
        assert_eq!(shape(&whole), "<a<b//");
        for broken in [
            "",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>x",
            "x<a/>",
            "<a>&no;</a>",
            "<a>& b</a>",
            "<a><!-- c --></a>",
            "<a><![CDATA[x]]></a>",
            "<a>\u{7}</a>",
            "<a b=\"1\" b=\"2\"/>",
            "<a b=\"<c>\"/>",
            "<a b=1/>",
        ] {
            assert!(std::panic::catch_unwind(|| xml(broken)).is_err(), "{broken:?}");
        }
        assert_eq!(texts::<3>(b"a\xff\xffb\xff"), ["a", "", "b\u{fffd}"]);
    }
}
