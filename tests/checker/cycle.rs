//! Strict serializability of long histories, by contradiction: cycles among transactions.
//!
//! After Elle (Kingsbury and Alvaro, VLDB 2020): every write appends a token that nobody else
//! writes, so a read tells the whole order of the writes before it. From that order follow the
//! edges "wrote before", "was read by" and "did not see", and from the clock "ended before the
//! other began"; in a strictly serializable history they have no cycle.

use std::collections::{BTreeMap, HashMap};

/// What a transaction did to one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    Append { key: String, token: u64 },
    Read { key: String, tokens: Vec<u64> },
}

/// One transaction; None as its end means that nobody knows whether it happened.
#[derive(Debug, Clone)]
pub struct Transaction {
    pub invoke: u64,
    pub complete: Option<u64>,
    pub acts: Vec<Act>,
}

/// What contradicts strict serializability, in words.
pub fn check(history: &[Transaction]) -> Result<(), String> {
    let orders = orders(history)?;
    let writers = writers(history)?;
    for order in orders.values() {
        if let Some(token) = order.iter().find(|token| !writers.contains_key(token)) {
            return Err(format!("token {token} was read, but nobody appended it"));
        }
    }
    let mut graph = Graph::new(history);
    for (key, order) in &orders {
        for pair in order.windows(2) {
            graph.edge(
                writers[&pair[0]],
                writers[&pair[1]],
                format!("{key}: {} before {}", pair[0], pair[1]),
            );
        }
    }
    let unseen: BTreeMap<&str, Vec<usize>> = orders
        .iter()
        .map(|(key, order)| (key.as_str(), order))
        .map(|(key, order)| (key, unseen(history, key, order)))
        .collect();
    for (number, transaction) in history.iter().enumerate() {
        for (key, tokens) in foreign_reads(number, transaction, &writers)? {
            if let Some(last) = tokens.last() {
                graph.edge(writers[last], number, format!("{key}: {last} was read"));
            }
            match orders[&key].get(tokens.len()) {
                Some(next) => {
                    graph.edge(number, writers[next], format!("{key}: {next} was not seen"))
                }
                None => {
                    // Whatever was appended and never seen came after the longest read.
                    for &unseen in &unseen[key.as_str()] {
                        graph.edge(number, unseen, format!("{key}: its append was not seen"));
                    }
                }
            }
        }
    }
    graph.find_cycle()
}

/// Every key's order of tokens: its longest read, of which all others must be a beginning.
fn orders(history: &[Transaction]) -> Result<BTreeMap<String, Vec<u64>>, String> {
    let mut orders: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for act in history.iter().flat_map(|transaction| &transaction.acts) {
        let Act::Read { key, tokens } = act else {
            continue;
        };
        let order = orders.entry(key.clone()).or_default();
        let (short, long) = match tokens.len() > order.len() {
            true => (&*order, tokens),
            false => (tokens, &*order),
        };
        if !long.starts_with(short) {
            return Err(format!("{key} was read as {short:?} and as {long:?}"));
        }
        if tokens.len() > order.len() {
            order.clone_from(tokens);
        }
    }
    for (key, order) in &orders {
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(format!("{key}: a token stands twice in {order:?}"));
        }
    }
    Ok(orders)
}

fn writers(history: &[Transaction]) -> Result<HashMap<u64, usize>, String> {
    let mut writers = HashMap::new();
    for (number, transaction) in history.iter().enumerate() {
        for act in &transaction.acts {
            if let Act::Append { token, .. } = act
                && writers.insert(*token, number).is_some()
            {
                return Err(format!("token {token} was appended twice"));
            }
        }
    }
    Ok(writers)
}

