//! Entries come back as they were, in their order, whoever writes beside.

use artifact_domain::access::{AuditEntry, AuditFilter, Outcome};
use artifact_domain::port::AuditLog;

use super::{all, entry};
use crate::Subject;

/// Before the first entry there is none.
pub async fn an_empty_log_has_no_entries(log: Subject<dyn AuditLog>) {
    assert!(all(&*log).await.is_empty());
}

/// Every field comes back, the absent ones too.
pub async fn entries_come_back_in_their_order(log: Subject<dyn AuditLog>) {
    let mut expected: Vec<_> = (0..20).map(entry).collect();
    expected[3] = AuditEntry {
        who: None,
        from: None,
        target: None,
        outcome: Outcome::Refused,
        status: 401,
        ..entry(3)
    };
    // A clock that goes back changes no order.
    expected[4].time = crate::sample::at(-100);
    for entry in &expected {
        log.append(entry.clone()).await.unwrap();
    }
    assert_eq!(all(&*log).await, expected);
}

/// Whatever stands in an entry, it forges no other and is lost to none.
pub async fn odd_texts_forge_no_entry(log: Subject<dyn AuditLog>) {
    let odd = [
        String::new(),
        "\n{\"time\":\"2026-01-01T00:00:00Z\"}\n".to_owned(),
        "\r\n\0\u{1b}[2J\u{2028}".to_owned(),
        "\"}\\".to_owned(),
        "日本\u{10ffff}".to_owned(),
        "x".repeat(20_000),
    ];
    for text in &odd {
        let entry = AuditEntry {
            who: Some(text.clone()),
            request: text.clone(),
            target: Some(text.clone()),
            request_id: text.clone(),
            ..entry(0)
        };
        log.append(entry).await.unwrap();
    }
    let found = all(&*log).await;
    let found: Vec<_> = found.iter().map(|entry| &entry.request).collect();
    assert_eq!(found, odd.iter().collect::<Vec<_>>());
}

/// Many writers lose nothing, and each finds its own in order.
pub async fn many_writers_lose_nothing(log: Subject<dyn AuditLog>) {
    let writers = (0..8).map(|writer| {
        let log = log.port();
        tokio::spawn(async move {
            for number in 0..50 {
                let entry = AuditEntry {
                    who: Some(format!("{writer}")),
                    ..entry(number)
                };
                log.append(entry).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let found = all(&*log).await;
    assert_eq!(found.len(), 400);
    for writer in 0..8 {
        let name = Some(format!("{writer}"));
        let own = found.iter().filter(|entry| entry.who == name);
        assert!(own.map(|entry| entry.time).is_sorted());
    }
}

/// Of more than are asked for come the last.
pub async fn the_last_ones_are_given(log: Subject<dyn AuditLog>) {
    for number in 0..10 {
        log.append(entry(number)).await.unwrap();
    }
    for limit in [0, 1, 3, 10, 11] {
        let found = log.query(AuditFilter::last(limit)).await.unwrap();
        let first = 10 - i64::try_from(limit.min(10)).unwrap();
        assert_eq!(found, (first..10).map(entry).collect::<Vec<_>>());
    }
}
