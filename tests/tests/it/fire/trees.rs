//! What is in a folder here, and in the container.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Each path with what it is, files with whether they can be executed, and content or target.
pub(super) type Tree = BTreeMap<String, String>;

pub(super) fn of_this_machine(root: &Path) -> Tree {
    let mut tree = Tree::new();
    gather(root, root, &mut tree);
    tree
}

/// Leaves out what the rules leave out.
fn gather(root: &Path, folder: &Path, tree: &mut Tree) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        let shown = path.strip_prefix(root).expect("beneath").display().to_string();
        let is_ignored = |name: &str| {
            name.rsplit_once('.').is_some_and(|(_, end)| end == "tmp")
                || name.ends_with('~')
                || name == "4913"
        };
        if shown == "build" || shown.rsplit('/').next().is_some_and(is_ignored) {
            continue;
        }
        let facts = std::fs::symlink_metadata(&path).expect("an entry");
        let what = if facts.is_symlink() {
            format!("link {}", std::fs::read_link(&path).expect("a link").display())
        } else if facts.is_dir() {
            gather(root, &path, tree);
            "folder".to_owned()
        } else {
            let text = std::fs::read_to_string(&path).expect("a file");
            // A file that is there already keeps its other permissions.
            let kind = if facts.permissions().mode() & 0o111 == 0 { "file" } else { "program" };
            format!("{kind} {}", short(&text))
        };
        tree.insert(shown, what);
    }
}

/// Contents are told from each other by their beginning and length.
fn short(text: &str) -> String {
    format!("{} {}", text.len(), text.get(..24).unwrap_or(text))
}

/// Asks perl, which the image has, so that one `exec` tells all.
const ASK: &str = r#"
$/ = undef;
sub walk {
  my $folder = shift;
  opendir my $entries, $folder or return;
  for my $name (grep { !/^\.\.?$/ } readdir $entries) {
    my $at = "$folder/$name";
    my $path = substr $at, 5;
    if (-l $at) { print "$path\tlink " . readlink($at) . "\0" }
    elsif (-d $at) { print "$path\tfolder\0"; walk($at) }
    elsif (open my $file, "<", $at) {
      my $text = <$file> // "";
      printf "%s\t%s %d %s\0", $path, (stat $file)[2] & 0111 ? "program" : "file", length $text, substr $text, 0, 24;
    }
  }
}
walk("/srv");
"#;

pub(super) fn of_container(name: &str) -> Result<Tree, String> {
    let ran = Command::new("docker").args(["exec", name, "perl", "-e", ASK]).output().expect("`docker` runs");
    if !ran.status.success() {
        return Err(String::from_utf8_lossy(&ran.stderr).into_owned());
    }
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let entries = text.split('\0').filter_map(|entry| entry.split_once('\t'));
    Ok(entries.map(|(path, what)| (path.to_owned(), what.to_owned())).collect())
}

/// One line for each path that is not the same; empty when all is well.
pub(super) fn differences(here: &Tree, there: &Tree) -> String {
    let paths: std::collections::BTreeSet<_> = here.keys().chain(there.keys()).collect();
    let word = |tree: &Tree, path: &String| tree.get(path).map_or("nothing", String::as_str).to_owned();
    let differs = paths.into_iter().filter(|path| here.get(*path) != there.get(*path));
    differs
        .map(|path| format!("{path}: here {}, in the container {}", word(here, path), word(there, path)))
        .collect::<Vec<_>>()
        .join("\n")
}
