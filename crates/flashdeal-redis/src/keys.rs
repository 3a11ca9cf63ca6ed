//! The names of what is kept in Redis. All keys of a product share its hash tag, so that a Redis Cluster keeps them together.

use flashdeal_domain::ProductId;

/// Every product that may have state, with score 0: read in the order of the ids.
pub(crate) const PRODUCTS: &str = "flashdeal:products";

const PREFIX: &[u8] = b"flashdeal:{";
const UUID_LENGTH: usize = 36;
const GATE_LENGTH: usize = PREFIX.len() + UUID_LENGTH + 1;

/// The hash that is the gate of a product.
pub(crate) fn gate(product: ProductId) -> [u8; GATE_LENGTH] {
    let mut key = [b'}'; GATE_LENGTH];
    if let Some((prefix, rest)) = key.split_at_mut_checked(PREFIX.len()) {
        prefix.copy_from_slice(PREFIX);
        product.as_uuid().hyphenated().encode_lower(rest);
    }
    key
}

/// Another key of the same product.
pub(crate) fn of(product: ProductId, what: &str) -> String {
    format!("flashdeal:{{{product}}}:{what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_product_share_its_hash_tag() {
        let product = ProductId::parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
        let gate = String::from_utf8(gate(product).to_vec()).unwrap();
        assert_eq!(gate, "flashdeal:{01890a5d-ac96-774b-bcce-b302099a8057}");
        assert_eq!(of(product, "due:0"), format!("{gate}:due:0"));
    }
}
