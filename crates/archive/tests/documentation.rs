//! The format's page, its examples, and the tools it promises: all run against a real archive.

#[path = "support/expiry.rs"]
mod expiry;
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use archive::{Destination, Manifest, Reason, list_manifests};
use support::{archive_all, keys, ledger, read_all, report, signer};

fn formats() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats")
}

async fn local_archive(root: &Path, entries: u64, sizes: &[u64]) -> Destination {
    let destination = Destination::open_or_create("local", &format!("file://{}", root.display())).unwrap();
    archive_all(&destination, &ledger(entries), sizes).await;
    destination
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The page with each example replaced by what the code writes today.
fn with_examples(page: &str, examples: &[(&str, String)]) -> String {
    let mut page = page.to_owned();
    for (name, example) in examples {
        let marker = format!("<!-- example: {name} -->\n```\n");
        let start = page.find(&marker).unwrap_or_else(|| panic!("no example {name}")) + marker.len();
        let end = start + page[start..].find("```").expect("the end of the example");
        page.replace_range(start..end, example);
    }
    page
}

/// `STRONGROOM_WRITE_EXAMPLES=1` writes the page instead of comparing it.
#[tokio::test]
async fn the_examples_of_the_page_are_what_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let files = read_all(&local_archive(directory.path(), 3, &[3]).await).await;
    let text = |wanted: &str| {
        let (_, bytes) = files.iter().find(|(key, _)| key.contains(wanted)).unwrap();
        String::from_utf8(bytes.clone()).unwrap()
    };
    let layout = files.keys().fold(String::new(), |layout, key| layout + key + "\n");
    let examples = [
        ("layout", layout),
        ("sidecar", text(".sha256")),
        ("manifest", text(".manifest")),
        ("checkpoint", text("log/checkpoint/")),
        ("expiry", expiry::note(&files, "audit/org_7/").sign(&signer()).unwrap()),
    ];
    let path = formats().join("archive.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let expected = with_examples(&page, &examples);
    if std::env::var_os("STRONGROOM_WRITE_EXAMPLES").is_some() {
        std::fs::write(&path, &expected).unwrap();
    } else {
        assert!(page == expected, "docs/formats/archive.md should read:\n{expected}");
    }
}

#[tokio::test]
async fn stock_tools_check_and_read_the_objects() {
    let directory = tempfile::tempdir().unwrap();
    let destination = local_archive(directory.path(), 9_000, &[9_000]).await;
    let mut lines = Vec::new();
    for (key, _) in destination.list("").await.unwrap() {
        let path = destination.local_root().unwrap().join(&key);
        let (folder, name) = (path.parent().unwrap(), path.file_name().unwrap());
        if key.ends_with(".sha256") {
            run(Command::new("sha256sum").arg("-c").arg(name).current_dir(folder));
        } else if path.extension().is_some_and(|extension| extension == "gz") {
            let unzipped = run(Command::new("gunzip").arg("-c").arg(name).current_dir(folder)).stdout;
            lines.extend(unzipped.split(|byte| *byte == b'\n').map(<[u8]>::to_vec));
        }
    }
    lines.retain(|line| !line.is_empty());
    lines.sort();
    let mut expected: Vec<Vec<u8>> = ledger(9_000).into_iter().map(|entry| entry.line).collect();
    expected.sort();
    assert_eq!(lines, expected);
}

fn python_verifier(archive: &Path, identity: Option<&Path>) -> Output {
    let python = std::env::var("STRONGROOM_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_cryptography = Command::new(&python).args(["-c", "import cryptography"]).output();
    assert!(
        has_cryptography.is_ok_and(|output| output.status.success()),
        "`{python}` cannot import cryptography, which docs/formats/verify.py needs for Ed25519: \
         `pip install cryptography`, or name another interpreter in STRONGROOM_TEST_PYTHON"
    );
    Command::new(python)
        .arg(formats().join("verify.py"))
        .arg(archive)
        .arg(signer().verifier().to_string())
        .args(identity)
        .output()
        .unwrap()
}

#[tokio::test]
async fn the_independent_verifier_agrees_on_encrypted_objects() {
    const SECRET: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
    let directory = tempfile::tempdir().unwrap();
    let (root, identity) = (directory.path().join("archive"), directory.path().join("identity"));
    std::fs::write(&identity, SECRET).unwrap();
    let destination = Destination::open_or_create("local", root.to_str().unwrap()).unwrap();
    let (ledger, plan) = (ledger(600), support::plan(0, 599, None));
    let limits = archive::StagingLimits::default();
    let mut writer = archive::BatchWriter::create(plan, &directory.path().join("staging"), limits, 2)
        .unwrap()
        .encrypt_to(archive::Identity::parse(SECRET).unwrap().recipients());
    for entry in &ledger {
        let (recorded, occurred) = (entry.recorded_at, entry.occurred_at);
        writer.push(entry.seq, entry.stream, &entry.tenant, recorded, occurred, &entry.line).unwrap();
    }
    support::archive_staged(&destination, &ledger, writer.finish().unwrap()).await;

    let closed = python_verifier(&root, None);
    let said = String::from_utf8_lossy(&closed.stderr).into_owned();
    assert_eq!(closed.status.code(), Some(2), "{said}");
    assert!(said.contains("not checked: the lines of 600 of 600 entries"), "{said}");
    let opened = python_verifier(&root, Some(&identity));
    assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
    assert!(String::from_utf8_lossy(&opened.stdout).contains("complete up to tree size 600"));
    let listed = destination.list("").await.unwrap();
    let (object, _) = listed.iter().find(|(key, _)| key.ends_with(archive::ENCRYPTED_SUFFIX)).unwrap();
    let mut bytes = std::fs::read(root.join(object)).unwrap();
    bytes[100] ^= 1;
    std::fs::write(root.join(object), bytes).unwrap();
    for identity in [None, Some(identity.as_path())] {
        let changed = python_verifier(&root, identity);
        assert_eq!(changed.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&changed.stderr).starts_with("object-hash-mismatch: "));
    }
}

/// What `verify.py` finds must be what this crate finds first.
async fn both_find(destination: &Destination, reason: Reason, what: &str) {
    let report = report(destination).await;
    assert_eq!(report.problems.first().map(|problem| problem.reason), Some(reason), "{what}");
    let output = python_verifier(destination.local_root().unwrap(), None);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{what}: {said}");
    assert!(said.starts_with(&format!("{reason}: ")), "{what}: {said}");
}

#[tokio::test]
async fn the_independent_verifier_agrees() {
    let directory = tempfile::tempdir().unwrap();
    let destination = local_archive(directory.path(), 600, &[1, 257, 600]).await;
    let output = python_verifier(directory.path(), None);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("600 entries: complete up to tree size 600"), "{said}");

    let keys: Vec<String> = destination.list("").await.unwrap().into_iter().map(|(key, _)| key).collect();
    let last = |suffix: &str| keys.iter().rfind(|key| key.ends_with(suffix)).unwrap().as_str();
    let (object, sidecar, manifest) = (last(".jsonl.gz"), last(".sha256"), last(".manifest"));
    let checkpoint = "log/checkpoint/00000000000000000257";
    let cases = [
        (object, Reason::ObjectHashMismatch, Reason::ObjectMissing),
        (sidecar, Reason::SidecarMismatch, Reason::SidecarMissing),
        (manifest, Reason::ManifestSignatureInvalid, Reason::LogTruncated),
        (checkpoint, Reason::CheckpointSignatureInvalid, Reason::ObjectMissing),
        ("log/tile/0/000", Reason::TileMismatch, Reason::TileMismatch),
        ("log/tile/0/001.p/1", Reason::TileMismatch, Reason::TileMismatch),
        ("log/tile/1/000.p/2", Reason::TileMismatch, Reason::TileMismatch),
    ];
    for (key, when_changed, when_deleted) in cases {
        let path = directory.path().join(key);
        let good = std::fs::read(&path).unwrap();
        let mut changed = good.clone();
        changed[20] ^= 1;
        std::fs::write(&path, changed).unwrap();
        both_find(&destination, when_changed, &format!("{key} changed")).await;
        std::fs::remove_file(&path).unwrap();
        both_find(&destination, when_deleted, &format!("{key} deleted")).await;
        std::fs::write(&path, good).unwrap();
    }
}

