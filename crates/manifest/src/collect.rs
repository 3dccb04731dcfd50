//! From the command line to all manifests of the stack, read: the main one, those laid over it, those included.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml_edit::Document;

use crate::Request;
use crate::dotenv::Style;
use crate::files::{self, EnvFileRules};
use crate::format::Ports;
use crate::paths::{absolute, resolve};
use crate::read::{At, List, Map, Merge, Node, Read, Reader, Several};
use crate::shape::{EnvFile, Manifest};
use crate::source::{Findings, Spot};
use crate::variables::{Addresses, Known, Variables};

/// One manifest file.
struct Unit<'e> {
    file: usize,
    /// As the user would name it.
    shown: PathBuf,
    /// Where its relative paths begin.
    folder: PathBuf,
    /// `None` when it could not be read or is no TOML.
    document: Option<Document<String>>,
    variables: Variables<'e>,
}

impl Unit<'_> {
    /// What stands at this key of the top level; findings do not count.
    fn peek<T: Read>(&self, key: &str, known: Known, findings: &mut Findings) -> Option<T> {
        let item = self.document.as_ref()?.as_table().get(key)?;
        findings.silently(|findings| T::read(&Node::of(item, self.spot()), &mut Reader { known, findings }))
    }

    const fn spot(&self) -> Spot {
        Spot::new(self.file, 0, 0)
    }
}

/// One manifest, read.
#[derive(Debug)]
pub(crate) struct Part<'e> {
    pub(crate) manifest: Manifest,
    pub(crate) folder: PathBuf,
    pub(crate) shown: PathBuf,
    pub(crate) variables: Variables<'e>,
}

/// All manifests of a stack.
#[derive(Debug)]
pub(crate) struct Stack<'e> {
    /// The folder of the main manifest.
    pub(crate) folder: PathBuf,
    /// The main one, with those laid over it, comes first; the included ones follow.
    pub(crate) parts: Vec<Part<'e>>,
    /// Whether all files could be read, so that what is not there is missing.
    pub(crate) complete: bool,
}

/// Reads everything. The first file is the main one.
pub(crate) fn stack<'e>(request: &Request<'e>, main: &Path, findings: &mut Findings) -> Stack<'e> {
    let path = absolute(main);
    let folder = path.parent().unwrap_or(&path).to_path_buf();
    let mut layers = vec![open(&path, main, &folder, Variables::new(request.env), &folder, findings)];
    for file in request.files.iter().skip(1) {
        let variables =
            layers.first().map_or_else(|| Variables::new(request.env), |main| main.variables.clone());
        layers.push(open(&absolute(file), file, &folder, variables, &folder, findings));
    }
    let mut complete = layers.iter().all(|unit| unit.document.is_some());
    let included = include_all(&layers, request, &folder, &mut complete, findings);
    let addresses = addresses(layers.iter().chain(&included), findings);

    let mut parts: Vec<Part> = Vec::new();
    let count = layers.len();
    for (index, unit) in layers.into_iter().chain(included).enumerate() {
        let manifest = unit.document.as_ref().and_then(|document| {
            let known = Known { variables: &unit.variables, addresses: &addresses, complete };
            Manifest::read(&Node::of(document.as_item(), unit.spot()), &mut Reader { known, findings })
        });
        let manifest = manifest.unwrap_or_default();
        match parts.first_mut() {
            Some(main) if index < count => main.manifest.merge(manifest),
            _ => parts.push(Part {
                manifest,
                folder: unit.folder,
                shown: unit.shown,
                variables: unit.variables,
            }),
        }
    }
    Stack { folder, parts, complete }
}

/// Reads and parses one file, then the variables that it names.
fn open<'e>(
    path: &Path,
    shown: &Path,
    folder: &Path,
    variables: Variables<'e>,
    base: &Path,
    findings: &mut Findings,
) -> Unit<'e> {
    let (text, unread) = match files::text(path, shown) {
        Ok(text) => (text, None),
        Err(unread) => {
            (unread.shown.as_ref().map(|(text, _)| text.clone()).unwrap_or_default(), Some(unread))
        }
    };
    let file = findings.add(shown.to_path_buf(), Some(path.to_path_buf()), text.clone());
    let document = match unread {
        Some(unread) => {
            let at = unread.shown.map(|(_, at)| at).unwrap_or_default();
            let finding = findings.error(Spot::new(file, at, at), unread.code, unread.message);
            if let Some(hint) = unread.hint {
                finding.hint(hint);
            }
            None
        }
        None if is_compose(path) => {
            let message =
                format!("`{}` is a Compose file, and this version reads `services.toml`", shown.display());
            findings
                .error(Spot::new(file, 0, 0), "compose-not-supported", message)
                .hint("write a `services.toml` beside it: `docs/MANIFEST.md` has every key and the names that differ");
            None
        }
        None => parse(file, text, findings),
    };
    let mut unit =
        Unit { file, shown: shown.to_path_buf(), folder: folder.to_path_buf(), document, variables };
    read_variables(&mut unit, base, findings);
    unit
}

