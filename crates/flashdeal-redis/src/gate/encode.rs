//! Operations as the script reads them; `scripts/gate/prelude.lua` is the other side.

use deadpool_redis::redis::Cmd;
use flashdeal_domain::ports::{Caller, ReserveCall};
use flashdeal_domain::{Epoch, ProductId, Quantity, RecordState, ReservationId, Terms, Timestamp, UserId, Version};

use super::crowd::Crowd;
use super::op::Op;
use crate::clock::Time;
use crate::keys;

/// Operations of one product, packed, and the users they name. Plain reserves have a group to themselves.
struct Group<'a> {
    product: ProductId,
    ops: Vec<u8>,
    users: Vec<&'a UserId>,
}

/// Of those who ask for the counters of one product, and come last, only one is told to the script.
///
/// Appends what follows the script's name in `EVALSHA` or `EVAL`: the keys and the arguments of `items` in `order`, which has
/// those of one product together.
pub(super) fn arguments(command: &mut Cmd, items: &[Op], order: &[usize], time: Time) {
    let groups = groups(items, order);
    command.arg(groups.len());
    for group in &groups {
        command.arg(keys::gate(group.product).as_slice());
    }
    match time {
        Time::Running { offset } => command.arg(offset),
        Time::Standing { at } => command.arg(format!("={at}")),
    };
    for group in &groups {
        command.arg(group.ops.as_slice());
        for user in &group.users {
            command.arg(user.as_str());
        }
    }
}

fn groups<'a>(items: &'a [Op], order: &[usize]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut ordered: Vec<&Op> = Vec::with_capacity(order.len());
    ordered.extend(order.iter().filter_map(|at| items.get(*at)));
    for together in ordered.chunk_by(|one, next| in_one_group(one, next)) {
        let Some(first) = together.first() else {
            continue;
        };
        let mut group =
            Group { product: first.product(), ops: vec![0; HEADER], users: Vec::with_capacity(together.len()) };
        group.users.extend(together.iter().filter_map(|op| op.user()));
        let mut count = together.len();
        if let Some(crowd) = Crowd::of(together) {
            crowd.push(&mut group.ops);
        } else {
            let asking = together.iter().filter(|op| op.asks_for_counters()).count();
            count -= asking.saturating_sub(1);
            for op in together.iter().take(count) {
                operation(&mut group.ops, op);
            }
        }
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        let users = u16::try_from(group.users.len()).unwrap_or(u16::MAX);
        let header = count.to_be_bytes().into_iter().chain(users.to_be_bytes());
        for (place, byte) in group.ops.iter_mut().zip(header) {
            *place = byte;
        }
        groups.push(group);
    }
    groups
}

fn in_one_group(one: &Op, next: &Op) -> bool {
    one.product() == next.product() && one.is_plain_reserve() == next.is_plain_reserve()
}

/// How many operations, how many users.
const HEADER: usize = 4;

/// Of the terms that are there: start, end, limit.
pub(crate) const TERMS_SIZE: u8 = 16;
/// What they have more where somebody waits: the start, whose place is taken.
const QUEUE_SIZE: u8 = 6;
/// What stands in its place: the end of the year 9999, beyond every instant that terms can name.
pub(crate) const QUEUED: u64 = 253_402_300_799_999;
/// An end that never comes; beyond every instant that terms can name.
const NEVER: u64 = (1 << 48) - 1;

fn operation(to: &mut Vec<u8>, op: &Op) {
    match op {
        Op::Reserve(call) => reserve(to, call),
        Op::Hold { .. } => to.push(b'h'),
        Op::Begin { named, .. } => {
            to.push(b'b');
            match named {
                Some(reservation) => push_reservation(to, *reservation),
                None => to.extend([0; 16]),
            }
        }
        Op::Finish(finish) => {
            to.push(b'f');
            push_reservation(to, finish.reservation);
            to.push(u8::from(finish.record.is_some()));
            push_version(to, finish.record.map_or(Version(0), |record| record.version));
            let total = finish.record.map_or(0, |record| record.total.get());
            to.extend(total.to_be_bytes());
            push_terms(to, finish.record.map_or(Terms::NONE, |record| record.terms));
        }
        Op::Release { .. } => to.push(b'l'),
        Op::Status(_) => to.push(b's'),
        Op::Adopt { record, .. } => {
            to.push(b'a');
            push_record(to, record);
        }
        Op::Claim { token, .. } => {
            to.push(b'c');
            push_short(to, token.0.as_bytes());
        }
        Op::Open { token, record, .. } => {
            to.push(b'o');
            push_short(to, token.0.as_bytes());
            push_record(to, record);
        }
        Op::View { paying_over, .. } => {
            to.push(b'v');
            let millis = u64::try_from(paying_over.as_millis()).unwrap_or(u64::MAX);
            push_millis(to, millis.min((1 << 47) - 1));
        }
    }
}

