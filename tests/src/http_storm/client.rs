//! One client of a storm: what it asks for, and what each answer says about the store. Knows no process.

use std::ops::Range;

use serde_json::json;

use super::content::{Content, sha256};
use super::shared::{Address, Shared, Stored};
use crate::{Answer, Expected, Life, Random};

/// How many artifacts all clients write and read.
const CONTESTED: u64 = 6;
/// How long a range is, at most.
const RANGE: u64 = 3_000;

pub(super) struct Client<'a> {
    number: u64,
    random: Random,
    shared: &'a Shared,
}

impl<'a> Client<'a> {
    pub(super) fn new(number: u64, seed: u64, shared: &'a Shared) -> Self {
        Self {
            number,
            random: Random::from_seed(seed),
            shared,
        }
    }

    /// Asks for one thing after another until the storm is over.
    pub(super) fn work(mut self) {
        while !self.shared.is_over() {
            match self.random.below(100) {
                0..35 => self.upload(),
                35..75 => self.read(),
                75..88 => self.edit(),
                88..97 => self.delete(),
                _ => self.tidy(),
            }
        }
    }

    /// What a server answers; none if it was killed before it had.
    fn send(
        &self,
        kind: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Answer> {
        let (number, server) = self.shared.server();
        let answer = server.try_send(method, path, headers, body);
        drop(server);
        let said = answer
            .as_ref()
            .map_or_else(|_| "cut off".to_owned(), |answer| answer.status.to_string());
        self.shared.report().add(format!("{kind} {said}"));
        match answer {
            Ok(answer) => Some(answer),
            Err(why) => {
                let was_killed = self.shared.is_replaced(number);
                self.must(was_killed, || {
                    format!("{method} {path}: {why}, by a server that was not killed")
                });
                None
            }
        }
    }

    fn must(&self, holds: bool, otherwise: impl FnOnce() -> String) {
        self.shared.report().must(holds, otherwise);
    }

    /// Stores what nobody has stored. What is cut off is sent again now and then, as one who wants it
    /// stored once does.
    fn upload(&mut self) {
        let number = self.shared.next_number();
        let content = Content::new(number, &mut self.random);
        let bytes = content.bytes();
        let digest = sha256(&bytes);
        let (address, life) = if self.random.percent(30) {
            let life = if self.shared.keeps_versions {
                Life::EveryVersion
            } else {
                Life::Newest
            };
            (contested(&mut self.random), life)
        } else {
            let task = (number % 5).to_string();
            let name = format!("{}/{number}.bin", self.number);
            (Address::new(&task, &name), Life::Once)
        };
        self.shared.contents().insert(digest.clone(), content);
        self.shared.ledger().try_upload(&address.uri, life, &digest);
        let key = format!("storm-{number}");
        let headers = [("idempotency-key", key.as_str())];
        let answer = loop {
            match self.send("upload", "PUT", &address.path, &headers, &bytes) {
                Some(answer) => break answer,
                None if self.random.percent(50) => {
                    self.shared.ledger().try_again(&address.uri);
                }
                None => return,
            }
        };
        if !matches!(answer.status, 200 | 201) {
            self.shared.ledger().fail(&address.uri, &digest);
            self.must(false, || refusal("PUT", &address, &answer));
            return;
        }
        let said = answer.json();
        self.shared.ledger().acknowledge(&said, false);
        if life == Life::Once {
            let id = said["id"].as_str().unwrap_or_default().to_owned();
            self.shared.stored().push(Stored {
                address,
                id,
                sha256: digest,
            });
        }
    }

    /// One of those that are stored, and not to be deleted yet.
    fn stored(&mut self) -> Option<Stored> {
        pick(&self.shared.stored(), &mut self.random).cloned()
    }

    /// Reads all of something, or a range, and compares it.
    fn read(&mut self) {
        let mut from = 0;
        let address = match self.random.below(10) {
            0..3 => contested(&mut self.random),
            3 => match pick(&self.shared.deleted(), &mut self.random) {
                Some(address) => address.clone(),
                None => return,
            },
            _ => match self.stored() {
                Some(stored) => {
                    let content = self.shared.contents()[&stored.sha256];
                    from = content.place(&mut self.random);
                    stored.address
                }
                None => return,
            },
        };
        let range = self.random.percent(70).then(|| {
            let length = usize::try_from(self.random.below(RANGE)).expect("it is small");
            from..from + length + 1
        });
        let before = self.shared.ledger().expected(&address.uri);
        let header = range
            .as_ref()
            .map(|range| format!("bytes={}-{}", range.start, range.end - 1));
        let headers: Vec<_> = header.iter().map(|text| ("range", text.as_str())).collect();
        let Some(answer) = self.send("read", "GET", &address.path, &headers, b"") else {
            return;
        };
        match answer.status {
            200 | 206 => self.compare(&address, before, range.as_ref(), &answer),
            404 => self.must_be_gone("GET", &address, before, &answer),
            _ => self.must(false, || refusal("GET", &address, &answer)),
        }
    }

    /// What was served is what was once to be uploaded there, and no older than what had to be found.
    fn compare(
        &self,
        address: &Address,
        before: Expected,
        range: Option<&Range<usize>>,
        answer: &Answer,
    ) {
        let digest = answer.header("etag").trim_matches('"');
        let version: u64 = answer
            .header("x-artifact-version")
            .parse()
            .unwrap_or_default();
        let is_timely = match before {
            Expected::AtLeast(oldest) => version >= oldest,
            Expected::Anything => true,
            Expected::Nothing => false,
        };
        let was_tried = self.shared.ledger().was_tried(&address.uri, digest);
        let content = self.shared.contents().get(digest).copied();
        let is_right = content.is_some_and(|content| {
            let bytes = content.bytes();
            let end = range.map_or(bytes.len(), |range| range.end.min(bytes.len()));
            bytes.get(range.map_or(0, |range| range.start)..end) == Some(&answer.body)
        });
        self.must(is_timely && was_tried && is_right, || {
            format!(
                "{}: {before:?} was to be found and version {version} was served, of {digest}; tried: \
                 {was_tried}, its bytes, {range:?}: {is_right}",
                address.uri
            )
        });
    }

    /// That something is not found, which must not have been there all the time.
    fn must_be_gone(&self, method: &str, address: &Address, before: Expected, answer: &Answer) {
        let after = self.shared.ledger().expected(&address.uri);
        let had_to_be_there = [before, after]
            .iter()
            .all(|expected| matches!(expected, Expected::AtLeast(_)));
        self.must(!had_to_be_there, || refusal(method, address, answer));
    }

    /// Changes tags and metadata in one step, each client under a key of its own.
    fn edit(&mut self) {
        let Some(Stored {
            address,
            id,
            sha256,
        }) = self.stored()
        else {
            return;
        };
        let uri = &address.uri;
        let key = format!("client-{}", self.number);
        let value = self.shared.next_number().to_string();
        let before = {
            let mut ledger = self.shared.ledger();
            ledger.try_edit(uri, &sha256, &key, &value);
            ledger.expected(uri)
        };
        let path = format!("/api/v1/artifacts/{id}");
        let body = json!({ "tags": { &key: value }, "metadata": { &key: value } }).to_string();
        let Some(answer) = self.send("edit", "PATCH", &path, &[], body.as_bytes()) else {
            return;
        };
        if answer.status == 200 {
            self.shared.ledger().edit(uri, &sha256, &key, &value);
            let said = answer.json();
            let is_right = said["tags"][&key] == value && said["metadata"][&key] == value;
            self.must(is_right, || {
                format!("{uri}: {key} is to be {value}: {said}")
            });
            return;
        }
        self.shared.ledger().refuse_edit(uri, &sha256, &key, &value);
        match answer.status {
            404 => self.must_be_gone("PATCH", &address, before, &answer),
            _ => self.must(false, || refusal("PATCH", &address, &answer)),
        }
    }

    /// Deletes what nobody else deletes.
    fn delete(&mut self) {
        let mut stored = self.shared.stored();
        let Some(index) = place(&stored, &mut self.random) else {
            return;
        };
        let address = stored.swap_remove(index).address;
        self.shared.ledger().try_delete(&address.uri);
        drop(stored);
        let Some(answer) = self.send("delete", "DELETE", &address.path, &[], b"") else {
            return;
        };
        let is_deleted = answer.status == 204;
        self.must(is_deleted, || refusal("DELETE", &address, &answer));
        if is_deleted {
            self.shared.ledger().delete(&address.uri);
            self.shared.deleted().push(address);
        }
    }

    fn tidy(&mut self) {
        let job = *self.random.pick(&["cleanup", "gc"]);
        let path = format!("/api/v1/{job}");
        if let Some(answer) = self.send(job, "POST", &path, &[], b"") {
            // One at a time works on the whole store.
            self.must(matches!(answer.status, 200 | 423), || {
                format!("{job}: {} {}", answer.status, answer.text())
            });
        }
    }
}

fn contested(random: &mut Random) -> Address {
    Address::new("all", &format!("{}.bin", random.below(CONTESTED)))
}

fn place<T>(all: &[T], random: &mut Random) -> Option<usize> {
    let count = u64::try_from(all.len()).expect("a slice is not that long");
    let chosen = (count > 0).then(|| random.below(count))?;
    usize::try_from(chosen).ok()
}

fn pick<'b, T>(all: &'b [T], random: &mut Random) -> Option<&'b T> {
    all.get(place(all, random)?)
}

fn refusal(method: &str, address: &Address, answer: &Answer) -> String {
    let said: String = answer.text().chars().take(300).collect();
    format!("{method} {}: {} {said}", address.uri, answer.status)
}
