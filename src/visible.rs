//! Text from outside as a person sees it: characters that hide text or reorder it are removed.

/// Returns a string on one line, and only with characters that a person can see.
///
/// A control character and a line separator become a blank, because they separate words. A character without a width
/// or a glyph is removed: it would hide a part of a message, reverse its order on the screen (Unicode technical report
/// 36, section 2), or split a word that is searched for.
pub(crate) fn text(string: &str) -> String {
    string.chars().filter(|&c| !is_invisible(c)).map(|c| if separates_words(c) { ' ' } else { c }).collect()
}

fn separates_words(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Returns whether a character is ignorable by default (Unicode 16), annotates other text, or is
/// no character at all. Format characters that are drawn, such as the Arabic number sign, are visible.
fn is_invisible(c: char) -> bool {
    let is_ignorable = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
    let is_noncharacter = matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe;
    is_ignorable || is_noncharacter
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn characters_that_hide_or_reorder_text_are_removed() {
        for hidden in "\u{ad}\u{200b}\u{200d}\u{200e}\u{202e}\u{2060}\u{2066}\u{2069}\u{feff}\u{fe0f}\u{fffb}\u{ffff}\
                       \u{3164}\u{e0001}\u{e0041}\u{e007f}\u{e0101}\u{10ffff}"
            .chars()
        {
            assert_eq!(text(&format!("ad{hidden}min")), "admin", "U+{:04X}", u32::from(hidden));
        }
    }

    #[test]
    fn control_characters_and_separators_become_blanks() {
        assert_eq!(text("a\r\nb\0c\u{85}d\u{2028}e\u{2029}f\u{1b}[31mg"), "a  b c d e f [31mg");
    }

    #[test]
    fn visible_text_of_every_script_is_kept() {
        for kept in ["Grüße, naïve", "日本語　テキスト", "مرحبا ٠", "עברית", "ภาษาไทย", "🔑 €", "e\u{301}", "\u{fffd}"]
        {
            assert_eq!(text(kept), kept);
        }
    }

    proptest! {
        #[test]
        fn cleaning_twice_changes_nothing(string in any::<String>()) {
            let once = text(&string);
            prop_assert_eq!(text(&once), once);
        }
    }
}
