//! A gate with one mistake.

mod mistakes;
mod terms;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use flashdeal_domain::ports::reservation::{
    BeginOutcome, Caller, Finish, GateView, Hold, LedgerError, OpeningToken, ReleaseOutcome, ReserveCall,
    ReserveOutcome,
};
use flashdeal_domain::ports::{Clock, GateBooks};
use flashdeal_domain::{
    HoldTime, IdempotencyKey, ProductId, RecordState, ReservationId, ReservationLedger, StockLevel, StoreError, Terms,
    Timestamp, Units, UserId, Version,
};

pub(crate) use mistakes::{MISTAKES, Mistake};

/// A clock that never steps back.
pub(crate) struct Ratchet {
    clock: Arc<dyn Clock>,
    latest: Mutex<Timestamp>,
}

impl Ratchet {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, latest: Mutex::new(Timestamp::from_millis(0)) })
    }
}

impl Clock for Ratchet {
    fn now(&self) -> Timestamp {
        let mut latest = self.latest.lock().unwrap();
        *latest = self.clock.now().max(*latest);
        *latest
    }
}

/// Between two steps that should be one: long enough for others to come between on any machine.
pub(crate) const A_MOMENT: Duration = Duration::from_millis(5);

pub(crate) struct Wrong {
    right: Arc<dyn ReservationLedger>,
    mistake: Mistake,
    keys: Mutex<HashMap<(ProductId, UserId, IdempotencyKey), Hold>>,
}

impl Wrong {
    pub(crate) fn new(right: Arc<dyn ReservationLedger>, mistake: Mistake) -> Arc<Self> {
        Arc::new(Self { right, mistake, keys: Mutex::default() })
    }

    fn is(&self, mistake: Mistake) -> bool {
        self.mistake == mistake
    }

    fn name(&self, user: &UserId) -> UserId {
        if self.is(Mistake::MixesUpCase) { UserId::from_store(&user.as_str().to_lowercase()) } else { user.clone() }
    }

    async fn finish_it(&self, product: ProductId, user: &UserId, hold: Hold) -> Result<(), LedgerError> {
        let reservation = hold.reservation;
        self.right.finish(Finish { product, user: user.clone(), reservation, record: None }).await
    }

    /// Ends what is paying and overdue, as if it could lapse.
    async fn lapse_paying(&self, product: ProductId) -> Result<(), LedgerError> {
        for view in self.right.view(&[product], Duration::ZERO).await? {
            for paying in view.paying.iter().filter(|paying| paying.overdue > Duration::ZERO) {
                self.finish_it(product, &paying.user, paying.hold).await?;
            }
        }
        Ok(())
    }

    /// Makes the hold anew, under the id it had or another.
    async fn again(&self, call: ReserveCall, candidate: ReservationId) -> Result<ReserveOutcome, LedgerError> {
        self.right.release(call.product, &call.user).await?;
        match self.right.reserve(ReserveCall { candidate, ..call }).await? {
            ReserveOutcome::Held { hold, .. } => Ok(ReserveOutcome::Held { hold, created: false }),
            other => Ok(other),
        }
    }

    /// Holds though the units are gone.
    async fn hold_anyway(&self, call: ReserveCall) -> Result<ReserveOutcome, LedgerError> {
        let level = self.right.status(call.product).await?;
        let views = self.right.view(&[call.product], Duration::ZERO).await?;
        let (epoch, version) = views.first().unwrap().open.unwrap();
        let total = Units::new(level.total().get() + call.quantity.get()).unwrap();
        let record = RecordState { epoch, version: Version(version.0 + 1), total, terms: Terms::NONE };
        self.right.adopt(call.product, record).await?;
        self.right.reserve(call).await
    }

