//! The tree against a sorted vector: random edits, every rank, ranges in both directions.
//!
//! Owned by `tree`. The seeds are constants, so a failure repeats itself.

use super::*;
use crate::store::testing::Random;

impl Scored for u32 {
    fn score(self) -> f64 {
        f64::from(self / 4)
    }
}

fn before(element: u32) -> impl Fn(f64, u32) -> bool {
    move |score, other| (score, other) < (element.score(), element)
}

/// What must hold in every node.
fn check(node: &Node<u32>, depth: usize, leaves: &mut Vec<usize>) {
    let (load, max) = node.load();
    assert!(load <= max && (load > 0 || depth == 0));
    match node {
        Node::Leaf(_) => leaves.push(depth),
        Node::Inner(children) => {
            assert!(load > 1 || depth > 0);
            for child in children {
                assert_eq!(child.count, child.node.count());
                assert_eq!(Some(child.first), child.node.first());
                check(&child.node, depth + 1, leaves);
            }
        }
    }
}

fn compare(tree: &Tree<u32>, model: &[u32]) {
    let mut leaves = Vec::new();
    check(&tree.root, 0, &mut leaves);
    assert!(leaves.iter().all(|depth| *depth == leaves[0]));
    assert_eq!(tree.len(), model.len());
    assert!(tree.range(0, model.len(), false).eq(model.iter().copied()));
    if let Some(last) = model.len().checked_sub(1) {
        let back = tree.range(last, model.len(), true);
        assert!(back.eq(model.iter().rev().copied()));
    }
}

#[test]
fn random_edits_follow_a_model() {
    for seed in 1..9 {
        let mut random = Random::new(seed);
        let (mut tree, mut model) = (Tree::new(), Vec::new());
        for step in 0..1500 {
            // It grows, then shrinks.
            let grows = random.below(10) < if step < 900 { 8 } else { 3 };
            if grows || model.is_empty() {
                let element = random.below(5000) as u32;
                let at = model.partition_point(|&other| other < element);
                assert_eq!(tree.rank(before(element)), at);
                if model.get(at) != Some(&element) {
                    tree.insert(element, before(element));
                    model.insert(at, element);
                }
            } else {
                let from = random.below(model.len());
                let most = if random.below(20) == 0 {
                    model.len() - from
                } else {
                    3
                };
                let count = random.below(most + 1).min(model.len() - from);
                let mut taken = Vec::new();
                tree.remove(from, count, |element| taken.push(element));
                assert!(taken.iter().copied().eq(model.drain(from..from + count)));
            }
            if !model.is_empty() {
                let rank = random.below(model.len());
                assert_eq!(tree.get(rank), model[rank]);
                let count = random.below(model.len() - rank + 1);
                let range = tree.range(rank, count, false);
                assert!(range.eq(model[rank..rank + count].iter().copied()));
            }
            if step % 10 == 0 {
                compare(&tree, &model);
            }
        }
        let len = model.len();
        tree.remove(0, len, |_| {});
        compare(&tree, &[]);
    }
}

#[test]
fn what_comes_in_order_fills_the_nodes() {
    for ascends in [true, false] {
        let mut tree = Tree::new();
        let all: Vec<u32> = (0..1000).collect();
        for step in 0..1000 {
            let element = if ascends { step } else { 999 - step };
            tree.insert(element, before(element));
        }
        compare(&tree, &all);
        let mut leaves = Vec::new();
        check(&tree.root, 0, &mut leaves);
        let least = 1000_usize.div_ceil(leaf_max::<u32>());
        assert!(leaves.len() <= least + 1 || !ascends, "{}", leaves.len());
    }
}
