//! A document type declaration: where its DTD is does not matter, since nothing is fetched; the entities that it declares itself are
//! kept.

use super::parse::{Fault, Parser};

impl<'a> Parser<'a> {
    /// Reads from `<!DOCTYPE` to its end.
    pub(super) fn document_type(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.at += 9;
        loop {
            self.skip_blanks();
            match self.rest().chars().next() {
                Some('>') => {
                    self.at += 1;
                    return Ok(());
                }
                Some('[') => {
                    self.at += 1;
                    self.declarations(start)?;
                }
                Some('"' | '\'') => {
                    self.quoted()?;
                }
                Some('<') | None => return Err(Fault::new(start, "a DOCTYPE that does not end")),
                Some(c) => self.at += c.len_utf8(),
            }
        }
    }

    fn declarations(&mut self, start: usize) -> Result<(), Fault> {
        loop {
            self.skip_blanks();
            let rest = self.rest();
            if self.skip("]") {
                return Ok(());
            } else if rest.starts_with("<!--") {
                self.comment()?;
            } else if rest.starts_with("<?") {
                self.instruction()?;
            } else if rest.starts_with("<!ENTITY") {
                self.entity()?;
            } else if rest.starts_with("<!ELEMENT") || rest.starts_with("<!ATTLIST") || rest.starts_with("<!NOTATION") {
                self.rest_of_declaration()?;
            } else if rest.starts_with('%') {
                return Err(self.fault("its DOCTYPE uses a parameter entity, which is refused"));
            } else {
                return Err(Fault::new(start, "a DOCTYPE that cannot be read"));
            }
        }
    }

    fn entity(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.at += 8;
        self.skip_blanks();
        let is_parameter = self.skip("%");
        self.skip_blanks();
        let name = self.name();
        self.skip_blanks();
        let is_external = self.rest().starts_with("SYSTEM") || self.rest().starts_with("PUBLIC");
        let value = if is_external {
            let mut last = "";
            self.at += 6;
            loop {
                self.skip_blanks();
                if !self.rest().starts_with(['"', '\'']) {
                    break last;
                }
                last = self.quoted()?;
            }
        } else {
            self.quoted()?
        };
        self.rest_of_declaration()?;
        // A parameter entity is harmless until it is used, and then it is refused.
        let declared = match (is_parameter, is_external) {
            (true, _) => Ok(()),
            (false, true) => self.entities.declare_external(name, value),
            (false, false) => self.entities.declare(name, value),
        };
        declared.map_err(|why| Fault::new(start, why))
    }

    fn rest_of_declaration(&mut self) -> Result<(), Fault> {
        let start = self.at;
        loop {
            match self.rest().find(['>', '"', '\'']) {
                None => return Err(Fault { at: start, ..self.endless("a declaration in the DOCTYPE that does not end") }),
                Some(length) => {
                    self.at += length;
                    if self.skip(">") {
                        return Ok(());
                    }
                    self.quoted()?;
                }
            }
        }
    }

    /// A text in quotes.
    fn quoted(&mut self) -> Result<&'a str, Fault> {
        let rest = self.rest();
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        let inner = quote.and_then(|quote| Some((rest.get(1..)?, rest.get(1..)?.find(quote)?)));
        match inner {
            Some((inner, length)) => {
                self.at += length + 2;
                Ok(inner.get(..length).unwrap_or_default())
            }
            None => Err(self.endless("a text in the DOCTYPE that does not end")),
        }
    }
}
