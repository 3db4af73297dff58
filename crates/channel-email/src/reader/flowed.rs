//! `format=flowed` (RFC 3676): lines that end in a blank go on in the next one of the same quote depth.

/// The text with its flowed lines joined. Quote marks are written in front of each line, as many as it had.
pub(super) fn unflow(text: &str, delete_space: bool) -> String {
    let mut out = String::with_capacity(text.len());
    // The depth of the line that is still open.
    let mut open: Option<usize> = None;
    for line in text.split('\n') {
        let depth = line.bytes().take_while(|&b| b == b'>').count();
        let content = line.get(depth..).unwrap_or_default();
        let content = content.strip_prefix(' ').unwrap_or(content);
        let signature = content == "-- ";
        if open != Some(depth) || signature {
            if open.is_some() {
                end_line(&mut out);
            }
            let marks = ">".repeat(depth);
            out.push_str(&marks);
            if depth > 0 && !content.is_empty() {
                out.push(' ');
            }
        }
        let flows = content.ends_with(' ') && !signature;
        out.push_str(if flows && delete_space { content.get(..content.len() - 1).unwrap_or_default() } else { content });
        open = flows.then_some(depth);
        if !flows {
            out.push('\n');
        }
    }
    if open.is_some() {
        end_line(&mut out);
    }
    // `split` finds an empty line behind the last line end.
    out.pop();
    out
}

fn end_line(out: &mut String) {
    out.truncate(out.trim_end_matches(' ').len());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_flow_within_their_depth() {
        let text = "Graag morgen \nleveren.\n\n> eerste \n> regel\n>> dieper \n> weer\n-- \nJan \nPiet";
        assert_eq!(unflow(text, false), "Graag morgen leveren.\n\n> eerste regel\n>> dieper\n> weer\n-- \nJan Piet");
        assert_eq!(unflow("een \ntwee", true), "eentwee");
        assert_eq!(unflow(" >geen citaat\n From hier", false), ">geen citaat\nFrom hier");
        assert_eq!(unflow("open ", false), "open");
        assert_eq!(unflow("", false), "");
    }
}
