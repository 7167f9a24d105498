//! A web form: from its fields to a message handed over, and the answer to the visitor.
#![forbid(unsafe_code)]

use crate::challenge::{self, Challenges};
use crate::claims::Keyed;
use crate::directives::Text;
use crate::expressions;
use crate::host::own_domain;
use crate::metrics::Watch;
use crate::outcome::{self, Refused};
use crate::read;
use crate::settings::{IN_MEMORY, Settings, TEMPORARY};
use crate::submit::{Content, Guards, Outcome, Sent, Wish, submit};
use httpd::Request;
use mail::address::{AddressList, Mailbox};
use mail::content_type::ContentType;
use mail::header::HeaderValue;
use mail::message_id::{MessageId, Token};
use mailgate::answer::form::{Typed, Visitor};
use mailgate::answer::{Problem, spool_full};
use mailgate::input::form::letter::Letter;
use mailgate::input::form::rules::{FormRules, Spring};
use mailgate::input::form::{self, Fault, FormError};
use mailgate::input::{self, InputError};
use mailgate::policy::arguments::Piece;
use mailgate::submission::{Extent, Leaf, Part};
use mailgate::tags;
use std::io;
use sys::spool::Spool;
use web::Response;

/// Reads a filled-in form. The server's part of the mail is determined before the body is read.
pub fn post<'r>(
    request: &'r Request<'r>,
    settings: &Settings<'r>,
    fields: &[(&[u8], &[u8])],
    visitor: Visitor<'_>,
    wish: Wish<'_>,
    guards: &mut Guards<'r>,
    watch: &Watch,
) -> Result<Response, Refused> {
    let settings = &settings.of_forms();
    let server = ServerFields::of(request, settings)?;
    let challenges =
        settings.challenge().map(|challenge| Challenges::of_form(settings, challenge, fields)).transpose()?;
    let mut spool = Spool::new(&TEMPORARY, IN_MEMORY);
    read::body(request, settings, &mut |octets| spool.write(octets))?;
    let form = form::read(&spool, input::given_type(fields).as_ref()).map_err(|error| Problem::from(&error))?;

    let trap = settings.form_trap();
    let rules = FormRules {
        challenger: challenges.as_ref().map(|challenges| (challenges.challenger(), challenge::now())),
        files: settings.form_files(),
        require: settings.form_require(),
        roles: settings.form_fields(),
        subject_is_set: server.subject.is_some(),
        trap,
    };
    let wrong = |error: &FormError| {
        tell(Problem::from(error).into(), visitor, &Typed { form: &form, error: Some(error), trap })
    };
    let letter = Letter::read(&form, &rules).map_err(|error| wrong(&error))?;
    if letter.trapped && trap.spring == Spring::Drop {
        return drop_it(request, settings, visitor, watch);
    }
    if let (Some(challenges), Some(solved), None) = (&challenges, &letter.solved, wish.dry_run) {
        guards.keyed = Some(Keyed::of_challenge(request, settings, challenges.store, solved));
    }
    let failed = |refused| match &refused {
        Refused::Problem { problem, .. } if letter.solved.is_some() && *problem.tag == tags::KEY_REUSED => {
            wrong(&FormError::Wrong(vec![(form::challenge::FIELD.to_owned(), Fault::Unproven)]))
        }
        _ => tell(refused, visitor, &Typed { form: &form, error: None, trap }),
    };
    let root = root(&letter, &mut spool).map_err(|error| failed(spool_full(&error).into()))?;
    let fields = server.fields(&letter, request);
    let fields: Vec<(&[u8], &[u8])> = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())).collect();
    let content = Content::Parts { spool: &spool, root: &root };
    Ok(match submit(request, settings, &fields, &content, wish, guards, watch).map_err(failed)? {
        Outcome::DryRun(response) => response,
        Outcome::Held { message_id } | Outcome::Sent(Sent { message_id, .. }) => {
            visitor.thanks(&message_id, settings.form_thanks().map(String::as_str))
        }
    })
}

/// Puts a page that keeps what was typed to what is refused.
fn tell(refused: Refused, visitor: Visitor<'_>, typed: &Typed<'_>) -> Refused {
    match refused {
        Refused::Problem { mut problem, message_id, exit } => {
            let page = visitor.page(&problem, Some(typed));
            problem.details.get_or_insert_default().page = Some(page);
            Refused::Problem { problem, message_id, exit }
        }
        broken @ Refused::Broken(_) => broken,
    }
}

/// The server's part of the mail.
struct ServerFields {
    to: Vec<u8>,
    from: Vec<u8>,
    cc: Option<Vec<u8>>,
    subject: Option<Vec<u8>>,
}

