//! For tokens and requests made up at random the server answers as a naive model says, which was written
//! without a look at the server's own.

use e2e::{Random, Sandbox, Server};
use serde_json::Value;

use super::{Bearer, at, tar, token};

const SPECS: [&str; 6] = ["team", "team-b", "Team", "te", "a", "ab"];
const TASKS: [&str; 4] = ["1", "11", "ci-1", "CI-1"];
const SPEC_GLOBS: [&str; 9] = [
    "team", "team*", "team-?", "*", "t*", "Team", "[at]*", "a?", "x",
];
const TASK_GLOBS: [&str; 6] = ["*", "1", "1*", "ci-*", "?", "*1"];
const ACTIONS: [&str; 4] = ["read", "write", "delete", "admin"];
const TOKENS: usize = 16;

/// A token as the model knows it.
struct Token {
    actions: Vec<&'static str>,
    specs: Vec<&'static str>,
    tasks: Vec<&'static str>,
    secret: String,
}

impl Token {
    fn random(random: &mut Random, store: &Sandbox, name: &str) -> Self {
        let actions = some(random, &ACTIONS, 3);
        let (specs, tasks) = (some(random, &SPEC_GLOBS, 2), some(random, &TASK_GLOBS, 2));
        let allowed = actions.join(",");
        let mut args = vec![&*allowed];
        for spec in &specs {
            args.extend(["--spec", spec]);
        }
        for task in &tasks {
            args.extend(["--task", task]);
        }
        let secret = token(store, name, &args);
        Self {
            actions,
            specs,
            tasks,
            secret,
        }
    }

    fn allows(&self, action: &str) -> bool {
        self.actions.contains(&action) || self.actions.contains(&"admin")
    }

    fn may(&self, action: &str, spec: &str, task: &str) -> bool {
        self.allows(action)
            && self
                .specs
                .iter()
                .any(|glob| fits(glob.as_bytes(), spec.as_bytes()))
            && self
                .tasks
                .iter()
                .any(|glob| fits(glob.as_bytes(), task.as_bytes()))
    }

    fn may_spec(&self, action: &str, spec: &str) -> bool {
        self.allows(action)
            && self
                .specs
                .iter()
                .any(|glob| fits(glob.as_bytes(), spec.as_bytes()))
            && self.tasks.contains(&"*")
    }

    fn may_all(&self, action: &str) -> bool {
        self.allows(action) && self.specs.contains(&"*") && self.tasks.contains(&"*")
    }
}

