//! A look at the server when a store connects: is the schema there, and does the server keep what it acknowledges?

use diesel::QueryableByName;
use diesel::sql_types::{Array, Text};

use crate::error::ConnectError;
use crate::pool::Pool;

/// What is missing, and how the settings that matter stand.
const SURVEY: &str = "
    SELECT
        ARRAY(
            SELECT wanted FROM unnest(ARRAY['products', 'stock_ledger']) AS wanted
            WHERE to_regclass(wanted) IS NULL
        ) || ARRAY(
            SELECT wanted FROM unnest(ARRAY['create_product', 'commit_batch', 'void_batch', 'change_product']) AS wanted
            WHERE to_regproc(wanted) IS NULL
        ) AS missing,
        current_setting('fsync') AS fsync,
        current_setting('full_page_writes') AS full_page_writes,
        (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit') AS synchronous_commit,
        current_setting('server_encoding') AS encoding,
        current_setting('lc_messages') AS language";

#[derive(QueryableByName)]
struct Survey {
    #[diesel(sql_type = Array<Text>)]
    missing: Vec<String>,
    #[diesel(sql_type = Text)]
    fsync: String,
    #[diesel(sql_type = Text)]
    full_page_writes: String,
    #[diesel(sql_type = Text)]
    synchronous_commit: String,
    #[diesel(sql_type = Text)]
    encoding: String,
    #[diesel(sql_type = Text)]
    language: String,
}

/// Checks the schema and answers what an operator should know: sentences, each naming what is at risk.
pub(crate) async fn survey(pool: &Pool) -> Result<Vec<String>, ConnectError> {
    let rows: Vec<Survey> = pool
        .load("survey", diesel::sql_query(SURVEY))
        .await
        .map_err(|error| ConnectError::Unreachable(Box::new(error)))?;
    let Some(survey) = rows.into_iter().next() else {
        return Err(ConnectError::Unreachable("the server answered without a row".into()));
    };
    if !survey.missing.is_empty() {
        return Err(ConnectError::NotMigrated(format!("{} not found", survey.missing.join(", "))));
    }
    Ok(survey.warnings())
}

impl Survey {
    fn warnings(&self) -> Vec<String> {
        let language_is_english =
            ["C", "POSIX", ""].contains(&self.language.as_str()) || self.language.starts_with("en");
        let mut warnings = Vec::new();
        let mut warn = |at_risk: bool, text: String| {
            if at_risk {
                warnings.push(text);
            }
        };
        warn(
            self.fsync != "on",
            "PostgreSQL runs with fsync=off: a crash of its machine can lose orders that buyers were told of, or the \
             whole database"
                .to_owned(),
        );
        warn(
            self.full_page_writes != "on",
            "PostgreSQL runs with full_page_writes=off: a crash of its machine can damage the database".to_owned(),
        );
        warn(
            self.synchronous_commit == "off",
            "PostgreSQL runs with synchronous_commit=off, which would lose acknowledged orders in a crash; flashdeal turns \
             it on for its own connections"
                .to_owned(),
        );
        warn(
            self.encoding != "UTF8",
            format!("the database's encoding is {} instead of UTF8: some names will be refused", self.encoding),
        );
        warn(
            !language_is_english,
            format!(
                "PostgreSQL's lc_messages is {}: some passing errors will be taken for lasting ones; set it to C",
                self.language
            ),
        );
        warnings
    }
}
