//! Gives SQL the domain's patterns, as `artifact_glob(pattern, text)`, so that a pattern means the
//! same in every index. SQLite's own GLOB differs in its sets.

use artifact_domain::query::Glob;
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;

use super::error::Result;

type Parsed = std::result::Result<Glob, Box<dyn std::error::Error + Send + Sync>>;

/// Adds the function to a connection.
pub(super) fn register(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("artifact_glob", 2, flags, |context| {
        // Called once per statement, not per record.
        let parse = |pattern: ValueRef<'_>| -> Parsed { Ok(pattern.as_str()?.parse()?) };
        let glob = context.get_or_create_aux(0, parse)?;
        let text = context
            .get_raw(1)
            .as_str()
            .map_err(|cause| rusqlite::Error::UserFunctionError(Box::new(cause)))?;
        Ok(glob.matches(text))
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_matches_as_the_domain_does() {
        let connection = Connection::open_in_memory().unwrap();
        register(&connection).unwrap();
        let matches = |pattern: &str, text: &str| -> bool {
            let sql = "SELECT artifact_glob(?, ?)";
            connection
                .query_row(sql, (pattern, text), |row| row.get(0))
                .unwrap()
        };
        assert!(matches("*.rs", "src/main.rs") && matches("[!a]?", "bé"));
        assert!(!matches("build", "build-1"));
    }
}