/// Reads as of the beginning of a transaction: its own appends taken off, after a check that they
/// are there.
fn foreign_reads(
    number: usize,
    transaction: &Transaction,
    writers: &HashMap<u64, usize>,
) -> Result<Vec<(String, Vec<u64>)>, String> {
    let mut own: HashMap<&str, Vec<u64>> = HashMap::new();
    let mut reads = Vec::new();
    for act in &transaction.acts {
        match act {
            Act::Append { key, token } => own.entry(key).or_default().push(*token),
            Act::Read { key, tokens } => {
                let own = own.get(key.as_str()).map_or(&[][..], Vec::as_slice);
                let Some(foreign) = tokens.strip_suffix(own) else {
                    return Err(format!(
                        "transaction {number} did not read its own append to {key}: {tokens:?}"
                    ));
                };
                if foreign
                    .iter()
                    .any(|token| writers.get(token) == Some(&number))
                {
                    return Err(format!(
                        "transaction {number} read its own append to {key} early"
                    ));
                }
                reads.push((key.clone(), foreign.to_vec()));
            }
        }
    }
    Ok(reads)
}

/// Known transactions whose append to `key` no read saw.
fn unseen(history: &[Transaction], key: &str, order: &[u64]) -> Vec<usize> {
    let missing = |act: &Act| matches!(act, Act::Append { key: other, token } if other == key && !order.contains(token));
    let known = |transaction: &Transaction| transaction.complete.is_some();
    (0..history.len())
        .filter(|&number| known(&history[number]) && history[number].acts.iter().any(missing))
        .collect()
}

/// Transactions, and behind them one node per end of a transaction: a chain that stands for real
/// time.
struct Graph {
    edges: Vec<Vec<(usize, String)>>,
    transactions: usize,
}

impl Graph {
    fn new(history: &[Transaction]) -> Self {
        let mut ends: Vec<(u64, usize)> = history
            .iter()
            .enumerate()
            .filter_map(|(number, transaction)| Some((transaction.complete?, number)))
            .collect();
        ends.sort_unstable();
        let transactions = history.len();
        let mut graph = Self {
            edges: vec![Vec::new(); transactions + ends.len()],
            transactions,
        };
        for (index, &(_, number)) in ends.iter().enumerate() {
            graph.edge(number, transactions + index, "ended".to_string());
            if index > 0 {
                graph.edge(
                    transactions + index - 1,
                    transactions + index,
                    String::new(),
                );
            }
        }
        for (number, transaction) in history.iter().enumerate() {
            let before = ends.partition_point(|&(end, _)| end < transaction.invoke);
            if before > 0 {
                graph.edge(
                    transactions + before - 1,
                    number,
                    "before it began".to_string(),
                );
            }
        }
        graph
    }

    fn edge(&mut self, from: usize, to: usize, why: String) {
        if from != to {
            self.edges[from].push((to, why));
        }
    }

    /// Removes nodes that nothing leads to until none is left (Kahn); what stays holds a cycle.
    fn find_cycle(&self) -> Result<(), String> {
        let mut incoming = vec![0_usize; self.edges.len()];
        for (to, _) in self.edges.iter().flatten() {
            incoming[*to] += 1;
        }
        let mut free: Vec<usize> = (0..incoming.len())
            .filter(|&node| incoming[node] == 0)
            .collect();
        let mut removed = 0;
        while let Some(node) = free.pop() {
            removed += 1;
            for (to, _) in &self.edges[node] {
                incoming[*to] -= 1;
                if incoming[*to] == 0 {
                    free.push(*to);
                }
            }
        }
        if removed == self.edges.len() {
            return Ok(());
        }
        Err(self.describe(&incoming))
    }

    /// A short cycle among the nodes that are left, in words.
    fn describe(&self, incoming: &[usize]) -> String {
        let left = (0..self.transactions).filter(|&node| incoming[node] > 0);
        let shortest = left
            .take(200)
            .filter_map(|start| self.path_back(start, incoming))
            .min_by_key(Vec::len)
            .unwrap_or_default();
        let steps: Vec<String> = shortest
            .iter()
            .filter(|(_, why)| !why.is_empty())
            .map(|(node, why)| format!("  -> {node}: {why}"))
            .collect();
        format!("a cycle of transactions:\n{}", steps.join("\n"))
    }