#[tokio::test]
async fn the_independent_verifier_takes_a_note_for_what_is_gone_and_for_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let destination = local_archive(directory.path(), 40, &[40]).await;
    let files = read_all(&destination).await;
    let note = expiry::note(&files, "audit/org_7/");
    let (note_path, object) = (directory.path().join(note.key()), note.objects[0].key.clone());
    std::fs::create_dir_all(note_path.parent().unwrap()).unwrap();
    std::fs::write(&note_path, note.sign(&signer()).unwrap()).unwrap();
    assert!(python_verifier(directory.path(), None).status.success());
    for key in [object.clone(), archive::sidecar_key(&object)] {
        std::fs::remove_file(directory.path().join(key)).unwrap();
    }
    let output = python_verifier(directory.path(), None);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let expected = format!("40 entries ({} expired): complete up to tree size 40", note.objects[0].entries);
    assert!(output.status.success() && said.contains(&expected), "{output:?}");

    let other = destination.list("tool/").await.unwrap().remove(0).0;
    let held = std::fs::read(directory.path().join(&other)).unwrap();
    std::fs::remove_file(directory.path().join(&other)).unwrap();
    both_find(&destination, Reason::ObjectMissing, "an object no note names").await;
    std::fs::write(directory.path().join(&other), held).unwrap();

    let forged = expiry::with_other_leaves(&note).sign(&signer()).unwrap();
    std::fs::write(&note_path, forged).unwrap();
    both_find(&destination, Reason::RootMismatch, "other leaf hashes").await;
    for (key, bytes) in files.iter().filter(|(key, _)| key.starts_with(&object)) {
        std::fs::write(directory.path().join(key), bytes).unwrap();
    }
    both_find(&destination, Reason::ExpiryNoteInvalid, "other leaf hashes than the object's").await;
}

