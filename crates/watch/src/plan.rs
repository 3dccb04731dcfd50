//! From a batch to what must be done about it. Pure.
//!
//! A rebuild wins over everything else. Otherwise deletions come first, then files, then commands in the order of the
//! rules, then one restart or the signals: each rule's wish counts once, however many files it matched.

use std::path::{Path, PathBuf};

use model::plan::{Action, OnDelete, ReloadRule};

use crate::{Batch, Change, Kind};

/// What a batch asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// Absolute paths in the container that go, with all in them. None lies in another.
    pub deletes: Vec<String>,
    /// What comes after that, folders before what is in them.
    pub writes: Vec<Write>,
    /// What follows, in order.
    pub then: Vec<Step>,
}

/// A file, folder or link that is to be in the container as it is on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Here.
    pub from: PathBuf,
    /// What it was when the batch ended; never [`Kind::Removed`]. What has become something else since must not be
    /// sent: another batch, which takes away first what was there before, is on its way.
    pub kind: Kind,
    /// There, absolute.
    pub to: String,
    /// Write into the existing file instead of renaming a new one over it.
    pub in_place: bool,
}

/// What follows once the files are in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Run a command in the container.
    Run {
        /// Program and arguments.
        command: Vec<String>,
        /// `user[:group]`; `None`: the service's.
        user: Option<String>,
    },
    /// Send the service's process a signal, by name.
    Signal(String),
    /// Start the service's process anew.
    Restart,
    /// Build the image and replace the container; then there is nothing else in the decision.
    Rebuild,
}

impl Decision {
    /// Whether nothing at all is to be done.
    pub fn is_empty(&self) -> bool {
        self.deletes.is_empty() && self.writes.is_empty() && self.then.is_empty()
    }
}

/// What a batch asks for by the rules of its service. Changes of rules that are not in `rules` count for nothing.
pub fn decide(rules: &[ReloadRule], batch: &Batch) -> Decision {
    let matched = || batch.changes.iter().filter_map(|change| Some((rules.get(change.rule)?, change)));
    if matched().any(|(rule, change)| rebuilds(rule, change)) {
        return Decision { then: vec![Step::Rebuild], ..Decision::default() };
    }
    let mut decision = Decision::default();
    for (rule, change) in matched() {
        let Some(to) = destination(rule, &change.path) else { continue };
        match change.kind {
            Kind::Removed if rule.on_delete == OnDelete::Keep => {}
            Kind::Removed => decision.deletes.push(to),
            Kind::Folder | Kind::Written | Kind::Link => {
                let write =
                    Write { from: change.path.clone(), kind: change.kind, to, in_place: rule.in_place };
                // Two rules may lead to the same place; the later one has the last word.
                decision.writes.retain(|earlier| earlier.to != write.to);
                decision.writes.push(write);
            }
        }
    }
    decision.deletes = outermost(decision.deletes);
    decision.then = steps(rules, batch);
    decision
}

fn rebuilds(rule: &ReloadRule, change: &Change) -> bool {
    rule.then == Action::Rebuild || (rule.on_delete == OnDelete::Rebuild && change.kind == Kind::Removed)
}

fn run(rule: &ReloadRule) -> Step {
    Step::Run { command: rule.run.clone(), user: rule.user.clone() }
}

fn steps(rules: &[ReloadRule], batch: &Batch) -> Vec<Step> {
    let hit = |index: usize| batch.changes.iter().any(|change| change.rule == index);
    let hit = || rules.iter().enumerate().filter(|(index, _)| hit(*index)).map(|(_, rule)| rule);
    let mut steps = Vec::new();
    let mut add = |step: Step| {
        if !steps.contains(&step) {
            steps.push(step);
        }
    };
    hit().filter(|rule| !rule.run.is_empty()).for_each(|rule| add(run(rule)));
    // Who is started anew needs no signal.
    if hit().any(|rule| rule.then == Action::Restart) {
        add(Step::Restart);
        return steps;
    }
    for rule in hit() {
        if let Action::Signal(name) = &rule.then {
            add(Step::Signal(name.clone()));
        }
    }
    steps
}

/// Where a path of this machine is in the container; `None`: the rule copies nothing.
pub fn destination(rule: &ReloadRule, path: &Path) -> Option<String> {
    let to = rule.to.as_deref()?;
    let rest = path.strip_prefix(&rule.watch).ok()?;
    let base = to.trim_end_matches('/');
    if rest.as_os_str().is_empty() {
        // A file that is watched by itself and goes `to` a folder keeps its name there.
        let into_folder = to.ends_with('/').then(|| path.file_name()).flatten();
        return Some(match into_folder {
            Some(name) => format!("{base}/{}", name.to_string_lossy()),
            None => base.to_owned(),
        });
    }
    let parts: Vec<_> = rest.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    Some(format!("{base}/{}", parts.join("/")))
}

