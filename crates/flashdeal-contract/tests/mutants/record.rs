//! Mistakes of a record.

use std::sync::Arc;

use async_trait::async_trait;
use flashdeal_domain::ports::RecordBooks;
use flashdeal_domain::ports::record::{
    Change, ChangeOutcome, CheckoutKey, Commit, KeyedOrder, Sale, Settlement, StockChange, StockRepository,
};
use flashdeal_domain::{
    Edit, IdempotencyKey, Order, OrderFilter, OrderId, Page, PageRequest, Product, ProductId, RecordState,
    ReservationId, StoreError, Terms, TermsPatch, UserId, Version,
};
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    CreationOverwrites,
    OldestFirst,
    LastPageHasNext,
    OrdersOfEveryone,
    OrdersOfEverything,
    OneFilterAtATime,
    ExportsEverything,
    ExportsTwice,
    StatesOfOneProductOnly,
    HalfAChange,
    IncreaseRepeats,
    WithdrawalRepeats,
    WithdrawalUnfenced,
    Oversells,
    ChecksThenWrites,
    SellsTwice,
    SellsWhatIsVoid,
    Unfenced,
    FencesOldEpochsOnly,
    FencesFirst,
    ForgetsKeys,
    KeyOfAnyUser,
    KeyWithoutName,
    PriceOfToday,
    VoidsNothingUnheard,
    SettlementOfAnyProduct,
    EpochWithoutVersion,
    BooksMiscounted,
    TermsNotKept,
    StatesWithoutTerms,
    SalesWithoutTerms,
    EpochsWithoutTerms,
    BooksWithoutTerms,
    TermsClearedByAnyChange,
    ContradictionHalfWritten,
    RepeatsRefused,
    TermsBeforeStock,
}

pub(crate) const MISTAKES: &[(Mistake, &str)] = &[
    (Mistake::CreationOverwrites, "record::products::creation_is_idempotent_by_id"),
    (Mistake::OldestFirst, "record::listings::products_come_newest_first_in_pages"),
    (Mistake::LastPageHasNext, "record::listings::the_last_page_has_no_next"),
    (Mistake::OrdersOfEveryone, "record::listings::orders_of_one_user_are_theirs_alone"),
    (Mistake::OrdersOfEverything, "record::listings::orders_of_one_product_are_of_it_alone"),
    (Mistake::OneFilterAtATime, "record::listings::orders_of_one_user_and_product_are_both"),
    (Mistake::ExportsEverything, "record::listings::orders_come_oldest_first_after_any_order"),
    (Mistake::ExportsTwice, "record::listings::orders_come_oldest_first_after_any_order"),
    (Mistake::StatesOfOneProductOnly, "record::listings::states_are_read_together_and_unknown_ones_left_out"),
    (Mistake::HalfAChange, "record::changes::an_increase_above_the_most_changes_nothing"),
    (Mistake::IncreaseRepeats, "record::changes::an_increase_repeated_adds_once"),
    (Mistake::WithdrawalRepeats, "record::withdrawals::a_withdrawal_repeated_takes_once"),
    (Mistake::WithdrawalUnfenced, "record::withdrawals::a_withdrawal_under_an_old_epoch_changes_nothing"),
    (Mistake::Oversells, "record::sales::a_sale_of_more_than_is_left_changes_nothing"),
    (Mistake::ChecksThenWrites, "record::contention::fifty_units_are_sold_to_fifty_of_four_hundred"),
    (Mistake::SellsTwice, "record::sales::a_sale_repeated_answers_the_same_order"),
    (Mistake::SellsWhatIsVoid, "record::voids::a_void_hold_is_never_sold"),
    (Mistake::Unfenced, "record::sales::a_sale_under_an_old_epoch_changes_nothing"),
    (Mistake::FencesOldEpochsOnly, "record::sales::a_sale_under_an_epoch_to_come_changes_nothing"),
    (Mistake::FencesFirst, "record::sales::a_settled_hold_is_answered_before_any_other_check"),
    (Mistake::ForgetsKeys, "record::keys::a_key_for_another_hold_is_reused"),
    (Mistake::KeyOfAnyUser, "record::keys::a_key_is_scoped_to_user_and_product"),
    (Mistake::KeyWithoutName, "record::keys::a_key_is_kept_with_what_was_named"),
    (Mistake::PriceOfToday, "record::sales::a_price_is_the_one_at_the_sale"),
    (Mistake::VoidsNothingUnheard, "record::voids::a_void_settles_a_hold_never_heard_of"),
    (Mistake::SettlementOfAnyProduct, "record::voids::a_settlement_belongs_to_its_product"),
    (Mistake::BooksMiscounted, "record::books::the_books_of_every_change_balance"),
    (Mistake::TermsNotKept, "record::terms::terms_come_back_as_they_went_in"),
    (Mistake::StatesWithoutTerms, "record::terms::terms_come_back_as_they_went_in"),
    (Mistake::SalesWithoutTerms, "record::terms::every_state_has_its_terms"),
    (Mistake::EpochsWithoutTerms, "record::terms::every_state_has_its_terms"),
    (Mistake::BooksWithoutTerms, "record::terms::every_state_has_its_terms"),
    (Mistake::TermsClearedByAnyChange, "record::terms::terms_change_one_by_one"),
    (Mistake::ContradictionHalfWritten, "record::terms::terms_that_contradict_change_nothing"),
    (Mistake::RepeatsRefused, "record::terms::a_repeat_is_not_refused_for_its_terms"),
    (Mistake::TermsBeforeStock, "record::terms::terms_that_contradict_change_nothing"),
    (Mistake::EpochWithoutVersion, "record::epochs::an_epoch_rises_by_one_with_the_version"),
];