fn reserve(to: &mut Vec<u8>, call: &ReserveCall) {
    to.push(match call.caller {
        Caller::Buyer => b'r',
        Caller::Called => b'q',
        Caller::Shop => b'w',
    });
    push_reservation(to, call.candidate);
    to.extend(call.quantity.get().to_be_bytes());
    to.extend(ttl_bytes(call));
    push_short(to, call.key.as_ref().map_or(&[], |key| key.as_str().as_bytes()));
}

pub(super) fn ttl_bytes(call: &ReserveCall) -> [u8; 4] {
    u32::try_from(call.ttl.as_millis()).unwrap_or(u32::MAX).to_be_bytes()
}

pub(super) fn push_reservation(to: &mut Vec<u8>, reservation: ReservationId) {
    to.extend(reservation.as_uuid().as_bytes());
}

fn push_record(to: &mut Vec<u8>, record: &RecordState) {
    to.extend(epoch_bytes(record.epoch));
    push_version(to, record.version);
    to.extend(record.total.get().to_be_bytes());
    push_terms(to, record.terms);
}

/// As they stand in the gate's state: how long they are, then what three comparisons need. What is not there never refuses.
fn push_terms(to: &mut Vec<u8>, terms: Terms) {
    if terms == Terms::NONE {
        to.push(0);
        return;
    }
    let queued = terms.queued();
    to.push(if queued { TERMS_SIZE + QUEUE_SIZE } else { TERMS_SIZE });
    let millis = |instant: Timestamp| u64::try_from(instant.as_millis()).unwrap_or(0);
    let starts = terms.starts_at().map_or(0, millis);
    push_millis(to, if queued { QUEUED } else { starts });
    push_millis(to, terms.ends_at().map_or(NEVER, millis));
    to.extend(terms.max_per_reservation().map_or(u32::MAX, Quantity::get).to_be_bytes());
    if queued {
        push_millis(to, starts);
    }
}

fn push_version(to: &mut Vec<u8>, version: Version) {
    to.extend(ordered(version.0));
}

/// At most 255 bytes with their length before them: idempotency keys and tokens are within that by their types.
fn push_short(to: &mut Vec<u8>, bytes: &[u8]) {
    let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    to.push(length);
    to.extend(bytes.iter().take(usize::from(length)));
}

pub(super) fn push_millis(to: &mut Vec<u8>, millis: u64) {
    to.extend(millis.to_be_bytes().into_iter().skip(2));
}

fn epoch_bytes(epoch: Epoch) -> [u8; 8] {
    ordered(epoch.0)
}

