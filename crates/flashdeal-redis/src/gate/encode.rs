//! Operations as the script reads them; `scripts/gate/prelude.lua` is the other side.

use deadpool_redis::redis::Cmd;
use flashdeal_domain::ports::{Caller, ReserveCall};
use flashdeal_domain::{Epoch, ProductId, Quantity, RecordState, ReservationId, Terms, Timestamp, UserId, Version};

use super::crowd;
use super::op::{Kind, Op};
use crate::clock::Time;
use crate::keys;

/// Operations of one product and kind, packed, and the users they name.
struct Group<'a> {
    product: ProductId,
    ops: Vec<u8>,
    users: Vec<&'a UserId>,
}

/// Appends what follows the script's name in `EVALSHA` or `EVAL`: the keys and the arguments of `items` in `order`, which has
/// those of one product and kind together.
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
    for together in ordered.chunk_by(|one, next| (one.product(), one.kind()) == (next.product(), next.kind())) {
        let Some(first) = together.first() else {
            continue;
        };
        let mut group =
            Group { product: first.product(), ops: vec![0; HEADER], users: Vec::with_capacity(together.len()) };
        group.users.extend(together.iter().filter_map(|op| op.user()));
        // One answer does for all who ask for the counters.
        let count = if first.kind() == Kind::Status { 1 } else { together.len() };
        if !crowd::push(&mut group.ops, together) {
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
            push_named(to, *named);
        }
        Op::Finish(finish) => {
            to.push(b'f');
            push_reservation(to, finish.reservation);
            push_known(to, finish.record);
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

/// A reservation, or nil if none is named.
pub(super) fn push_named(to: &mut Vec<u8>, named: Option<ReservationId>) {
    match named {
        Some(reservation) => push_reservation(to, reservation),
        None => to.extend([0; 16]),
    }
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

/// Whether the record is known, and what of it the gate takes on.
pub(super) fn push_known(to: &mut Vec<u8>, record: Option<RecordState>) {
    to.push(u8::from(record.is_some()));
    push_version(to, record.map_or(Version(0), |record| record.version));
    to.extend(record.map_or(0, |record| record.total.get()).to_be_bytes());
    push_terms(to, record.map_or(Terms::NONE, |record| record.terms));
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
    use flashdeal_domain::ports::Finish;
    use flashdeal_domain::{HoldTime, IdempotencyKey, Units};

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

    /// The letters that the script is told of these, group by group, and how many users each has.
    fn told(items: &[Op]) -> Vec<(char, usize)> {
        let order = crate::gate::by_product(items);
        groups(items, &order).iter().map(|group| (char::from(group.ops[HEADER]), group.users.len())).collect()
    }

    const DEAL: ProductId = ProductId::from_uuid(uuid::Uuid::from_u128(1));

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    fn reserve_of(product: ProductId, name: &str, key: Option<&str>) -> Op {
        reserve_by(Caller::Buyer, product, name, key)
    }

    fn reserve_by(caller: Caller, product: ProductId, name: &str, key: Option<&str>) -> Op {
        Op::Reserve(ReserveCall {
            product,
            user: user(name),
            quantity: Units::new(2).unwrap(),
            candidate: ReservationId::from_uuid(uuid::Uuid::from_u128(7)),
            ttl: HoldTime::default(),
            key: key.map(|key| IdempotencyKey::parse(key).unwrap()),
            caller,
        })
    }

    #[test]
    fn who_asks_for_the_counters_is_told_once_to_the_script() {
        let items = [Op::Hold { product: DEAL, user: user("ada") }, Op::Status(DEAL), Op::Status(DEAL)];
        let groups = groups(&items, &[0, 1, 2]);
        assert_eq!((&*groups[0].ops, &*groups[1].ops), (&b"\0\x01\0\x01h"[..], &b"\0\x01\0\0s"[..]));
    }

    #[test]
    fn operations_of_a_kind_are_a_crowd_after_those_that_free_units() {
        let reserve = |name| reserve_of(DEAL, name, None);
        let release = |name| Op::Release { product: DEAL, user: user(name) };
        assert_eq!(told(&[reserve("ada"), reserve("ben")]), [('R', 2)]);
        let items = [reserve("ada"), Op::Status(DEAL), release("cleo"), reserve("ben"), release("dan")];
        assert_eq!(told(&items), [('L', 2), ('s', 0), ('R', 2)]);
    }

    #[test]
    fn what_is_no_crowd_is_told_one_after_the_other() {
        let other = ProductId::from_uuid(uuid::Uuid::from_u128(2));
        let reserve = |name| reserve_of(DEAL, name, None);
        let release = || Op::Release { product: DEAL, user: user("ada") };
        assert_eq!(told(&[reserve("ada")]), [('r', 1)], "alone");
        assert_eq!(told(&[reserve("ada"), reserve("ben"), reserve("ada")]), [('r', 3)], "one user twice");
        assert_eq!(told(&[release(), release()]), [('l', 2)], "one user twice");
        assert_eq!(told(&[reserve("ada"), reserve_of(DEAL, "ben", Some("k"))]), [('r', 1), ('r', 1)], "one with a key");
        let by = |caller, name| reserve_by(caller, DEAL, name, None);
        assert_eq!(told(&[by(Caller::Shop, "ada"), by(Caller::Shop, "ben")]), [('w', 2)], "the shop");
        assert_eq!(told(&[by(Caller::Called, "ada"), by(Caller::Called, "ben")]), [('q', 2)], "who was called");
        assert_eq!(told(&[reserve("ada"), reserve_of(other, "ben", None)]), [('r', 1), ('r', 1)], "two products");
    }

    #[test]
    fn a_crowd_that_is_through_tells_the_latest_of_the_record() {
        let finish = |name, record: Option<i64>| {
            let record = record.map(|version| RecordState {
                epoch: Epoch(1),
                version: Version(version),
                total: Units::new(9).unwrap(),
                terms: Terms::NONE,
            });
            Op::Finish(Finish {
                product: DEAL,
                user: user(name),
                reservation: ReservationId::from_uuid(uuid::Uuid::from_u128(7)),
                record,
            })
        };
        let items = [finish("ada", Some(2)), finish("ben", None), finish("cleo", Some(5)), finish("dan", Some(4))];
        let told = &groups(&items, &[0, 1, 2, 3])[0].ops;
        assert_eq!(told[HEADER..HEADER + 2], *b"F\x01");
        assert_eq!(told[HEADER + 2..HEADER + 10], ordered(5));
        assert_eq!(told.len(), HEADER + 15 + 4 * 16);
        assert_eq!(groups(&[finish("ada", None)], &[0])[0].ops[HEADER..HEADER + 2], *b"F\0");
    }

    #[test]
    fn who_begins_names_a_reservation_or_none() {
        let begin = |name, named| Op::Begin { product: DEAL, user: user(name), named };
        let named = Some(ReservationId::from_uuid(uuid::Uuid::from_u128(7)));
        let told = |items: &[Op]| groups(items, &[0, 1])[0].ops[HEADER..].to_vec();
        assert_eq!(told(&[begin("ada", None), begin("ben", None)]), b"B");
        let some = told(&[begin("ada", None), begin("ben", named)]);
        assert_eq!((some[0], &some[1..17], some[32]), (b'B', &[0; 16][..], 7));
    }
}
