//! Rounds of processes that are killed or stopped at any moment. Knows when; what the processes
//! are for and what must be true afterwards is the business of its neighbours.

use std::collections::BTreeMap;
use std::env;
use std::thread;
use std::time::{Duration, Instant};

use e2e::{Index, Random, Running};

use crate::actor::{Actor, Ended, Task};
use crate::world::{LEASE, World};

/// How many rounds there are if `E2E_CRASH_ROUNDS` says nothing.
const ROUNDS: u64 = 5;

/// How long the processes of a round may take before one counts as hanging.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long a process takes of whose kind none has ended yet.
const UNKNOWN: Duration = Duration::from_millis(60);

/// What happens to a process that is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Nothing,
    KillAt(Instant),
    StopAt(Instant),
    ContinueAt(Instant),
}

/// A process, and what is going to happen to it.
#[derive(Debug)]
struct Doomed {
    actor: Actor,
    fate: Fate,
    begins_at: Instant,
    /// None until it begins.
    running: Option<Running>,
    /// When a slow upload gets the rest of its input.
    fed_at: Instant,
}

/// What happened in all rounds, so that a storm that did nothing is seen.
#[derive(Debug, Default)]
struct Tally {
    processes: u64,
    killed: u64,
    stopped: u64,
    lost_leases: u64,
    jobs_cut_off: u64,
    indexes_lost: u64,
    /// Of each kind of process, how many there were and how many of them were killed.
    kinds: BTreeMap<&'static str, (u64, u64)>,
}

pub(crate) fn storm(index: &str) {
    storm_on(index, World::new(index));
}

/// A storm on an empty store; `index` is what it is called.
pub(crate) fn storm_on(index: &str, mut world: World) {
    let mut random = Random::seeded();
    let rounds = env::var("E2E_CRASH_ROUNDS").ok();
    let rounds = rounds.map_or(ROUNDS, |text| text.parse().expect("rounds are a number"));
    let mut tally = Tally::default();
    let mut usual = BTreeMap::new();
    for round in 1..=rounds {
        world.round = round;
        let is_rebuilt = fight(&mut world, &mut random, &mut usual, &mut tally);
        check(&mut world, &mut random, &usual, is_rebuilt, &mut tally);
        report(index, round, &world, &tally);
    }
    assert!(tally.killed > 0, "nothing was killed: {tally:?}");
    assert!(world.ledger.standing() > 0, "nothing was ever stored");
}

#[expect(clippy::print_stdout, reason = "a long run shows how far it is")]
fn report(index: &str, round: u64, world: &World, tally: &Tally) {
    if round.is_multiple_of(10) {
        let standing = world.ledger.standing();
        let found = world.found();
        let archived = found.iter().filter(|one| one["state"] == "ARCHIVED");
        let archived = archived.count();
        println!(
            "{index}: round {round}, {standing} versions stand, {archived} archived, {tally:?}"
        );
    }
}

/// Runs the processes of a round to their end. True if the index was set aside meanwhile.
fn fight(
    world: &mut World,
    random: &mut Random,
    usual: &mut BTreeMap<&'static str, Duration>,
    tally: &mut Tally,
) -> bool {
    let count = 4 + random.below(5);
    let actors: Vec<_> = (0..count).map(|_| Actor::prepare(world, random)).collect();
    let is_rebuilt = actors.iter().any(Actor::rebuilds);
    let begun = Instant::now();
    let mut doomed: Vec<Doomed> = Vec::new();
    for actor in actors {
        let has_stopped = doomed.iter().any(|other| is_stop(other.fate));
        let one = Doomed::new(actor, begun, random, usual, has_stopped);
        if let Fate::StopAt(at) = one.fate {
            doomed.push(Doomed::reaper(world, at));
        }
        doomed.push(one);
    }
    while !doomed.is_empty() {
        assert!(begun.elapsed() < PATIENCE, "something hangs: {doomed:#?}");
        let mut index = 0;
        while index < doomed.len() {
            if !doomed[index].step(tally) {
                index += 1;
                continue;
            }
            let Doomed {
                actor,
                running,
                begins_at,
                ..
            } = doomed.swap_remove(index);
            let (kind, is_job) = (actor.kind(), actor.is_job());
            let took = begins_at.elapsed().min(Duration::from_secs(1));
            let outcome = running.expect("what has ended has begun").wait();
            let ended = actor.end(&outcome, &mut world.ledger, is_rebuilt);
            account(ended, kind, is_job, tally);
            if ended == Ended::default() {
                usual.insert(kind, took);
            }
        }
        thread::sleep(Duration::from_micros(500));
    }
    is_rebuilt
}

