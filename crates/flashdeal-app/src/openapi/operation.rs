//! One operation while it is being described.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Required, ResponseBuilder, Schema};

use crate::error::{Code, Problem};

use super::BEARER;
use super::problems::{self, Refusal};
use super::{links, schemas};

/// An operation, its success answers, and what it refuses for which reason.
pub(super) struct Described {
    method: HttpMethod,
    path: &'static str,
    id: &'static str,
    operation: OperationBuilder,
    refusals: BTreeMap<u16, Vec<Refusal>>,
}

/// A named example.
pub(super) type Named = (&'static str, Value);

impl Described {
    pub(super) fn new(method: HttpMethod, path: &'static str, id: &'static str, tag: &str) -> Self {
        let operation = OperationBuilder::new().operation_id(Some(id)).tag(tag);
        Self { method, path, id, operation, refusals: BTreeMap::new() }
    }

    pub(super) fn about(mut self, summary: &str, description: &str) -> Self {
        self.operation = self.operation.summary(Some(summary));
        if !description.is_empty() {
            self.operation = self.operation.description(Some(description));
        }
        self
    }

    fn parameter(
        mut self,
        name: &str,
        place: ParameterIn,
        description: &str,
        schema: RefOr<Schema>,
        required: bool,
    ) -> Self {
        let required = if required { Required::True } else { Required::False };
        let parameter =
            ParameterBuilder::new().name(name).parameter_in(place).required(required).description(Some(description));
        let parameter = match schema {
            // Comma-separated.
            RefOr::T(Schema::Array(_)) => parameter.style(Some(ParameterStyle::Form)).explode(Some(false)),
            _ => parameter,
        };
        let parameter = parameter.schema(Some(schema));
        self.operation = self.operation.parameter(parameter);
        self
    }

    /// The id in the path. What is no id answers 400.
    pub(super) fn path_id(self, name: &str, description: &str) -> Self {
        let broken = problems::field(name, flashdeal_domain::ProductId::parse("42"));
        self.parameter(name, ParameterIn::Path, description, schemas::reference("Id"), true)
            .refuse("badId", Problem::invalid(vec![broken]))
    }

    pub(super) fn query(self, name: &str, description: &str, schema: RefOr<Schema>, required: bool) -> Self {
        self.parameter(name, ParameterIn::Query, description, schema, required)
    }

    /// `limit` and `cursor`, and what they must be.
    pub(super) fn paged(self) -> Self {
        self.paged_by(schemas::reference("Id"))
    }

    /// The same, with cursors of this kind.
    pub(super) fn paged_by(self, cursor: RefOr<Schema>) -> Self {
        let broken = problems::field("limit", flashdeal_domain::PageSize::new(0));
        self.query("limit", "How many to give at most.", schemas::limit(), false)
            .query("cursor", "`nextCursor` of the page before: go on after it.", cursor, false)
            .refuse("badLimit", Problem::invalid(vec![broken]))
    }

    pub(super) fn header(self, name: &str, description: &str, schema: RefOr<Schema>) -> Self {
        self.parameter(name, ParameterIn::Header, description, schema, false)
    }

    /// `Idempotency-Key`, and what happens to its second use.
    pub(super) fn idempotent(self, kept: &str) -> Self {
        let about = format!("Repeats of this request, with this key and body, get the first answer again. {kept}");
        self.header("Idempotency-Key", &about, schemas::reference("IdempotencyKey"))
            .refuse("keyReused", flashdeal_domain::SaleError::IdempotencyKeyReused.into())
    }

    /// A JSON body, and what may be wrong with any body.
    pub(super) fn body(mut self, schema: &str, examples: impl IntoIterator<Item = Named>) -> Self {
        let body = RequestBodyBuilder::new()
            .content("application/json", content(schemas::reference(schema), examples))
            .required(Some(Required::True))
            .build();
        self.operation = self.operation.request_body(Some(body));
        let not_json = "The body is not valid JSON: EOF while parsing an object at line 1 column 15.";
        self.refuse("notJson", Problem::new(Code::InvalidRequest, not_json))
            .refuse("noBody", Problem::new(Code::InvalidRequest, "A JSON body is required."))
            .refuse("tooLarge", problems::too_large())
            .refuse("notJsonType", problems::not_json_type())
    }

    /// A JSON answer. `headers` are names of components.
    pub(super) fn answer(
        self,
        status: u16,
        description: &str,
        schema: RefOr<Schema>,
        examples: impl IntoIterator<Item = Named>,
        headers: &[&str],
    ) -> Self {
        self.answer_in("application/json", status, description, schema, examples, headers)
    }

    /// An answer of another type.
    pub(super) fn answer_in(
        mut self,
        media_type: &str,
        status: u16,
        description: &str,
        schema: RefOr<Schema>,
        examples: impl IntoIterator<Item = Named>,
        headers: &[&str],
    ) -> Self {
        let answer = ResponseBuilder::new().description(description).content(media_type, content(schema, examples));
        let counted = self.is_limited().then_some(["RateLimit", "RateLimit-Policy"]).into_iter().flatten();
        let names = headers.iter().copied().chain(["X-Request-Id"]).chain(counted);
        let answer = names.fold(answer, |answer, name| answer.header_ref(name, problems::header(name)));
        let links = links::after(self.id, status);
        let answer = links.into_iter().fold(answer, |answer, (name, link)| answer.link(name, link));
        self.operation = self.operation.response(status.to_string(), answer);
        self
    }

    /// One more reason to refuse.
    pub(super) fn refuse(mut self, name: &'static str, problem: Problem) -> Self {
        self.refusals.entry(problem.code.status().as_u16()).or_default().push(Refusal { name, problem });
        self
    }

    /// With tokens, only the token's user; with keys, for any user; without, everyone.
    pub(super) fn by_user(self) -> Self {
        let other = Problem::new(Code::Forbidden, "The userId is not the one your token names.");
        self.by_token().refuse("anotherUser", other)
    }

    /// With tokens or keys, only an admin; without, everyone.
    pub(super) fn by_admin(self) -> Self {
        let forbidden = Problem::new(Code::Forbidden, "This needs a token with the admin scope.");
        let shop = Problem::new(Code::Forbidden, "This needs an admin key.");
        self.by_token().refuse("notAdmin", forbidden).refuse("shopKey", shop)
    }

    /// With tokens or keys, whoever has one, to read alone if it is such a key; without, everyone.
    pub(super) fn by_token(mut self) -> Self {
        let bearer = SecurityRequirement::new(BEARER, Vec::<String>::new());
        self.operation = self.operation.securities(Some([SecurityRequirement::default(), bearer]));
        let changes = self.method != HttpMethod::Get;
        let named = self.refuse("noToken", problems::unauthorized());
        let reads = || Problem::new(Code::Forbidden, "This key may only read.");
        if changes { named.refuse("readKey", reads()) } else { named }
    }

    fn is_limited(&self) -> bool {
        self.path.starts_with("/api/") && self.path != "/api/openapi.json"
    }

    /// What is added to the paths.
    pub(super) fn done(mut self) -> (&'static str, HttpMethod, Operation) {
        if self.is_limited() {
            let unavailable = Problem::unavailable("");
            self = self
                .refuse("limited", Problem::rate_limited(37))
                .refuse("internal", Problem::internal(""))
                .refuse("storeDown", unavailable);
        }
        let mut operation = self.operation;
        for (status, refusals) in &self.refusals {
            let answer: RefOr<_> = match problems::shared_name(refusals) {
                Some(name) => Ref::from_response_name(name).into(),
                None => problems::answer(refusals).into(),
            };
            operation = operation.response(status.to_string(), answer);
        }
        (self.path, self.method, operation.build())
    }
}

/// A schema with its examples.
pub(super) fn content(schema: RefOr<Schema>, examples: impl IntoIterator<Item = Named>) -> utoipa::openapi::Content {
    let examples = examples.into_iter().map(|(name, value)| (name, ExampleBuilder::new().value(Some(value))));
    ContentBuilder::new().schema(Some(schema)).examples_from_iter(examples).build()
}