pub(crate) struct Wrong {
    right: Arc<dyn StockRepository>,
    mistake: Mistake,
}

impl Wrong {
    pub(crate) fn new(right: Arc<dyn StockRepository>, mistake: Mistake) -> Arc<Self> {
        Arc::new(Self { right, mistake })
    }

    fn is(&self, mistake: Mistake) -> bool {
        self.mistake == mistake
    }

    async fn state(&self, product: ProductId) -> Option<RecordState> {
        let states = self.right.states(&[product]).await.unwrap();
        states.first().map(|(_, state)| *state)
    }

    /// Sells whatever the right record says: under another reservation, and with units from nowhere.
    async fn force(&self, mut sale: Sale) -> Result<Commit, StoreError> {
        for nth in 0_u128..100 {
            let unheard = ReservationId::from_uuid(Uuid::from_u128(sale.order.as_uuid().as_u128() ^ nth));
            match self.right.commit(sale.clone()).await? {
                Commit::NoStock { .. } => {
                    let stock = StockChange::Add { id: unheard, units: sale.quantity };
                    self.right.change_product(sale.product, Change { stock, ..Change::default() }).await?;
                }
                Commit::Void | Commit::Sold { earlier: true, .. } => sale.reservation = unheard,
                answer => return Ok(answer),
            }
        }
        panic!("others are always faster");
    }
}

#[async_trait]
impl StockRepository for Wrong {
    async fn create_product(&self, mut product: Product) -> Result<Product, StoreError> {
        if self.is(Mistake::TermsNotKept) {
            product.terms = Terms::NONE;
        }
        let kept = self.right.create_product(product.clone()).await?;
        Ok(if self.is(Mistake::CreationOverwrites) { product } else { kept })
    }

    async fn product(&self, id: ProductId) -> Result<Option<Product>, StoreError> {
        self.right.product(id).await
    }

    async fn products(&self, page: PageRequest<ProductId>) -> Result<Page<Product, ProductId>, StoreError> {
        let mut answer = self.right.products(page).await?;
        if self.is(Mistake::OldestFirst) {
            answer.items.reverse();
        }
        if self.is(Mistake::LastPageHasNext) {
            answer.next = answer.items.last().map(|product| product.id);
        }
        Ok(answer)
    }

