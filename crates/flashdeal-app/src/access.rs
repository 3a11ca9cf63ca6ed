//! Who may do what: with `FLASHDEAL_AUTH=none` anyone, with `keys` who bears one, with `jwt` also the user a token names.

mod jwt;
mod keys;

use std::borrow::Cow;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use actix_web::{FromRequest, HttpRequest, web};
use flashdeal_domain::{Order, UserId};

use crate::error::{Code, Problem};
use crate::extract::Field;

pub use jwt::{Algorithm, KeySource, TokenRules};
pub use keys::{BadKey, Keys, Role};

/// The lock on the doors.
#[derive(Clone)]
pub(crate) enum Lock {
    /// Everyone is who they say.
    None,
    /// What a request bears says what it may do.
    Bearers(std::sync::Arc<Bearers>),
}

/// What opens the lock.
pub(crate) struct Bearers {
    pub(crate) keys: Keys,
    pub(crate) tokens: Option<TokenRules>,
}

/// Who asks. As a handler's argument it is the check that the request has a valid key or token where one is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nobody is asked for a token.
    Anyone,
    /// A program of the shop.
    Program(Role),
    /// The token's user.
    User { user: UserId, admin: bool },
}

impl Access {
    /// A body that names no user acts for the token's.
    pub(crate) fn fill<'a>(&self, named: Field<Cow<'a, str>>) -> Field<Cow<'a, str>> {
        match (self, named) {
            (Self::User { user, .. }, Field::Missing) => Field::Is(Cow::Owned(user.as_str().to_owned())),
            (_, named) => named,
        }
    }

    /// Whether a request may act for this user.
    pub(crate) fn acts_for(&self, named: &UserId) -> Result<(), Problem> {
        match self {
            Self::User { user, .. } if user != named => {
                Err(Problem::new(Code::Forbidden, "The userId is not the one your token names."))
            }
            _ => Ok(()),
        }
    }

    /// Whose orders a listing may show: one's own; an admin may ask for anyone's, or everyone's.
    pub(crate) fn listed_user(&self, named: Option<UserId>) -> Result<Option<UserId>, Problem> {
        match (self, named) {
            (Self::User { user, admin: false }, None) => Ok(Some(user.clone())),
            (Self::User { admin: false, .. }, Some(named)) => self.acts_for(&named).map(|()| Some(named)),
            (_, named) => Ok(named),
        }
    }

    /// Whether this order may be seen; another's is as if it did not exist.
    pub(crate) fn may_see(&self, order: &Order) -> bool {
        match self {
            Self::User { user, admin: false } => *user == order.user,
            _ => true,
        }
    }

    /// Products are created and changed by admins.
    pub(crate) fn admin(&self) -> Result<(), Problem> {
        match self {
            Self::Anyone | Self::Program(Role::Admin) | Self::User { admin: true, .. } => Ok(()),
            Self::Program(_) => Err(Problem::new(Code::Forbidden, "This needs an admin key.")),
            Self::User { .. } => Err(Problem::new(Code::Forbidden, "This needs a token with the admin scope.")),
        }
    }
}

impl Access {
    /// Everyone who waits is shown to whoever runs the shop.
    pub(crate) fn operator(&self) -> Result<(), Problem> {
        match self {
            Self::Anyone | Self::Program(Role::Admin | Role::Read) | Self::User { admin: true, .. } => Ok(()),
            Self::Program(Role::Shop) => {
                Err(Problem::new(Code::Forbidden, "This needs an admin key, or one that may read; or name a userId."))
            }
            Self::User { .. } => Err(Problem::new(Code::Forbidden, "This needs a token with the admin scope.")),
        }
    }

    /// Whether a request that names nobody is about the token's user.
    pub(crate) fn is_buyer(&self) -> bool {
        matches!(self, Self::User { admin: false, .. })
    }
}

impl FromRequest for Access {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match request.app_data::<web::Data<Lock>>().map(web::Data::get_ref) {
            // A lock that was forgotten opens nothing.
            None => Err(Problem::internal("the server has no lock").into()),
            Some(Lock::None) => Ok(Self::Anyone),
            Some(Lock::Bearers(good)) => good.access(request).map_err(Into::into),
        })
    }
}

impl Bearers {
    fn access(&self, request: &HttpRequest) -> Result<Access, Problem> {
        let borne = bearer(request.headers()).ok_or_else(|| unauthorized(self.needed()))?;
        if let Some(role) = self.keys.role_of(borne) {
            role.may(request.method())?;
            return Ok(Access::Program(role));
        }
        match &self.tokens {
            Some(rules) => rules.check(borne).map_err(unauthorized),
            None => Err(unauthorized("This key is none of this server's.")),
        }
    }

    fn needed(&self) -> &'static str {
        match self.tokens {
            Some(_) => "This needs a token: Authorization: Bearer …",
            None => "This needs a key: Authorization: Bearer …",
        }
    }
}

pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn unauthorized(detail: &'static str) -> Problem {
    Problem::new(Code::Unauthorized, detail).with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_server_without_a_lock_opens_no_door() {
        let access = |request: &HttpRequest| Access::from_request(request, &mut Payload::None).into_inner();
        let open = TestRequest::default().app_data(web::Data::new(Lock::None)).to_http_request();
        assert_eq!(access(&open).unwrap(), Access::Anyone);
        let forgotten = access(&TestRequest::default().to_http_request()).unwrap_err();
        assert_eq!(forgotten.as_response_error().status_code(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
