//! A store under fire: several processes at once upload, delete, read, collect, verify and rebuild,
//! and some of them are killed or stopped past their lease at any moment. After every round all
//! promises are checked.
//!
//! `E2E_CRASH_ROUNDS` says how many rounds (there is a short default), `E2E_SEED` repeats a run:
//!
//! ```sh
//! E2E_CRASH_ROUNDS=200 cargo test --release -p e2e --test crash storm -- --nocapture
//! ```

mod actor;
mod damage;
mod disk;
mod expiry;
mod power;
mod storm;
mod world;

#[test]
fn a_storm_on_sqlite_breaks_no_promise() {
    storm::storm("sqlite");
}

#[test]
fn a_storm_on_sled_breaks_no_promise() {
    storm::storm("sled");
}

#[test]
fn a_power_cut_takes_nothing_that_sqlite_has_acknowledged() {
    power::power_cuts("sqlite");
}

#[test]
fn a_power_cut_takes_nothing_that_sled_has_acknowledged() {
    power::power_cuts("sled");
}
