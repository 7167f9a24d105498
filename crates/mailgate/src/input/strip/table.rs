//! Which fields of a request stay out of the mail, as one table: by patterns where a name shows its kind, otherwise by names. The manual
//! has the same table (`SendmailStripHeaders`); a test compares them.
#![forbid(unsafe_code)]

/// Fields that are treated alike, and why.
#[derive(Debug)]
pub struct StripRow {
    /// What they are; a sentence of the manual without its full stop.
    pub what: &'static str,
    /// What happens to them.
    pub fate: Fate,
    /// Whether this also applies in a whole message, where HTTP has left no fields.
    pub in_message: bool,
    /// Names and patterns with `*` for any run of characters; case does not matter.
    pub names: &'static [&'static str],
}

/// What happens to a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It reaches the mail although a pattern of a stripped row covers it.
    Kept,
    /// It is left out, whatever the configuration says.
    Locked,
    /// It is left out, unless the configuration takes it off the list.
    Stripped,
}

/// Every row. Locked rows take precedence over the configuration, kept rows over stripping ones.
#[rustfmt::skip]
pub const TABLE: &[StripRow] = &[
    StripRow {
        what: "Credentials, the framing of HTTP, hop-by-hop fields (RFC 9110 7.6.1), orders to this server (RFC 7240), and the fields that SendmailRedirectTo and SendmailHold write",
        fate: Fate::Locked,
        in_message: true,
        names: &[
            "Authorization", "Proxy-Authorization", "Cookie*", "Connection", "Proxy-Connection", "Keep-Alive", "TE", "Trailer",
            "Transfer-Encoding", "Upgrade", "HTTP2-Settings", "Content-Length", "Content-Encoding", "Host", "Expect", "Prefer",
            "X-Original-Recipients", "X-Hold-*",
        ],
    },
    StripRow {
        what: "Fields of mail and news (RFC 9057, RFC 6477, RFC 8315, the headers of mailing lists) that patterns below would cover",
        fate: Fate::Kept,
        in_message: true,
        names: &[
            "Author", "X-Author", "MMHS-Authorizing-Users", "Cancel-Key", "*PGP-Key", "*GPG-Key", "X-Original-From", "X-Original-Date",
            "X-Original-Subject", "X-Original-Message-ID", "X-MS-Has-Attach", "X-MS-TNEF-Correlator",
        ],
    },
    StripRow {
        what: "Credentials and signatures, by whatever name",
        fate: Fate::Stripped,
        in_message: false,
        names: &[
            "*auth*", "*token*", "*jwt*", "*assertion*", "*saml*", "*secret*", "*passw*", "*passphrase*", "*credential*", "*bearer*",
            "*session*", "*cookie*", "*nonce*", "*signature*", "*hmac*", "*wsse*", "*api-key*", "*apikey*", "*-key", "*-otp", "DPoP*",
            "*csrf*", "*xsrf*",
        ],
    },
    StripRow {
        what: "Who somebody is, as authentication in front of this server says",
        fate: Fate::Stripped,
        in_message: false,
        names: &[
            "*_*", "*user*", "*login*", "*identity*", "*principal*", "*-claim*", "*impersonat*", "*cert*", "*-DN", "*SSL*", "*-TLS*",
            "*remote*", "OIDC*", "Shib*", "IV-*", "OAM-*", "X-Consumer-*", "X-Vouch-*", "Tailscale-*", "X-Pomerium-*",
        ],
    },
    StripRow {
        what: "Where a request came from and which way, as proxies and clouds say",
        fate: Fate::Stripped,
        in_message: false,
        names: &[
            "Via", "Forwarded", "X-Forward*", "X-Original-*", "X-Rewrite-*", "*proxy*", "Client-*", "X-Client-*", "*client-ip*", "*clientip*", "*-IP", "*-IP-*", "*-Addr",
            "X-Host", "X-Scheme", "X-Proto*", "X-Real-*", "X-Cluster-*", "X-Originating-*", "Front-End-Https", "Max-Forwards", "CDN-*",
            "CF-*", "Fastly-*", "Fly-*", "Akamai-*", "X-Akamai-*", "X-Amz*", "X-Appengine-*", "X-ARR-*", "X-Azure-*", "X-Cloud-*",
            "X-Envoy-*", "X-FD-*", "X-Goog*", "X-MS-*", "X-Vercel-*", "X-WAWS-*", "Disguised-Host", "Was-Default-Hostname",
        ],
    },
    StripRow {
        what: "Traces of requests",
        fate: Fate::Stripped,
        in_message: false,
        names: &[
            "*trace*", "*request-id*", "*requestid*", "Request-Context", "*correlation*", "B3", "X-B3-*", "*-span-*", "*spanid*", "Baggage*",
            "Uber*Ctx-*", "X-Datadog-*", "X-Dynatrace*", "X-Instana-*", "*NewRelic*",
        ],
    },
    StripRow {
        what: "What browsers and HTTP clients say of themselves, and what HTTP and WebDAV ask of a server",
        fate: Fate::Stripped,
        in_message: false,
        names: &[
            "Accept*", "A-IM", "ALPN", "Alt-*", "Access-Control-*", "Cache-Control", "Pragma", "Warning", "Content-Location", "Content-Digest", "Repr-Digest", "Digest", "Want-*",
            "Idempotency*", "Early-Data", "If", "If-*", "Range", "Referer", "Origin", "Origin-*", "User-Agent", "Priority", "Sec-*", "DNT",
            "Save-Data", "Device-Memory", "Downlink", "DPR", "ECT", "RTT", "Viewport-*", "UA-*", "X-UA-*", "Purpose", "X-Purpose", "X-Moz*",
            "Last-Event-ID", "Ping-*", "Service-Worker*", "Upgrade-*", "X-Requested-*", "X-HTTP-*", "X-Method-*", "*wap-profile*", "GRPC-*",
            "SOAPAction", "Depth", "Destination", "Overwrite", "Slug", "HX-*", "Turbo-*", "X-Turbo-*", "X-PJAX*", "X-Inertia*", "X-Livewire*",
            "Next-Action", "Next-Router-*", "Next-URL", "X-Nextjs-*", "RSC",
        ],
    },
    StripRow {
        what: "The envelope, and requests for receipts and reports, as mail programs read them",
        fate: Fate::Stripped,
        in_message: true,
        names: &[
            "Envelope-*", "X-Envelope-*", "X-EnvID", "X-Rcpt*", "X-Receiver*", "X-Sender", "X-Apparently-*", "Apparently-To", "Return-Path",
            "Delivered-To", "X-Delivered-*", "X-Original-To", "Original-Recipient", "Errors-To", "Return-Receipt-*", "Read-Receipt-*",
            "X-Confirm-*", "Disposition-Notification-*", "Notice-Requested-Upon-Delivery-To", "Generate-Delivery-Report",
            "Prevent-NonDelivery-Report", "Alternate-Recipient", "Originator-Return-Address", "TLS-Required", "Require-TLS-*",
            "Require-Recipient-Valid-Since", "Full-Name", "X-CreatedBy", "X-HeloDomain", "X-Extended*Props", "X-EndOfInjectedXHeaders",
        ],
    },
    StripRow {
        what: "The way that a message has come, and the signatures under it",
        fate: Fate::Stripped,
        in_message: false,
        names: &["Received*", "X-Received*", "DKIM-*", "X-DKIM-*", "DomainKey-*", "ARC-*"],
    },
    StripRow {
        what: "What filters and other mail servers have found",
        fate: Fate::Stripped,
        in_message: true,
        names: &[
            "Authentication-Results", "Received-SPF", "BIMI-*", "*spam*", "*virus*",
            "*mailscanner*", "X-Amavis-*", "X-Barracuda-*", "X-Bogosity", "X-CRM114-*", "X-Failed-Recipients", "X-Forefront-*", "X-GM-*",
            "X-IronPort-*", "X-Mimecast-*", "X-Proofpoint-*", "X-Rspamd-*", "X-Sieve*",
        ],
    },
    StripRow {
        what: "What a mail provider or a bulk mail server takes for an order: further recipients, templates, accounts, tracking (SendGrid, SMTP2GO and SMTPeter; \
               Mandrill; SparkPost; Amazon SES; Mailgun; Postmark; Mailjet; Brevo; Elastic Email; SocketLabs; Mailtrap; MailerSend; Resend; AhaSend; \
               Emailit; Lettermint; UniSender; Campaign Monitor; Contactlab; DirectMail; Pepipost; ZeptoMail; GreenArrow; Postal; PowerMTA; KumoMTA)",
        fate: Fate::Stripped,
        in_message: true,
        names: &[
            "X-SMTP*", "X-SG-*", "X-SendGrid-*", "X-MC-*", "X-Mandrill-*", "X-MSYS-*", "X-SparkPost-*", "X-SES-*", "X-Mailgun-*", "X-PM-*",
            "X-Postmark-*", "X-MJ-*", "X-Mailjet-*", "X-Mailin-*", "X-SIB-*", "X-Sendinblue-*", "X-Brevo-*", "X-ElasticEmail-*", "X-xs*",
            "X-SocketLabs-*", "X-MT-*", "X-Mailtrap-*", "X-MailerSend-*", "Resend-*", "X-Resend-*", "AhaSend-*", "X-Emailit-*", "X-LM-*",
            "X-Lettermint-*", "X-UniSender*", "X-CMail-*", "X-Clab-*", "X-AliDM-*", "X-APIHeader*", "X-Zepto*", "X-GreenArrow-*", "X-Postal-*",
            "X-Virtual-MTA", "X-Job", "X-PMTA*", "X-KumoRef",
        ],
    },
];
