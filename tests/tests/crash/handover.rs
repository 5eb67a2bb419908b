//! Uploads whose bytes go to the bucket past the program, by a signed URL: of each, one of its steps
//! is there to be killed. Must not know when.

use std::process::Command;

use e2e::{Life, Random};

use crate::actor::{Actor, Task};
use crate::world::{World, sha256_of};

/// For how long the URL is good, and the upload waits beyond its lease.
pub(crate) const URL_S: u64 = 1;

/// Prepares one step of an upload; the steps before it are done.
pub(crate) fn prepare(world: &mut World, random: &mut Random) -> Actor {
    let name = format!("handed-{}", world.next_number());
    let expires = format!("{URL_S}s");
    let reserve = [
        "presign",
        "--upload",
        &name,
        "--task",
        "shared",
        "--type",
        "data",
        "--expires-in",
        &expires,
        "--json",
    ];
    let step = random.below(5);
    if step == 0 {
        return Actor::new(Task::HandOver, world.store.command(reserve));
    }
    let path = world.write_file(random);
    let sha256 = sha256_of(&[&path])[0].clone();
    let begun = &world.store.json(&reserve[..reserve.len() - 1])[0];
    let text = |key: &str| begun[key].as_str().map(str::to_owned);
    let (id, url) = text("id").zip(text("url")).expect("it says where");
    let mut put = Command::new("curl");
    put.args(["--silent", "--show-error", "--max-time", "60"])
        .args(["--output", "/dev/null", "--upload-file"])
        .arg(&path)
        .arg(url);
    if step == 1 {
        return Actor::new(Task::HandOver, put);
    }
    let status = put.status().expect("curl can be run");
    assert!(status.success(), "the bytes could not be handed over");
    let uri = format!("artifact://default/shared/data/{name}");
    world.ledger.try_upload(&uri, Life::Once, &sha256);
    let complete = ["complete", &id, "--sha256", &sha256, "--json"];
    Actor::new(
        Task::Complete(uri, sha256.clone()),
        world.store.command(complete),
    )
}
