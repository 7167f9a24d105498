//! Reports as Postfix writes them.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Clone, Default)]
pub struct Report<'a> {
    envid: Option<&'a str>,
    message_id: Option<&'a str>,
    groups: Vec<String>,
}

/// About the message with this envelope id.
pub fn with_envid(envid: &str) -> Report<'_> {
    Report { envid: Some(envid), ..Report::default() }
}

/// About the message with this Message-ID (without brackets); nothing verifies it.
pub fn with_message_id(message_id: &str) -> Report<'_> {
    Report { message_id: Some(message_id), ..Report::default() }
}

impl<'a> Report<'a> {
    pub fn message_id(self, message_id: &'a str) -> Self {
        Report { message_id: Some(message_id), ..self }
    }

    pub fn of(self, address: &str, action: &str, status: &str) -> Self {
        self.group(&format!(
            "Final-Recipient: rfc822; {address}\nOriginal-Recipient: rfc822;{address}\nAction: {action}\nStatus: {status}\n"
        ))
    }

    /// Adds a group of recipient fields, unchanged.
    pub fn group(mut self, fields: &str) -> Self {
        self.groups.push(fields.to_owned());
        self
    }

    /// The mail, with a new Message-ID each time.
    pub fn mail(&self) -> Vec<u8> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let envid = self.envid.map(|envid| format!("Original-Envelope-Id: {envid}\n")).unwrap_or_default();
        let returned = self.message_id.map(|id| format!("Message-ID: <{id}>\n")).unwrap_or_default();
        let groups = self.groups.join("\n");
        format!(
            "From: MAILER-DAEMON@mx.example.org\nTo: bounces@example.org\nSubject: Delivery Status\nAuto-Submitted: auto-replied\n\
             Message-ID: <{number}.{pid}@mx.example.org>\nMIME-Version: 1.0\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=\"B\"\n\n--B\nContent-Type: text/plain\n\nwords\n\n\
             --B\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n{envid}\n{groups}\n\
             --B\nContent-Type: text/rfc822-headers\n\nSubject: x\n{returned}\n--B--\n",
            pid = std::process::id(),
        )
        .into_bytes()
    }
}