/// Leaves out what goes with a folder that goes.
fn outermost(mut paths: Vec<String>) -> Vec<String> {
    // By parts, so that `a/b` comes right after `a` and not after `a-b`.
    paths.sort_by(|a, b| a.split('/').cmp(b.split('/')));
    paths.dedup();
    let mut kept: Vec<String> = Vec::new();
    for path in paths {
        if !kept.last().is_some_and(|last| Path::new(&path).starts_with(last)) {
            kept.push(path);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::time::{Instant, SystemTime};

    use super::*;

    fn rule(watch: &str, to: Option<&str>, then: Action) -> ReloadRule {
        ReloadRule { to: to.map(str::to_owned), ..ReloadRule::new(watch.into(), then) }
    }

    /// The decision in words: `- path`, `+ from > to`, and the steps.
    #[track_caller]
    fn check(rules: &[ReloadRule], changes: &[(usize, &str, Kind)], expected: &[&str]) {
        let changes =
            changes.iter().map(|&(rule, path, kind)| Change { rule, path: path.into(), kind }).collect();
        let now = Instant::now();
        let batch = Batch {
            service: Some("orders".to_owned()),
            changes,
            first_event: now,
            closed: now,
            first_event_at: SystemTime::UNIX_EPOCH,
        };
        let decision = decide(rules, &batch);
        let deletes = decision.deletes.iter().map(|path| format!("- {path}"));
        let writes = decision.writes.iter().map(|write| format!("+ {} > {}", write.from.display(), write.to));
        let steps = decision.then.iter().map(|step| match step {
            Step::Run { command, user: None } => format!("run {}", command.join(" ")),
            Step::Run { command, user: Some(user) } => format!("run {} as {user}", command.join(" ")),
            Step::Signal(name) => format!("signal {name}"),
            Step::Restart => "restart".to_owned(),
            Step::Rebuild => "rebuild".to_owned(),
        });
        assert_eq!(deletes.chain(writes).chain(steps).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn files_go_where_the_rule_says() {
        let rules = [
            rule("/w/app", Some("/app"), Action::Nothing),
            rule("/w/root", Some("/"), Action::Nothing),
            rule("/w/nginx.conf", Some("/etc/nginx/nginx.conf"), Action::Nothing),
            rule("/w/site.conf", Some("/etc/nginx/conf.d/"), Action::Nothing),
            rule("/w/mounted", None, Action::Restart),
        ];
        check(
            &rules,
            &[
                (0, "/w/app/deep/x.py", Kind::Written),
                (0, "/w/app/new", Kind::Folder),
                (0, "/w/app/gone", Kind::Removed),
                (1, "/w/root/etc/x", Kind::Link),
                (2, "/w/nginx.conf", Kind::Written),
                (3, "/w/site.conf", Kind::Written),
                (9, "/w/other", Kind::Written),
            ],
            &[
                "- /app/gone",
                "+ /w/app/deep/x.py > /app/deep/x.py",
                "+ /w/app/new > /app/new",
                "+ /w/root/etc/x > /etc/x",
                "+ /w/nginx.conf > /etc/nginx/nginx.conf",
                "+ /w/site.conf > /etc/nginx/conf.d/site.conf",
            ],
        );
        // What is mounted needs no copy and is restarted all the same.
        check(&rules, &[(4, "/w/mounted/x", Kind::Written)], &["restart"]);
        check(&rules, &[(4, "/w/mounted/x", Kind::Removed)], &["restart"]);
    }

    #[test]
    fn a_rebuild_wins() {
        let mut keep = rule("/w/lib", Some("/lib"), Action::Restart);
        keep.on_delete = OnDelete::Rebuild;
        let rules =
            [rule("/w/app", Some("/app"), Action::Restart), rule("/w/req.txt", None, Action::Rebuild), keep];
        check(&rules, &[(0, "/w/app/a", Kind::Written), (1, "/w/req.txt", Kind::Written)], &["rebuild"]);
        check(&rules, &[(2, "/w/lib/a", Kind::Removed)], &["rebuild"]);
        check(&rules, &[(2, "/w/lib/a", Kind::Written)], &["+ /w/lib/a > /lib/a", "restart"]);
    }

    #[test]
    fn steps_come_once_and_in_order() {
        let with_run = |then, command: &str| ReloadRule {
            run: command.split(' ').map(str::to_owned).collect(),
            ..rule(&format!("/w/{}", command.replace(' ', "-")), None, then)
        };
        let rules = [
            rule("/w/a", None, Action::Restart),
            with_run(Action::Run, "migrate up"),
            rule("/w/c", None, Action::Signal("HUP".to_owned())),
            with_run(Action::Signal("USR1".to_owned()), "compile"),
            rule("/w/e", None, Action::Signal("HUP".to_owned())),
            with_run(Action::Run, "migrate up"),
            ReloadRule { user: Some("root".to_owned()), ..with_run(Action::Run, "migrate up") },
        ];
        let hit = |indices: &[usize]| indices.iter().map(|&i| (i, "/w/x", Kind::Written)).collect::<Vec<_>>();
        check(
            &rules,
            &hit(&[4, 5, 3, 2, 1, 1]),
            &["run migrate up", "run compile", "signal HUP", "signal USR1"],
        );
        check(&rules, &hit(&[3, 0]), &["run compile", "restart"]);
        // The same command as somebody else is another one.
        check(&rules, &hit(&[5, 6]), &["run migrate up", "run migrate up as root"]);
    }

    #[test]
    fn deletions_are_told_once_and_a_kept_file_stays() {
        let mut kept = rule("/w/kept", Some("/kept"), Action::Nothing);
        kept.on_delete = OnDelete::Keep;
        let rules = [rule("/w", Some("/app"), Action::Nothing), kept];
        check(
            &rules,
            &[
                (0, "/w/a", Kind::Removed),
                (0, "/w/a-b", Kind::Removed),
                (0, "/w/a/x", Kind::Removed),
                (0, "/w/b", Kind::Removed),
                (0, "/w/b", Kind::Written),
                (1, "/w/kept/x", Kind::Removed),
            ],
            &["- /app/a", "- /app/a-b", "- /app/b", "+ /w/b > /app/b"],
        );
    }
}