impl ServerFields {
    fn of(request: &Request<'_>, settings: &Settings<'_>) -> Result<Self, Refused> {
        let value = |text: Option<&Text<'_>>, what| -> Result<Option<Vec<u8>>, Refused> {
            let Some(text) = text else { return Ok(None) };
            let value = expressions::value_of(request, text, what)?;
            Ok(Some(value.trim_ascii().to_vec()).filter(|value| !value.is_empty()))
        };
        let list =
            |octets: &[u8]| HeaderValue::from_field(octets).ok().and_then(|value| AddressList::parse(&value).ok());
        let mailbox =
            |octets: &[u8]| HeaderValue::from_field(octets).ok().and_then(|value| Mailbox::parse(&value).ok());
        let is_chosen = |text: Option<&Text<'_>>| {
            text.is_some_and(|text| text.pieces.iter().any(|piece| matches!(piece, Piece::Expression(_))))
        };
        if settings.recipients().is_free() && (is_chosen(settings.form_to()) || is_chosen(settings.form_cc())) {
            let log = "SendmailFormTo or SendmailFormCc is an expression, which needs SendmailRecipients beside it";
            let detail = "this server does not say who may be written to";
            return Err(Problem::hidden(&tags::FORBIDDEN_RECIPIENT, detail, log).into());
        }
        let to = value(settings.form_to(), "SendmailFormTo")?;
        let from = value(settings.form_from(), "SendmailFormFrom")?;
        let cc = value(settings.form_cc(), "SendmailFormCc")?;
        if cc.as_deref().is_some_and(|cc| list(cc).is_none()) {
            return Err(unfit("SendmailFormCc").into());
        }
        Ok(ServerFields {
            to: to.filter(|to| list(to).is_some_and(|list| !list.is_empty())).ok_or_else(|| unfit("SendmailFormTo"))?,
            from: from.filter(|from| mailbox(from).is_some()).ok_or_else(|| unfit("SendmailFormFrom"))?,
            cc,
            subject: value(settings.form_subject(), "SendmailFormSubject")?,
        })
    }

    /// The header of the mail. It takes nothing from the request, and from the form only fields with a role.
    fn fields(self, letter: &Letter<'_>, request: &Request<'_>) -> Vec<(&'static str, Vec<u8>)> {
        let subject = self.subject.or_else(|| letter.subject.clone().map(String::into_bytes));
        let subject = subject.unwrap_or_else(|| format!("Message from {}", request.server_name()).into_bytes());
        let mut fields = vec![("To", self.to), ("From", self.from), ("Subject", subject)];
        fields.extend(self.cc.map(|cc| ("Cc", cc)));
        fields.extend(letter.reply_to.as_ref().map(|visitor| ("Reply-To", visitor.to_string().into_bytes())));
        fields.push(("Auto-Submitted", b"auto-generated".to_vec())); // RFC 3834 5
        fields.extend(letter.trapped.then(|| ("X-Form-Trap", b"yes".to_vec())));
        fields
    }
}

fn unfit(directive: &str) -> Problem {
    let log =
        format!("{directive} gives no address for this request; set it to one, as in {directive} office@example.org");
    Problem::hidden(&tags::MISCONFIGURED, "this server is not set up to send forms", log)
}

/// The text, and files if there are any. The text is stored in the spool, after the body.
fn root(letter: &Letter<'_>, spool: &mut Spool) -> io::Result<Part> {
    let source = Extent { offset: spool.len(), len: letter.text.len() as u64 };
    spool.write(letter.text.as_bytes())?;
    let content_type = ContentType::text_plain().with_charset("utf-8");
    let text = Part::Leaf(Leaf { content_type, header: String::new(), source });
    if letter.files.is_empty() {
        return Ok(text);
    }
    let files = letter.files.iter().map(|file| {
        Part::Leaf(Leaf { content_type: file.content_type.clone(), header: file.disposition(), source: file.source })
    });
    Ok(Part::Multipart { subtype: "mixed", parts: std::iter::once(text).chain(files).collect() })
}

/// Answers a robot as if the form had been sent.
fn drop_it(
    request: &Request<'_>,
    settings: &Settings<'_>,
    visitor: Visitor<'_>,
    watch: &Watch,
) -> Result<Response, Refused> {
    let token = Token::random().map_err(|error| InputError::Random(error.to_string()))?;
    let id = MessageId::new(&token, &own_domain(request));
    watch.refused(&tags::FORM_FIELD);
    tracing::info!("{}: SendmailFormTrap was filled in; answered as success, and nothing was sent", tags::TRAPPED);
    outcome::note(request, "sendmail-status", tags::TRAPPED.0);
    Ok(visitor.thanks(&id, settings.form_thanks().map(String::as_str)))
}
