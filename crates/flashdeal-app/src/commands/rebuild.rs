//! `flashdeal rebuild`: a gate is dropped and opened anew from the record.

use std::process::ExitCode;

use clap::Args;
use flashdeal_domain::{Dropped, FlashSale, ProductId, SaleError};

use super::shop::{Shop, with_shop};

/// Make the gate (who holds what) of a product, or of all, anew from the record. Live holds are dropped; the sale goes on.
///
/// The live holds of the product are dropped: their owners are told so at checkout. Nothing that was sold is touched, and nothing
/// is oversold: the new gate has a new epoch, which fences every checkout that is under way.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    shop: Shop,

    /// The product; every product that has a gate, if none is named.
    #[arg(long, value_name = "ID", value_parser = |id: &str| ProductId::parse(id).map_err(|invalid| invalid.to_string()))]
    product: Option<ProductId>,

    /// Do it. Without this it is only said what would be dropped.
    #[arg(long)]
    yes: bool,
}

const EXAMPLES: &str = "\
Examples:
  flashdeal rebuild --product 01890a5d-ac96-774b-bcce-b302099a8057
  flashdeal rebuild --product 01890a5d-ac96-774b-bcce-b302099a8057 --yes
  DATABASE_URL=postgres://… REDIS_URL=redis://… flashdeal rebuild --yes

Exit status: 0 rebuilt, 1 it failed, 2 nothing was done for want of --yes.";

/// How many products are asked for in one call.
const A_CALL: usize = 500;

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    with_shop(&arguments.shop, async |sale| match arguments.product {
        Some(product) => {
            one(sale, product, arguments.yes).await?;
            Ok(exit(arguments.yes))
        }
        None => all(sale, arguments.yes).await,
    })
}

fn exit(yes: bool) -> ExitCode {
    if yes {
        return ExitCode::SUCCESS;
    }
    println!("nothing was done: pass --yes to do it");
    ExitCode::from(2)
}

async fn one(sale: &FlashSale, product: ProductId, yes: bool) -> Result<(), SaleError> {
    let Dropped { holds, units } = sale.live_holds(product).await?;
    if !yes {
        println!("product {product}: {holds} live holds of {units} units would be dropped");
        return Ok(());
    }
    let level = sale.rebuild(product).await?;
    println!(
        "product {product}: rebuilt with {} units to sell; {holds} live holds of {units} units were dropped",
        level.total().get()
    );
    Ok(())
}

async fn all(sale: &FlashSale, yes: bool) -> anyhow::Result<ExitCode> {
    let mut after = None;
    loop {
        let products = sale.gates(after, A_CALL).await?;
        for product in &products {
            match one(sale, *product, yes).await {
                Err(SaleError::ProductNotFound) => {
                    println!("product {product}: the record does not know it; left alone");
                }
                done => done?,
            }
        }
        after = products.last().copied();
        if products.len() < A_CALL {
            return Ok(exit(yes));
        }
    }
}
