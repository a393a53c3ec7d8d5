//! The format's page, its examples, and the tools it promises: all run against a real archive.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use archive::Destination;
use support::{archive_all, ledger, read_all, signer};

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

fn python_verifier(archive: &Path) -> Output {
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
        .output()
        .unwrap()
}

#[tokio::test]
async fn the_independent_verifier_agrees() {
    let directory = tempfile::tempdir().unwrap();
    let destination = local_archive(directory.path(), 600, &[1, 257, 600]).await;
    let output = python_verifier(directory.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("600 entries: complete up to tree size 600"), "{said}");

    let expected = [
        (".jsonl.gz", "object-hash-mismatch"),
        (".jsonl.gz.sha256", "sidecar-mismatch"),
        (".manifest", "manifest-signature-invalid"),
        ("log/checkpoint/00000000000000000257", "checkpoint-signature-invalid"),
    ];
    for (suffix, reason) in expected {
        let keys = destination.list("").await.unwrap();
        let key = &keys.iter().find(|(key, _)| key.ends_with(suffix)).unwrap().0;
        let path = directory.path().join(key);
        let good = std::fs::read(&path).unwrap();
        let mut changed = good.clone();
        changed[20] ^= 1;
        std::fs::write(&path, changed).unwrap();
        let output = python_verifier(directory.path());
        assert_eq!(output.status.code(), Some(1), "{key}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.starts_with(reason), "{key}: {said}");
        std::fs::write(&path, good).unwrap();
    }
}
