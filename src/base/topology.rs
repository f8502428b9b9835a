//! The machine's cores, threads and NUMA nodes, and which shard runs where.
//!
//! Called by main before the shards start; each shard then pins itself. Shards take one physical
//! core each and fill one NUMA node before the next, so that neighbours share caches and memory.
//! Respects the process's affinity mask (taskset, cgroups). Knows nothing of shards but their
//! number.

use hwlocality::Topology;
use hwlocality::object::TopologyObject;
use hwlocality::object::types::ObjectType;

/// One hardware thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cpu {
    /// The kernel's number of it.
    pub cpu: usize,
    /// Physical core, numbered through the machine.
    pub core: usize,
    /// NUMA node, the kernel's number.
    pub node: usize,
    /// Package (socket), numbered through the machine.
    pub package: usize,
}

/// How shards are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// Fill one NUMA node before the next.
    #[default]
    Compact,
    /// Take the NUMA nodes in turn: more memory bandwidth, longer ways between neighbours.
    Spread,
}

/// Where one shard runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    pub core: usize,
    pub cpu: usize,
    pub node: usize,
}

/// Where all shards run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub placements: Vec<Placement>,
    /// False when there are more shards than hardware threads: the kernel's scheduler does better
    /// then.
    pub pin: bool,
}

/// What the machine offers to this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    cpus: Vec<Cpu>,
}

impl Machine {
    /// The machine as the process may use it. When the topology cannot be read, each allowed
    /// hardware thread counts as a core of one node.
    #[must_use]
    pub fn read() -> Self {
        let allowed = allowed_cpus();
        let cpus = Topology::new().map_or_else(|_| Vec::new(), |topology| cpus_of(&topology));
        let machine = Machine { cpus }.restricted(&allowed);
        if !machine.cpus.is_empty() {
            return machine;
        }
        let flat = |(core, &cpu)| Cpu {
            cpu,
            core,
            node: 0,
            package: 0,
        };
        Machine {
            cpus: allowed.iter().enumerate().map(flat).collect(),
        }
    }

    /// A machine that is not there: hwloc's synthetic description, such as `numa:2 core:8 pu:2`.
    ///
    /// # Errors
    /// When hwloc does not understand the description.
    pub fn synthetic(description: &str) -> Result<Self, String> {
        let builder = Topology::builder().from_synthetic(description);
        let topology = builder
            .map_err(|error| error.to_string())?
            .build()
            .map_err(|error| error.to_string())?;
        let cpus = cpus_of(&topology);
        assert!(!cpus.is_empty(), "hwloc adds a processor where none stands");
        Ok(Machine { cpus })
    }

    /// Only the hardware threads in `allowed`.
    #[must_use]
    fn restricted(mut self, allowed: &[usize]) -> Self {
        self.cpus.retain(|cpu| allowed.contains(&cpu.cpu));
        self
    }

    /// Hardware threads, by node and core.
    #[must_use]
    pub fn cpus(&self) -> &[Cpu] {
        &self.cpus
    }

    /// Physical cores with at least one usable hardware thread: the default number of shards.
    #[must_use]
    pub fn cores(&self) -> usize {
        count(self.cpus.iter().map(|cpu| cpu.core))
    }

    /// NUMA nodes with at least one usable hardware thread.
    #[must_use]
    pub fn nodes(&self) -> usize {
        count(self.cpus.iter().map(|cpu| cpu.node))
    }

    /// Packages with at least one usable hardware thread.
    #[must_use]
    pub fn packages(&self) -> usize {
        count(self.cpus.iter().map(|cpu| cpu.package))
    }

    /// Places shards: first one per core, then on the cores' further hardware threads, then round
    /// again.
    #[must_use]
    pub fn place(&self, shards: usize, policy: Policy) -> Plan {
        assert!(
            !self.cpus.is_empty(),
            "a machine has at least one processor"
        );
        // Sibling number of each hardware thread within its core: 0 for the first, 1 for the
        // second.
        let mut order: Vec<(usize, usize, Cpu)> = Vec::with_capacity(self.cpus.len());
        for cpu in &self.cpus {
            let sibling = order
                .iter()
                .filter(|(_, _, other)| other.core == cpu.core)
                .count();
            let in_node = order
                .iter()
                .filter(|(level, _, other)| *level == sibling && other.node == cpu.node)
                .count();
            order.push((sibling, in_node, *cpu));
        }
        match policy {
            Policy::Compact => {
                order.sort_by_key(|(sibling, _, cpu)| (*sibling, cpu.node, cpu.core));
            }
            Policy::Spread => order.sort_by_key(|(sibling, rank, cpu)| (*sibling, *rank, cpu.node)),
        }
        let placements = order
            .iter()
            .cycle()
            .take(shards)
            .map(|(_, _, cpu)| Placement {
                core: cpu.core,
                cpu: cpu.cpu,
                node: cpu.node,
            });
        Plan {
            placements: placements.collect(),
            pin: shards <= self.cpus.len(),
        }
    }
}

