use std::fs;
use std::path::Path;

use engine::{BuildSpec, EngineError, Progress};
use testkit::{BASE_IMAGE, EngineGuard};
use tokio::sync::mpsc;

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

async fn build(guard: &EngineGuard, spec: &BuildSpec) -> (Result<String, EngineError>, Vec<Progress>) {
    let (progress, mut news) = mpsc::channel(16);
    let told = async {
        let mut all = Vec::new();
        while let Some(one) = news.recv().await {
            all.push(one);
        }
        all
    };
    tokio::join!(guard.build(spec, progress), told)
}

fn spec(guard: &mut EngineGuard, folder: &Path, what: &str) -> BuildSpec {
    BuildSpec {
        context: folder.to_owned(),
        dockerfile: folder.join("Dockerfile"),
        tag: guard.image_tag(what),
        labels: guard.labels(),
        ..BuildSpec::default()
    }
}

#[tokio::test]
async fn a_dockerfile_becomes_an_image_step_by_step() {
    let mut guard = EngineGuard::connect("build").await;
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "FROM {BASE_IMAGE} AS one\nARG WORD=none\nWORKDIR /srv\nCOPY . .\n\
         RUN --mount=type=cache,target=/cache echo printed $WORD && ls -A > /list\n\
         EXPOSE 8080\nCMD [\"cat\", \"/list\"]\nFROM one AS two\nRUN exit 1\n"
    );
    write(folder.path(), "Dockerfile", &text);
    write(folder.path(), ".dockerignore", "*.log\nnode_modules\nkeep\n!keep/this\nDockerfile\n");
    for name in ["a.py", "b.log", "node_modules/x/y.js", "keep/this", "keep/that", "sub/c.log"] {
        write(folder.path(), name, name);
    }
    let spec = BuildSpec {
        target: Some("one".to_owned()),
        args: [("WORD".to_owned(), guard.name("word"))].into(),
        ..spec(&mut guard, folder.path(), "good")
    };
    let (built, news) = build(&guard, &spec).await;
    let id = built.unwrap();
    assert_eq!(guard.image(&spec.tag).await.unwrap().unwrap().id, id);
    assert_eq!(guard.image(&spec.tag).await.unwrap().unwrap().exposed, [8080]);
    let output: Vec<u8> = news.iter().flat_map(|one| one.output.clone()).collect();
    assert!(String::from_utf8_lossy(&output).contains(&format!("printed {}", guard.name("word"))));
    assert!(news.iter().any(|one| one.step.contains("RUN --mount=type=cache") && !one.cached));
    assert!(news.windows(2).all(|pair| pair[0].done <= pair[1].done));
    let last = news.last().unwrap();
    assert!(last.done > 3 && last.done <= last.total, "{last:?}");

    let files = guard.shell("ls", "cat /list; find keep sub -type f | sort");
    let files = engine::ContainerSpec { image: id, ..files };
    let container = guard.run(&files).await;
    guard.ended(&container).await;
    let lines = crate::logs::all(&guard, &container, false).await;
    assert_eq!(lines, [".dockerignore", "Dockerfile", "a.py", "keep", "sub", "keep/this", "sub/c.log"]);

    let (again, news) = build(&guard, &spec).await;
    again.unwrap();
    assert!(news.iter().any(|one| one.step.contains("RUN --mount=type=cache") && one.cached));
}

#[tokio::test]
async fn the_failing_step_is_told_with_its_last_lines() {
    let mut guard = EngineGuard::connect("broken").await;
    let folder = tempfile::tempdir().unwrap();
    let text = format!("FROM {BASE_IMAGE}\nRUN echo fine\nRUN seq 1 100; echo it is broken >&2; exit 3\n");
    write(folder.path(), "Dockerfile", &text);
    let spec = BuildSpec { no_cache: true, ..spec(&mut guard, folder.path(), "bad") };
    let (built, _) = build(&guard, &spec).await;
    let Err(EngineError::BuildFailed { step, output }) = built else { panic!("{built:?}") };
    assert!(step.contains("RUN seq 1 100"), "{step}");
    assert!(output.iter().any(|line| line.contains("it is broken")), "{output:?}");
    assert!(
        output.len() <= 31
            && output.iter().any(|line| line == "100")
            && !output.iter().any(|line| line == "1")
    );
}

#[tokio::test]
async fn a_dockerfile_outside_of_its_context_works_and_a_wrong_one_is_told() {
    let mut guard = EngineGuard::connect("outside").await;
    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(folder.path(), "data", "inside");
    let dockerfile = outside.path().join("my.Dockerfile");
    fs::write(&dockerfile, format!("FROM {BASE_IMAGE}\nCOPY data /data\n")).unwrap();
    let good = BuildSpec { dockerfile: dockerfile.clone(), ..spec(&mut guard, folder.path(), "good") };
    build(&guard, &good).await.0.unwrap();

    fs::write(&dockerfile, "FROM scratch\nNONSENSE here\n").unwrap();
    let bad = build(&guard, &good).await.0.unwrap_err();
    assert!(
        matches!(&bad, EngineError::BuildFailed { output, .. } if output.join(" ").contains("NONSENSE")),
        "{bad:?}"
    );

    let missing = BuildSpec { dockerfile: "/nowhere/Dockerfile".into(), ..good.clone() };
    let error = build(&guard, &missing).await.0.unwrap_err();
    assert!(
        matches!(&error, EngineError::Unreadable { path, .. } if path == "/nowhere/Dockerfile"),
        "{error:?}"
    );

    fs::write(&dockerfile, "FROM 127.0.0.1:1/nosuch:1\n").unwrap();
    let error = build(&guard, &good).await.0.unwrap_err();
    assert!(
        matches!(&error, EngineError::RegistryUnreachable { image, .. } if image == "127.0.0.1:1/nosuch:1"),
        "{error:?}"
    );
}
