//! INFO and CLIENT LIST as one flat list of names and values.
//!
//! `cmdstat_get:calls=1,usec=2` becomes `cmdstat_get.calls` and `cmdstat_get.usec`; a client's
//! field becomes `client(name).field`. Pure: texts in, figures out.

use std::collections::BTreeMap;

/// Values by name.
pub type Figures = BTreeMap<String, String>;

/// Counters that the observer's extra `INFO clients` have moved.
const MOVED: [&str; 4] = [
    "total_commands_processed",
    "cmdstat_info.calls",
    "total_reads_processed",
    "total_writes_processed",
];

/// The value of one field of INFO.
pub fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

/// All figures; `extra` questions of the observer are taken out of them.
pub fn read(info: &str, clients: &str, extra: u64) -> Figures {
    let mut figures = Figures::new();
    for (name, value) in info.lines().filter_map(|line| line.split_once(':')) {
        if value.contains('=') {
            for (part, value) in value.split(',').filter_map(|part| part.split_once('=')) {
                figures.insert(format!("{name}.{part}"), value.to_string());
            }
        } else {
            figures.insert(name.to_string(), value.to_string());
        }
    }
    for name in MOVED {
        if let Some(value) = figures.get_mut(name) {
            let counted: u64 = value.parse().expect("a counter");
            *value = (counted - extra).to_string();
        }
    }
    read_clients(clients, &mut figures);
    figures
}

fn read_clients(clients: &str, figures: &mut Figures) {
    let mut order = Vec::new();
    for line in clients.lines() {
        let fields: Vec<(&str, &str)> = line
            .split(' ')
            .filter_map(|field| field.split_once('='))
            .collect();
        let named = fields.iter().find(|(name, _)| *name == "name");
        let client = named.map_or("", |(_, value)| value);
        order.push(client.to_string());
        for (name, value) in &fields {
            figures.insert(format!("client({client}).{name}"), (*value).to_string());
        }
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        figures.insert(format!("client({client})"), names.join(" "));
    }
    figures.insert("clients in order".into(), order.join(" "));
}
