//! The `.proto` files of a repository, and the messages of gRPC calls by them.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
use protox::{Compiler, Error};

use super::{Decoded, raw, unknown};

/// A `.proto` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtoFile {
    /// Where it lies, from the repository's folder, with `/` between names.
    pub path: String,
    /// What is in it.
    pub source: String,
}

/// The file that a method was found by, in the words of protobuf's compilers.
#[derive(Debug, PartialEq, Eq)]
pub struct ProtoSource {
    file: String,
    folders: BTreeSet<String>,
}

impl ProtoSource {
    /// Its path from the repository's folder.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The folders in which it and all that it imports are found, from the repository's, that one first.
    pub fn import_paths(&self) -> impl Iterator<Item = &str> {
        let others = self.folders.iter().map(String::as_str).filter(|folder| *folder != ".");
        std::iter::once(".").chain(others)
    }
}

#[derive(Debug)]
struct Method {
    input: MessageDescriptor,
    output: MessageDescriptor,
    source: Arc<ProtoSource>,
}

/// What request and response of each method are.
#[derive(Debug, Default)]
pub struct Schemas {
    /// By request path: `/shop.Stock/Reserve`.
    methods: HashMap<String, Method>,
}

impl Schemas {
    /// Reads all files, and says of each one that cannot be used why. Each stands for itself with what it imports, since
    /// repositories hold copies of one file, and files of other teams that are broken.
    pub fn read(files: Vec<ProtoFile>) -> (Self, Vec<String>) {
        let files: Rc<[ProtoFile]> = files.into();
        let mut schemas = Self::default();
        let mut problems = Vec::new();
        for file in files.iter() {
            match compile(&file.path, Rc::clone(&files)) {
                Ok(pool) => schemas.add(&pool, source(&file.path, &pool, &files)),
                Err(error) => problems.push(format!("{}: {error}", file.path)),
            }
        }
        (schemas, problems)
    }

    /// How many methods are known.
    pub fn len(&self) -> usize {
        self.methods.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.methods.is_empty()
    }

    /// A message of the method with this request path, or of one that is not known; `None` when it is no protobuf.
    pub fn decode(&self, target: &str, is_request: bool, bytes: &[u8], cut: bool) -> Option<Decoded> {
        let known = self.of(target, is_request);
        let named = known.filter(|_| !cut).and_then(|descriptor| named(descriptor.clone(), bytes, true));
        named.map(|named| Decoded::Named(named.text)).or_else(|| raw(bytes, cut).map(Decoded::Raw))
    }

    /// What a message of this method is.
    pub(super) fn of(&self, target: &str, is_request: bool) -> Option<&MessageDescriptor> {
        self.methods.get(target).map(|method| if is_request { &method.input } else { &method.output })
    }

    /// Where the method with this request path is described.
    pub fn source(&self, target: &str) -> Option<&ProtoSource> {
        self.methods.get(target).map(|method| &*method.source)
    }

    fn add(&mut self, pool: &DescriptorPool, source: ProtoSource) {
        let source = Arc::new(source);
        for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
            let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
            self.methods.entry(path).or_insert_with(|| Method {
                input: method.input(),
                output: method.output(),
                source: Arc::clone(&source),
            });
        }
    }
}

/// A message as JSON.
pub(super) struct Named {
    pub(super) text: String,
    /// It has fields that the schema does not know.
    pub(super) has_unknown: bool,
}

/// A message as JSON, `with_unset` fields or without; `None` when the schema does not describe it.
pub(super) fn named(descriptor: MessageDescriptor, bytes: &[u8], with_unset: bool) -> Option<Named> {
    let message = DynamicMessage::decode(descriptor, bytes).ok()?;
    let has_unknown = unknown::has(&message);
    // Where nothing has a name the numbers alone tell more.
    if has_unknown && message.fields().next().is_none() {
        return None;
    }
    let options = SerializeOptions::new().stringify_64_bit_integers(false).skip_default_fields(!with_unset);
    let mut text = Vec::new();
    message.serialize_with_options(&mut serde_json::Serializer::new(&mut text), &options).ok()?;
    if has_unknown {
        let mut told = serde_json::from_slice(&text).ok()?;
        unknown::add(&message, &mut told);
        text = serde_json::to_vec(&told).ok()?;
    }
    String::from_utf8(text).ok().map(|text| Named { text, has_unknown })
}

fn compile(root: &str, files: Rc<[ProtoFile]>) -> Result<DescriptorPool, Error> {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Repository { root: root.to_owned(), files });
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).open_file(root)?;
    Ok(compiler.descriptor_pool())
}

/// Where a compiler finds `root` and all that it imports.
fn source(root: &str, pool: &DescriptorPool, files: &[ProtoFile]) -> ProtoSource {
    let imported = pool.files().filter_map(|file| {
        let path = &nearest(file.name(), root, files)?.path;
        let folder = path.strip_suffix(file.name())?.trim_end_matches('/');
        Some(if folder.is_empty() { ".".to_owned() } else { folder.to_owned() })
    });
    ProtoSource { file: root.to_owned(), folders: imported.collect() }
}

