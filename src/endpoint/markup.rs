//! Reads the text of HTML and XML, without a parser: error pages and SOAP faults are written by hand often enough.

/// Returns each element that has text and no element in it, as its name without a prefix and its text.
pub(super) fn leaf_elements(markup: &str) -> Vec<(&str, String)> {
    let mut leaves = Vec::new();
    let (mut current, mut content) = (None, String::new());
    let mut rest = markup;
    while let Some(start) = rest.find('<') {
        content.push_str(&unescaped(&rest[..start]));
        rest = &rest[start..];
        if let Some(data) = rest.strip_prefix("<![CDATA[") {
            let (text, after) = data.split_once("]]>").unwrap_or((data, ""));
            content.push_str(text);
            rest = after;
            continue;
        }
        let (tag, after) = tag(rest);
        rest = after;
        match tag.strip_prefix('/') {
            _ if tag.starts_with(['!', '?']) => {}
            Some(name) => {
                let text = std::mem::take(&mut content);
                if current.take() == Some(local_name(name)) && !text.trim().is_empty() {
                    leaves.push((local_name(name), text));
                }
            }
            None => {
                current = Some(local_name(tag));
                content.clear();
            }
        }
    }
    leaves
}

/// Returns a text without tags and comments, and with its character references decoded.
pub(super) fn text(markup: &str) -> String {
    let (mut text, mut rest) = (String::with_capacity(markup.len()), markup);
    while let Some(start) = rest.find('<') {
        text.push_str(&rest[..start]);
        // A less-than sign that begins no tag is one.
        if !rest[start + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c)) {
            text.push('<');
            rest = &rest[start + 1..];
            continue;
        }
        text.push(' ');
        rest = tag(&rest[start..]).1;
    }
    text.push_str(rest);
    unescaped(&text)
}

/// Returns the content of the tag or comment that a text begins with, and what follows it.
fn tag(markup: &str) -> (&str, &str) {
    let (content, end) = match markup.strip_prefix("<!--") {
        Some(comment) => (comment, "-->"),
        None => (&markup[1..], ">"),
    };
    let (tag, rest) = content.split_once(end).unwrap_or((content, ""));
    if end == ">" { (tag, rest) } else { ("!", rest) }
}

/// Returns the name in a tag without its prefix: `faultstring` of `soap:faultstring xml:lang="en"`.
fn local_name(tag: &str) -> &str {
    let name = tag.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
    name.rsplit(':').next().unwrap_or(name)
}

/// Decodes the character references that servers write: by number, and the few names that XML and error pages use.
pub(super) fn unescaped(text: &str) -> String {
    let (mut decoded, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(start) = rest.find('&') {
        decoded.push_str(&rest[..start]);
        rest = &rest[start..];
        let (c, length) = reference(rest).unwrap_or(('&', 1));
        decoded.push(c);
        rest = &rest[length..];
    }
    decoded + rest
}

/// Returns the character of the reference that a text begins with, and the length of the reference.
fn reference(text: &str) -> Option<(char, usize)> {
    /// The longest reference, `&#x10ffff;`.
    const MAX_LENGTH: usize = 10;
    let end = text.bytes().take(MAX_LENGTH).position(|byte| byte == b';')?;
    let c = match &text[1..end] {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        number => {
            let number = number.strip_prefix('#')?;
            let hex = number.strip_prefix(['x', 'X']).map(|digits| u32::from_str_radix(digits, 16));
            char::from_u32(hex.unwrap_or_else(|| number.parse()).ok()?)?
        }
    };
    Some((c, end + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leaves(markup: &str) -> Vec<(&str, String)> {
        leaf_elements(markup)
    }

    #[test]
    fn leaves_of_faults_and_pages_are_found() {
        let soap = "<?xml version='1.0'?>\n<s:Envelope xmlns:s=\"u\"><s:Body><s:Fault><faultcode>s:Client</faultcode>\
                    <faultstring xml:lang=\"en\">no &lt;b&gt; &#233;&#xe9; &amp;amp;</faultstring><detail/></s:Fault></s:Body>";
        let expected = [("faultcode", "s:Client".into()), ("faultstring", "no <b> éé &amp;".into())];
        assert_eq!(leaves(soap), expected);
        let cdata = "<Error><!-- <Code>x</Code> --><Message><![CDATA[a <b> & c]]></Message></Error>";
        assert_eq!(leaves(cdata), [("Message", "a <b> & c".into())]);
        assert_eq!(leaves("<html><title> 403 </title><p>a<br>b</p>"), [("title", " 403 ".into())]);
    }

    #[test]
    fn unfinished_markup_has_no_leaf() {
        for markup in ["", "<", "<a", "<a>", "<a>b", "<a>b<", "<a>b</", "<!--", "<![CDATA[", "a > b", "<a>b</c>"] {
            assert_eq!(leaves(markup), [], "{markup}");
        }
    }

    #[test]
    fn text_has_no_tags_and_decoded_references() {
        assert_eq!(text("<p>the&nbsp;daily<br/>rate &amp; limit</p>"), " the daily rate & limit ");
        assert_eq!(text("a < b && c <!-- d --> &copy; &#0; &#xd800; &;"), "a < b && c   &copy; \0 &#xd800; &;");
    }

    proptest! {
        #[test]
        fn no_markup_makes_the_reader_panic(markup in "([<>/!&#x;:\\[\\]a-c1é -]|<!--|-->|<!\\[CDATA\\[|\\]\\]>){0,60}") {
            leaf_elements(&markup);
            text(&markup);
        }
    }
}