fn count(numbers: impl Iterator<Item = usize>) -> usize {
    let distinct: std::collections::BTreeSet<usize> = numbers.collect();
    distinct.len()
}

fn cpus_of(topology: &Topology) -> Vec<Cpu> {
    let ancestor = |object: &TopologyObject, kind| {
        let found = object
            .ancestors()
            .find(|ancestor| ancestor.object_type() == kind);
        found.map(TopologyObject::logical_index)
    };
    let mut cpus: Vec<Cpu> = topology
        .objects_with_type(ObjectType::PU)
        .filter_map(|thread| {
            let cpu = thread.os_index()?;
            let node = thread.nodeset().and_then(|nodes| nodes.first_set());
            Some(Cpu {
                cpu,
                // Some virtual machines report no cores: each hardware thread is one then.
                core: ancestor(thread, ObjectType::Core).unwrap_or(thread.logical_index()),
                node: node.map_or(0, usize::from),
                package: ancestor(thread, ObjectType::Package).unwrap_or(0),
            })
        })
        .collect();
    cpus.sort_by_key(|cpu| (cpu.node, cpu.core, cpu.cpu));
    cpus
}

/// The hardware threads in the process's affinity mask.
fn allowed_cpus() -> Vec<usize> {
    let ids = core_affinity::get_core_ids().unwrap_or_default();
    if ids.is_empty() {
        return vec![0];
    }
    ids.iter().map(|id| id.id).collect()
}

/// Pins the calling thread to one hardware thread; false when the system refuses.
#[must_use]
pub fn pin(cpu: usize) -> bool {
    core_affinity::set_for_current(core_affinity::CoreId { id: cpu })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn synthetic(description: &str) -> Machine {
        Machine::synthetic(description).unwrap()
    }

    fn cpus(plan: &Plan) -> Vec<usize> {
        plan.placements
            .iter()
            .map(|placement| placement.cpu)
            .collect()
    }

    #[test]
    fn two_nodes_with_threads() {
        let machine = synthetic("package:2 numa:1 core:4 pu:2");
        assert_eq!(
            (machine.cores(), machine.nodes(), machine.packages()),
            (8, 2, 2)
        );
        assert_eq!(machine.cpus().len(), 16);
        let plan = machine.place(8, Policy::Compact);
        assert!(plan.pin);
        assert_eq!(cpus(&plan), [0, 2, 4, 6, 8, 10, 12, 14]);
        let nodes: Vec<usize> = plan.placements.iter().map(|p| p.node).collect();
        assert_eq!(nodes, [0, 0, 0, 0, 1, 1, 1, 1]);
    }

    #[test]
    fn siblings_come_after_all_cores_and_then_round_again() {
        let machine = synthetic("numa:2 core:2 pu:2");
        let plan = machine.place(8, Policy::Compact);
        assert_eq!(cpus(&plan), [0, 2, 4, 6, 1, 3, 5, 7]);
        assert!(plan.pin);
        let plan = machine.place(10, Policy::Compact);
        assert_eq!(cpus(&plan), [0, 2, 4, 6, 1, 3, 5, 7, 0, 2]);
        assert!(
            !plan.pin,
            "more shards than hardware threads are not pinned"
        );
    }

    #[test]
    fn nonsense_is_no_machine() {
        assert!(Machine::synthetic("two of everything").is_err());
        assert_eq!(synthetic("pu:3").cores(), 3);
    }

    #[test]
    fn spread_takes_the_nodes_in_turn() {
        let machine = synthetic("numa:2 core:8 pu:2");
        let plan = machine.place(4, Policy::Spread);
        let nodes: Vec<usize> = plan.placements.iter().map(|p| p.node).collect();
        assert_eq!(nodes, [0, 1, 0, 1]);
        let cores: Vec<usize> = plan.placements.iter().map(|p| p.core).collect();
        assert_eq!(cores, [0, 8, 1, 9]);
    }

    #[test]
    fn the_affinity_mask_is_respected() {
        let machine = synthetic("numa:2 core:4 pu:2").restricted(&[3, 8, 9, 10]);
        assert_eq!((machine.cores(), machine.nodes()), (3, 2));
        let plan = machine.place(3, Policy::Compact);
        assert_eq!(cpus(&plan), [3, 8, 10]);
        assert_eq!(cpus(&machine.place(4, Policy::Compact)), [3, 8, 10, 9]);
    }

    #[test]
    fn this_machine_can_be_read_and_pinned() {
        let machine = Machine::read();
        assert!(machine.cores() >= 1 && machine.nodes() >= 1);
        let plan = machine.place(1, Policy::default());
        let cpu = plan.placements[0].cpu;
        let pinned = std::thread::spawn(move || pin(cpu).then(allowed_cpus));
        assert_eq!(pinned.join().unwrap(), Some(vec![cpu]));
    }
}
