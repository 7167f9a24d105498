//! The JSON of an SDK: one or several messages from one body, with answers in the SDK's format. Each message is composed just before its
//! hand-over; what they share is in one spool.
#![forbid(unsafe_code)]

use crate::claims::Keyed;
use crate::directives::DirConfig;
use crate::metrics::Watch;
use crate::outcome::{self, Refused};
use crate::paths;
use crate::read;
use crate::settings::{IN_MEMORY, Settings, TEMPORARY};
use crate::submit::{Content, Guards, Outcome, Ready, Sent, Wish};
use httpd::{ErrorPages, Request};
use mailgate::answer::dialect::{self, Item};
use mailgate::answer::dry_run::DryRun;
use mailgate::answer::{Problem, batch_late, partly};
use mailgate::input::json::{Call, Dialect, JsonError, JsonMail};
use mailgate::input::{self, InputError};
use std::ffi::CString;
use std::sync::LazyLock;
use std::time::Instant;
use sys::spool::Spool;
use web::Response;
use web::fields::value_of;

/// httpd's own error pages at an SDK's path, in the SDK's format, since it reads no other.
pub fn errors(request: &Request<'_>, config: &DirConfig<'_>) -> Option<ErrorPages> {
    let settings = Settings::of(config);
    if !settings.inputs().offer_json() {
        return None;
    }
    let dialect = paths::resource(request, &settings).dialect()?;
    let (_, bodies) = OF_HTTPD.iter().find(|(known, _)| *known == dialect)?;
    Some(ErrorPages { content_type: c"application/json", bodies })
}

/// The statuses, with a dialect's body for each.
type Bodies = Vec<(u16, CString)>;

/// The bodies of each dialect, the same for every request.
static OF_HTTPD: LazyLock<[(Dialect, Bodies); 3]> = LazyLock::new(|| {
    [Dialect::Postmark, Dialect::Resend, Dialect::Sendgrid].map(|dialect| {
        let body = |row: &(u16, &str)| (row.0, httpd::c_string(&dialect::of_httpd(dialect, row.0)));
        (dialect, dialect::OF_HTTPD.iter().map(body).collect())
    })
});

/// A request at an SDK's path.
pub struct Json<'r> {
    pub request: &'r Request<'r>,
    pub settings: &'r Settings<'r>,
    /// Its fields.
    pub fields: &'r [(&'r [u8], &'r [u8])],
    pub call: Call,
    pub watch: &'r Watch,
}

/// What the failure of one message means for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    /// Each is sent or refused on its own.
    GoOn,
    /// Messages that cannot be sent are left out; a failure of the server stops the rest.
    LeaveOut,
    /// Nothing is sent if one is invalid, and the first failure stops the rest.
    Stop,
}

impl<'r> Json<'r> {
    /// From the body to the answer.
    pub fn post(&self, wish: Wish<'_>, guards: &mut Guards<'r>) -> Result<Response, Refused> {
        input::no_second_source(self.fields)?;
        if input::given_type(self.fields).is_none_or(|given| given.essence() != "application/json") {
            return Err(InputError::NotJson.into());
        }
        let others = self.others()?;
        let mut body = Spool::new(&TEMPORARY, IN_MEMORY);
        read::body(self.request, self.settings, &mut |octets| body.write(octets))?;
        let mut contents = Spool::new(&TEMPORARY, IN_MEMORY);
        let mails = input::json::read(self.call, &body, &mut contents)?;
        drop(body);
        let wish = self.wish(wish, mails.is_trial, mails.items.len(), guards)?;
        guards.rates.messages(mails.items.len())?;
        let batch = Batch { json: self, contents: &contents, wish, others, begun: Instant::now() };
        let checked = batch.check(mails.items, guards)?;
        Ok(dialect::answer(self.call, &batch.send(checked, guards)?))
    }

    /// What an invalid message means for the others (`x-batch-validation`).
    fn others(&self) -> Result<Others, Refused> {
        match (self.call, value_of(self.fields, "x-batch-validation").as_deref()) {
            (Call { is_batch: false, .. }, _) => Ok(Others::Stop),
            (Call { dialect: Dialect::Postmark, .. }, _) => Ok(Others::GoOn),
            (_, None | Some("strict")) => Ok(Others::Stop),
            (_, Some("permissive")) => Ok(Others::LeaveOut),
            (_, Some(_)) => Err(JsonError::header("x-batch-validation", "is none of strict and permissive").into()),
        }
    }

    /// Whether it is a dry run; the body may also ask for one.
    fn wish<'w>(
        &self,
        wish: Wish<'w>,
        is_trial: bool,
        number: usize,
        guards: &mut Guards<'_>,
    ) -> Result<Wish<'w>, Refused> {
        let asked = if is_trial { Some(self.settings.dry_run().ask().map_err(Problem::from)?) } else { None };
        if asked.is_some() && wish.dry_run.is_none() {
            guards.rates.never_mind();
            guards.keyed = None;
        }
        let (dialect, is_one_of_several) = (Some(self.call.dialect), number > 1);
        let dry_run = wish.dry_run.or(asked).map(|dry_run| DryRun { dialect, is_one_of_several, ..dry_run });
        Ok(Wish { dry_run, ..wish })
    }
}

/// A valid mail, and its prepared state, if that is kept.
type Checked<'r> = (JsonMail, Option<Ready<'r>>);

