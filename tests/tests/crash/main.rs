//! What must survive: processes that are killed or stopped past their lease at any moment, the loss
//! of power, and damage. After every round all promises are checked. The long runs are in
//! `tests/README.md`.

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
