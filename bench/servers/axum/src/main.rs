//! axum and lettre: the body into memory, a message by lettre's builder, its sendmail transport on tokio.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use lettre::message::header::ContentType;
use lettre::{AsyncSendmailTransport, AsyncTransport, Message, Tokio1Executor};
use std::sync::Arc;

type Mailer = AsyncSendmailTransport<Tokio1Executor>;

async fn mail(State(mailer): State<Arc<Mailer>>, fields: HeaderMap, body: Bytes) -> (StatusCode, &'static str) {
    let field = |name: &str| fields.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let message = (|| {
        let message = Message::builder().from(field("from").parse().ok()?).to(field("to").parse().ok()?);
        let message = message.subject(field("subject")).header(ContentType::parse(field("content-type")).ok()?);
        message.body(String::from_utf8(body.to_vec()).ok()?).ok()
    })();
    let Some(message) = message else { return (StatusCode::BAD_REQUEST, "not a mail\n") };
    match mailer.send(message).await {
        Ok(()) => (StatusCode::ACCEPTED, "accepted\n"),
        Err(_) => (StatusCode::BAD_GATEWAY, "not accepted\n"),
    }
}

#[tokio::main]
async fn main() {
    let mut words = std::env::args().skip(1);
    let (listen, sink) = (words.next().expect("an address"), words.next().expect("a program"));
    let mailer = Arc::new(Mailer::new_with_command(sink));
    let routes = axum::Router::new().route("/mail", post(mail)).layer(DefaultBodyLimit::disable()).with_state(mailer);
    let listener = tokio::net::TcpListener::bind(listen).await.expect("a free port");
    axum::serve(listener, routes).await.expect("a server");
}
