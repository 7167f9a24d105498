//! Dependencies, compared with the two tables of CONTRIBUTING.md: of crates by their manifests, of the folders of `mailgate` by their
//! `crate::` paths. No two files of a crate may depend on each other in a circle, except a module and its own children.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = repository().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

type Edges = BTreeMap<String, BTreeSet<String>>;

/// The table after the heading: `` | `room` | what it is | `may`, `use` | ``.
fn table(heading: &str) -> Edges {
    let page = read("CONTRIBUTING.md");
    let (_, rest) = page.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no heading '{heading}'"));
    let rows = rest.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
    let mut found = Edges::new();
    for row in rows.skip(2) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        for room in names(cells[0]) {
            found.insert(room, names(cells[2]));
        }
    }
    assert!(found.len() > 4, "{heading}: {found:?}");
    found
}

/// Every crate of ours with its folder.
fn crates() -> BTreeMap<String, PathBuf> {
    let folders = std::fs::read_dir(repository().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let mut crates: BTreeMap<String, PathBuf> =
        folders.map(|folder| (folder.file_name().unwrap().to_string_lossy().into_owned(), folder)).collect();
    crates.insert("mod_sendmail".into(), repository().to_owned());
    crates.insert("apache-sys".into(), repository().join("apache-sys"));
    crates
}

/// Our own crates among the dependencies in a manifest, without dev-dependencies.
fn dependencies(manifest: &str, ours: &BTreeSet<String>) -> BTreeSet<String> {
    let section = manifest.split("\n[").find_map(|section| section.strip_prefix("dependencies]\n")).unwrap_or("");
    let names = section.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
    names.filter(|name| ours.contains(*name)).map(str::to_owned).collect()
}

#[test]
fn a_crate_uses_only_what_the_table_allows() {
    let allowed = table("### Crates");
    let crates = crates();
    let ours: BTreeSet<String> = crates.keys().cloned().collect();
    assert_eq!(allowed.keys().cloned().collect::<BTreeSet<_>>(), ours, "the table has a row for each crate");
    let mut arrows = 0;
    for (name, folder) in &crates {
        let used = dependencies(&read(folder.join("Cargo.toml")), &ours);
        arrows += used.len();
        let surplus: Vec<_> = used.difference(&allowed[name]).collect();
        assert!(surplus.is_empty(), "{name} uses {surplus:?}, which CONTRIBUTING.md does not allow");
    }
    assert!(arrows > 15, "the manifests are read");
}

/// A source file: the path of its module (`transport::smtp`) and its text without its unit tests.
fn sources(src: &Path) -> BTreeMap<String, String> {
    fn visit(folder: &Path, module: &str, found: &mut BTreeMap<String, String>) {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            let inner = if module.is_empty() { stem.clone() } else { format!("{module}::{stem}") };
            if path.is_dir() {
                visit(&path, &inner, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !stem.ends_with("tests") {
                let text = read(&path);
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap().lines();
                let code: String = code
                    .filter(|line| !line.trim_start().starts_with("//"))
                    .fold(String::new(), |code, line| code + line + "\n");
                let own = matches!(stem.as_str(), "mod" | "lib" | "main");
                found.insert(if own { module.to_owned() } else { inner }, code);
            }
        }
    }
    let mut found = BTreeMap::new();
    visit(src, "", &mut found);
    found
}

/// `a::{b, c::{d, e}}` -> `a::b`, `a::c::d`, `a::c::e`.
fn expand(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.trim().to_owned()] };
    let (mut depth, mut item, mut items) = (0, String::new(), Vec::new());
    for c in rest.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => items.push(std::mem::take(&mut item)),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                item.push(c);
            }
        }
    }
    items.push(item);
    let items = items.iter().filter(|item| !item.trim().is_empty());
    items.flat_map(|item| expand(&format!("{before}{}", item.trim()))).collect()
}