/// Eight bytes that compare as the number does.
fn ordered(number: i64) -> [u8; 8] {
    (number.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

/// The number that [`ordered`] made these bytes of.
pub(crate) fn from_ordered(bytes: [u8; 8]) -> i64 {
    (u64::from_be_bytes(bytes) ^ (1 << 63)).cast_signed()
}

#[cfg(test)]
mod tests {
    use flashdeal_domain::Units;

    use super::*;

    #[test]
    fn ordered_bytes_compare_as_numbers_do() {
        let numbers = [i64::MIN, -2, -1, 0, 1, 255, 256, 1 << 53, (1 << 53) + 1, i64::MAX];
        for pair in numbers.windows(2) {
            assert!(ordered(pair[0]) < ordered(pair[1]), "{pair:?}");
        }
        for number in numbers {
            assert_eq!(from_ordered(ordered(number)), number);
        }
    }

    #[test]
    fn terms_are_one_byte_unless_there_are_some() {
        let packed = |terms| {
            let mut to = Vec::new();
            push_terms(&mut to, terms);
            to
        };
        assert_eq!(packed(Terms::NONE), [0]);
        let at = |millis| Some(Timestamp::from_millis(millis));
        let all = Terms::new(at(1), at(258), Some(Quantity::new(3).unwrap())).unwrap();
        assert_eq!(packed(all), [16, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 0, 0, 0, 3]);
        let limit = Terms::new(None, None, Some(Quantity::new(3).unwrap())).unwrap();
        assert_eq!(packed(limit)[1..13], [0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255]);
        assert!(u64::try_from(Terms::LATEST.as_millis()).unwrap() < NEVER);
        let start = Terms::new(at(258), None, None).unwrap().with_queue(true);
        assert_eq!(packed(start)[..7], [22, 230, 119, 210, 31, 219, 255]);
        assert_eq!(packed(start)[17..], [0, 0, 0, 0, 1, 2]);
        assert!(u64::try_from(Terms::LATEST.as_millis()).unwrap() < QUEUED);
        let start = Terms::new(at(0), None, None).unwrap();
        assert_eq!(packed(start)[13..], [255; 4]);
    }

    #[test]
    fn who_asks_for_the_counters_is_told_once_to_the_script() {
        let product = ProductId::from_uuid(uuid::Uuid::from_u128(1));
        let user = UserId::parse("ada").unwrap();
        let items = [Op::Hold { product, user }, Op::Status(product), Op::Status(product), Op::Status(product)];
        let groups = groups(&items, &[0, 1, 2, 3]);
        assert_eq!(groups[0].ops, b"\0\x02\0\x01hs");
    }

    #[test]
    fn plain_reserves_are_a_crowd_of_their_own() {
        let product = ProductId::from_uuid(uuid::Uuid::from_u128(1));
        let other = ProductId::from_uuid(uuid::Uuid::from_u128(2));
        let reserve = |product, name: &str, key: Option<&str>| {
            Op::Reserve(ReserveCall {
                product,
                user: UserId::parse(name).unwrap(),
                quantity: Units::new(2).unwrap(),
                candidate: ReservationId::from_uuid(uuid::Uuid::from_u128(7)),
                ttl: flashdeal_domain::HoldTime::default(),
                key: key.map(|key| flashdeal_domain::IdempotencyKey::parse(key).unwrap()),
                caller: Caller::Buyer,
            })
        };
        let letters = |items: &[Op]| -> Vec<(u8, usize)> {
            let order = crate::gate::by_product(items);
            groups(items, &order).iter().map(|group| (group.ops[HEADER], group.users.len())).collect()
        };
        let ada = || reserve(product, "ada", None);
        let ben = || reserve(product, "ben", None);
        assert_eq!(letters(&[ada(), ben()]), [(b'R', 2)]);
        assert_eq!(
            letters(&[ada(), Op::Status(product), ben(), Op::Release { product, user: UserId::parse("eve").unwrap() }]),
            [(b'l', 1), (b'R', 2)]
        );
        // One alone, one who asks twice, one with a key: one after the other.
        assert_eq!(letters(&[ada()]), [(b'r', 1)]);
        assert_eq!(letters(&[ada(), ben(), ada()]), [(b'r', 3)]);
        assert_eq!(letters(&[ada(), reserve(product, "ben", Some("k"))]), [(b'r', 1), (b'r', 1)]);
        assert_eq!(letters(&[ada(), reserve(other, "ben", None)]), [(b'r', 1), (b'r', 1)]);
    }

    #[test]
    fn operations_of_a_product_share_a_group() {
        let [a, b] = [1, 2].map(|n| ProductId::from_uuid(uuid::Uuid::from_u128(n)));
        let user = UserId::parse("ada").unwrap();
        let items = [Op::Status(a), Op::Hold { product: b, user: user.clone() }, Op::Release { product: a, user }];
        let groups = groups(&items, &[0, 2, 1]);
        assert_eq!(groups.len(), 2);
        assert_eq!((groups[0].product, groups[0].users.len()), (a, 1));
        assert_eq!(groups[0].ops, b"\0\x02\0\x01sl");
        assert_eq!(groups[1].ops, b"\0\x01\0\x01h");
    }
}
