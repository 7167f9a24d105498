//! Which index leads, told by the statement that is asked.

use super::*;
use std::ffi::CStr;

/// Answers how many rows an index leads to, and remembers what it was asked then.
struct Counted<'r> {
    rows: &'r [(&'static str, i64)],
    asked: Vec<String>,
}

impl Database for Counted<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn execute(&mut self, _: &CStr) -> Result<(), DatabaseError> {
        Ok(())
    }

    fn run(&mut self, _: &Statement, _: &[Option<&str>]) -> Result<u64, DatabaseError> {
        Ok(0)
    }

    fn select(&mut self, statement: &Statement, values: &[Option<&str>]) -> Result<Vec<Row>, DatabaseError> {
        let (name, sql) = (statement.name.to_str().unwrap(), statement.sql.to_str().unwrap());
        assert_eq!(sql.matches("%s").count() + sql.matches("%lld").count(), values.len(), "{name}");
        match name.strip_prefix("dsn_few_") {
            Some(index) => {
                let found = self.rows.iter().find(|row| row.0 == index.trim_end_matches("_all"));
                Ok(vec![Row(vec![Some(found.expect("an index that may lead").1.to_string())])])
            }
            None => {
                self.asked.push(name.trim_end_matches("_all").to_owned());
                Ok(vec![])
            }
        }
    }
}

#[test]
fn the_index_that_leads_to_the_fewest_rows_leads() {
    let text = |word: &str| (!word.is_empty()).then(|| word.to_owned());
    let many = FEW;
    for (recipient, sender, domain, state, rows, expected) in [
        ("", "", "", None, &[][..], "dsn_list"),
        ("a", "", "", None, &[], "dsn_list_address"),
        ("", "s", "", None, &[], "dsn_list_sender"),
        ("", "", "", Some(State::Failed), &[], "dsn_list_state"),
        ("", "", "d", Some(State::Failed), &[("domain", many), ("state", 3)], "dsn_list_state"),
        ("", "", "d", Some(State::Failed), &[("domain", 3), ("state", 4)], "dsn_list_domain"),
        ("", "", "d", Some(State::Failed), &[("domain", many), ("state", many)], "dsn_list_domain"),
        ("", "s", "d", None, &[("sender", 7), ("domain", 6)], "dsn_list_domain"),
        ("a", "", "", Some(State::Failed), &[("address", many), ("state", 3)], "dsn_sorted_state"),
        ("a", "", "", Some(State::Failed), &[("address", many), ("state", many)], "dsn_list_address"),
        ("a", "s", "d", None, &[("address", many), ("sender", 9), ("domain", 8)], "dsn_sorted_domain"),
    ] {
        for scope in [Scope::All(None), Scope::Own(Owner::login(b"peter"))] {
            let mut database = Counted { rows, asked: Vec::new() };
            let filter = Filter {
                recipient: text(recipient),
                sender: text(sender),
                domain: text(domain),
                state,
                since: None,
                tag: None,
                after: None,
                limit: 50,
            };
            list(&mut database, &scope, &filter, 1_000_000_000).unwrap();
            assert_eq!(database.asked, [expected], "{filter:?} {scope:?}");
        }
    }
}
