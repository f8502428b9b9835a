//! Who calls whom: calls of methods and functions resolved to the files that define them.
//!
//! A small part of what the compiler knows: types of fields, parameters and bindings, imports, and
//! for receivers of unknown type a method's name where it is unique. Functions passed as values are
//! not calls.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::syntax::{Call, Function, Meaning, Place, Syntax};

/// How deep a chain of names, fields and calls is followed for its type.
const DEPTH_MAX: usize = 12;
/// Methods that hand out what is inside a container.
const TRANSPARENT: [&str; 18] = [
    "as_mut",
    "as_ref",
    "as_deref",
    "as_deref_mut",
    "borrow",
    "borrow_mut",
    "clone",
    "entry",
    "expect",
    "first",
    "get",
    "get_mut",
    "iter",
    "iter_mut",
    "last_mut",
    "or_default",
    "take",
    "values_mut",
];

/// The files of some folders, by number, and what they define.
pub struct Calls<'a> {
    files: Vec<&'a Syntax>,
    /// Methods by type and name: file and type of the result.
    methods: HashMap<(&'a str, &'a str), (usize, Option<&'a str>)>,
    /// Files that define a method of this name, whatever the type.
    by_name: HashMap<&'a str, BTreeSet<usize>>,
    /// Method names that types of other folders have as well.
    elsewhere: BTreeSet<&'a str>,
    /// Fields by type and name: the field's type.
    fields: HashMap<(&'a str, &'a str), &'a str>,
}

impl<'a> Calls<'a> {
    /// Looks at the files whose path begins with one of these.
    pub fn within(all: &'a [Syntax], folders: &[&str]) -> Self {
        let inside = |file: &&Syntax| folders.iter().any(|folder| file.path.starts_with(folder));
        let files: Vec<&Syntax> = all.iter().filter(inside).collect();
        let mut calls = Self {
            methods: HashMap::new(),
            by_name: HashMap::new(),
            elsewhere: BTreeSet::new(),
            fields: HashMap::new(),
            files,
        };
        for (number, file) in calls.files.iter().enumerate() {
            for function in &file.functions {
                if let Some(owner) = &function.owner {
                    let value = (number, function.returns.as_deref());
                    calls.methods.insert((owner, &function.name), value);
                    calls
                        .by_name
                        .entry(&function.name)
                        .or_default()
                        .insert(number);
                }
            }
            for item in &file.structs {
                for field in &item.fields {
                    calls.fields.insert((&item.name, &field.name), &field.kind);
                }
            }
        }
        for file in all.iter().filter(|file| !inside(file)) {
            let methods = file.functions.iter().filter(|it| it.owner.is_some());
            calls
                .elsewhere
                .extend(methods.map(|method| method.name.as_str()));
        }
        calls
    }

    /// For each file the files that its functions call into, itself left out, and what they call
    /// there.
    pub fn edges(&self) -> Vec<BTreeMap<usize, BTreeSet<String>>> {
        let mut edges = vec![BTreeMap::new(); self.files.len()];
        for (number, file) in self.files.iter().enumerate() {
            let functions = file.functions.iter();
            let calls = functions.flat_map(|it| it.calls.iter().map(move |call| (it, call)));
            for (function, call) in calls {
                let target = self.target(number, function, call);
                if let (Some(target), Some(name)) = (target, call.name())
                    && target != number
                {
                    let names: &mut BTreeSet<String> = edges[number].entry(target).or_default();
                    names.insert(name.to_string());
                }
            }
        }
        edges
    }

    /// The file that a call goes to.
    fn target(&self, file: usize, function: &Function, call: &Call) -> Option<usize> {
        match call {
            Call::Value => None,
            Call::Path(path) => self.path_target(file, function, path).map(|(file, _)| file),
            Call::Method(place, name) => match self.kind(file, function, place, 0) {
                Some(kind) => self
                    .methods
                    .get(&(kind, name.as_str()))
                    .map(|(file, _)| *file),
                None => self.unique(name),
            },
        }
    }

    /// The only file whose types have a method of this name, which no other type is known to have.
    fn unique(&self, name: &str) -> Option<usize> {
        let files = self.by_name.get(name)?;
        let shared =
            self.elsewhere.contains(name) || TRANSPARENT.contains(&name) || is_standard(name);
        (files.len() == 1 && !shared).then(|| *files.iter().next().expect("there is one"))
    }

