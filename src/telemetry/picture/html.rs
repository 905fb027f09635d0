//! Text into markup: every string of the record passes `escape` on its way to the page.

/// `text` with the five characters that mean something in markup replaced.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// A table: `head` and each row hold text; a cell that reads as an amount stands to the right.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let titles: String = head
        .iter()
        .map(|title| format!("<th>{}</th>", escape(title)))
        .collect();
    let mut out = format!("<div class=\"wide\"><table><thead><tr>{titles}</tr></thead><tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for cell in row {
            let class = if is_amount(cell) { " class=\"n\"" } else { "" };
            out.push_str(&format!("<td{class}>{}</td>", escape(cell)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    out
}

fn is_amount(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || ",.-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_name_stays_text() {
        assert_eq!(escape("<b a='1'>&\""), "&lt;b a=&#39;1&#39;&gt;&amp;&quot;");
    }

    #[test]
    fn amounts_stand_to_the_right_and_words_to_the_left() {
        let out = table(
            &["a"],
            &[vec!["1,024".to_owned()], vec!["3 <x>".to_owned()]],
        );
        assert!(out.contains("<td class=\"n\">1,024</td>"));
        assert!(out.contains("<td>3 &lt;x&gt;</td>"));
    }
}