/// The messages of one body.
struct Batch<'b, 'r> {
    json: &'b Json<'r>,
    contents: &'b Spool,
    wish: Wish<'b>,
    others: Others,
    begun: Instant,
}

impl<'r> Batch<'_, 'r> {
    /// Checks each message before the first is sent. Of several messages the prepared state is made again later, since keeping all of them
    /// would take much memory.
    fn check(
        &self,
        mails: Vec<Result<JsonMail, JsonError>>,
        guards: &mut Guards<'_>,
    ) -> Result<Vec<Result<Checked<'r>, Refused>>, Refused> {
        let (mut checked, mut recipients, is_alone) = (Vec::new(), 0, mails.len() == 1);
        for mail in mails {
            let ready = mail.map_err(Refused::from).and_then(|mail| Ok((self.ready(&mail)?, mail)));
            match ready {
                Err(refused) if self.others == Others::Stop => return Err(at(refused, checked.len(), self.json.call)),
                Err(refused) => checked.push(Err(at(refused, checked.len(), self.json.call))),
                Ok((ready, mail)) => {
                    recipients += ready.recipients();
                    checked.push(Ok((mail, Some(ready).filter(|_| is_alone))));
                }
            }
        }
        guards.rates.recipients(recipients)?;
        Ok(checked)
    }

    fn ready(&self, mail: &JsonMail) -> Result<Ready<'r>, Refused> {
        let fields: Vec<_> = mail.fields().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let mut ready = Ready::check(self.json.request, self.json.settings, &fields, &self.content(mail))?;
        ready.label(mail.labels());
        Ok(ready)
    }

    fn content<'m>(&'m self, mail: &'m JsonMail) -> Content<'m> {
        Content::Parts { spool: self.contents, root: mail.root() }
    }

    /// Hands over one message after the other.
    fn send(&self, mails: Vec<Result<Checked<'r>, Refused>>, guards: &mut Guards<'r>) -> Result<Vec<Item>, Refused> {
        let (mut items, number) = (Vec::new(), mails.len());
        for (at, mail) in mails.into_iter().enumerate() {
            let watch = (number > 1).then(Watch::start);
            let watch = watch.as_ref().unwrap_or(self.json.watch);
            match mail.and_then(|mail| self.send_one(mail, at, number, guards, watch)) {
                Ok(item) => items.push(item),
                Err(Refused::Problem { problem, message_id, exit }) if self.leaves_out(&problem) => {
                    let refused = Refused::Problem { problem: problem.clone(), message_id, exit };
                    outcome::record(self.json.request, &refused, watch);
                    items.push(Item::Refused(problem));
                }
                Err(refused) => return Err(stopped(refused, at, number, &items)),
            }
        }
        Ok(items)
    }

    /// Whether a message with this problem is left out and the others are sent.
    fn leaves_out(&self, problem: &Problem) -> bool {
        match self.others {
            Others::GoOn => true,
            Others::LeaveOut => problem.tag.status < 500,
            Others::Stop => false,
        }
    }

    fn send_one(
        &self,
        (mail, ready): Checked<'r>,
        at: usize,
        number: usize,
        guards: &mut Guards<'r>,
        watch: &Watch,
    ) -> Result<Item, Refused> {
        let Json { request, settings, fields, .. } = *self.json;
        // A message that was begun gets its full time; if cut short, its outcome would be unknown.
        if at > 0 && self.begun.elapsed() >= settings.timeout() {
            return Err(batch_late().into());
        }
        let ready = ready.map_or_else(|| self.ready(&mail), Ok)?;
        if number > 1 && guards.keyed.is_some() {
            guards.keyed = Keyed::of(request, settings, fields)?.map(|keyed| keyed.item(at));
        }
        let to = mail.field("To").map(str::to_owned);
        Ok(match ready.send(request, settings, &self.content(&mail), self.wish, guards, watch)? {
            Outcome::DryRun(response) => Item::Rehearsed(response.body),
            Outcome::Held { message_id } => {
                Item::Sent(dialect::Sent { to, message_id, status_url: None, suppressed: Vec::new() })
            }
            Outcome::Sent(Sent { message_id, status_url, left_out: suppressed }) => {
                Item::Sent(dialect::Sent { to, message_id, status_url, suppressed })
            }
        })
    }
}

/// Says which of several messages a problem belongs to, unless its path already does.
fn at(refused: Refused, at: usize, call: Call) -> Refused {
    match refused {
        Refused::Problem { mut problem, message_id, exit } if call.is_batch && problem.path().is_none() => {
            let place = format!("[{at}]");
            problem.detail = format!("{place}: {}", problem.detail);
            Refused::Problem { problem: Box::new(problem.at(place)), message_id, exit }
        }
        other => other,
    }
}

/// The failure that stops a batch. If something was sent before, the client must be told that first.
fn stopped(refused: Refused, at: usize, number: usize, items: &[Item]) -> Refused {
    let id = |item: &Item| match item {
        Item::Sent(sent) => Some(dialect::id(&sent.message_id).to_owned()),
        Item::Refused(_) | Item::Rehearsed(_) => None,
    };
    let sent: Vec<String> = items.iter().filter_map(id).collect();
    match refused {
        Refused::Problem { problem, message_id, exit } if !sent.is_empty() => {
            Refused::Problem { problem: Box::new(partly(&problem, at, number, sent)), message_id, exit }
        }
        other => other,
    }
}
