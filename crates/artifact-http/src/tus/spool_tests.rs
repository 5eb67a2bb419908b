//! The files of uploads: what is found again after a crash, and what nobody else can touch.

use std::fs::FileTimes;
use std::time::SystemTime;

use super::*;

const HOUR: Duration = Duration::from_hours(1);

struct World {
    folder: tempfile::TempDir,
    spool: Spool,
    now: Timestamp,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::new(folder.path().join("uploads"), HOUR);
    let probe = folder.path().join("probe");
    fs::write(&probe, "").unwrap();
    let now = changed_at(&probe).unwrap();
    World { folder, spool, now }
}

impl World {
    fn create(&self, length: Option<u64>) -> Held {
        let info = Info::new("name YQ==".to_owned(), length, self.now);
        self.spool.create(info).unwrap()
    }

    fn held(&self, id: UploadId) -> Held {
        match self.spool.open(id, self.now).unwrap() {
            Found::Held(held) => held,
            other => panic!("{other:?}"),
        }
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path().join("uploads")).unwrap();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> = entries
            .map(|entry| name(entry).into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn age(&self, name: &str, age: Duration) {
        let path = self.folder.path().join("uploads").join(name);
        let file = OpenOptions::new().append(true).open(path).unwrap();
        let time = SystemTime::UNIX_EPOCH
            + Duration::from_micros(u64::try_from(self.now.as_micros()).unwrap())
            - age;
        file.set_times(FileTimes::new().set_modified(time)).unwrap();
    }
}

fn is_nothing(found: &Result<Found>) -> bool {
    matches!(found, Ok(Found::Nothing))
}

#[test]
fn the_length_of_the_file_is_the_offset() {
    let world = world();
    let mut held = world.create(Some(5));
    let id = held.id;
    held.append(&[&b"a"[..], b"", b"bc"].map(Bytes::from_static))
        .unwrap();
    assert_eq!((held.offset(), held.is_whole()), (3, false));
    drop(held);
    let mut held = world.held(id);
    assert_eq!(held.offset(), 3);
    held.append(&[Bytes::from_static(b"de")]).unwrap();
    assert!(held.is_whole());
    assert_eq!(io::read_to_string(held.reader().unwrap()).unwrap(), "abcde");
    held.cut(4).unwrap();
    held.append(&[Bytes::from_static(b"x")]).unwrap();
    assert_eq!(io::read_to_string(held.reader().unwrap()).unwrap(), "abcdx");
}

#[test]
fn one_at_a_time_holds_an_upload() {
    let world = world();
    let held = world.create(None);
    let id = held.id;
    let other = Spool::new(world.folder.path().join("uploads"), HOUR);
    assert!(matches!(other.open(id, world.now), Ok(Found::Busy)));
    drop(held);
    assert!(matches!(other.open(id, world.now), Ok(Found::Held(_))));
}

#[test]
fn bytes_that_nobody_has_verified_are_cut_off() {
    let world = world();
    let mut held = world.create(Some(9));
    let id = held.id;
    held.append(&[Bytes::from_static(b"abc")]).unwrap();
    held.info.unverified_from = Some(3);
    held.save().unwrap();
    held.append(&[Bytes::from_static(b"def")]).unwrap();
    drop(held);
    let held = world.held(id);
    assert_eq!((held.offset(), held.info.unverified_from), (3, None));
    drop(held);
    assert_eq!(world.held(id).offset(), 3);
}

#[test]
fn what_an_upload_has_become_is_remembered_without_its_bytes() {
    let world = world();
    let held = world.create(Some(0));
    let (id, artifact) = (held.id, ArtifactId::new(world.now, [1; 10]));
    held.finish(artifact).unwrap();
    let done = |world: &World| match world.spool.open(id, world.now).unwrap() {
        Found::Done(done) => done.artifact,
        other => panic!("{other:?}"),
    };
    assert_eq!(done(&world), artifact);
    assert_eq!(world.names(), [format!("{id}.json")]);
    // As a crash before their removal leaves it.
    let part = format!("{id}.part");
    fs::write(world.folder.path().join("uploads").join(&part), "x").unwrap();
    assert_eq!(done(&world), artifact);
    assert_eq!(world.names(), [format!("{id}.json")]);
    world.spool.forget(id).unwrap();
    assert!(is_nothing(&world.spool.open(id, world.now)));
    assert_eq!(world.names(), [""; 0]);
}

#[test]
fn what_is_removed_or_half_made_is_nothing() {
    let world = world();
    let held = world.create(None);
    let id = held.id;
    held.remove().unwrap();
    assert!(is_nothing(&world.spool.open(id, world.now)));
    assert!(is_nothing(&world.spool.open(UploadId::random(), world.now)));
    let id = UploadId::random();
    let part = world.folder.path().join(format!("uploads/{id}.part"));
    fs::write(&part, "x").unwrap();
    assert!(is_nothing(&world.spool.open(id, world.now)));
    assert_eq!(world.names(), [""; 0]);
}

#[test]
fn a_length_is_set_once() {
    let world = world();
    let mut held = world.create(None);
    held.append(&[Bytes::from_static(b"abc")]).unwrap();
    assert!(held.set_length(2).is_err());
    assert!(held.set_length(4).unwrap());
    assert!(!held.set_length(4).unwrap());
    assert!(held.set_length(5).is_err());
}

#[test]
fn what_stood_still_is_expired_and_swept_and_nothing_else() {
    let world = world();
    let age = |id: UploadId, extension: &str| world.age(&format!("{id}.{extension}"), HOUR * 2);
    let young = world.create(None).id;
    age(young, "json");
    let old = world.create(None).id;
    age(old, "json");
    age(old, "part");
    let mut done = Vec::new();
    for _ in 0..2 {
        let held = world.create(Some(0));
        done.push(held.id);
        held.finish(ArtifactId::new(world.now, [1; 10])).unwrap();
    }
    age(done[0], "json");
    let leftover = UploadId::random();
    let uploads = world.folder.path().join("uploads");
    for name in [
        format!("{leftover}.part"),
        format!("{leftover}.json.tmp"),
        "README".to_owned(),
        "x.part".to_owned(),
    ] {
        fs::write(uploads.join(&name), "x").unwrap();
        world.age(&name, HOUR * 2);
    }
    let busy = world.create(None);
    age(busy.id, "json");
    age(busy.id, "part");

    let open = |id| world.spool.open(id, world.now).unwrap();
    assert!(matches!(open(old), Found::Expired(Some(_))));
    assert!(matches!(open(done[0]), Found::Expired(None)));
    assert_eq!(world.spool.sweep(world.now).unwrap(), 1);
    let mut left = vec![
        format!("{young}.json"),
        format!("{young}.part"),
        format!("{}.json", done[1]),
        format!("{}.json", busy.id),
        format!("{}.part", busy.id),
        "README".to_owned(),
        "x.part".to_owned(),
    ];
    left.sort();
    assert_eq!(world.names(), left);
    let nowhere = Spool::new(world.folder.path().join("none"), HOUR);
    assert_eq!(nowhere.sweep(world.now).unwrap(), 0);
}

/// The beginning of a gzip file with one block that is stored as it is, and nothing behind it.
fn compressed(plain: &[u8]) -> Vec<u8> {
    let length = u16::try_from(plain.len()).unwrap();
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 0];
    bytes.extend(length.to_le_bytes());
    bytes.extend((!length).to_le_bytes());
    bytes.extend(plain);
    bytes
}