    fn path_back(&self, start: usize, incoming: &[usize]) -> Option<Vec<(usize, String)>> {
        let mut from: HashMap<usize, (usize, &str)> = HashMap::new();
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for (to, why) in &self.edges[node] {
                if incoming[*to] == 0 || from.contains_key(to) {
                    continue;
                }
                from.insert(*to, (node, why));
                if *to == start {
                    let mut path = Vec::new();
                    let mut at = start;
                    loop {
                        let (before, why) = from[&at];
                        path.push((at, why.to_string()));
                        at = before;
                        if at == start {
                            path.reverse();
                            return Some(path);
                        }
                    }
                }
                queue.push_back(*to);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(key: &str, token: u64) -> Act {
        Act::Append {
            key: key.to_string(),
            token,
        }
    }

    fn read(key: &str, tokens: &[u64]) -> Act {
        Act::Read {
            key: key.to_string(),
            tokens: tokens.to_vec(),
        }
    }

    fn transaction(invoke: u64, complete: u64, acts: Vec<Act>) -> Transaction {
        Transaction {
            invoke,
            complete: Some(complete),
            acts,
        }
    }

    #[test]
    fn a_good_history_passes() {
        let history = [
            transaction(1, 5, vec![append("x", 1), append("y", 2)]),
            transaction(
                2,
                6,
                vec![read("x", &[1]), append("x", 3), read("x", &[1, 3])],
            ),
            transaction(3, 9, vec![read("y", &[2]), read("x", &[1, 3])]),
            transaction(10, 11, vec![read("x", &[1, 3])]),
        ];
        assert_eq!(check(&history), Ok(()));
    }

    #[test]
    fn a_lost_update_is_found() {
        let history = [
            transaction(1, 9, vec![read("x", &[]), append("x", 1)]),
            transaction(2, 8, vec![read("x", &[]), append("x", 2)]),
            transaction(10, 11, vec![read("x", &[1, 2])]),
        ];
        assert!(check(&history).is_err());
        let vanished = [
            transaction(1, 2, vec![append("x", 1)]),
            transaction(3, 4, vec![read("x", &[])]),
        ];
        assert!(check(&vanished).is_err());
    }

    #[test]
    fn write_skew_is_found() {
        let history = [
            transaction(1, 9, vec![read("x", &[]), append("y", 1)]),
            transaction(2, 8, vec![read("y", &[]), append("x", 2)]),
            transaction(10, 11, vec![read("x", &[2]), read("y", &[1])]),
        ];
        assert!(check(&history).is_err());
    }

    #[test]
    fn a_stale_read_is_found_only_by_real_time() {
        let mut history = [
            transaction(1, 2, vec![append("x", 1)]),
            transaction(3, 4, vec![read("x", &[])]),
            transaction(5, 6, vec![read("x", &[1])]),
        ];
        assert!(check(&history).is_err());
        history[0].complete = Some(4);
        assert_eq!(check(&history), Ok(()));
    }

    #[test]
    fn a_torn_transaction_is_found() {
        let history = [
            transaction(1, 9, vec![append("x", 1), append("y", 2)]),
            transaction(2, 3, vec![read("x", &[1]), read("y", &[])]),
            transaction(10, 11, vec![read("x", &[1]), read("y", &[2])]),
        ];
        assert!(check(&history).is_err());
    }

    #[test]
    fn disagreement_invention_and_repetition_are_found() {
        let writes = transaction(1, 9, vec![append("x", 1), append("x", 2)]);
        for bad in [
            vec![read("x", &[2, 1])],
            vec![read("x", &[1, 2, 7])],
            vec![read("x", &[1, 1])],
        ] {
            let longest = transaction(20, 21, vec![read("x", &[1, 2])]);
            assert!(check(&[writes.clone(), longest, transaction(30, 31, bad)]).is_err());
        }
    }

    #[test]
    fn an_unknown_end_is_free_until_it_is_seen() {
        let unknown = Transaction {
            invoke: 1,
            complete: None,
            acts: vec![append("x", 1), append("y", 2)],
        };
        let unseen = transaction(5, 6, vec![read("x", &[])]);
        let seen = transaction(7, 8, vec![read("x", &[1]), read("y", &[2])]);
        let half = transaction(9, 10, vec![read("x", &[1]), read("y", &[])]);
        assert_eq!(
            check(&[unknown.clone(), unseen.clone(), seen.clone()]),
            Ok(())
        );
        assert!(check(&[unknown, unseen, seen, half]).is_err());
    }
}
