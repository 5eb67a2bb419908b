//! What must survive: processes that are killed or stopped past their lease at any moment, the loss
//! of power, and damage. The long runs are in `tests/README.md`.
//!
//! Where a promise of the store is checked, after every round:
//!
//! | promise | checked by |
//! | --- | --- |
//! | 1. what was acknowledged survives | `World::assert_kept`, after the index was rebuilt too; `power` |
//! | 2. what failed or was cut off is not seen, and is cleared after its lease | `Ledger::compare`, `World::assert_clears`, writers that are stopped past their lease while another reaps |
//! | 3. reads take no lock and give whole versions | downloads during a storm, while others archive and restore what they read, compared with what was ever uploaded |
//! | 4. one blob, one version | as many blobs as versions, in `World::assert_clears`, in the hot and the cold folder together; in a bucket no other object and no part of an upload |
//! | 5. versions 1 to N, none lost, none twice | `Ledger::compare` |
//! | 6. deletions can be cut off and repeated | what was deleted stays so, in `Ledger::compare` |
//! | 7. expired is gone, held stays | `Kept::assert_kept` |

mod actor;
mod bucket;
mod damage;
mod disk;
mod expiry;
mod handover;
mod power;
mod storm;
mod world;

use e2e::servers::{Garage, Rgw, Server};

#[test]
fn a_storm_on_sqlite_breaks_no_promise() {
    storm::storm("sqlite");
}

#[test]
fn a_storm_on_sled_breaks_no_promise() {
    storm::storm("sled");
}

#[test]
fn a_storm_on_a_bucket_breaks_no_promise() {
    storm::storm(world::BUCKET);
}

/// With storage classes, in which what is archived is kept.
#[test]
fn a_storm_on_a_gateway_breaks_no_promise() {
    let Some(rgw) = Rgw::at_hand() else { return };
    storm::storm_on("a gateway", world::on_server(&rgw.owner));
}

/// Which has one storage class, so that what is archived stays where it is.
#[test]
fn a_storm_on_garage_breaks_no_promise() {
    let Some(garage) = Garage::at_hand() else {
        return;
    };
    storm::storm_on("Garage", world::on_plain_server(&garage.owner));
}

#[test]
fn a_power_cut_takes_nothing_that_sqlite_has_acknowledged() {
    power::power_cuts("sqlite");
}

#[test]
fn a_power_cut_takes_nothing_that_sled_has_acknowledged() {
    power::power_cuts("sled");
}