#[test]
fn what_is_left_compressed_is_added_when_it_is_settled() {
    let world = world();
    for (left, expected) in [
        (compressed(b"abcdef"), "abcdef"),
        (compressed(b"abcdef")[..18].to_vec(), "abc"),
        // It may have less than what came otherwise.
        (compressed(b"a"), "ab"),
        (Vec::new(), "ab"),
        (b"no gzip at all".to_vec(), "ab"),
        // What comes near damage may go with it.
        ([compressed(b"abcd"), vec![0; 4_096]].concat(), "ab"),
    ] {
        let mut held = world.create(Some(9));
        let id = held.id;
        held.append(&[Bytes::from_static(b"ab")]).unwrap();
        held.pass_by(5);
        assert_eq!((held.offset(), held.is_whole()), (7, false));
        fs::write(held.compressed_path(), &left).unwrap();
        drop(held);
        let mut held = world.held(id);
        assert_eq!(held.offset(), 2);
        held.settle().unwrap();
        assert_eq!(
            io::read_to_string(held.reader().unwrap()).unwrap(),
            expected
        );
        assert_eq!(held.offset(), expected.len() as u64);
        assert_eq!(world.names(), [format!("{id}.json"), format!("{id}.part")]);
        held.remove().unwrap();
    }
}

#[test]
fn what_is_taken_back_is_not_added() {
    let world = world();
    let mut held = world.create(Some(9));
    held.append(&[Bytes::from_static(b"ab")]).unwrap();
    held.pass_by(5);
    fs::write(held.compressed_path(), compressed(b"abcdef")).unwrap();
    held.cut(1).unwrap();
    held.settle().unwrap();
    assert_eq!(held.offset(), 1);
    let id = held.id;
    held.info.unverified_from = Some(1);
    held.save().unwrap();
    fs::write(held.compressed_path(), compressed(b"abcdef")).unwrap();
    drop(held);
    let mut held = world.held(id);
    assert_eq!(world.names(), [format!("{id}.json"), format!("{id}.part")]);
    held.settle().unwrap();
    assert_eq!(held.offset(), 1);
}

#[test]
fn what_can_not_be_settled_is_left_as_it_is() {
    let world = world();
    let mut held = world.create(Some(9));
    held.append(&[Bytes::from_static(b"ab")]).unwrap();
    // It can be opened and not be read.
    fs::create_dir(held.compressed_path()).unwrap();
    held.settle().unwrap_err();
    assert_eq!((held.offset(), held.compressed_path().exists()), (2, true));
    fs::remove_dir(held.compressed_path()).unwrap();
    fs::write(held.compressed_path(), compressed(b"abcdef")).unwrap();
    held.settle().unwrap();
    assert_eq!((held.offset(), held.compressed_path().exists()), (6, false));
}

#[test]
fn what_is_left_compressed_goes_with_its_upload() {
    let world = world();
    let uploads = world.folder.path().join("uploads");
    let leave = |id: UploadId, age: Duration| {
        let name = format!("{id}.gz");
        fs::write(uploads.join(&name), compressed(b"abcdef")).unwrap();
        world.age(&name, age);
    };
    let removed = world.create(None);
    leave(removed.id, HOUR * 2);
    removed.remove().unwrap();
    let expired = world.create(None).id;
    leave(expired, HOUR * 2);
    let written = world.create(None).id;
    leave(written, HOUR / 2);
    for id in [expired, written] {
        for extension in ["json", "part"] {
            world.age(&format!("{id}.{extension}"), HOUR * 2);
        }
    }
    leave(UploadId::random(), HOUR * 2);
    assert_eq!(world.spool.sweep(world.now).unwrap(), 1);
    let mut held = world.held(written);
    held.settle().unwrap();
    assert_eq!(held.offset(), 6);
    assert_eq!(
        world.names(),
        [format!("{written}.json"), format!("{written}.part")]
    );
}