fn account(ended: Ended, kind: &'static str, is_job: bool, tally: &mut Tally) {
    let (processes, killed) = tally.kinds.entry(kind).or_default();
    *processes += 1;
    *killed += u64::from(ended.was_killed);
    tally.processes += 1;
    tally.killed += u64::from(ended.was_killed);
    tally.lost_leases += u64::from(ended.lost_its_lease);
    tally.jobs_cut_off += u64::from(is_job && ended.was_killed);
}

fn is_stop(fate: Fate) -> bool {
    matches!(fate, Fate::StopAt(_) | Fate::ContinueAt(_))
}

impl Doomed {
    fn new(
        actor: Actor,
        begun: Instant,
        random: &mut Random,
        usual: &BTreeMap<&'static str, Duration>,
        has_stopped: bool,
    ) -> Self {
        let begins_at = begun + Duration::from_millis(random.below(40));
        let span = usual.get(actor.kind()).copied().unwrap_or(UNKNOWN);
        let span_micros = u64::try_from(span.as_micros()).expect("it is a second at most");
        // A little more, so that the last steps of a process are not spared.
        let at = begins_at + Duration::from_micros(random.below(span_micros * 6 / 5));
        let is_slow = matches!(actor.task, Task::Trickle(..));
        // One stop a round is enough: each takes longer than a lease.
        let fate = match random.below(100) {
            0..50 => Fate::KillAt(at),
            50..70 if !has_stopped => Fate::StopAt(at),
            50..90 if is_slow && !has_stopped => Fate::StopAt(at),
            _ => Fate::Nothing,
        };
        Self {
            actor,
            fate,
            begins_at,
            running: None,
            fed_at: begins_at + Duration::from_millis(50 + random.below(100)),
        }
    }

    /// Somebody who reaps what a process left that is stopped at that time.
    fn reaper(world: &World, stopped_at: Instant) -> Self {
        let begins_at = stopped_at + LEASE + Duration::from_millis(100);
        Self {
            actor: Actor::reaper(world),
            fate: Fate::Nothing,
            begins_at,
            running: None,
            fed_at: begins_at,
        }
    }

    /// Does to it what is due; true once it has ended.
    fn step(&mut self, tally: &mut Tally) -> bool {
        let now = Instant::now();
        let Some(running) = &mut self.running else {
            if self.begins_at <= now {
                self.running = Some(self.actor.start());
            }
            return false;
        };
        if running.has_ended() {
            return true;
        }
        match self.fate {
            Fate::KillAt(at) if at <= now => {
                running.kill();
                self.fate = Fate::Nothing;
            }
            Fate::StopAt(at) if at <= now => {
                tally.stopped += 1;
                running.signal("STOP");
                let slept = LEASE + Duration::from_millis(500);
                self.fate = Fate::ContinueAt(now + slept);
                self.fed_at = self.fed_at.max(now + slept);
            }
            Fate::ContinueAt(at) if at <= now => {
                running.signal("CONT");
                self.fate = Fate::Nothing;
            }
            _ => {}
        }
        if self.fed_at <= now {
            self.actor.feed_the_rest(running);
        }
        false
    }
}

/// How long a job takes that has nobody beside it, at most.
const LONGEST_JOB: Duration = Duration::from_millis(250);

/// Everything that must hold after a round.
fn check(
    world: &mut World,
    random: &mut Random,
    usual: &BTreeMap<&'static str, Duration>,
    is_rebuilt: bool,
    tally: &mut Tally,
) {
    let is_lost = random.percent(20);
    if is_lost {
        tally.indexes_lost += 1;
        world.lose_index();
        world.reindex();
    }
    let had_to_be = world.complete_index();
    let index = if is_rebuilt || is_lost || had_to_be {
        Index::Rebuilt
    } else {
        Index::Kept
    };
    // Nothing that was acknowledged is lost, and nothing is there by half.
    world.assert_kept(index);
    for task in world.tasks_of_round() {
        world.assert_fetched(&task);
    }
    let longest = |job| {
        usual
            .get(job)
            .map_or(LONGEST_JOB, |one| *one.min(&LONGEST_JOB))
    };
    // What was left by whom was killed is cleared, and nothing else; what a collector leaves that
    // is killed itself is cleared by the next.
    if random.percent(60) {
        world.let_leases_end();
        let gc = ["gc", "--grace-hours", "1"];
        tally.jobs_cut_off += u64::from(world.cut_off(&gc, longest("gc"), random));
    }
    world.let_leases_end();
    world.assert_clears();
    world.assert_kept(Index::Kept);
    world.assert_sound();
    // The index can be had again from what is stored, and nothing of it needs the old one.
    let rebuild = ["reindex", "--rebuild"];
    let is_cut_off = world.cut_off(&rebuild, longest("reindex"), random);
    tally.jobs_cut_off += u64::from(is_cut_off);
    if random.percent(50) {
        world.lose_index();
    }
    world.store.ok(&["reindex"]);
    world.forget_damaged();
    world.assert_kept(Index::Kept);
}