    async fn wrong_reserve(&self, call: ReserveCall) -> Result<ReserveOutcome, LedgerError> {
        let mine = self.right.hold(call.product, &call.user).await?;
        let level = self.right.status(call.product).await?;
        if let Some(answer) = self.wrongly_on_terms(&call, mine, level).await? {
            return Ok(answer);
        }
        match (self.mistake, mine) {
            (Mistake::CountsOwnUnits, Some(_)) if call.quantity > level.available() => {
                return Ok(ReserveOutcome::Insufficient(level));
            }
            (Mistake::SettingExtends, Some(hold)) => return self.again(call, hold.reservation).await,
            (Mistake::SettingRenames, Some(_)) => {
                let candidate = call.candidate;
                return self.again(call, candidate).await;
            }
            (Mistake::ChecksThenHolds, None) if call.quantity <= level.available() => {
                tokio::time::sleep(A_MOMENT).await;
                let answer = self.right.reserve(call.clone()).await?;
                let refused = matches!(answer, ReserveOutcome::Insufficient(_));
                return if refused { self.hold_anyway(call).await } else { Ok(answer) };
            }
            (Mistake::KeyOutlivesTheDeadline | Mistake::KeyForAnyQuantity, _) => {
                return self.wrongly_keyed(call).await;
            }
            (Mistake::KeyEndsWithTheHold, None) => {
                return self.right.reserve(ReserveCall { key: None, ..call }).await;
            }
            _ => {}
        }
        let (product, user) = (call.product, call.user.clone());
        let answer = self.right.reserve(call.clone()).await?;
        match (self.mistake, answer) {
            (Mistake::RefusalDropsTheHold, ReserveOutcome::Insufficient(_)) => {
                self.right.release(product, &user).await?;
            }
            (Mistake::SetsWhatIsPaying, ReserveOutcome::CheckoutInProgress) => {
                self.finish_it(product, &user, mine.unwrap()).await?;
                return self.right.reserve(call).await;
            }
            _ => {}
        }
        Ok(answer)
    }

    async fn wrongly_keyed(&self, call: ReserveCall) -> Result<ReserveOutcome, LedgerError> {
        let key = call.key.clone().map(|key| (call.product, call.user.clone(), key));
        let kept = key.as_ref().and_then(|key| self.keys.lock().unwrap().get(key).copied());
        let quantity = call.quantity;
        match kept {
            Some(hold) if self.is(Mistake::KeyForAnyQuantity) => return Ok(ReserveOutcome::Replayed(hold)),
            Some(hold) if hold.quantity == quantity => return Ok(ReserveOutcome::Replayed(hold)),
            Some(_) => return Ok(ReserveOutcome::KeyReused),
            None => {}
        }
        let answer = self.right.reserve(call).await?;
        if let (Some(key), ReserveOutcome::Held { hold, .. }) = (key, answer) {
            self.keys.lock().unwrap().insert(key, hold);
        }
        Ok(answer)
    }
}

/// A ttl or a deadline moved by some milliseconds.
fn moved(ttl: HoldTime, by_ms: i64) -> HoldTime {
    let ms = u64::try_from(ttl.as_millis() + by_ms).unwrap();
    HoldTime::new(Duration::from_millis(ms)).unwrap()
}

fn shown(hold: Hold, by_ms: i64) -> Hold {
    let expires_at = Timestamp::from_millis(hold.expires_at.as_millis() + by_ms);
    Hold { expires_at, ..hold }
}

#[async_trait]
impl ReservationLedger for Wrong {
    async fn reserve(&self, mut call: ReserveCall) -> Result<ReserveOutcome, LedgerError> {
        call.user = self.name(&call.user);
        let off = match self.mistake {
            Mistake::LapsesLate => 1,
            Mistake::LapsesEarly => -1,
            _ => 0,
        };
        call.ttl = moved(call.ttl, off);
        if self.is(Mistake::ForgetsKeys) {
            call.key = None;
        }
        call.caller = match (self.mistake, call.caller) {
            (Mistake::LetsAnybodyPast, Caller::Buyer) => Caller::Called,
            (Mistake::KeepsOutWhoIsCalled, Caller::Called) => Caller::Buyer,
            (_, caller) => caller,
        };
        match self.wrong_reserve(call).await? {
            ReserveOutcome::Held { hold, created } => Ok(ReserveOutcome::Held { hold: shown(hold, -off), created }),
            other => Ok(other),
        }
    }

    async fn hold(&self, product: ProductId, user: &UserId) -> Result<Option<Hold>, LedgerError> {
        self.right.hold(product, &self.name(user)).await
    }

    async fn begin(
        &self,
        product: ProductId,
        user: &UserId,
        named: Option<ReservationId>,
    ) -> Result<BeginOutcome, LedgerError> {
        let named = named.filter(|_| !self.is(Mistake::IgnoresTheName));
        let begun = self.is(Mistake::BeginsOnce) && {
            let views = self.right.view(&[product], Duration::ZERO).await?;
            views.iter().any(|view| view.paying.iter().any(|paying| paying.user == *user))
        };
        if begun {
            return Ok(BeginOutcome::NoHold);
        }
        self.right.begin(product, &self.name(user), named).await
    }

