//! The power fails while uploads and deletions are under way: what was acknowledged is there when
//! it comes back. On a disk of its own, which is stopped without a flush.

use std::env;
use std::fs::{self, File};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use e2e::{Index, Random, Running};

use crate::actor::Actor;
use crate::disk::Disk;
use crate::world::{self, World};

/// How often the power fails if `E2E_CRASH_ROUNDS` says nothing.
const CUTS: u64 = 3;

/// How long a process may go on without a disk.
const PATIENCE: Duration = Duration::from_secs(20);

/// What fails at the latest after so many milliseconds.
const LONGEST_MS: u64 = 400;

pub(crate) fn power_cuts(index: &str) {
    let mut random = Random::seeded();
    let store = world::sandbox(index);
    let image = store.root().join("disk");
    let Some(disk) = Disk::mount(image, &store.store("")) else {
        return;
    };
    let cuts = env::var("E2E_CRASH_ROUNDS").ok();
    let cuts = cuts.map_or(CUTS, |text| text.parse().expect("rounds are a number"));
    let mut world = World::on(store);
    // Unmounted before the folder goes that it is in.
    let disk = disk;
    let mut acknowledged = 0;
    for cut in 1..=cuts {
        world.round = cut;
        // On a machine that is busy enough no process has come far by then.
        let patience = if cut == cuts && acknowledged == 0 {
            PATIENCE
        } else {
            Duration::ZERO
        };
        acknowledged += work_until_the_cut(&mut world, &disk, &mut random, patience);
        disk.power_on();
        check(&mut world, &mut random);
    }
    assert!(acknowledged > 0, "nothing was acknowledged before a cut");
}

/// Lets some processes work and cuts the power; gives how many uploads were acknowledged. For as
/// long as `patience` lasts, some must have been.
fn work_until_the_cut(
    world: &mut World,
    disk: &Disk,
    random: &mut Random,
    patience: Duration,
) -> usize {
    let before = world.ledger.standing();
    let mut actors: Vec<_> = (0..8)
        .map(|_| Actor::prepare_writer(world, random))
        .collect();
    let printed: Vec<_> = (0..actors.len())
        .map(|number| world.store.work(format!("printed-{number}")))
        .collect();
    let mut running: Vec<Running> = Vec::new();
    for (actor, path) in actors.iter_mut().zip(&printed) {
        let file = File::create(path).expect("files can be made");
        running.push(actor.start_into(file));
    }
    thread::sleep(Duration::from_millis(random.below(LONGEST_MS)));
    let has_said = |path: &PathBuf| fs::metadata(path).is_ok_and(|file| file.len() > 0);
    let begun = Instant::now();
    while begun.elapsed() < patience && !printed.iter().any(has_said) {
        thread::sleep(Duration::from_millis(5));
    }
    // Only what was said by now was said in time: a sync that the cut interrupts may end well.
    let said: Vec<_> = printed
        .iter()
        .map(|path| fs::read_to_string(path).expect("what was printed is text"))
        .collect();
    disk.cut_power();
    let begun = Instant::now();
    for one in &mut running {
        while !one.has_ended() && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
        }
        one.kill();
    }
    for ((actor, running), said) in actors.iter().zip(running).zip(said) {
        // However it ended without a disk: sled panics within, and says so.
        let _ = running.wait();
        actor.account_cut_off(&said, &mut world.ledger);
    }
    world.ledger.standing().saturating_sub(before)
}

fn check(world: &mut World, random: &mut Random) {
    let index = if random.percent(30) {
        world.lose_index();
        world.reindex();
        Index::Rebuilt
    } else {
        Index::Kept
    };
    world.assert_kept(index);
    for task in world.tasks_of_round() {
        world.assert_fetched(&task);
    }
    world.let_leases_end();
    world.assert_clears();
    world.assert_kept(Index::Kept);
    world.assert_sound();
    world.lose_index();
    world.store.ok(&["reindex"]);
    world.assert_kept(Index::Kept);
}
