//! The warnings of the start, from the configuration as httpd parsed it into the error log.
#![forbid(unsafe_code)]

use httpd::{Section, Server};
use mailgate::audit::{Directive, warnings};

/// Logs what is risky in the configuration.
pub fn warn(server: &Server<'_>) {
    let tree: Vec<Directive> = httpd::configuration(server).into_iter().map(directive).collect();
    for warning in warnings(&tree) {
        tracing::warn!("{}: {}", warning.tag, warning.text);
    }
}

fn directive(section: Section) -> Directive {
    Directive {
        name: section.name,
        arguments: section.arguments,
        place: format!("{}:{}", section.file, section.line),
        children: section.children.into_iter().map(directive).collect(),
    }
}