/// The file that an import in `root` means.
fn nearest<'f>(name: &str, root: &str, files: &'f [ProtoFile]) -> Option<&'f ProtoFile> {
    let ends =
        |path: &str| path.strip_suffix(name).is_some_and(|folder| folder.is_empty() || folder.ends_with('/'));
    let shared = |path: &str| path.bytes().zip(root.bytes()).take_while(|(a, b)| a == b).count();
    files.iter().filter(|file| ends(&file.path)).max_by_key(|file| shared(&file.path))
}

/// Finds imports in a repository. Where builds look for them is written in each team's own tools, so an import is the
/// file whose path ends with it, the one nearest to the file that is read where there are several.
struct Repository {
    root: String,
    files: Rc<[ProtoFile]>,
}

impl FileResolver for Repository {
    fn resolve_path(&self, path: &std::path::Path) -> Option<String> {
        path.to_str().map(str::to_owned)
    }

    fn open_file(&self, name: &str) -> Result<File, Error> {
        match nearest(name, &self.root, &self.files) {
            Some(file) => File::from_source(name, &file.source),
            None => Err(Error::file_not_found(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, source: &str) -> ProtoFile {
        ProtoFile { path: path.to_owned(), source: source.to_owned() }
    }

    const STOCK: &str = r#"
        syntax = "proto3";
        package shop;
        import "common/money.proto";
        import "google/protobuf/timestamp.proto";
        service Stock { rpc Reserve (Order) returns (stream Slip); }
        message Order { string sku = 1; int32 count = 2; common.Money price = 3; }
        message Slip { bool ok = 1; google.protobuf.Timestamp at = 2; }
    "#;
    const MONEY: &str = r#"syntax = "proto3"; package common; message Money { int64 cents = 1; }"#;

    #[test]
    fn messages_get_the_names_of_the_repositorys_files() {
        let files = [
            file("services/stock/stock.proto", STOCK),
            file("protos/common/money.proto", MONEY),
            file("services/orders/stock.proto", STOCK),
            file("old/broken.proto", "message {"),
        ];
        let (schemas, problems) = Schemas::read(files.into());
        assert_eq!((schemas.len(), problems.len()), (1, 1), "{problems:?}");
        assert!(problems[0].starts_with("old/broken.proto: "), "{problems:?}");
        let order = b"\x0a\x05hat-w\x10\x03\x1a\x03\x08\xe7\x07";
        let named = r#"{"sku":"hat-w","count":3,"price":{"cents":999}}"#;
        assert_eq!(
            schemas.decode("/shop.Stock/Reserve", true, order, false),
            Some(Decoded::Named(named.into()))
        );
        let source = schemas.source("/shop.Stock/Reserve").unwrap();
        assert_eq!(source.file(), "services/stock/stock.proto");
        assert_eq!(source.import_paths().collect::<Vec<_>>(), [".", "protos"]);
        let slip = Some(Decoded::Named(r#"{"ok":true}"#.into()));
        assert_eq!(schemas.decode("/shop.Stock/Reserve", false, b"\x08\x01", false), slip);
    }

    #[test]
    fn what_no_schema_describes_is_shown_by_number() {
        let (schemas, _) =
            Schemas::read(vec![file("a/common/money.proto", MONEY), file("stock.proto", STOCK)]);
        let raw = |text: &str| Some(Decoded::Raw(text.into()));
        assert_eq!(schemas.decode("/shop.Stock/Other", true, b"\x08\x01", false), raw("1: 1\n"));
        // Nothing that the schema has, and a message that was cut.
        assert_eq!(schemas.decode("/shop.Stock/Reserve", true, b"\x48\x01", false), raw("9: 1\n"));
        assert_eq!(schemas.decode("/shop.Stock/Reserve", true, b"\x10\x03\x0a", true), raw("2: 3\n…\n"));
        assert_eq!(schemas.decode("/shop.Stock/Reserve", true, b"\xff", false), None);
    }

    #[test]
    fn fields_of_a_newer_program_stand_beside_the_named_ones() {
        let files = [file("stock.proto", STOCK), file("common/money.proto", MONEY)];
        let (schemas, _) = Schemas::read(files.into());
        let order = [
            &b"\x0a\x05hat-w\x48\x07\x52\x03red\x52\x04blue\x5a\x02\x08\x01"[..],
            b"\x1a\x06\x08\xe7\x07\x15\x01\0\0\0",
        ]
        .concat();
        let order = &order[..order.len() - 1];
        // The price is shorter by a byte than it says, which is no message.
        assert!(matches!(
            schemas.decode("/shop.Stock/Reserve", true, order, false),
            None | Some(Decoded::Raw(_))
        ));
        let order =
            b"\x0a\x05hat-w\x48\x07\x52\x03red\x52\x04blue\x5a\x02\x08\x01\x1a\x05\x08\xe7\x07\x10\x01";
        let told = r#"{"sku":"hat-w","price":{"cents":999,"2":1},"9":7,"10":["red","blue"],"11":"1: 1\n"}"#;
        let Some(Decoded::Named(text)) = schemas.decode("/shop.Stock/Reserve", true, order, false) else {
            panic!("no names")
        };
        let plain = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let mut shown = plain(&text);
        shown.as_object_mut().unwrap().remove("count");
        assert_eq!(shown, plain(told));
    }

    #[test]
    fn an_import_that_is_nowhere_is_told() {
        let (schemas, problems) = Schemas::read(vec![file("stock.proto", STOCK)]);
        assert!(schemas.is_empty());
        assert!(problems[0].contains("common/money.proto"), "{problems:?}");
    }
}
