//! What came of a form -> the answer for whoever filled it in: a page in a visitor's words, in the language that is liked, or JSON for a script. The
//! page of an error holds what was typed, and the first field to correct has the focus.
#![forbid(unsafe_code)]

mod words;

use super::Problem;
use crate::input::form::challenge;
use crate::input::form::rules::{Spring, Trap};
use crate::input::form::{Fault, Field, Form, FormError, Value};
use crate::tags::Retry;
use mail::message_id::MessageId;
use serde_json::json;
use web::Response;
use web::accept::preferred;
use web::escape::harmless_json;
use web::markup;
use web::markup::Markup;
use words::{Text, Words};

pub use words::Languages;

/// Who filled a form in, as far as the answer depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'w> {
    words: &'w Words,
    /// A browser that shows the answer, not a script that reads it.
    wants_page: bool,
}

impl<'w> Visitor<'w> {
    /// From the fields Accept and Accept-Language.
    pub fn of(languages: &'w Languages, accept: Option<&str>, accept_language: Option<&str>) -> Self {
        let wants_page = preferred(accept, &["application/json", "text/html"]) == Some("text/html");
        Visitor { words: languages.words(accept_language), wants_page }
    }

    /// The answer to a form that was sent: the page that the configuration names, or one of ours; or JSON.
    pub fn thanks(&self, message_id: &MessageId, thanks: Option<&str>) -> Response {
        let id = message_id.as_str();
        let mut fields = vec![("X-Message-ID", id.to_owned()), ("X-Content-Type-Options", "nosniff".to_owned())];
        let words = self.words;
        if !self.wants_page {
            let answer = json!({"success": true, "ok": true, "message": words.say(Text::Sent), "id": id});
            let body = harmless_json(&answer).into_bytes();
            return Response { status: 202, fields, content_type: "application/json", body };
        }
        fields.push(("Vary", "Accept, Accept-Language".to_owned()));
        let status = match thanks {
            Some(url) => {
                fields.push(("Location", url.to_owned()));
                303
            }
            None => 202,
        };
        let body = page(words, words.say(Text::Thanks), paragraph(words.say(Text::Sent))).into_string().into_bytes();
        Response { status, fields, content_type: HTML, body }
    }

    /// The answer to a form that was not sent, or of which nobody knows: the page that keeps what was typed, or one without; or JSON.
    pub fn refused(&self, problem: &Problem, message_id: Option<&MessageId>, show_words: bool) -> Response {
        let (status, mut fields) = (problem.tag.status, problem.fields(message_id));
        if !self.wants_page {
            let mut members = problem.members(message_id, show_words);
            (members["success"], members["ok"]) = (false.into(), false.into());
            members["message"] = self.advice(problem).into();
            let wrong = wrong_fields(problem);
            if !wrong.is_empty() {
                let error =
                    |(field, fault): &(String, Fault)| json!({"field": field, "message": self.words.fault(*fault)});
                members["errors"] = wrong.iter().map(error).collect();
            }
            let body = harmless_json(&members).into_bytes();
            return Response { status, fields, content_type: "application/problem+json", body };
        }
        fields.push(("Vary", "Accept, Accept-Language".to_owned()));
        let page = problem.details.as_deref().and_then(|details| details.page.clone());
        let body = page.unwrap_or_else(|| self.page(problem, None)).into_string().into_bytes();
        Response { status, fields, content_type: HTML, body }
    }

    /// The page for a problem; `typed` is what was filled in, as far as the form could be read.
    pub fn page(&self, problem: &Problem, typed: Option<&Typed<'_>>) -> Markup {
        let words = self.words;
        let (title, _) = words.problem(problem.tag.status, problem.tag.retry);
        let mut text = match typed.map(|typed| typed.error) {
            Some(Some(FormError::FileType { file, taken, .. })) => paragraph(&words.file(file, taken)),
            Some(Some(FormError::Empty)) => paragraph(words.say(Text::Empty)),
            _ => paragraph(self.advice(problem)),
        };
        // Nobody is to be tempted to send twice what may be under way.
        let may_repeat = matches!(problem.tag.retry, Retry::AfterCorrection | Retry::Yes | Retry::MayDouble);
        if let Some(typed) = typed.filter(|_| may_repeat) {
            text.push(typed.form(words));
        }
        page(words, title, text)
    }

    /// What to do about a problem.
    fn advice(&self, problem: &Problem) -> &'w str {
        let words = self.words;
        match wrong_fields(problem) {
            [] => words.problem(problem.tag.status, problem.tag.retry).1,
            faults if is_unproven(faults) => words.say(Text::ConfirmAgain),
            _ => words.say(Text::Correct),
        }
    }
}

fn wrong_fields(problem: &Problem) -> &[(String, Fault)] {
    problem.details.as_deref().map_or(&[], |details| details.fields.as_slice())
}

/// Whether a challenge is to be solved, which our page, having no script, cannot do.
fn is_unproven(faults: &[(String, Fault)]) -> bool {
    faults.iter().any(|(_, fault)| *fault == Fault::Unproven)
}

const HTML: &str = "text/html; charset=utf-8";

fn paragraph(text: &str) -> Markup {
    markup!("<p>{}</p>\n", text)
}

