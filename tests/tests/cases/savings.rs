//! What compression saves of each kind of content, with the settings as they come.

use e2e::{Sandbox, samples};

use super::sandbox;

/// Long enough for many blocks.
const LENGTH: usize = 1_000_000;

/// Makes content of a kind, of a seed and about so many bytes.
type Sample = fn(u64, usize) -> Vec<u8>;

/// How much of a file is saved, in percent of its bytes.
fn saved(store: &Sandbox, name: &str, bytes: &[u8]) -> f64 {
    store.write(name, bytes);
    let stored = store.json(&["upload", name, "--task", "1", "--no-progress"]);
    let number = |key: &str| stored[0][key].as_f64().expect("it is a number");
    assert_eq!(stored[0]["size_bytes"], bytes.len());
    let uri = stored[0]["uri"].as_str().expect("it has an address");
    assert!(
        store.bytes(&["cat", uri]) == bytes,
        "{name} came back changed"
    );
    let files = store.blobs();
    let on_disk = files
        .iter()
        .find(|path| path.to_string_lossy().contains(name));
    let on_disk = on_disk
        .expect("it is stored")
        .metadata()
        .expect("it can be looked at");
    assert_eq!(stored[0]["stored_size_bytes"], on_disk.len());
    100.0 * (1.0 - number("stored_size_bytes") / number("size_bytes"))
}

#[test]
fn each_kind_of_content_saves_what_is_promised() {
    let store = sandbox();
    let kinds: [(&str, Sample, f64); 5] = [
        ("results.json", samples::json, 80.0),
        ("junit.xml", samples::xml, 80.0),
        ("server.log", samples::log, 70.0),
        ("coverage.html", samples::html, 75.0),
        ("samples.bin", samples::binary, 10.0),
    ];
    for (name, sample, floor) in kinds {
        for seed in [1, 2] {
            let found = saved(&store, &format!("{seed}-{name}"), &sample(seed, LENGTH));
            println!("{name}: {found:.1} %");
            assert!(found >= floor, "{name} saves {found:.1} % of {floor} %");
            // What repeats itself proves nothing.
            assert!(found < 95.0, "{name} is no sample: it saves {found:.1} %");
        }
    }
}

#[test]
fn a_program_saves_what_is_promised_of_binaries() {
    let store = sandbox();
    let program = std::fs::read(e2e::artifact()).expect("the program can be read");
    let found = saved(
        &store,
        "program.bin",
        &program[..program.len().min(4 * LENGTH)],
    );
    println!("program: {found:.1} %");
    assert!(found >= 10.0, "a program saves {found:.1} %");
}
