use engine::{EngineError, Progress};
use testkit::{BASE_IMAGE, EngineGuard};
use tokio::sync::mpsc;

#[tokio::test]
async fn an_image_is_told_or_not_there() {
    let guard = EngineGuard::connect("image").await;
    let base = guard.image(BASE_IMAGE).await.unwrap().unwrap();
    assert!(base.id.starts_with("sha256:"));
    assert_eq!(guard.image("shoal-test/nosuch:1").await.unwrap(), None);
}

#[tokio::test]
async fn a_file_system_becomes_an_image() {
    let mut guard = EngineGuard::connect("import").await;
    let tag = guard.image_tag("rootfs");
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(2);
    header.set_mode(0o755);
    tar.append_data(&mut header, "guest", &b"hi"[..]).unwrap();
    let changes = ["ENTRYPOINT [\"/guest\"]", "USER 0", "EXPOSE 81/tcp", "EXPOSE 80", "LABEL a=b"];
    let id = guard.import_image(&tag, tar.into_inner().unwrap(), &changes).await.unwrap();
    let facts = guard.image(&tag).await.unwrap().unwrap();
    assert_eq!((facts.id.as_str(), facts.entrypoint.as_slice()), (id.as_str(), &["/guest".to_owned()][..]));
    assert_eq!(
        (facts.user.as_str(), facts.exposed.as_slice(), facts.healthcheck),
        ("0", &[80, 81][..], false)
    );
    guard.remove_image(&tag).await.unwrap();
    guard.remove_image(&tag).await.unwrap();
    assert_eq!(guard.image(&tag).await.unwrap(), None);
}

#[tokio::test]
async fn a_registry_that_does_not_answer_is_told() {
    let guard = EngineGuard::connect("pull").await;
    let (progress, _news) = mpsc::channel::<Progress>(16);
    // Nothing listens on this port of the engine's own machine.
    let error = guard.pull("127.0.0.1:1/nosuch", None, progress).await.unwrap_err();
    assert!(
        matches!(&error, EngineError::RegistryUnreachable { image, .. } if image == "127.0.0.1:1/nosuch"),
        "{error:?}"
    );
    assert!(error.is_transient());
}
