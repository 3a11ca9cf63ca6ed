//! `flashdeal verify`: do the books balance?

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use flashdeal_domain::Audit;
use serde_json::json;

use super::shop::{Shop, with_shop};

/// Audit a shop, live or stopped: exit status 0 if the books balance, 1 with a list of findings if not.
///
/// Compared are, for each product: the ledger's deltas and its stock, the orders and the ledger's sales, the gate and the record;
/// and looked for: holds past their deadline, and what the record has settled or never knew and the gate still holds. What a sale
/// in full swing may explain is looked at again, for some seconds.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    shop: Shop,

    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  flashdeal verify                            ./data, while it is not served
  DATABASE_URL=postgres://… REDIS_URL=redis://… flashdeal verify
  flashdeal verify --json | jq '.findings[].kind'

A running server audits itself, too: flashdeal_audit_findings on its /metrics.
Exit status: 0 the books balance, 1 there are findings, 2 the stores could not be audited.";

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let audit = with_shop(&arguments.shop, async |sale| Ok(sale.verify().await?));
    let audit = match audit.context("cannot audit") {
        Ok(audit) => audit,
        Err(error) => {
            eprintln!("flashdeal: {error:#}");
            return Ok(ExitCode::from(2));
        }
    };
    let told = if arguments.json { as_json(&audit) } else { as_text(&audit) };
    super::print(told.as_bytes())?;
    Ok(if audit.balances() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn as_text(audit: &Audit) -> String {
    let mut text = String::new();
    for finding in &audit.findings {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{finding}");
    }
    if audit.more > 0 {
        let _ = writeln!(text, "… and {} more", audit.more);
    }
    let Audit { products, gates, in_motion, .. } = audit;
    let verdict = match audit.findings.len() + audit.more {
        0 => "the books balance".to_owned(),
        1 => "1 finding".to_owned(),
        findings => format!("{findings} findings"),
    };
    let (products, gates) = (counted(*products, "product"), counted(*gates, "gate"));
    let _ = writeln!(text, "{verdict} ({products}, {gates})");
    if *in_motion > 0 {
        let _ = writeln!(
            text,
            "{in_motion} of the gates were too busy to be counted hold by hold: try again when it is calmer"
        );
    }
    text
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn as_json(audit: &Audit) -> String {
    let findings = audit.findings.iter().map(|finding| {
        json!({
            "kind": finding.kind.name(),
            "productId": finding.product.to_string(),
            "reservationId": finding.reservation.map(|reservation| reservation.to_string()),
            "detail": finding.detail,
        })
    });
    let told = json!({
        "balances": audit.balances(),
        "products": audit.products,
        "gates": audit.gates,
        "gatesInMotion": audit.in_motion,
        "findings": findings.collect::<Vec<_>>(),
        "more": audit.more,
    });
    format!("{told:#}\n")
}