    async fn change_product(&self, id: ProductId, mut change: Change) -> Result<ChangeOutcome, StoreError> {
        if self.is(Mistake::HalfAChange) {
            let fields = Change { stock: StockChange::None, ..change.clone() };
            self.right.change_product(id, fields).await?;
        }
        let fresh = self.right.products(first_page()).await?.items.len();
        let state = self.state(id).await;
        let unheard = |of: Option<RecordState>| {
            let nth = of.map_or(0, |state| state.version.0) + i64::try_from(fresh).unwrap();
            ReservationId::parse(&format!("00000000-0000-7000-8000-{nth:012}")).unwrap()
        };
        match &mut change.stock {
            StockChange::Add { id, .. } if self.is(Mistake::IncreaseRepeats) => *id = unheard(state),
            StockChange::Withdraw(withdrawal) if self.is(Mistake::WithdrawalRepeats) => {
                withdrawal.reservation = unheard(state);
            }
            StockChange::Withdraw(withdrawal) if self.is(Mistake::WithdrawalUnfenced) => {
                withdrawal.epoch = state.unwrap().epoch;
            }
            _ => {}
        }
        match self.mistake {
            Mistake::TermsClearedByAnyChange if change.terms.is_empty() => {
                change.terms =
                    TermsPatch { starts_at: Edit::Clear, ends_at: Edit::Clear, max_per_reservation: Edit::Clear };
            }
            Mistake::RepeatsRefused if change.terms.apply(state.unwrap().terms).is_err() => {
                return Ok(ChangeOutcome::EndBeforeStart);
            }
            _ => {}
        }
        let outcome = self.right.change_product(id, change.clone()).await?;
        if self.is(Mistake::ContradictionHalfWritten) && outcome == ChangeOutcome::EndBeforeStart {
            self.right.change_product(id, Change { terms: TermsPatch::default(), ..change }).await?;
        }
        if self.is(Mistake::TermsBeforeStock) && change.terms.apply(state.unwrap().terms).is_err() {
            return Ok(match outcome {
                ChangeOutcome::TooMuch | ChangeOutcome::NoStock | ChangeOutcome::Fenced => {
                    ChangeOutcome::EndBeforeStart
                }
                other => other,
            });
        }
        Ok(outcome)
    }

    async fn commit(&self, mut sale: Sale) -> Result<Commit, StoreError> {
        let Some(state) = self.state(sale.product).await else {
            return self.right.commit(sale).await;
        };
        let settled = self.right.settlement(sale.product, sale.reservation).await?;
        match self.mistake {
            Mistake::Oversells => return self.force(sale).await,
            Mistake::ChecksThenWrites if state.total >= sale.quantity => {
                tokio::time::sleep(crate::gate::A_MOMENT).await;
                return self.force(sale).await;
            }
            Mistake::SellsTwice if matches!(settled, Some(Settlement::Sold(_))) => return self.force(sale).await,
            Mistake::SellsWhatIsVoid if settled == Some(Settlement::Void) => return self.force(sale).await,
            Mistake::FencesFirst if sale.epoch != state.epoch => return Ok(Commit::Fenced),
            Mistake::FencesOldEpochsOnly => sale.epoch = sale.epoch.min(state.epoch),
            Mistake::Unfenced => sale.epoch = state.epoch,
            Mistake::ForgetsKeys => sale.key = None,
            Mistake::KeyWithoutName => sale.key = sale.key.map(|key| CheckoutKey { named: None, ..key }),
            Mistake::KeyOfAnyUser => {
                let page = self.right.orders(&OrderFilter::default(), first_page()).await?;
                for order in page.items {
                    let Some(key) = &sale.key else { break };
                    let kept = self.right.keyed_order(sale.product, &order.user, &key.key).await?;
                    if kept.is_some_and(|kept| kept.order.reservation != sale.reservation) {
                        return Ok(Commit::KeyReused);
                    }
                }
            }
            _ => {}
        }
        let mut answer = self.right.commit(sale).await?;
        if let (Mistake::SalesWithoutTerms, Commit::Sold { record, .. } | Commit::NoStock { record }) =
            (self.mistake, &mut answer)
        {
            record.terms = Terms::NONE;
        }
        Ok(answer)
    }