/// One to `most` of them.
fn some(random: &mut Random, of: &[&'static str], most: u64) -> Vec<&'static str> {
    let count = 1 + random.below(most);
    let mut chosen: Vec<_> = (0..count).map(|_| *random.pick(of)).collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// Whether a pattern of `*`, `?` and sets without ranges fits all of a text.
fn fits(glob: &[u8], text: &[u8]) -> bool {
    match (glob, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|skip| fits(rest, &text[skip..])),
        ([b'?', rest @ ..], [_, after @ ..]) => fits(rest, after),
        ([b'[', set @ ..], [first, after @ ..]) => {
            let end = set.iter().position(|byte| *byte == b']').unwrap();
            set[..end].contains(first) && fits(&set[end + 1..], after)
        }
        ([wanted, rest @ ..], [first, after @ ..]) => wanted == first && fits(rest, after),
        _ => false,
    }
}

#[test]
fn the_server_answers_as_a_naive_model_says() {
    let store = Sandbox::new();
    let admin = token(&store, "admin", &["admin"]);
    let mut random = Random::seeded();
    let mut make = |number| Token::random(&mut random, &store, &format!("t{number}"));
    let tokens: Vec<_> = (0..TOKENS).map(&mut make).collect();
    let server = Server::start(&store);
    let admin = Bearer::new(&server, &admin);
    let mut ids = Vec::new();
    for spec in SPECS {
        for task in TASKS {
            let stored = admin
                .put(&at(spec, task, "a.log"), b"x\n")
                .expect(201)
                .json();
            ids.push((spec, task, stored["id"].as_str().unwrap().to_owned()));
        }
    }
    for (number, known) in tokens.iter().enumerate() {
        let who = Bearer::new(&server, &known.secret);
        let comparison = Comparison { known, who: &who };
        for (spec, task, id) in &ids {
            comparison.of_artifact(spec, task, id, number);
            comparison.of_import(spec, task);
        }
        for spec in SPECS {
            comparison.of_spec(spec);
        }
        comparison.of_store();
        comparison.of_list(&ids);
    }
}

/// What a token may do, to be compared with what the server lets its bearer do.
struct Comparison<'a> {
    known: &'a Token,
    who: &'a Bearer<'a>,
}

impl Comparison<'_> {
    /// Sends a request; with the right to it the answer is a success, without it `denied`.
    #[track_caller]
    fn check(&self, request: &str, body: &[u8], may: bool, denied: u16) {
        let (method, path) = request.split_once(' ').unwrap();
        let status = self.who.send(method, path, body).status;
        let token = format!(
            "{:?} in {:?} {:?}",
            self.known.actions, self.known.specs, self.known.tasks
        );
        if may {
            assert!(status < 300, "{token}: {request} gave {status}");
        } else {
            assert_eq!(status, denied, "{token}: {request}");
        }
    }

    fn of_artifact(&self, spec: &str, task: &str, id: &str, number: usize) {
        let may = |action| self.known.may(action, spec, task);
        let (named, new) = (
            at(spec, task, "a.log"),
            at(spec, task, &format!("{number}.log")),
        );
        self.check(&format!("GET {named}"), b"", may("read"), 403);
        self.check(&format!("PUT {new}"), b"y", may("write"), 403);
        // What was not stored is not there.
        let denied = if may("delete") { 404 } else { 403 };
        let both = may("delete") && may("write");
        self.check(&format!("DELETE {new}"), b"", both, denied);
        let one = format!("/api/v1/artifacts/{id}");
        // An action that one may do nowhere is refused before anything is looked for.
        let hidden = |action| {
            let is_looked_for = self.known.allows(action) && !may("read");
            if is_looked_for { 404 } else { 403 }
        };
        self.check(&format!("GET {one}"), b"", may("read"), hidden("read"));
        let tags = br#"{"tags":{"k":"v"}}"#;
        self.check(&format!("PATCH {one}"), tags, may("write"), hidden("write"));
        let complete = format!("POST {one}/complete");
        self.check(&complete, b"{}", may("write"), hidden("write"));
        let presign = format!("POST {one}/presign");
        self.check(&presign, b"", may("read"), hidden("read"));
        let compare = format!(
            "GET /api/v1/compare?baseline={task}&current={task}&spec={spec}&baseline_spec={spec}"
        );
        self.check(&compare, b"", may("read"), 403);
        let export = format!("GET /api/v1/specs/{spec}/tasks/{task}/export");
        self.check(&export, b"", may("read"), 403);
        let bulk = format!("DELETE /api/v1/artifacts?spec={spec}&task={task}&dry_run=true");
        // A plan tells what is there.
        self.check(&bulk, b"", may("delete") && may("read"), 403);
    }

    fn of_spec(&self, spec: &str) {
        let may = |action| self.known.may_spec(action, spec);
        self.check(
            &format!("GET /api/v1/specs/{spec}/export"),
            b"",
            may("read"),
            403,
        );
        self.check(
            &format!("GET /api/v1/usage?spec={spec}"),
            b"",
            may("read"),
            403,
        );
        let bulk = format!("DELETE /api/v1/artifacts?spec={spec}&dry_run=true");
        self.check(&bulk, b"", may("delete") && may("read"), 403);
    }

    fn of_store(&self) {
        let may = |action| self.known.may_all(action);
        self.check("GET /api/v1/usage", b"", may("read"), 403);
        self.check("GET /metrics", b"", may("read"), 403);
        self.check("GET /api/v1/retention", b"", may("read"), 403);
        self.check("POST /api/v1/gc?dry_run=true", b"", may("admin"), 403);
        self.check("POST /api/v1/reindex", b"", may("admin"), 403);
        self.check("POST /api/v1/doctor", b"", may("admin"), 403);
        self.check("GET /api/v1/tokens", b"", may("admin"), 403);
        self.check("DELETE /api/v1/signing-keys", b"", may("admin"), 403);
        self.of_tokens();
        let lock = "/api/v1/locks?artifact=artifact://team/1/log/a.log";
        self.check(&format!("GET {lock}"), b"", may("admin"), 403);
        self.check(&format!("DELETE {lock}"), b"", may("admin"), 403);
        self.check("GET /api/v1/artifacts", b"", self.known.allows("read"), 403);
        // What is in it is judged file by file.
        let import = "POST /api/v1/import?dry_run=true";
        let may_plan = self.known.allows("write") && self.known.allows("read");
        self.check(import, b"", may_plan, 403);
    }

    /// Who may make a token may take it away again.
    fn of_tokens(&self) {
        let may = self.known.may_all("admin");
        let wish = br#"{"name":"made","grants":[{"actions":["read"]}]}"#;
        self.check("POST /api/v1/tokens", wish, may, 403);
        self.check("DELETE /api/v1/tokens?token=made", b"", may, 403);
    }

    /// An archive with what is there already.
    fn of_import(&self, spec: &str, task: &str) {
        let archive = tar("a.log", b"x\n");
        let may = |action| self.known.may(action, spec, task);
        for dry_run in [false, true] {
            let path = format!("/api/v1/import?spec={spec}&task={task}&type=log&dry_run={dry_run}");
            let may_some = self.known.allows("write") && (!dry_run || self.known.allows("read"));
            if !may_some {
                self.check(&format!("POST {path}"), &archive, false, 403);
                continue;
            }
            let told = self.who.send("POST", &path, &archive).expect(200).text();
            let item: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
            let item = &item["item"];
            let is_taken = may("write") && (!dry_run || may("read"));
            let outcome = if is_taken { "present" } else { "failed" };
            assert_eq!(item["outcome"], outcome, "{path}: {told}");
            let is_told = !item["artifact"]["sha256"].is_null();
            assert_eq!(is_told, is_taken && may("read"), "{path}: {told}");
        }
    }

    /// A list has what may be read, and nothing else.
    fn of_list(&self, ids: &[(&str, &str, String)]) {
        if !self.known.allows("read") {
            return;
        }
        let visible = ids.iter();
        let visible = visible.filter(|(spec, task, _)| self.known.may("read", spec, task));
        let mut visible: Vec<_> = visible.map(|(_, _, id)| id.as_str()).collect();
        visible.sort_unstable();
        let list = self
            .who
            .get("/api/v1/artifacts?name=a.log&limit=1000")
            .json();
        let items = list["items"].as_array().unwrap().iter();
        let mut found: Vec<_> = items.map(|item| item["id"].as_str().unwrap()).collect();
        found.sort_unstable();
        assert_eq!(
            found, visible,
            "{:?} {:?}",
            self.known.specs, self.known.tasks
        );
    }
}