fn is_compose(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn parse(file: usize, text: String, findings: &mut Findings) -> Option<Document<String>> {
    let length = text.len();
    match Document::parse(text) {
        Ok(document) => Some(document),
        Err(error) => {
            let span = error.span().unwrap_or(length..length);
            let message = error.message().trim().replace('\n', ", ");
            findings.error(Spot::new(file, span.start, span.end), "invalid-toml", message);
            None
        }
    }
}

/// The variables of `env_file`, or of a `.env` beside the manifest if there is one.
fn read_variables(unit: &mut Unit, base: &Path, findings: &mut Findings) {
    let nobody = Addresses::new();
    let known = Known { variables: &unit.variables, addresses: &nobody, complete: false };
    let named: Option<Several<EnvFile>> = unit.peek("env_file", known, findings);
    let present = unit.document.as_ref().is_some_and(|document| document.as_table().contains_key("env_file"));
    let default = || EnvFile {
        path: At { value: ".env".to_owned(), spot: unit.spot(), origin: None },
        required: false,
        raw: false,
    };
    let list = match named {
        Some(list) => list.0,
        // A folder of that name is somebody else's, such as Python's virtual environment.
        None if present || !unit.folder.join(".env").is_file() => Vec::new(),
        None => vec![default()],
    };
    for file in list {
        let path = resolve(&file.path.value, &unit.folder, unit.variables.shell);
        let shown = files::shown_beside(&unit.shown, &file.path.value, &path);
        let style = if file.raw { Style::Raw } else { Style::Compose };
        let rules = EnvFileRules { required: file.required, style };
        let read = files::assignments(&path, &shown, file.path.spot, rules, &unit.variables, base, findings);
        unit.variables.files.extend(read);
    }
}

/// Opens what `include` names, and what that includes; each file once.
fn include_all<'e>(
    layers: &[Unit<'e>],
    request: &Request<'e>,
    base: &Path,
    complete: &mut bool,
    findings: &mut Findings,
) -> Vec<Unit<'e>> {
    let nobody = Addresses::new();
    let mut included: Vec<Unit> = Vec::new();
    let mut next = 0;
    while let Some(unit) = layers.get(next).or_else(|| included.get(next - layers.len())) {
        next += 1;
        let known = Known { variables: &unit.variables, addresses: &nobody, complete: false };
        let named: Option<List<At<String>>> = unit.peek("include", known, findings);
        let (folder, from) = (unit.folder.clone(), unit.shown.clone());
        for one in named.into_iter().flat_map(|list| list.0) {
            let path = resolve(&one.value, &folder, request.env);
            let shown = files::shown_beside(&from, &one.value, &path);
            if findings.number_of(&path).is_some() {
                continue;
            }
            // One that is there and no text is reported in itself.
            if let Err(unread @ files::Unread { shown: None, .. }) = files::text(&path, &shown) {
                let finding = findings.error(one.spot, unread.code, unread.message);
                if let Some(hint) = unread.hint {
                    finding.hint(hint);
                }
                *complete = false;
                continue;
            }
            let home = path.parent().unwrap_or(&path).to_path_buf();
            let unit = open(&path, &shown, &home, Variables::new(request.env), base, findings);
            *complete &= unit.document.is_some();
            included.push(unit);
        }
    }
    included
}

/// The container ports of all services, for `${svc.NAME.port}`.
fn addresses<'u, 'e: 'u>(units: impl Iterator<Item = &'u Unit<'e>>, findings: &mut Findings) -> Addresses {
    let nobody = Addresses::new();
    let mut found: Addresses = BTreeMap::new();
    for unit in units {
        let known = Known { variables: &unit.variables, addresses: &nobody, complete: false };
        let services: Option<Map<PortsOnly>> = unit.peek("services", known, findings);
        for (name, entry) in services.into_iter().flat_map(|services| services.0) {
            let ports = entry.value.map(|only| only.0).unwrap_or_default();
            found.entry(name).or_default().extend(ports);
        }
    }
    found
}

/// A service of which only the ports are looked at.
struct PortsOnly(Vec<u16>);

impl Read for PortsOnly {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let entries = node.entries()?;
        let (.., ports) = entries.iter().find(|(name, ..)| *name == "ports")?;
        let read = List::<At<Ports>>::read(ports, reader)?;
        let ports = read.0.iter().flat_map(|at| &at.value.0);
        let mut ports: Vec<u16> = ports.map(|port| port.container).collect();
        ports.dedup();
        Some(Self(ports))
    }
}