    /// The type of an expression, as far as it can be told.
    fn kind<'s>(
        &'s self,
        file: usize,
        function: &'s Function,
        place: &'s Place,
        depth: usize,
    ) -> Option<&'s str> {
        if depth > DEPTH_MAX {
            return None;
        }
        match place {
            Place::Other => None,
            Place::Itself => function.owner.as_deref(),
            Place::Name(name) => {
                let known = function.names.iter().rev().find(|(known, _)| known == name);
                match known {
                    Some((_, Meaning::Type(kind))) => own(function, kind),
                    Some((_, Meaning::Value(place))) => self.kind(file, function, place, depth + 1),
                    // A closure's parameter.
                    None => (name == "core").then_some("Core"),
                }
            }
            Place::Field(base, name) => {
                let base = self.kind(file, function, base, depth + 1)?;
                self.fields.get(&(base, name.as_str())).copied()
            }
            Place::Method(base, name) => {
                let base = self.kind(file, function, base, depth + 1)?;
                match self.methods.get(&(base, name.as_str())) {
                    Some((_, Some("Self"))) => Some(base),
                    Some((_, returns)) => *returns,
                    None => TRANSPARENT.contains(&name.as_str()).then_some(base),
                }
            }
            Place::Function(path) => {
                let (_, returns) = self.path_target(file, function, path)?;
                match returns {
                    Some("Self") => path.iter().rev().nth(1).map(String::as_str),
                    returns => returns,
                }
            }
        }
    }

    /// The file of the function that a path names, and its result's type.
    fn path_target(
        &self,
        file: usize,
        function: &Function,
        path: &[String],
    ) -> Option<(usize, Option<&str>)> {
        let (name, before) = path.split_last()?;
        if let Some(kind) = before.last()
            && kind.starts_with(char::is_uppercase)
        {
            let kind = own(function, kind)?;
            return self.methods.get(&(kind, name.as_str())).copied();
        }
        let module: Vec<String> = match before {
            [] => self.files[file]
                .module()
                .iter()
                .map(ToString::to_string)
                .collect(),
            before => self.module(file, before)?,
        };
        self.free(&module, name, 0)
    }

    /// A free function of a module, its own or imported there.
    fn free(&self, module: &[String], name: &str, depth: usize) -> Option<(usize, Option<&str>)> {
        let number = self.files.iter().position(|file| file.module() == module)?;
        let file = self.files[number];
        let own = |function: &&Function| function.owner.is_none() && function.name == name;
        if let Some(function) = file.functions.iter().find(own) {
            return Some((number, function.returns.as_deref()));
        }
        let imports = file
            .imports
            .iter()
            .filter(|it| it.alias == name || it.alias == "*");
        imports.take(DEPTH_MAX).find_map(|import| {
            let (last, before) = match import.alias.as_str() {
                "*" => (name, import.path.as_slice()),
                _ => import
                    .path
                    .split_last()
                    .map(|(last, before)| (last.as_str(), before))?,
            };
            let module = self.module(number, before)?;
            if depth > DEPTH_MAX {
                None
            } else {
                self.free(&module, last, depth + 1)
            }
        })
    }

    /// The module that a path names where it stands in this file.
    fn module(&self, file: usize, path: &[String]) -> Option<Vec<String>> {
        let here = self.files[file].module();
        let mut module: Vec<String> = here.iter().map(ToString::to_string).collect();
        let mut path = path;
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => {
                module.clear();
                path = rest;
            }
            "self" => path = rest,
            "super" => {}
            alias => {
                let imports = &self.files[file].imports;
                let import = imports.iter().find(|import| import.alias == alias);
                if let Some(import) = import
                    && import.path.first().is_some_and(|first| first != alias)
                {
                    module = self.module(file, &import.path)?;
                    path = rest;
                }
            }
        }
        for part in path {
            match part.as_str() {
                "super" => {
                    module.pop();
                }
                part => module.push(part.to_string()),
            }
        }
        Some(module)
    }
}

/// A type's name where it stands: `Self` is the type of the `impl` block.
fn own<'s>(function: &'s Function, kind: &'s str) -> Option<&'s str> {
    match kind {
        "Self" => function.owner.as_deref(),
        kind => Some(kind),
    }
}

