//! The qmail-send Bounce Message Format (D. J. Bernstein, QSBMF): paragraphs that begin with `<address>:`. Postfix without a
//! delivery-status part, Yahoo, Sina and many more write such paragraphs too.
#![forbid(unsafe_code)]

use super::super::{Error, Recipient};
use super::{Mail, recipients, text};

pub fn read(mail: &Mail<'_>) -> Result<Vec<Recipient>, Error> {
    let failed = mail.words.lines().filter(|line| line.trim_start().starts_with('<')).filter_map(|line| {
        let (address, rest) = text::leading_address(line)?;
        // "<a@b> (expanded from <c@d>): ..." is Postfix: the sender knows c@d
        let rest = rest.trim_start();
        if let Some(origin) = rest.strip_prefix("(expanded from ") {
            return text::addresses(origin).into_iter().next();
        }
        rest.starts_with(':').then_some(address)
    });
    Ok(recipients(failed))
}
