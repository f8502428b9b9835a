//! The directories of a simulated disk: in the cache, and on the platter.
//!
//! Owned by the disk. A change of names is one step for whoever looks; on the platter it is after a
//! sync of its directory, or by chance. Of several changes that were not synced a power cut keeps
//! any, but none without those before it that were about the same name or file, and each is there
//! whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path};

use crate::base::file::errno;
use crate::base::sim::random::Random;

/// The number of a file or directory.
pub(super) type Node = u64;

const ROOT: Node = 0;

type Tree = BTreeMap<Node, BTreeMap<OsString, Node>>;

/// A name in a directory, and what it leads to afterwards.
type Step = (Node, OsString, Option<Node>);

#[derive(Debug)]
pub(super) struct Names {
    current: Tree,
    durable: Tree,
    /// Changes that were not synced, each one step or nothing.
    changes: Vec<Vec<Step>>,
    /// What changes are about that a failed sync has forgotten: no later sync saves them, nor what
    /// came after them.
    forgotten: Subjects,
    next: Node,
}

impl Default for Names {
    fn default() -> Self {
        let root = Tree::from([(ROOT, BTreeMap::new())]);
        Self {
            current: root.clone(),
            durable: root,
            changes: Vec::new(),
            forgotten: Subjects::default(),
            next: ROOT + 1,
        }
    }
}

/// What changes are about.
#[derive(Debug, Default)]
struct Subjects {
    names: BTreeSet<(Node, OsString)>,
    nodes: BTreeSet<Node>,
}

impl Subjects {
    fn add(&mut self, steps: &[Step]) {
        for (directory, name, node) in steps {
            self.names.insert((*directory, name.clone()));
            self.nodes.extend(node);
        }
    }

    fn meet(&self, steps: &[Step]) -> bool {
        steps.iter().any(|(directory, name, node)| {
            self.names.contains(&(*directory, name.clone()))
                || node.is_some_and(|node| self.nodes.contains(&node))
        })
    }
}

fn apply(steps: &[Step], tree: &mut Tree) {
    for (directory, name, node) in steps {
        let entries = tree.entry(*directory).or_default();
        match node {
            Some(node) => entries.insert(name.clone(), *node),
            None => entries.remove(name),
        };
    }
}

impl Names {
    /// # Errors
    /// ENOENT, or ENOTDIR when a file stands in the way.
    pub(super) fn find(&self, path: &Path) -> io::Result<Node> {
        if path.as_os_str().is_empty() {
            return Err(errno(libc::ENOENT));
        }
        // What lies above is not linked to: a path is followed from its beginning.
        let mut way = vec![ROOT];
        for component in path.components() {
            let at = *way.last().expect("the way begins at the root");
            match component {
                Component::Normal(name) => {
                    let entries = self.current.get(&at);
                    let entries = entries.ok_or_else(|| errno(libc::ENOTDIR))?;
                    let node = entries.get(name);
                    way.push(*node.ok_or_else(|| errno(libc::ENOENT))?);
                }
                Component::ParentDir if way.len() > 1 => {
                    way.pop();
                }
                _ => {}
            }
        }
        Ok(*way.last().expect("the way begins at the root"))
    }

