//! The article before a quoted type: "an `i64`", "a `u8`".
//!
//! Messages are written with "a"; this pass, over each finished diagnostic, knows how the names of
//! types are spoken. It touches nothing but the word "a" before a backquote.

use orion_diagnostics::Diagnostic;

/// Mends the articles in every text of a diagnostic.
pub fn mend(diagnostic: &mut Diagnostic) {
    mend_text(&mut diagnostic.message);
    mend_text(&mut diagnostic.primary.text);
    diagnostic.secondary.iter_mut().for_each(|label| mend_text(&mut label.text));
    diagnostic.notes.iter_mut().for_each(mend_text);
    if let Some(help) = &mut diagnostic.help {
        mend_text(help);
    }
}

fn mend_text(text: &mut String) {
    let mut from = 0;
    while let Some(found) = text[from..].find("a `") {
        let at = from + found;
        let is_word = text[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric());
        let rest = &text[at + 3..];
        // `f64` is spoken "eff"; `u8` begins with a consonant.
        let is_vowel = rest.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O'])
            || rest.starts_with("f32")
            || rest.starts_with("f64");
        if is_word && is_vowel {
            text.insert(at + 1, 'n');
        }
        from = at + 3;
    }
}

#[cfg(test)]
mod tests {
    use super::mend_text;

    #[test]
    fn speaks_the_names_of_types() {
        let mut text = "a `i64` and a `u8`, data `x`, a `Option[f64]`, a `f64`".to_owned();
        mend_text(&mut text);
        assert_eq!(text, "an `i64` and a `u8`, data `x`, an `Option[f64]`, an `f64`");
    }
}