    async fn void(
        &self,
        product: ProductId,
        reservation: ReservationId,
        user: &UserId,
    ) -> Result<Option<Settlement>, StoreError> {
        if self.is(Mistake::VoidsNothingUnheard) {
            return self.right.settlement(product, reservation).await;
        }
        self.right.void(product, reservation, user).await
    }

    async fn settlement(
        &self,
        product: ProductId,
        reservation: ReservationId,
    ) -> Result<Option<Settlement>, StoreError> {
        if self.is(Mistake::SettlementOfAnyProduct) {
            for product in self.right.products(first_page()).await?.items {
                let settled = self.right.settlement(product.id, reservation).await?;
                if settled.is_some() {
                    return Ok(settled);
                }
            }
        }
        self.right.settlement(product, reservation).await
    }

    async fn keyed_order(
        &self,
        product: ProductId,
        user: &UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<KeyedOrder>, StoreError> {
        self.right.keyed_order(product, user, key).await
    }

    async fn order(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        let mut order = self.right.order(id).await?;
        if let Some(order) = order.as_mut().filter(|_| self.is(Mistake::PriceOfToday)) {
            order.unit_price = self.right.product(order.product).await?.unwrap().price;
        }
        Ok(order)
    }

    async fn orders(&self, of: &OrderFilter, page: PageRequest<OrderId>) -> Result<Page<Order, OrderId>, StoreError> {
        let mut of = of.clone();
        if self.is(Mistake::OrdersOfEveryone) {
            of.user = None;
        }
        if self.is(Mistake::OrdersOfEverything) || (of.user.is_some() && self.is(Mistake::OneFilterAtATime)) {
            of.product = None;
        }
        self.right.orders(&of, page).await
    }

    async fn orders_after(
        &self,
        product: Option<ProductId>,
        after: Option<OrderId>,
        limit: usize,
    ) -> Result<Vec<Order>, StoreError> {
        let product = product.filter(|_| !self.is(Mistake::ExportsEverything));
        let mut orders = self.right.orders_after(product, after, limit).await?;
        if let Some(last) = after.filter(|_| self.is(Mistake::ExportsTwice)) {
            orders.splice(..0, self.right.order(last).await?);
            orders.truncate(limit);
        }
        Ok(orders)
    }

    async fn open_epoch(&self, product: ProductId) -> Result<Option<RecordState>, StoreError> {
        let mut state = self.right.open_epoch(product).await?;
        if let Some(state) = state.as_mut().filter(|_| self.is(Mistake::EpochWithoutVersion)) {
            state.version = Version(state.version.0 - state.epoch.0);
        }
        if let Some(state) = state.as_mut().filter(|_| self.is(Mistake::EpochsWithoutTerms)) {
            state.terms = Terms::NONE;
        }
        Ok(state)
    }

    async fn states(&self, products: &[ProductId]) -> Result<Vec<(ProductId, RecordState)>, StoreError> {
        let mut states = self.right.states(products).await?;
        if self.is(Mistake::StatesOfOneProductOnly) {
            states.truncate(1);
        }
        for (_, state) in states.iter_mut().filter(|_| self.is(Mistake::StatesWithoutTerms)) {
            state.terms = Terms::NONE;
        }
        Ok(states)
    }

    async fn books(&self, after: Option<ProductId>, limit: usize) -> Result<Vec<RecordBooks>, StoreError> {
        let mut books = self.right.books(after, limit).await?;
        for books in books.iter_mut().filter(|_| self.is(Mistake::BooksMiscounted)) {
            books.deltas += 1;
        }
        for state in books.iter_mut().filter_map(|books| books.state.as_mut()) {
            if self.is(Mistake::BooksWithoutTerms) {
                state.terms = Terms::NONE;
            }
        }
        Ok(books)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.right.ping().await
    }
}

fn first_page<Id>() -> PageRequest<Id> {
    PageRequest { size: flashdeal_domain::PageSize::new(100).unwrap(), after: None }
}