/// The modules that a file names by `crate::` and `super::` paths, as far as they have files.
fn uses(module: &str, text: &str, modules: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for start in ["crate::", "super::"] {
        for (at, _) in text.match_indices(start) {
            if text[..at].ends_with(|c: char| c.is_alphanumeric() || "_:$".contains(c)) {
                continue;
            }
            let end = text[at..]
                .find([';', '(', ')', '<', '>', '&', '=', '?', '"', ']', '\''])
                .map_or(text.len(), |end| at + end);
            let statement = text[at..end].to_owned();
            let statement = if statement.contains('{') {
                statement
            } else {
                statement.split([',', ' ', '\n']).next().unwrap().to_owned()
            };
            for path in expand(&statement) {
                let mut place: Vec<&str> = if start == "super::" { module.split("::").collect() } else { Vec::new() };
                for part in path.split("::").map(str::trim) {
                    match part {
                        "crate" => {}
                        "super" => drop(place.pop()),
                        part => place.push(part.split_whitespace().next().unwrap_or("")),
                    }
                }
                while !place.is_empty() && !modules.contains(&place.join("::")) {
                    place.pop();
                }
                let used = place.join("::");
                if !used.is_empty() && used != module {
                    found.insert(used);
                }
            }
        }
    }
    found
}

fn graph(src: &Path) -> Edges {
    let sources = sources(src);
    let modules: BTreeSet<String> = sources.keys().cloned().collect();
    sources.iter().map(|(module, text)| (module.clone(), uses(module, text, &modules))).collect()
}

#[test]
fn a_folder_of_mailgate_uses_only_what_the_table_allows() {
    let allowed = table("### Folders of mailgate");
    let top = |module: &str| module.split("::").next().unwrap_or_default().to_owned();
    let mut arrows = 0;
    for (module, used) in graph(&repository().join("crates/mailgate/src")) {
        let room = top(&module);
        for other in used.iter().map(|other| top(other)).filter(|other| *other != room && !room.is_empty()) {
            arrows += 1;
            let may = allowed.get(&room).unwrap_or_else(|| panic!("no row for {room} in CONTRIBUTING.md"));
            assert!(may.contains(&other), "{module} uses {other}, which CONTRIBUTING.md does not allow");
        }
    }
    assert!(arrows > 15, "the sources are read");
}

fn is_family(one: &str, other: &str) -> bool {
    one.is_empty()
        || other.is_empty()
        || one.starts_with(&format!("{other}::"))
        || other.starts_with(&format!("{one}::"))
}

/// A circle that is not only between a module and its children, if there is one.
fn circle(edges: &Edges) -> Option<Vec<String>> {
    fn visit(at: &str, edges: &Edges, trail: &mut Vec<String>, done: &mut BTreeSet<String>) -> Option<Vec<String>> {
        if let Some(begin) = trail.iter().position(|module| module == at) {
            return Some(trail[begin..].to_vec());
        }
        if done.contains(at) {
            return None;
        }
        trail.push(at.to_owned());
        for next in edges.get(at).into_iter().flatten().filter(|next| !is_family(at, next)) {
            if let Some(found) = visit(next, edges, trail, done) {
                return Some(found);
            }
        }
        trail.pop();
        done.insert(at.to_owned());
        None
    }
    let mut done = BTreeSet::new();
    edges.keys().find_map(|module| visit(module, edges, &mut Vec::new(), &mut done))
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let found: Vec<_> =
        crates().into_iter().filter_map(|(name, folder)| Some((name, circle(&graph(&folder.join("src")))?))).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_circle_would_be_found_and_paths_are_read_as_rust_reads_them() {
    let edges = |pairs: &[(&str, &str)]| {
        pairs.iter().fold(Edges::new(), |mut edges, (from, to)| {
            edges.entry((*from).to_owned()).or_default().insert((*to).to_owned());
            edges
        })
    };
    assert_eq!(circle(&edges(&[("a", "b"), ("b", "c"), ("a::x", "a")])), None);
    assert!(circle(&edges(&[("a", "b"), ("b", "c"), ("c", "a")])).is_some());
    assert_eq!(circle(&edges(&[("a", "a::x"), ("a::x", "a")])), None, "a module and its child");
    let modules: BTreeSet<String> = ["a", "a::b", "c", "c::d", "c::e"].map(str::to_owned).into();
    let text = "use crate::c::{d::X, e};\nuse super::Y;\nlet z = crate::a::f(1);";
    let found: Vec<String> = uses("a::b", text, &modules).into_iter().collect();
    assert_eq!(found, ["a", "c::d", "c::e"]);
}