fn page(words: &Words, title: &str, text: Markup) -> Markup {
    markup!(
        "<!DOCTYPE html>\n<html lang=\"{}\" dir=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{}</title>\n<style>{}</style></head>\n<body><main><h1>{}</h1>\n{}</main></body></html>\n",
        words.language(),
        words.direction(),
        title,
        Markup::literal(STYLE),
        title,
        text
    )
}

const STYLE: &str = ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}\
    label{display:block;margin-top:1rem}input,textarea{box-sizing:border-box;width:100%;font:inherit;padding:.4rem}textarea{min-height:10rem}\
    .wrong{color:light-dark(#b00020,#ff8a80)}button{font:inherit;margin-top:1.5rem;padding:.5rem 1.5rem}";

/// What was filled in, and what of it is wrong.
#[derive(Clone, Copy, Debug)]
pub struct Typed<'a> {
    /// All of it.
    pub form: &'a Form,
    /// What is wrong with it, if that is the problem.
    pub error: Option<&'a FormError>,
    /// Fields that people do not see.
    pub trap: &'a Trap,
}

impl Typed<'_> {
    fn form(&self, words: &Words) -> Markup {
        let faults: &[(String, Fault)] = match self.error {
            Some(FormError::Wrong(faults)) => faults,
            _ => &[],
        };
        let mut html = markup!("<form method=\"post\" enctype=\"multipart/form-data\" accept-charset=\"utf-8\">\n");
        let mut control = Control { words, faults, number: 0, focus: faults.first().map(|(name, _)| name.as_str()) };
        for field in self.form.fields.iter().filter(|field| !self.trap.is(&field.name)) {
            html.push(control.field(field));
        }
        let is_typed = |name: &str| self.form.fields.iter().any(|field| field.name == name && !self.trap.is(name));
        let missing = faults.iter().filter(|(name, fault)| *fault != Fault::Unproven && !is_typed(name));
        for (name, _) in missing {
            html.push(control.field(&Field { name: name.clone(), value: Value::Text(String::new()) }));
        }
        if self.trap.spring == Spring::Page && !faults.iter().any(|(name, _)| self.trap.is(name)) {
            html.push(self.hidden_trap(words));
        }
        if !is_unproven(faults) {
            html.push(markup!("<p><button>{}</button></p>\n", words.say(Text::Again)));
        }
        html + markup!("</form>\n")
    }

    /// The trap, for neither eyes nor keyboards nor screen readers.
    fn hidden_trap(&self, words: &Words) -> Markup {
        let Some(trap) = self.form.fields.iter().find(|field| self.trap.is(&field.name)) else {
            return Markup::default();
        };
        markup!(
            "<p hidden aria-hidden=\"true\"><label for=\"trap\">{}</label><input id=\"trap\" name=\"{}\" tabindex=\"-1\" autocomplete=\"off\"></p>\n",
            words.fault(Fault::LeaveEmpty),
            trap.name
        )
    }
}

/// Writes the fields of a form.
struct Control<'a> {
    words: &'a Words,
    faults: &'a [(String, Fault)],
    number: usize,
    /// The field that gets the focus, until it has it.
    focus: Option<&'a str>,
}

impl Control<'_> {
    fn field(&mut self, Field { name, value }: &Field) -> Markup {
        let text = match value {
            Value::Text(_) if name == challenge::FIELD && self.is_wrong(name) => return Markup::default(),
            Value::Text(text) if (name.starts_with('_') || name == challenge::FIELD) && !self.is_wrong(name) => {
                return markup!("<input type=\"hidden\" name=\"{}\" value=\"{}\">\n", name, text);
            }
            Value::Text(text) => Some(text),
            Value::File(_) | Value::NoFile => None,
        };
        self.number += 1;
        let id = format!("field{}", self.number);
        let fault = self.faults.iter().find(|(wrong, _)| wrong == name).map(|(_, fault)| *fault);
        let mut attributes = markup!("id=\"{}\" name=\"{}\"", id, name);
        if fault.is_some() {
            attributes.push(markup!(" aria-invalid=\"true\" aria-describedby=\"{}-wrong\"", id));
        }
        if self.focus.take_if(|focus| focus == name).is_some() {
            attributes.push(markup!(" autofocus"));
        }
        let control = match text {
            None if matches!(value, Value::NoFile) => markup!("<input type=\"file\" {}>", attributes),
            None => markup!("<input type=\"file\" {}> {}", attributes, self.words.say(Text::ChooseAgain)),
            Some(text) if text.contains('\n') || text.chars().count() > 80 => {
                // The parser of HTML drops a first line end (13.2.6.4.7).
                markup!("<textarea {}>\n{}</textarea>", attributes, text)
            }
            Some(text) => markup!("<input {} value=\"{}\">", attributes, text),
        };
        let fault =
            fault.map(|fault| markup!("<span class=\"wrong\" id=\"{}-wrong\">{}</span>", id, self.words.fault(fault)));
        markup!("<p><label for=\"{}\">{}</label>{}{}</p>\n", id, name, control, fault)
    }

    fn is_wrong(&self, name: &str) -> bool {
        self.faults.iter().any(|(wrong, _)| wrong == name)
    }
}

#[cfg(test)]
mod tests;