/// Names that types of the standard library have.
fn is_standard(name: &str) -> bool {
    const NAMES: &str = " add all any append back begin chain clear cloned close collect contains \
        contains_key copied count drain end entry enumerate extend fetch_add fill filter filter_map \
        find find_map finish flat_map fold for_each front insert is_empty keys last len load lock map \
        max min next nth peek pop pop_back pop_front position push push_back push_front read remove \
        replace reserve resize retain rev send set skip sort split split_at split_off starts_with \
        store sum swap take_while truncate values write zip ";
    NAMES.contains(&format!(" {name} "))
}

/// The largest set of files that call each other in a circle: paths, and for each of them what it
/// calls of the others.
pub fn largest_circle(all: &[Syntax], folders: &[&str]) -> Vec<(String, String)> {
    let calls = Calls::within(all, folders);
    let edges = calls.edges();
    let targets: Vec<BTreeSet<usize>> = edges
        .iter()
        .map(|targets| targets.keys().copied().collect())
        .collect();
    let circles = components(&targets);
    let largest = circles.into_iter().max_by_key(Vec::len).unwrap_or_default();
    if largest.len() < 2 {
        return Vec::new();
    }
    let path = |file: usize| calls.files[file].path.clone();
    let inside = |file: usize| {
        let others = edges[file]
            .iter()
            .filter(|(other, _)| largest.contains(other));
        let called = others.map(|(&other, names)| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            format!("{} ({})", path(other), names.join(", "))
        });
        called.collect::<Vec<_>>().join(", ")
    };
    let mut circle: Vec<(String, String)> = largest
        .iter()
        .map(|&file| (path(file), inside(file)))
        .collect();
    circle.sort();
    circle
}

/// Which files of a folder each of its files imports by name; the folder's own `mod.rs` is no other
/// file.
pub fn siblings(all: &[Syntax], folder: &str) -> BTreeMap<String, BTreeSet<String>> {
    let calls = Calls::within(all, &[folder]);
    let mut named = BTreeMap::new();
    let with_code = |file: &&&Syntax| !file.functions.is_empty() || !file.structs.is_empty();
    for (number, file) in calls
        .files
        .iter()
        .enumerate()
        .filter(|(_, file)| with_code(file))
    {
        let modules = file
            .imports
            .iter()
            .filter_map(|import| calls.module(number, &import.path));
        let files = modules.filter_map(|path| {
            let known = |length: usize| calls.files.iter().find(|it| it.module() == path[..length]);
            (1..=path.len()).rev().find_map(known)
        });
        let others = files
            .filter(|other| other.path != file.path && other.path != format!("{folder}mod.rs"))
            .map(|other| other.path.clone());
        named.insert(file.path.clone(), others.collect());
    }
    named
}

/// The strongly connected components of a graph (Tarjan, SIAM Journal on Computing 1972), by nodes.
pub fn components(edges: &[BTreeSet<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search {
        edges,
        order: vec![None; edges.len()],
        low: vec![0; edges.len()],
        on_stack: vec![false; edges.len()],
        stack: Vec::new(),
        visited: 0,
        found: Vec::new(),
    };
    for node in 0..edges.len() {
        if search.order[node].is_none() {
            search.visit(node);
        }
    }
    search.found
}

struct Search<'a> {
    edges: &'a [BTreeSet<usize>],
    /// When a node was first seen, and the earliest node that it can reach on the stack.
    order: Vec<Option<usize>>,
    low: Vec<usize>,
    on_stack: Vec<bool>,
    stack: Vec<usize>,
    visited: usize,
    found: Vec<Vec<usize>>,
}

impl Search<'_> {
    fn visit(&mut self, node: usize) {
        let order = self.visited;
        self.visited += 1;
        (self.order[node], self.low[node]) = (Some(order), order);
        self.stack.push(node);
        self.on_stack[node] = true;
        for &next in &self.edges[node] {
            match self.order[next] {
                None => {
                    self.visit(next);
                    self.low[node] = self.low[node].min(self.low[next]);
                }
                Some(seen) if self.on_stack[next] => {
                    self.low[node] = self.low[node].min(seen);
                }
                Some(_) => {}
            }
        }
        if self.low[node] == order {
            let at = self
                .stack
                .iter()
                .position(|&it| it == node)
                .expect("it was pushed");
            let component = self.stack.split_off(at);
            for &it in &component {
                self.on_stack[it] = false;
            }
            self.found.push(component);
        }
    }
}
