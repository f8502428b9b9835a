//! Money moves between accounts and is neither made nor lost: every view of all accounts has one
//! sum.
//!
//! The simplest invariant of atomic, isolated transfers, and the easiest to explain when it breaks.

use super::reply::Reply;

/// Checks one view of all accounts, as MGET shows it.
pub fn check(view: &Reply, total: i64) -> Result<(), String> {
    let Reply::Array(accounts) = view else {
        return Err(format!("not a view of the accounts: {view:?}"));
    };
    let mut sum = 0;
    for account in accounts {
        let Reply::Bulk(text) = account else {
            return Err(format!("an account is missing: {view:?}"));
        };
        let text = String::from_utf8_lossy(text);
        sum += text
            .parse::<i64>()
            .map_err(|_| format!("not an amount: {text}"))?;
    }
    match sum == total {
        true => Ok(()),
        false => Err(format!(
            "the accounts hold {sum} instead of {total}: {view:?}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_transfer_is_found() {
        let view = |amounts: &[&str]| {
            let bulks = amounts
                .iter()
                .map(|text| Reply::Bulk(text.as_bytes().to_vec()));
            Reply::Array(bulks.collect())
        };
        assert_eq!(check(&view(&["60", "40"]), 100), Ok(()));
        assert!(check(&view(&["60", "50"]), 100).is_err());
        assert!(check(&Reply::Array(vec![Reply::Null]), 100).is_err());
    }
}
