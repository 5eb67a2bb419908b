//! Which rules follow from which settings, and how they are written down.

use super::*;

fn classes(warm: &str, cold: &str) -> TierClasses {
    TierClasses {
        warm: Some(warm.to_owned()),
        cold: Some(cold.to_owned()),
    }
}

fn retention() -> RetentionPolicy {
    RetentionPolicy {
        default_days: Some(30),
        days_by_type: [("log".parse().unwrap(), Some(90))].into(),
        ..RetentionPolicy::default()
    }
}

fn plan(service: BucketService, classes: &TierClasses, ages: [Option<u32>; 2]) -> LifecyclePlan {
    let wish = LifecycleWish {
        tiers: TierPolicy {
            warm_after_days: ages[0],
            cold_after_days: ages[1],
            ..TierPolicy::default()
        },
        classes,
        retention: &retention(),
        expire: true,
    };
    plan_lifecycle(service, &wish)
}

fn said(plan: &LifecyclePlan) -> Vec<String> {
    plan.rules.iter().map(ToString::to_string).collect()
}

#[test]
fn ages_that_are_not_set_give_no_rule() {
    let plan = plan(
        BucketService::S3,
        &classes("STANDARD_IA", "GLACIER"),
        [None, None],
    );
    let expected = [
        "after 7 days: abort unfinished uploads",
        "after 120 days: delete",
    ];
    assert_eq!(said(&plan), expected);
    assert_eq!(plan.notes, [""; 0]);
    assert_eq!(plan.expire_after_days(), Some(120));
}

#[test]
fn no_rule_moves_to_a_class_that_must_be_restored_first() {
    for class in FROZEN {
        let plan = plan(
            BucketService::S3,
            &classes("STANDARD_IA", class),
            [Some(30), Some(90)],
        );
        assert_eq!(said(&plan)[1..2], ["after 30 days: to STANDARD_IA"]);
        assert_eq!(plan.rules.len(), 3);
        assert!(
            plan.notes[0].contains("archive --by-age"),
            "{:?}",
            plan.notes
        );
    }
    let at_once = plan(
        BucketService::S3,
        &classes("X", "GLACIER_IR"),
        [None, Some(90)],
    );
    assert_eq!(said(&at_once)[1], "after 90 days: to GLACIER_IR");
    let google = plan(
        BucketService::Gcs,
        &classes("NEARLINE", "ARCHIVE"),
        [Some(10), Some(90)],
    );
    let expected = ["after 10 days: to NEARLINE", "after 90 days: to ARCHIVE"];
    assert_eq!(said(&google)[..2], expected);
    assert_eq!(google.rules.len(), 3);
    assert_eq!(google.notes, [""; 0]);
}

#[test]
fn a_tier_without_a_class_gives_no_rule() {
    let none = TierClasses {
        warm: None,
        cold: None,
    };
    let plan = plan(BucketService::S3, &none, [Some(30), Some(90)]);
    assert_eq!(plan.rules.len(), 2);
    assert!(
        plan.notes[0].contains("storage_classes.warm"),
        "{:?}",
        plan.notes
    );
}

#[test]
fn what_a_service_may_not_take_is_said() {
    let young = plan(
        BucketService::S3,
        &classes("STANDARD_IA", "GLACIER_IR"),
        [Some(29), None],
    );
    assert!(young.notes[0].contains("30 days"), "{:?}", young.notes);
    let late = plan(
        BucketService::S3,
        &classes("STANDARD_IA", "GLACIER_IR"),
        [None, Some(120)],
    );
    assert_eq!(late.rules.len(), 2);
    assert!(late.notes[0].contains("after 120 days"), "{:?}", late.notes);
    let same = plan(
        BucketService::S3,
        &classes("GLACIER_IR", "GLACIER_IR"),
        [Some(40), Some(50)],
    );
    assert_eq!(said(&same)[1..2], ["after 40 days: to GLACIER_IR"]);
    assert_eq!(same.rules.len(), 3);
}

#[test]
fn nothing_is_deleted_where_a_rule_lets_something_be_for_ever() {
    type Change = fn(&mut RetentionPolicy);
    let changes: [(&str, Change); 5] = [
        ("default_days", |r| r.default_days = None),
        ("by_type.diff", |r| {
            r.days_by_type.insert("diff".parse().unwrap(), None);
        }),
        ("by_task", |r| {
            r.days_by_task = [("nightly-*".parse().unwrap(), None)].into_iter().collect();
        }),
        ("keep_latest", |r| r.keep_latest = 1),
        ("keep_latest", |r| {
            r.keep_latest_by_task = [("a*".parse().unwrap(), 1)].into_iter().collect();
        }),
    ];
    let classes = classes("STANDARD_IA", "GLACIER");
    for (what, change) in changes {
        let mut retention = retention();
        change(&mut retention);
        let wish = LifecycleWish {
            tiers: TierPolicy::default(),
            classes: &classes,
            retention: &retention,
            expire: true,
        };
        let plan = plan_lifecycle(BucketService::S3, &wish);
        assert_eq!(plan.expire_after_days(), None, "{what}");
        assert!(plan.notes[0].contains(what), "{what}: {:?}", plan.notes);
        let without = LifecycleWish {
            expire: false,
            ..wish
        };
        assert_eq!(plan_lifecycle(BucketService::S3, &without).notes, [""; 0]);
    }
}

#[test]
fn the_json_is_that_of_the_services_own_tools() {
    let mut site = BucketSite {
        service: BucketService::S3,
        bucket: "b".to_owned(),
        prefix: "team/".to_owned(),
        partition: "aws",
    };
    let classes = classes("STANDARD_IA", "GLACIER_IR");
    let rules = plan(BucketService::S3, &classes, [Some(30), None]).rules;
    let of_s3 = lifecycle_json(&site, &rules);
    let filter = json!({ "Prefix": "team/artifacts/" });
    let expected = json!({ "Rules": [
        { "ID": "artifact-store-abort-uploads:team/", "Filter": filter, "Status": "Enabled",
          "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 7 } },
        { "ID": "artifact-store-to-STANDARD_IA:team/", "Filter": filter, "Status": "Enabled",
          "Transitions": [{ "Days": 30, "StorageClass": "STANDARD_IA" }] },
        { "ID": "artifact-store-expire:team/", "Filter": filter, "Status": "Enabled",
          "Expiration": { "Days": 120 } },
    ]});
    assert_eq!(of_s3, expected);
    site.service = BucketService::Gcs;
    let below = json!(["team/artifacts/"]);
    let expected = json!({ "lifecycle": { "rule": [
        { "action": { "type": "AbortIncompleteMultipartUpload" },
          "condition": { "age": 7, "matchesPrefix": below } },
        { "action": { "type": "SetStorageClass", "storageClass": "STANDARD_IA" },
          "condition": { "age": 30, "matchesPrefix": below } },
        { "action": { "type": "Delete" }, "condition": { "age": 120, "matchesPrefix": below } },
    ]}});
    assert_eq!(lifecycle_json(&site, &rules), expected);
}