    async fn finish(&self, mut finish: Finish) -> Result<(), LedgerError> {
        finish.user = self.name(&finish.user);
        let (product, record) = (finish.product, finish.record);
        if self.is(Mistake::FinishesAnyHold)
            && let Some(hold) = self.right.hold(product, &finish.user).await?
        {
            finish.reservation = hold.reservation;
        }
        if self.is(Mistake::NeverAdoptsAtFinish) || self.is(Mistake::FinishesInTwoSteps) {
            finish.record = None;
        }
        finish.record = finish.record.map(|record| terms::taken(self.mistake, record));
        if let Some(record) = finish.record.as_mut().filter(|_| self.is(Mistake::FinishesWithoutTerms)) {
            record.terms = Terms::NONE;
        }
        self.right.finish(finish).await?;
        if let Some(record) = record.filter(|_| self.is(Mistake::FinishesInTwoSteps)) {
            tokio::time::sleep(A_MOMENT).await;
            self.right.adopt(product, record).await?;
        }
        Ok(())
    }

    async fn release(&self, product: ProductId, user: &UserId) -> Result<ReleaseOutcome, LedgerError> {
        let answer = self.right.release(product, &self.name(user)).await?;
        if let (Mistake::ReleasesWhatIsPaying, ReleaseOutcome::Paying(hold)) = (self.mistake, answer) {
            self.finish_it(product, user, hold).await?;
        }
        Ok(answer)
    }

    async fn status(&self, product: ProductId) -> Result<StockLevel, LedgerError> {
        if self.is(Mistake::PayingLapses) {
            self.lapse_paying(product).await?;
        }
        self.right.status(product).await
    }

    async fn adopt(&self, product: ProductId, mut record: RecordState) -> Result<(), LedgerError> {
        if self.is(Mistake::AdoptsWhatIsOlder) {
            let views = self.right.view(&[product], Duration::ZERO).await?;
            let (_, version) = views.first().unwrap().open.unwrap();
            record.version = Version(version.0 + 1);
        }
        self.right.adopt(product, terms::taken(self.mistake, record)).await
    }

    async fn claim_opening(&self, product: ProductId) -> Result<OpeningToken, StoreError> {
        self.right.claim_opening(product).await
    }

    async fn open(&self, product: ProductId, token: OpeningToken, mut record: RecordState) -> Result<bool, StoreError> {
        record = terms::taken(self.mistake, record);
        if self.is(Mistake::OpensWithoutTerms) {
            record.terms = Terms::NONE;
        }
        match self.mistake {
            Mistake::AnyLeaveOpens => {
                let token = self.right.claim_opening(product).await?;
                self.right.open(product, token, record).await
            }
            Mistake::ReopeningDropsHolds | Mistake::SameEpochOpens => {
                self.right.forget(product).await?;
                self.right.open(product, token, record).await
            }
            _ => self.right.open(product, token, record).await,
        }
    }

    async fn forget(&self, product: ProductId) -> Result<(), StoreError> {
        if self.is(Mistake::ForgetsNothing) {
            return Ok(());
        }
        self.right.forget(product).await
    }

    async fn products(&self, after: Option<ProductId>, limit: usize) -> Result<Vec<ProductId>, StoreError> {
        let mut products = self.right.products(after, limit).await?;
        if self.is(Mistake::ProductsOutOfOrder) {
            products.reverse();
        }
        Ok(products)
    }

    async fn view(&self, products: &[ProductId], paying_over: Duration) -> Result<Vec<GateView>, StoreError> {
        let over = if self.is(Mistake::ShowsWhatIsPayingTooSoon) { Duration::ZERO } else { paying_over };
        let mut views = self.right.view(products, over).await?;
        if self.is(Mistake::ShowsTooFew) {
            for view in &mut views {
                view.paying.truncate(63);
            }
        }
        Ok(views)
    }

    async fn books(&self, product: ProductId, overdue: Duration) -> Result<GateBooks, LedgerError> {
        let mut books = self.right.books(product, overdue).await?;
        if self.is(Mistake::ForgetsWhatIsUnsettled) {
            books.unsettled = 0;
        }
        if self.is(Mistake::BooksWithoutTerms) {
            books.terms = Terms::NONE;
        }
        Ok(books)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.right.ping().await
    }
}
