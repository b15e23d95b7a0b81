use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;

use super::*;
use crate::revocation::error::RevocationError;
use crate::revocation::store::collected::Collected;

const ISSUER: &str = "https://issuer.example";
const NOW: u64 = 1_800_000_000;

fn date(seconds: u64) -> NumericDate {
    (UNIX_EPOCH + Duration::from_secs(seconds)).into()
}

fn token(name: &str, ends_at: Option<u64>) -> Target<'_> {
    let ends_at = ends_at.map(date);
    Target { kind: Kind::Token, issuer: ISSUER.into(), name: name.into(), issued_before: None, ends_at }
}

fn subject(name: &str, issued_before: u64) -> Target<'_> {
    let issued_before = Some(date(issued_before));
    Target { kind: Kind::Subject, issuer: ISSUER.into(), name: name.into(), issued_before, ends_at: None }
}

fn add(store: &Store, source: u16, targets: &[Target<'_>], now: u64) -> Result<(), RevocationError> {
    store.add(source, collected(store, source, targets), date(now))
}

fn collected(store: &Store, source: u16, targets: &[Target<'_>]) -> Collected {
    let mut collected = Collected::new(store, date(NOW));
    for target in targets {
        collected.push(store.place(target, source));
    }
    collected
}

fn replace(store: &Store, source: u16, targets: &[Target<'_>], now: u64) -> Result<(), RevocationError> {
    store.replace(source, collected(store, source, targets), date(now))
}

/// The source that revokes a token of this name that was issued at this time.
fn find(store: &Store, target: &Target<'_>, issued_at: Option<u64>, now: u64) -> Option<u16> {
    let digest = store.key.digest(target.kind, &target.issuer, &target.name);
    store.find(target.kind, digest, issued_at.map(date), date(now)).source
}

#[test]
fn only_what_was_added_is_found() {
    let store = Store::new(100);
    assert_eq!(find(&store, &token("a", None), None, NOW), None);
    add(&store, 3, &[token("a", None), subject("a", NOW)], NOW).unwrap();
    assert_eq!(find(&store, &token("a", None), Some(NOW + 9), NOW), Some(3));
    assert_eq!(find(&store, &token("A", None), None, NOW), None);
    assert_eq!(find(&store, &subject("a", NOW), Some(NOW - 1), NOW), Some(3));
    assert_eq!(find(&store, &subject("a", NOW), Some(NOW), NOW), Some(3));
    assert_eq!(find(&store, &subject("a", NOW), Some(NOW + 1), NOW), None);
    assert_eq!(find(&store, &subject("a", NOW), None, NOW), Some(3));
    assert_eq!((store.len(), store.len_of(3), store.len_of(0)), (2, 2, 0));
}

#[test]
fn entry_ends_600_seconds_after_its_token() {
    // RV04
    let store = Store::new(100);
    add(&store, 0, &[token("a", Some(NOW + 60)), token("b", None)], NOW).unwrap();
    assert_eq!(find(&store, &token("a", None), None, NOW + 659), Some(0));
    assert_eq!(find(&store, &token("a", None), None, NOW + 660), None);
    assert_eq!(find(&store, &token("b", None), None, NOW + 1_000_000_000), Some(0));
}

#[test]
fn each_addition_and_no_withdrawal_has_a_new_epoch() {
    let store = Store::new(100);
    let mut epoch = store.epoch();
    assert_ne!(epoch, 0);
    let mut changed = || std::mem::replace(&mut epoch, store.epoch()) != store.epoch();
    add(&store, 0, &[token("a", None)], NOW).unwrap();
    assert!(changed());
    add(&store, 0, &[token("a", Some(NOW))], NOW).unwrap();
    assert!(!changed(), "it is there");
    add(&store, 0, &[subject("s", NOW)], NOW).unwrap();
    assert!(changed());
    add(&store, 0, &[subject("s", NOW + 1)], NOW).unwrap();
    assert!(changed(), "more tokens are revoked");
    assert_eq!(store.len(), 2, "the later time covers the earlier one");
    replace(&store, 0, &[subject("s", NOW + 1)], NOW).unwrap();
    store.withdraw(store.place(&subject("s", 0), 0));
    assert!(!changed() && store.len() == 0);
    replace(&store, 0, &[subject("s", NOW + 1)], NOW).unwrap();
    assert!(changed());
}

#[test]
fn source_withdraws_its_own_entries_only() {
    let store = Store::new(100);
    add(&store, 1, &[token("a", None), token("b", None)], NOW).unwrap();
    add(&store, 2, &[token("a", None)], NOW).unwrap();
    store.withdraw(store.place(&token("a", None), 1));
    assert_eq!(find(&store, &token("a", None), None, NOW), Some(2));
    replace(&store, 2, &[], NOW).unwrap();
    assert_eq!(find(&store, &token("a", None), None, NOW), None);
    assert_eq!(find(&store, &token("b", None), None, NOW), Some(1));
    assert_eq!((store.len_of(1), store.len_of(2)), (1, 0));
}

#[test]
fn replacing_narrows_a_revocation() {
    let store = Store::new(100);
    add(&store, 0, &[subject("s", NOW)], NOW).unwrap();
    replace(&store, 0, &[subject("s", NOW - 10)], NOW).unwrap();
    assert_eq!(find(&store, &subject("s", 0), Some(NOW - 10), NOW), Some(0));
    assert_eq!(find(&store, &subject("s", 0), Some(NOW - 9), NOW), None);
}

#[test]
fn full_store_reports_and_evicts_nothing() {
    let store = Store::new(3);
    let full = |not_stored| Err(RevocationError::Full { capacity: 3, not_stored });
    let all: Vec<Target<'_>> = ["a", "b", "c", "d", "e"].map(|name| token(name, None)).into();
    assert_eq!(add(&store, 0, &all[..3], NOW), Ok(()));
    assert_eq!(add(&store, 1, &all[3..], NOW), full(2));
    assert_eq!(add(&store, 0, &all, NOW), full(2), "what is there needs no place");
    assert_eq!(replace(&store, 0, &all, NOW), full(2));
    for target in &all[..3] {
        assert_eq!(find(&store, target, None, NOW), Some(0));
    }
    assert_eq!((store.len(), store.has_room(date(NOW))), (3, false));
    // What is withdrawn makes room.
    assert_eq!(replace(&store, 0, &all[2..], NOW), Ok(()));
    assert_eq!(find(&store, &all[4], None, NOW), Some(0));
    // A revocation of more tokens takes the place of the one that it covers.
    assert_eq!(replace(&store, 0, &[subject("s", NOW), token("a", None), token("b", None)], NOW), Ok(()));
    assert_eq!(add(&store, 0, &[subject("s", NOW + 5)], NOW), Ok(()));
    assert_eq!(find(&store, &subject("s", 0), Some(NOW + 4), NOW), Some(0));
}

#[test]
fn ended_entries_make_room_in_a_full_store() {
    // RV04
    let store = Store::new(2_000);
    let names: Vec<String> = (0..2_000).map(|name| name.to_string()).collect();
    let ending: Vec<Target<'_>> = names.iter().map(|name| token(name, Some(NOW))).collect();
    add(&store, 0, &ending, NOW).unwrap();
    assert!(add(&store, 0, &[token("new", None)], NOW + 599).is_err());
    assert!(store.has_room(date(NOW + 600)));
    // As many new ones need the place of all.
    let names: Vec<String> = (0..2_000).map(|name| format!("new {name}")).collect();
    let new: Vec<Target<'_>> = names.iter().map(|name| token(name, None)).collect();
    add(&store, 1, &new, NOW + 600).unwrap();
    assert_eq!((store.len(), store.len_of(0), store.len_of(1)), (2_000, 0, 2_000));
}

#[test]
fn change_of_a_crowded_store_removes_some_ended_entries() {
    // RV04
    let store = Store::new(4_096);
    let names: Vec<String> = (0..3_500).map(|name| name.to_string()).collect();
    let ending: Vec<Target<'_>> = names.iter().map(|name| token(name, Some(NOW))).collect();
    add(&store, 0, &ending, NOW).unwrap();
    store.sweep_a_little(date(NOW + 599));
    assert_eq!(store.len(), 3_500);
    // There are 64 shards.
    for _ in 0..64 / SHARDS_SWEPT {
        store.sweep_a_little(date(NOW + 600));
    }
    assert!((2_000..3_072).contains(&store.len()), "until a quarter is free: {}", store.len());
    // New ones that have ended are not stored then.
    add(&store, 0, &ending, NOW + 600).unwrap();
    assert!(store.len() < 3_072);
}

#[test]
fn ended_entry_is_in_force_again_when_clock_is_set_back() {
    let store = Store::new(4);
    let a = token("a", Some(NOW));
    // The clock is a year ahead when it is added.
    add(&store, 0, std::slice::from_ref(&a), NOW + 31_536_000).unwrap();
    assert_eq!(find(&store, &a, None, NOW + 31_536_000), None);
    assert_eq!(find(&store, &a, None, NOW), Some(0));
    assert!(!store.lacks_entries(0, || date(NOW)));
    // A crowded store removes it, and knows that.
    let others = ["b", "c", "d"].map(|name| token(name, None));
    add(&store, 1, &others, NOW + 31_536_000).unwrap();
    assert_eq!(find(&store, &a, None, NOW), Some(0), "it has room for 4");
    add(&store, 1, &[token("e", None)], NOW + 31_536_000).unwrap();
    assert_eq!(find(&store, &a, None, NOW), None);
    assert!(store.lacks_entries(0, || date(NOW)) && !store.lacks_entries(1, || date(NOW)));
    assert!(!store.lacks_entries(0, || date(NOW + 600)), "it has ended by this clock");
    // It is complete again when all its entries were given.
    replace(&store, 0, &[], NOW).unwrap();
    assert!(!store.lacks_entries(0, || date(NOW)));
    // An entry that was not stored is missing too.
    add(&store, 0, &[a], NOW + 31_536_000).unwrap();
    assert!(store.lacks_entries(0, || date(NOW)));
}

#[test]
fn overfull_replacement_keeps_names_with_new_terms() {
    // The places of new names come before and after the place of the one that changes.
    for round in 0..200 {
        let store = Store::new(200);
        let changes = format!("subject {round}");
        let names: Vec<String> = (0..199).map(|name| format!("{round} {name}")).collect();
        let mut all: Vec<Target<'_>> = names.iter().map(|name| token(name, None)).collect();
        all.push(subject(&changes, NOW));
        add(&store, 0, &all, NOW).unwrap();
        let others: Vec<String> = (0..250).map(|name| format!("{round} new {name}")).collect();
        let mut new: Vec<Target<'_>> = others.iter().map(|name| token(name, None)).collect();
        new.push(subject(&changes, NOW + 5));
        new.push(all[0].clone());
        let not_stored = Err(RevocationError::Full { capacity: 200, not_stored: 52 });
        assert_eq!(replace(&store, 0, &new, NOW), not_stored);
        assert_eq!(find(&store, &subject(&changes, 0), Some(NOW + 5), NOW), Some(0));
        assert_eq!(find(&store, &all[0], None, NOW), Some(0));
        assert_eq!((store.len(), find(&store, &all[1], None, NOW)), (200, None));
    }
}

#[test]
fn overfull_replacement_that_needs_more_places_keeps_the_old_terms() {
    let store = Store::new(2);
    let with_end = |before, ends| Target { ends_at: Some(date(ends)), ..subject("s", before) };
    add(&store, 0, &[with_end(NOW, NOW + 100), token("a", None)], NOW).unwrap();
    // Neither covers the other, nor what is there.
    let new = [with_end(NOW + 5, NOW + 50), with_end(NOW - 5, NOW + 200), token("a", None)];
    let not_stored = Err(RevocationError::Full { capacity: 2, not_stored: 2 });
    assert_eq!(replace(&store, 0, &new, NOW), not_stored);
    assert_eq!(find(&store, &subject("s", 0), Some(NOW), NOW), Some(0));
    assert_eq!(find(&store, &token("a", None), None, NOW), Some(0));
}

#[test]
fn covered_entries_are_removed_and_others_stay() {
    let store = Store::new(10);
    let with = |before, ends: u64| Target { ends_at: Some(date(ends)), ..subject("s", before) };
    let of = |source, target: &Target<'_>| store.place(target, source);
    let mut all = vec![
        of(1, &subject("s", NOW + 20)),
        of(1, &with(NOW + 10, NOW + 500)),
        of(1, &with(NOW + 30, NOW + 400)),
        of(1, &with(NOW + 30, NOW + 300)),
        of(2, &subject("s", NOW + 5)),
        of(1, &subject("s", NOW + 20)),
    ];
    normalize(&mut all);
    let mut expected =
        [of(1, &subject("s", NOW + 20)), of(1, &with(NOW + 30, NOW + 400)), of(2, &subject("s", NOW + 5))];
    expected.sort_unstable();
    assert_eq!(all, expected);
}

#[test]
fn stores_of_every_size_find_their_entries() {
    for capacity in [1, 64, 65, 5_000] {
        let store = Store::new(capacity);
        let names: Vec<String> = (0..capacity).map(|name| name.to_string()).collect();
        let all: Vec<Target<'_>> = names.iter().map(|name| token(name, None)).collect();
        add(&store, 0, &all, NOW).unwrap();
        assert!(all.iter().all(|target| find(&store, target, None, NOW) == Some(0)), "{capacity}");
        assert_eq!(store.len(), capacity);
    }
}

#[test]
fn entry_that_stays_is_found_during_changes() {
    let store = Store::new(1_000);
    add(&store, 0, &[token("stays", None)], NOW).unwrap();
    let (store, done) = (&store, AtomicBool::new(false));
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                assert_eq!(find(store, &token("stays", None), None, NOW), Some(0));
            }
        });
        for round in 0..2_000 {
            let name = (round % 300).to_string();
            add(store, 1, &[token(&name, None)], NOW).unwrap();
            if round % 100 == 0 {
                replace(store, 0, &[token("stays", None), token(&name, None)], NOW).unwrap();
            }
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
}

proptest! {
    /// A token that is revoked before and after a replacement is revoked, however full the store is.
    #[test]
    fn replacement_of_any_size_loses_nothing_that_stays(
        capacity in 1usize..6,
        lists in proptest::collection::vec(
            proptest::collection::vec((0u8..8, 0u64..4, proptest::option::of(0u64..4)), 0..10), 1..8),
    ) {
        let store = Store::new(capacity);
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let revoked = |name: &str, issued| find(&store, &subject(name, 0), Some(NOW + issued), NOW).is_some();
        for list in &lists {
            let listed = |(name, before, ends): &(u8, u64, Option<u64>)| Target {
                ends_at: ends.map(|ends| date(NOW + 100 * ends)),
                ..subject(names[usize::from(*name)], NOW + before)
            };
            let new: Vec<Target<'_>> = list.iter().map(listed).collect();
            let before: Vec<bool> =
                names.iter().flat_map(|name| (0..4).map(|issued| revoked(name, issued))).collect();
            let result = replace(&store, 0, &new, NOW);
            prop_assert!(store.len() <= capacity);
            for (at, was_revoked) in before.into_iter().enumerate() {
                let (name, issued) = (names[at / 4], at as u64 % 4);
                let is_listed = list.iter().any(|(one, before, _)| names[usize::from(*one)] == name && issued <= *before);
                if is_listed && (was_revoked || result.is_ok()) {
                    prop_assert!(revoked(name, issued), "{} {} {:?}", name, issued, list);
                }
                if !is_listed && result.is_ok() {
                    prop_assert!(!revoked(name, issued), "{} {} {:?}", name, issued, list);
                }
            }
        }
    }

    /// Compares the store with a plain list.
    #[test]
    fn any_changes_have_the_result_of_a_list(
        changes in proptest::collection::vec((0u8..4, 0u16..3, 0u8..6, 0u64..4, proptest::option::of(0u64..4)), 1..60)
    ) {
        let store = Store::new(10_000);
        let names = ["a", "b", "c", "d", "e", "f"];
        let mut list: Vec<(u16, &str, u64, Option<u64>)> = Vec::new();
        let target = |name, before: u64, ends: Option<u64>| Target {
            ends_at: ends.map(|ends| date(NOW + 100 * ends)),
            ..subject(name, NOW + before)
        };
        for (change, source, name, before, ends) in changes {
            let name = names[usize::from(name)];
            let new = target(name, before, ends);
            match change {
                0 | 1 => {
                    add(&store, source, &[new], NOW).unwrap();
                    list.push((source, name, before, ends));
                }
                2 => {
                    store.withdraw(store.place(&new, source));
                    list.retain(|(one, other, ..)| (*one, *other) != (source, name));
                }
                _ => {
                    let also = target("a", before, None);
                    replace(&store, source, &[new, also], NOW).unwrap();
                    list.retain(|(one, ..)| *one != source);
                    list.extend([(source, name, before, ends), (source, "a", before, None)]);
                }
            }
        }
        for name in names {
            for (issued, now) in [(0, 0), (1, 0), (2, 0), (3, 0), (0, 650), (1, 750), (0, 850), (2, 1_000)] {
                let expected = list.iter().any(|(_, one, before, ends)| {
                    *one == name && issued <= *before && ends.is_none_or(|ends| now < 100 * ends + 600)
                });
                let found = find(&store, &subject(name, 0), Some(NOW + issued), NOW + now);
                prop_assert_eq!(found.is_some(), expected, "{} {} {}", name, issued, now);
            }
        }
    }
}

#[test]
#[ignore = "measures; run by hand, in a release build with --nocapture"]
#[allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "figures are what it is for")]
fn measure_a_million_entries() {
    const ENTRIES: usize = 1_000_000;
    let store = Store::new(ENTRIES + 1);
    let names: Vec<String> = (0..ENTRIES).map(|name| format!("5a1f6f0e-9d5b-4f8e-a1c3-{name:012}")).collect();
    let targets: Vec<Target<'_>> = names.iter().map(|name| token(name, Some(NOW + 60))).collect();
    let placed = collected(&store, 0, &targets);
    let begin = std::time::Instant::now();
    store.add(0, placed, date(NOW)).unwrap();
    println!("REVOCATION added at once: {:.0} ms", begin.elapsed().as_secs_f64() * 1e3);
    let bytes: usize = store
        .shards
        .iter()
        .map(|shard| {
            // Two allocations with 16 bytes of the allocator's each, and two counts.
            let shard = shard.load();
            size_of_val(&shard) + shard.as_ref().map_or(0, |shard| 64 + size_of_val(&***shard))
        })
        .sum();
    println!("REVOCATION bytes each: {:.1}", bytes as f64 / ENTRIES as f64);
    let digests: Vec<Digest> = names.iter().map(|name| store.key.digest(Kind::Token, ISSUER, name)).collect();
    let absent: Vec<Digest> =
        names.iter().map(|name| store.key.digest(Kind::Token, "https://other.example", name)).collect();
    for (what, digests, expected) in [("a revoked", &digests, Some(0)), ("another", &absent, None)] {
        let begin = std::time::Instant::now();
        for digest in digests {
            assert_eq!(store.find(Kind::Token, *digest, None, date(NOW)).source, expected);
        }
        let each = begin.elapsed().as_secs_f64() * 1e9 / ENTRIES as f64;
        println!("REVOCATION lookup of {what} token: {each:.0} ns");
    }
    let begin = std::time::Instant::now();
    for (round, name) in names.iter().take(1_000).enumerate() {
        store.withdraw(store.place(&token(name, None), 0));
        add(&store, 1, &[token(&round.to_string(), None)], NOW).unwrap();
    }
    println!("REVOCATION one added and one withdrawn: {:.1} µs", begin.elapsed().as_secs_f64() * 1e3);
}
