//! Which symbolic links may be made in a folder: those that lead nowhere outside of it, whatever
//! other links they go through. Makes none itself.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;

/// How many links one path may go through, as on Linux.
const MAX_HOPS: u32 = 40;

/// A link that is to be made.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) path: PathBuf,
    pub(super) target: String,
    pub(super) modified: Option<Timestamp>,
}

/// All links that are to be made in a folder.
#[derive(Debug)]
pub(super) struct LinkPlan {
    root: PathBuf,
    /// Where each leads, by its path below the root.
    planned: HashMap<PathBuf, PathBuf>,
}

impl LinkPlan {
    /// What is to be made below `root`.
    pub(super) fn new<'a>(root: &Path, links: impl Iterator<Item = &'a Link>) -> Self {
        let planned = links.filter_map(|link| {
            let below = link.path.strip_prefix(root).ok()?;
            Some((below.to_owned(), PathBuf::from(&link.target)))
        });
        Self {
            root: root.to_owned(),
            planned: planned.collect(),
        }
    }

    /// Whether a path that goes through the link ends inside of the folder, once all links are
    /// made that may be, and whatever is written there later.
    ///
    /// A link that may not be made leads none astray that may: whatever goes through it is refused
    /// with it.
    pub(super) fn stays_inside(&self, link: &Link) -> bool {
        let Ok(below) = link.path.strip_prefix(&self.root) else {
            return false;
        };
        let folder = below.parent().unwrap_or(Path::new("")).to_owned();
        let target = Path::new(&link.target);
        target.components().next().is_some() && self.resolve(folder, target, &mut 0).is_some()
    }

    /// Where `target` leads to from a folder below the root; none if that is, or may come to be,
    /// outside.
    fn resolve(&self, mut at: PathBuf, target: &Path, hops: &mut u32) -> Option<PathBuf> {
        for component in target.components() {
            match component {
                Component::CurDir => {}
                Component::ParentDir => {
                    // What is no folder now could be a link one day, and `..` would start from
                    // where that leads.
                    if !self.is_folder(&at) || !at.pop() {
                        return None;
                    }
                }
                Component::Normal(name) => {
                    at.push(name);
                    if let Some(target) = self.link_at(&at) {
                        *hops += 1;
                        if *hops > MAX_HOPS {
                            return None;
                        }
                        at.pop();
                        at = self.resolve(at, &target, hops)?;
                    }
                }
                Component::RootDir | Component::Prefix(_) => return None,
            }
        }
        Some(at)
    }

    fn link_at(&self, below: &Path) -> Option<PathBuf> {
        match self.planned.get(below) {
            Some(target) => Some(target.clone()),
            None => fs::read_link(self.root.join(below)).ok(),
        }
    }

    fn is_folder(&self, below: &Path) -> bool {
        let there = fs::symlink_metadata(self.root.join(below));
        // The root itself may be reached through a link, which is the user's own.
        below.as_os_str().is_empty() || there.is_ok_and(|there| there.is_dir())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Which of these links may be made in a folder that has `a/b/c/` and `file`.
    fn allowed(links: &[(&str, &str)]) -> Vec<bool> {
        allowed_beside(&[], links)
    }

    fn allowed_beside(there: &[(&str, &str)], links: &[(&str, &str)]) -> Vec<bool> {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("a/b/c")).unwrap();
        fs::write(root.path().join("file"), "x").unwrap();
        for (path, target) in there {
            symlink(target, root.path().join(path)).unwrap();
        }
        let links: Vec<_> = links
            .iter()
            .map(|(path, target)| Link {
                path: root.path().join(path),
                target: (*target).to_owned(),
                modified: None,
            })
            .collect();
        let plan = LinkPlan::new(root.path(), links.iter());
        links.iter().map(|link| plan.stays_inside(link)).collect()
    }

    #[test]
    fn a_link_may_lead_anywhere_inside() {
        for (path, target) in [
            ("l", "file"),
            ("l", "./file"),
            ("l", "nowhere/yet"),
            ("l", "."),
            ("l", "a/b/"),
            ("l", "a/../file"),
            ("a/b/l", "../../file"),
            ("a/b/l", "../.."),
            ("a/b/l", "../b/c"),
            ("l", "..."),
        ] {
            assert_eq!(allowed(&[(path, target)]), [true], "{path} -> {target}");
        }
    }

    #[test]
    fn a_link_may_not_lead_out() {
        for (path, target) in [
            ("l", ""),
            ("l", "/"),
            ("l", "/etc/passwd"),
            ("l", ".."),
            ("l", "../file"),
            ("l", "a/../../file"),
            ("a/b/l", "../../.."),
            ("a/b/l", "../../../x"),
            ("l", "./.././x"),
            // what is no folder may become a link
            ("l", "nowhere/../file"),
            ("l", "file/../a"),
        ] {
            assert_eq!(allowed(&[(path, target)]), [false], "{path} -> {target}");
        }
    }

    #[test]
    fn chains_of_links_are_followed() {
        // `up/..` is above the root, though it looks as if it were the root
        let chain = [("up", "a/.."), ("out", "up/..")];
        assert_eq!(allowed(&chain), [true, false]);
        let chain = [("dot", "."), ("out", "dot/../x")];
        assert_eq!(allowed(&chain), [true, false]);
        // `deep/..` is `a/b`, though it looks as if it were the root
        let chain = [("deep", "a/b/c"), ("in", "deep/../../../file")];
        assert_eq!(allowed(&chain), [true, true]);
        let chain = [("deep", "a/b/c"), ("out", "deep/../../../../file")];
        assert_eq!(allowed(&chain), [true, false]);
        // through one that is refused, whichever comes first
        let chain = [("first", "out/x"), ("out", "/etc"), ("last", "first")];
        assert_eq!(allowed(&chain), [false, false, false]);
        let hops = [("l0", "l1"), ("l1", "l2"), ("l2", "a/b/c/../../../..")];
        assert_eq!(allowed(&hops), [false, false, false]);
    }

    #[test]
    fn what_turns_in_circles_leads_nowhere() {
        assert_eq!(allowed(&[("l", "l")]), [false]);
        assert_eq!(allowed(&[("l", "m"), ("m", "l/x")]), [false, false]);
    }

    #[test]
    fn links_that_are_there_are_looked_at() {
        let there = [("mine", "/etc"), ("near", "a/b")];
        let links = [
            ("l", "mine/passwd"),
            ("m", "near/../x"),
            ("n", "near/../../../x"),
        ];
        assert_eq!(allowed_beside(&there, &links), [false, true, false]);
        // one that is replaced does not count
        let links = [("mine", "a"), ("l", "mine/x")];
        assert_eq!(allowed_beside(&there, &links), [true, true]);
    }
}