type Change = fn(&mut Manifest);

/// What only the holder of the key can have done: a manifest that is signed and does not fit its objects.
#[tokio::test]
async fn the_independent_verifier_does_not_take_a_signature_for_the_truth() {
    let directory = tempfile::tempdir().unwrap();
    let destination = local_archive(directory.path(), 40, &[40]).await;
    let key = list_manifests(&destination).await.unwrap().remove(0);
    let path = directory.path().join(&key);
    let good = Manifest::open(&std::fs::read(&path).unwrap(), &keys()).unwrap();
    assert!(good.objects[0].entries > 1 && good.objects[1].entries > 1);
    let changes: [(&str, Change, Reason); 6] = [
        (
            "derived key",
            |manifest| manifest.objects[0].key = manifest.objects[0].key.replace("T0", "T1"),
            Reason::ManifestSignatureInvalid,
        ),
        ("entries of the batch", |manifest| manifest.entries += 1, Reason::ManifestSignatureInvalid),
        (
            "entries of two objects",
            |manifest| {
                manifest.objects[0].entries -= 1;
                manifest.objects[1].entries += 1;
            },
            Reason::EntryChanged,
        ),
        ("last_seq", |manifest| manifest.objects[0].last_seq -= 1, Reason::EntryChanged),
        ("bytes_uncompressed", |manifest| manifest.objects[0].bytes_uncompressed += 1, Reason::EntryChanged),
        (
            "first_occurred_at",
            |manifest| manifest.objects[0].first_occurred_at = support::time("2026-04-01T00:00:00Z"),
            Reason::EntryChanged,
        ),
    ];
    for (what, change, reason) in changes {
        let mut manifest = good.clone();
        change(&mut manifest);
        std::fs::write(&path, manifest.sign(&signer()).unwrap()).unwrap();
        both_find(&destination, reason, what).await;
    }
}

#[tokio::test]
async fn the_independent_verifier_tells_nothing_from_an_empty_archive() {
    let directory = tempfile::tempdir().unwrap();
    let empty = python_verifier(directory.path(), None);
    assert!(empty.status.success());
    assert!(String::from_utf8_lossy(&empty.stdout).contains("the archive is empty"), "{empty:?}");
    let missing = python_verifier(&directory.path().join("mistyped"), None);
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("there is no directory"), "{missing:?}");
}
