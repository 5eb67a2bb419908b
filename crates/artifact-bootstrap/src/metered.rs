//! The ports of a store with a meter before each. Knows neither settings nor adapters.

use std::sync::Arc;

use artifact_app::{Ports, Tiers};
use artifact_domain::port::BlobStore;
use artifact_meter::{Meter, MeteredBlobs, MeteredIndex, MeteredLocks};

/// The same ports, counted.
pub(crate) fn metered(ports: Ports, meter: &Meter) -> Ports {
    let counted = |blobs| Arc::new(MeteredBlobs::new(blobs, meter.clone())) as Arc<dyn BlobStore>;
    let Tiers { warm, cold } = ports.tiers;
    // Two tiers in one store are told by its identity, so it must stay one.
    let is_shared = match (&warm, &cold) {
        (Some(warm), Some(cold)) => Arc::ptr_eq(warm, cold),
        _ => false,
    };
    let warm = warm.map(counted);
    let cold = if is_shared {
        warm.clone()
    } else {
        cold.map(counted)
    };
    let locks = ports.locks;
    Ports {
        blobs: counted(ports.blobs),
        tiers: Tiers { warm, cold },
        index: Arc::new(MeteredIndex::new(ports.index, meter.clone())),
        locks: locks.map(|locks| Arc::new(MeteredLocks::new(locks, meter.clone())) as _),
        clock: ports.clock,
    }
}

#[cfg(test)]
mod tests {
    use artifact_testkit::{MemoryBlobStore, MemoryIndex, MemoryLocks};

    use super::*;
    use crate::SystemClock;

    fn ports(warm: Arc<dyn BlobStore>, cold: Arc<dyn BlobStore>) -> Ports {
        Ports {
            blobs: Arc::new(MemoryBlobStore::new()),
            tiers: Tiers {
                warm: Some(warm),
                cold: Some(cold),
            },
            index: Arc::new(MemoryIndex::new()),
            locks: Some(Arc::new(MemoryLocks::new())),
            clock: Arc::new(SystemClock),
        }
    }

    fn is_one(ports: Ports) -> bool {
        let Tiers { warm, cold } = metered(ports, &Meter::new()).tiers;
        Arc::ptr_eq(&warm.unwrap(), &cold.unwrap())
    }

    #[test]
    fn two_tiers_of_one_store_stay_in_one() {
        let store = || Arc::new(MemoryBlobStore::new()) as Arc<dyn BlobStore>;
        let shared = store();
        assert!(is_one(ports(Arc::clone(&shared), shared)));
        assert!(!is_one(ports(store(), store())));
    }
}
