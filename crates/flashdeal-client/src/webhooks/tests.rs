use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
// The example that the libraries of Standard Webhooks are tested with.
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const BODY: &str = r#"{"test": 2432232314}"#;
const SENT_AT: &str = "1614265330";
const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const THEN: Timestamp = Timestamp::from_millis(1_614_265_330_000);

const ORDER: &str = r#"{"orderId":"01890a5d-ac96-774b-bcce-b302099a8059","reservationId":"01890a5d-ac96-774b-bcce-b302099a8058",
    "productId":"01890a5d-ac96-774b-bcce-b302099a8057","userId":"ada","quantity":2,"unitPrice":499.90,"total":999.80,
    "createdAt":"2026-11-22T12:00:00.000Z"}"#;

fn judged(
    webhook: &Webhook,
    now: Timestamp,
    body: &str,
    sent_at: &str,
    signed: &str,
) -> Result<WebhookEvent, BadWebhook> {
    webhook.verify_at(now, body.as_bytes(), |name| match name {
        "webhook-id" => Some(ID),
        "webhook-timestamp" => Some(sent_at),
        "webhook-signature" => Some(signed),
        _ => None,
    })
}

/// What the server would say of a body.
fn sign(secret: &str, body: &str) -> String {
    let webhook = Webhook::new(secret).unwrap();
    let mac = webhook.keys[0].clone().chain_update(format!("{ID}.{SENT_AT}.{body}"));
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[test]
fn a_message_is_signed_as_others_sign_it() {
    assert_eq!(sign(SECRET, BODY), SIGNED);
    // It is genuine, and says nothing that we know.
    for given in [SIGNED.to_owned(), format!("v1,AAAA  v1a,BBBB {SIGNED}"), format!("{SIGNED} v2,x")] {
        let error = judged(&Webhook::new(SECRET).unwrap(), THEN, BODY, SENT_AT, &given).unwrap_err();
        assert!(matches!(error, BadWebhook::Unreadable(_)), "{error}");
    }
}

#[test]
fn what_is_forged_is_refused() {
    let webhook = Webhook::new(SECRET).unwrap();
    let endless = "v1, ".repeat(10_000);
    let cut = &SIGNED[..SIGNED.len() - 1];
    for given in ["", " ", "v1,", "v1,ä", cut, &SIGNED[3..], &SIGNED.to_lowercase(), "v1,AAAA", "v1a,AAAA", &endless] {
        assert_eq!(judged(&webhook, THEN, BODY, SENT_AT, given), Err(BadWebhook::Signature), "{given}");
    }
    assert_eq!(judged(&webhook, THEN, &format!("{BODY} "), SENT_AT, SIGNED), Err(BadWebhook::Signature));
    assert_eq!(judged(&webhook, THEN, BODY, "1614265331", SIGNED), Err(BadWebhook::Signature));
    let other_id = |name| if name == "webhook-id" { Some("other") } else { Some(SENT_AT) };
    assert_eq!(webhook.verify_at(THEN, BODY.as_bytes(), other_id), Err(BadWebhook::Signature));
}

#[test]
fn without_its_headers_it_is_no_message() {
    let webhook = Webhook::new(SECRET).unwrap();
    for sent_at in ["", "soon", "-1", "+1", "1e9", " 1", &"9".repeat(5000)] {
        assert_eq!(judged(&webhook, THEN, BODY, sent_at, SIGNED), Err(BadWebhook::Headers), "{sent_at}");
    }
    assert_eq!(webhook.verify(BODY.as_bytes(), |_| None), Err(BadWebhook::Headers));
    let empty_id = |name| if name == "webhook-id" { Some("") } else { Some(SENT_AT) };
    assert_eq!(webhook.verify_at(THEN, BODY.as_bytes(), empty_id), Err(BadWebhook::Headers));
}

#[test]
fn it_must_be_of_now() {
    let webhook = Webhook::new(SECRET).unwrap();
    for (seconds, good) in [(-301, false), (-300, true), (300, true), (301, false)] {
        let now = Timestamp::from_millis(THEN.as_millis() + seconds * 1000);
        let error = judged(&webhook, now, BODY, SENT_AT, SIGNED).unwrap_err();
        assert_eq!(error != BadWebhook::Time, good, "{seconds}");
    }
    for now in [i64::MIN, i64::MAX] {
        let judged = judged(&webhook, Timestamp::from_millis(now), BODY, SENT_AT, SIGNED);
        assert_eq!(judged, Err(BadWebhook::Time));
    }
    // By the machine's clock it is years ago.
    let header = |name| {
        Some(match name {
            "webhook-id" => ID,
            "webhook-timestamp" => SENT_AT,
            _ => SIGNED,
        })
    };
    assert_eq!(webhook.verify(BODY.as_bytes(), header), Err(BadWebhook::Time));
}

#[test]
fn an_order_is_read_and_what_is_of_another_type_is_named() {
    let webhook = Webhook::new(SECRET).unwrap();
    let read = |body: &str| judged(&webhook, THEN, body, SENT_AT, &sign(SECRET, body));
    let told =
        |kind: &str, data: &str| format!(r#"{{"type":"{kind}","timestamp":"2026-11-22T12:00:00.000Z","data":{data}}}"#);
    let event = read(&told("order.created", ORDER)).unwrap();
    assert_eq!((event.id.as_str(), event.timestamp), (ID, Timestamp::from_millis(1_795_348_800_000)));
    let Told::OrderCreated(order) = event.told else { panic!("no order") };
    assert_eq!((order.user.as_str(), order.total().to_string().as_str()), ("ada", "999.80"));
    assert_eq!(read(&told("ping", "{}")).unwrap().told, Told::Other("ping".to_owned()));
    for bad in ["", "null", "[]", &"[".repeat(100_000), &told("order.created", "{}"), r#"{"type":"ping","data":{}}"#] {
        assert!(matches!(read(bad), Err(BadWebhook::Unreadable(_))), "{bad:.40}");
    }
}

#[test]
fn while_a_secret_is_replaced_both_are_good() {
    let (old, new, other) = (SECRET, "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz", "whsec_b3RoZXI");
    let both = Webhook::new(new).unwrap().or(old).unwrap();
    for (secret, good) in [(old, true), (new, true), (other, false)] {
        let error = judged(&both, THEN, BODY, SENT_AT, &sign(secret, BODY)).unwrap_err();
        assert_eq!(error != BadWebhook::Signature, good, "{secret}");
    }
    let by_both = format!("{} {}", sign(other, BODY), sign(old, BODY));
    assert_ne!(judged(&both, THEN, BODY, SENT_AT, &by_both), Err(BadWebhook::Signature));
}

#[test]
fn secrets_may_be_padded_and_others_are_refused() {
    for same in ["whsec_b3RoZXI", "whsec_b3RoZXI=", "b3RoZXI="] {
        assert_eq!(sign(same, BODY), sign("whsec_b3RoZXI=", BODY));
    }
    for bad in ["", "whsec_", "whsec_ä", "whsec_a*b=", "whsec_b3RoZX-_", "whsec_b", "whsec_===="] {
        assert_eq!(Webhook::new(bad).unwrap_err(), BadSecret, "{bad}");
    }
    let shown = format!("{:?}", Webhook::new(SECRET).unwrap());
    assert_eq!(shown, "Webhook { secrets: 1 }");
}