    /// The directory in which a path's last name stands, and that name.
    fn place<'a>(&self, path: &'a Path) -> io::Result<(Node, &'a OsStr)> {
        let name = path.file_name().ok_or_else(|| errno(libc::ENOENT))?;
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => self.find(parent)?,
            _ => ROOT,
        };
        match self.is_directory(parent) {
            true => Ok((parent, name)),
            false => Err(errno(libc::ENOTDIR)),
        }
    }

    fn is_directory(&self, node: Node) -> bool {
        self.current.contains_key(&node)
    }

    fn change(&mut self, steps: Vec<Step>) {
        apply(&steps, &mut self.current);
        self.changes.push(steps);
    }

    /// A new file.
    pub(super) fn create(&mut self, path: &Path) -> io::Result<Node> {
        let (directory, name) = self.place(path)?;
        let node = self.next;
        self.next += 1;
        self.change(vec![(directory, name.to_os_string(), Some(node))]);
        Ok(node)
    }

    pub(super) fn make_directory(&mut self, path: &Path) -> io::Result<()> {
        if self.find(path).is_ok() {
            return Err(errno(libc::EEXIST));
        }
        let node = self.create(path)?;
        self.current.insert(node, BTreeMap::new());
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let node = self.find(from)?;
        let (source, old) = self.place(from)?;
        let (target, new) = self.place(to)?;
        if let Ok(replaced) = self.find(to) {
            match (self.is_directory(node), self.current.get(&replaced)) {
                _ if replaced == node => return Ok(()),
                (false, Some(_)) => return Err(errno(libc::EISDIR)),
                (true, None) => return Err(errno(libc::ENOTDIR)),
                (true, Some(entries)) if !entries.is_empty() => return Err(errno(libc::ENOTEMPTY)),
                _ => {}
            }
        }
        if self.is_directory(node) && to.starts_with(from) {
            return Err(errno(libc::EINVAL));
        }
        self.change(vec![
            (source, old.to_os_string(), None),
            (target, new.to_os_string(), Some(node)),
        ]);
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let node = self.find(path)?;
        if self.is_directory(node) {
            return Err(errno(libc::EISDIR));
        }
        let (directory, name) = self.place(path)?;
        self.change(vec![(directory, name.to_os_string(), None)]);
        Ok(())
    }

    pub(super) fn remove_directory(&mut self, path: &Path) -> io::Result<()> {
        let node = self.find(path)?;
        let entries = self.current.get(&node);
        let entries = entries.ok_or_else(|| errno(libc::ENOTDIR))?;
        if !entries.is_empty() {
            return Err(errno(libc::ENOTEMPTY));
        }
        let (directory, name) = self.place(path)?;
        self.change(vec![(directory, name.to_os_string(), None)]);
        Ok(())
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let entries = self.current.get(&self.find(path)?);
        let entries = entries.ok_or_else(|| errno(libc::ENOTDIR))?;
        Ok(entries.keys().cloned().collect())
    }

    /// Makes durable what has changed in a directory, and what led to that.
    pub(super) fn sync(&mut self, directory: Node) {
        for steps in self.take_changes_of(directory) {
            self.save(&steps, true);
        }
    }

    /// As Linux does with files: the changes count as saved and can still be seen, but only some of
    /// them are on the platter, and no later sync puts the others there.
    pub(super) fn fail_sync(&mut self, directory: Node, random: &mut Random) {
        for steps in self.take_changes_of(directory) {
            let lucky = random.one_in(2);
            self.save(&steps, lucky);
        }
    }

    /// What has changed in a directory, and what led to that, in order.
    fn take_changes_of(&mut self, directory: Node) -> Vec<Vec<Step>> {
        let mut needed = Subjects::default();
        let mut taken = Vec::new();
        let mut kept = Vec::new();
        for steps in std::mem::take(&mut self.changes).into_iter().rev() {
            let in_directory = steps.iter().any(|(changed, ..)| *changed == directory);
            if in_directory || needed.meet(&steps) {
                needed.add(&steps);
                taken.push(steps);
            } else {
                kept.push(steps);
            }
        }
        taken.reverse();
        kept.reverse();
        self.changes = kept;
        taken
    }

    /// A change reaches the platter if it is lucky and those before it have.
    fn save(&mut self, steps: &[Step], lucky: bool) {
        if lucky && !self.forgotten.meet(steps) {
            apply(steps, &mut self.durable);
        } else {
            self.forgotten.add(steps);
        }
    }

    pub(super) fn lose_power(&mut self, random: &mut Random) {
        // Nothing, everything, or each change by its own luck.
        let luck = random.below(4);
        for steps in std::mem::take(&mut self.changes) {
            let lucky = luck == 1 || luck > 1 && random.one_in(2);
            self.save(&steps, lucky);
        }
        self.forgotten = Subjects::default();
        // A directory is one even when nothing in it was ever synced.
        for node in self.current.keys() {
            self.durable.entry(*node).or_default();
        }
        self.current = self.durable.clone();
    }

    /// True when a name leads to the node, or may do so after a power cut.
    pub(super) fn mentions(&self, node: Node) -> bool {
        let in_tree = |tree: &Tree| {
            tree.values()
                .any(|names| names.values().any(|it| *it == node))
        };
        let in_changes = || {
            let mut steps = self.changes.iter().flatten();
            steps.any(|(_, _, leads)| *leads == Some(node))
        };
        in_tree(&self.current) || in_tree(&self.durable) || in_changes()
    }

    /// A durable directory, and those that lead to it.
    pub(super) fn put_directory(&mut self, path: &Path) {
        let mut way: Vec<&Path> = path.ancestors().collect();
        way.reverse();
        for directory in way {
            if directory.file_name().is_some() && self.find(directory).is_err() {
                self.make_directory(directory)
                    .expect("its own parent is there");
            }
        }
        self.sync_all();
    }

    /// A durable file, and the directories that lead to it.
    pub(super) fn put(&mut self, path: &Path) -> Node {
        if let Some(parent) = path.parent() {
            self.put_directory(parent);
        }
        let node = self.find(path);
        let node = node.unwrap_or_else(|_| self.create(path).expect("its directory is there"));
        self.sync_all();
        node
    }

    fn sync_all(&mut self) {
        for steps in std::mem::take(&mut self.changes) {
            apply(&steps, &mut self.durable);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsynced_names_come_and_go_whole_and_in_any_order() {
        let path = Path::new;
        let mut seen = BTreeSet::new();
        for seed in 0..300 {
            let mut names = Names::default();
            let old = names.put(path("/d/old"));
            let other = names.put(path("/d/other"));
            let new = names.create(path("/d/new")).unwrap();
            names.rename(path("/d/new"), path("/d/old")).unwrap();
            names.remove(path("/d/other")).unwrap();
            let later = names.create(path("/d/later")).unwrap();
            assert_eq!(names.list(path("/d")).unwrap(), ["later", "old"]);
            names.lose_power(&mut Random::new(seed));
            let find = |name: &str| names.find(path(name)).ok();
            let found = ["/d/old", "/d/new", "/d/other", "/d/later"].map(find);
            assert!(
                [Some(old), Some(new)].contains(&found[0]),
                "an old name is there"
            );
            assert!(
                found[0] != Some(new) || found[1].is_none(),
                "a file has one name"
            );
            assert!([None, Some(other)].contains(&found[2]));
            assert!([None, Some(later)].contains(&found[3]));
            seen.insert(found.map(|node| node.unwrap_or(0)));
        }
        // Renamed or only created or neither; removed or not; created or not.
        assert_eq!(seen.len(), 3 * 2 * 2, "{seen:?}");
    }

    #[test]
    fn what_a_sync_covers_is_there() {
        let path = Path::new;
        for seed in 0..100 {
            let mut names = Names::default();
            names.put_directory(path("/d"));
            names.put_directory(path("/e"));
            let moved = names.create(path("/d/x")).unwrap();
            names.rename(path("/d/x"), path("/e/y")).unwrap();
            names.create(path("/d/unsynced")).unwrap();
            names.sync(names.find(path("/e")).unwrap());
            names.lose_power(&mut Random::new(seed));
            assert_eq!(
                names.find(path("/e/y")).unwrap(),
                moved,
                "a sync saves what led to it"
            );
            assert!(names.find(path("/d/x")).is_err());
        }
    }

    #[test]
    fn a_failed_sync_is_not_made_good_by_a_later_one() {
        let path = Path::new;
        let mut kept = 0;
        for seed in 0..200 {
            let mut names = Names::default();
            names.put_directory(path("/d"));
            let directory = names.find(path("/d")).unwrap();
            let first = names.create(path("/d/x")).unwrap();
            names.fail_sync(directory, &mut Random::new(seed));
            assert_eq!(names.find(path("/d/x")).unwrap(), first, "it can be seen");
            names.rename(path("/d/x"), path("/d/y")).unwrap();
            let other = names.create(path("/d/other")).unwrap();
            names.sync(directory);
            names.lose_power(&mut Random::new(seed));
            assert_eq!(names.find(path("/d/other")).unwrap(), other, "it is new");
            let found = names.find(path("/d/y")).ok();
            assert!(found.is_none_or(|found| found == first));
            kept += usize::from(found.is_some());
        }
        assert!((50..150).contains(&kept), "{kept}");
    }
}
