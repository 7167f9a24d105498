//! A request, valid while httpd is inside the handler that got it. Everything it returns lives in pools that live as long.

use apache_sys as sys;
use apr::{Pool, Table};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr};
use std::ptr::NonNull;
use web::Response;

/// A request. It belongs to the thread that httpd called.
///
/// What it returns lives as long as httpd holds the request, and no longer:
///
/// ```no_run
/// fn path<'r>(request: httpd::Request<'r>) -> &'r [u8] {
///     request.uri()
/// }
/// ```
///
/// ```compile_fail,E0521
/// fn path(request: httpd::Request<'_>) -> &'static [u8] {
///     let path: &'static [u8] = request.uri();
///     path
/// }
/// ```
///
/// It stays on its thread:
///
/// ```no_run
/// fn use_here(request: httpd::Request<'static>) {
///     (|| drop(request))();
/// }
/// ```
///
/// ```compile_fail,E0277
/// fn use_elsewhere(request: httpd::Request<'static>) {
///     std::thread::spawn(move || drop(request));
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    raw: NonNull<sys::request_rec>,
    lifetime: PhantomData<(&'r (), *mut ())>,
}

/// A handler's answer to httpd: done, declined, or an HTTP status for which httpd writes the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(c_int);

impl Status {
    /// Not ours: the next handler is asked.
    pub const DECLINED: Status = Status(sys::DECLINED);
    /// Nothing is left to do, not even ending the response.
    pub const DONE: Status = Status(sys::DONE);
    /// Answered.
    pub const OK: Status = Status(sys::OK as c_int);

    /// An HTTP status (or a code of httpd's filters), for which httpd writes the answer.
    pub const fn http(code: i32) -> Self {
        Status(code)
    }

    pub(crate) fn code(self) -> c_int {
        self.0
    }
}

/// The client's certificate, according to mod_ssl (`SSL_CLIENT_VERIFY`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// There is none.
    None,
    /// It was accepted unverified (`SSLVerifyClient optional_no_ca`): anybody can make one that says anything.
    Unverified,
    /// An authority named in the configuration has signed it.
    Verified,
}

impl<'r> Request<'r> {
    /// # Safety
    /// `raw` is NULL or a request that lives, and is this thread's alone, until the end of `'r`.
    pub(crate) unsafe fn from_raw(raw: *mut sys::request_rec) -> Option<Self> {
        NonNull::new(raw).map(|raw| Request { raw, lifetime: PhantomData })
    }

    pub(crate) fn as_ptr(&self) -> *mut sys::request_rec {
        self.raw.as_ptr()
    }

    pub(crate) fn connection(&self) -> *mut sys::conn_rec {
        // SAFETY: every request has a connection.
        unsafe { (*self.as_ptr()).connection }
    }

    /// r->pool.
    pub fn pool(&self) -> Pool<'r> {
        // SAFETY: httpd sets r->pool when it makes the request and clears it after the handler's end.
        unsafe { Pool::from_raw(NonNull::new((*self.as_ptr()).pool).expect("every request has a pool")) }
    }

    /// The method, `POST`.
    pub fn method(&self) -> &'r [u8] {
        // SAFETY: set by the protocol module before any handler.
        unsafe { self.text((*self.as_ptr()).method) }.unwrap_or_default()
    }

    /// The path, decoded: `/mail`.
    pub fn uri(&self) -> &'r [u8] {
        // SAFETY: core sets r->uri before any handler hook runs and keeps it in r->pool.
        unsafe { self.text((*self.as_ptr()).uri) }.unwrap_or_default()
    }

    /// The part after the `?`, undecoded.
    pub fn query(&self) -> Option<&'r [u8]> {
        // SAFETY: NULL or a C string that core keeps in r->pool.
        unsafe { self.text((*self.as_ptr()).args) }
    }

    /// `HTTP/1.1`.
    pub fn protocol(&self) -> &'r [u8] {
        // SAFETY: set by the protocol module before any handler.
        unsafe { self.text((*self.as_ptr()).protocol) }.unwrap_or_default()
    }

    /// The protocol as text: `ESMTPSA`.
    pub fn protocol_name(&self) -> &'r str {
        std::str::from_utf8(self.protocol()).unwrap_or_default()
    }

    /// Whether the protocol is older than HTTP/1.1, in which only Content-Length says where a body ends.
    pub fn is_http10(&self) -> bool {
        // SAFETY: a number of a live request.
        unsafe { (*self.as_ptr()).proto_num < 1001 }
    }

    /// Whether the request is a stream of HTTP/2.
    pub fn is_http2(&self) -> bool {
        // SAFETY: a number of a live request.
        unsafe { (*self.as_ptr()).proto_num / 1000 == 2 }
    }

    /// The user that an authentication module found. A name that SSLUserName took from an unverified certificate does not count (mod_ssl's
    /// ssl_hook_Access sets it without checking the verification).
    pub fn user(&self) -> Option<&'r [u8]> {
        // SAFETY: NULL or a C string that the authentication module put into r->pool.
        let user = unsafe { self.text((*self.as_ptr()).user) }?;
        // SAFETY: NULL or a C string of the module that authenticated the user; SSLUserName leaves NULL, or this word (2.4.71).
        let by_login = unsafe { self.text((*self.as_ptr()).ap_auth_type) }.is_some_and(|kind| kind != b"ClientCert");
        (by_login || self.certificate() != Certificate::Unverified).then_some(user)
    }

    /// How the user was authenticated: `Basic`.
    pub fn auth_type(&self) -> Option<&'r [u8]> {
        // SAFETY: NULL or a C string that the authentication module put into r->pool.
        unsafe { self.text((*self.as_ptr()).ap_auth_type) }
    }

    /// The certificate that the client showed in the TLS handshake.
    pub fn certificate(&self) -> Certificate {
        match self.variable(c"SSL_CLIENT_VERIFY") {
            None | Some(b"NONE") => Certificate::None,
            Some(b"SUCCESS") => Certificate::Verified,
            Some(_) => Certificate::Unverified,
        }
    }

    /// The address of the client, as mod_remoteip sees it.
    pub fn client_ip(&self) -> Option<IpAddr> {
        // SAFETY: core sets useragent_ip when it makes the request; mod_remoteip may replace it.
        let text = unsafe { self.text((*self.as_ptr()).useragent_ip) }?;
        std::str::from_utf8(text).ok()?.parse().ok()
    }

    /// The address that the client connected to; the unspecified address if it came over no network.
    pub fn local_ip(&self) -> IpAddr {
        // SAFETY: core sets local_ip with the connection and keeps it in its pool.
        let text = unsafe { self.text((*self.connection()).local_ip) };
        let address = text.and_then(|text| std::str::from_utf8(text).ok()?.split('%').next()?.parse().ok()); // fe80::1%eth0
        address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    /// ServerName of the virtual host; never a name that the client sends.
    pub fn server_name(&self) -> &'r str {
        // SAFETY: server_hostname is NULL or a C string of the configuration, which outlives the request.
        let name = unsafe { self.text((*(*self.as_ptr()).server).server_hostname) };
        name.and_then(|name| std::str::from_utf8(name).ok()).unwrap_or("localhost")
    }

    /// Whether the virtual host of this request answers to `host` (a name without a port): its ServerName, a ServerAlias, or the name in
    /// its `<VirtualHost>`.
    pub fn answers_to(&self, host: &str) -> bool {
        let host = c_string(host);
        // An empty name would match the empty one of a server outside of all virtual hosts.
        // SAFETY: the server is that of a live request; the name is only compared. Its own port is given since any will do (vhost.c).
        !host.is_empty()
            && unsafe {
                let server = (*self.as_ptr()).server;
                sys::ap_matches_request_vhost(self.as_ptr(), host.as_ptr(), (*server).port) != 0
            }
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &'r str {
        // SAFETY: the hook answers with a constant; it only reads the request.
        let scheme = unsafe { self.text(sys::ap_run_http_scheme(self.as_ptr())) };
        scheme.and_then(|scheme| std::str::from_utf8(scheme).ok()).unwrap_or("http")
    }

    /// The port the client connected to.
    pub fn port(&self) -> u16 {
        // SAFETY: a connection has its local address from the start on.
        unsafe { (*(*self.connection()).local_addr).port }
    }

    /// Scheme, ServerName and port (left out if it is the scheme's default): `https://mail.example.org`. Nothing in it comes from the
    /// client.
    pub fn origin(&self) -> String {
        match (self.scheme(), self.port()) {
            (scheme @ "http", 80) | (scheme @ "https", 443) => format!("{scheme}://{}", self.server_name()),
            (scheme, port) => format!("{scheme}://{}:{port}", self.server_name()),
        }
    }

    /// Whether this is a request of its own, not part of another one (SSI, a sub-request).
    pub fn is_main(&self) -> bool {
        // SAFETY: a pointer of a live request.
        unsafe { (*self.as_ptr()).main.is_null() }
    }

    /// Whether httpd came here for an ErrorDocument: an earlier request in the chain of internal redirects had failed.
    pub fn is_error_document(&self) -> bool {
        // SAFETY: prev is NULL or the live request that was redirected internally.
        unsafe {
            let mut previous = (*self.as_ptr()).prev;
            while let Some(request) = previous.as_ref() {
                if request.status != sys::HTTP_OK as c_int {
                    return true;
                }
                previous = request.prev;
            }
        }
        false
    }

    /// Whether a filter that may decode the body runs before the handler (mod_deflate's DEFLATE).
    pub fn has_input_filter(&self) -> bool {
        // SAFETY: both are pointers of a live request.
        unsafe { (*self.as_ptr()).input_filters != (*self.as_ptr()).proto_input_filters }
    }

    /// The header fields of the request.
    pub fn headers_in(&self) -> Table<'r> {
        // SAFETY: set when the request is made; values come from r->pool.
        unsafe { self.table((*self.as_ptr()).headers_in) }
    }

    /// AuthType, as the configuration spells it.
    pub fn configured_auth_type(&self) -> Option<&'r [u8]> {
        // SAFETY: reads the core's settings of a live request: NULL or a C string of the configuration or of r->pool.
        unsafe { self.text(sys::ap_auth_type(self.as_ptr())) }
    }

    /// The header fields of the response.
    pub fn headers_out(&self) -> Table<'r> {
        // SAFETY: as for headers_in.
        unsafe { self.table((*self.as_ptr()).headers_out) }
    }

    /// The header fields that httpd's own responses (error pages) carry too.
    pub fn err_headers_out(&self) -> Table<'r> {
        // SAFETY: as for headers_in.
        unsafe { self.table((*self.as_ptr()).err_headers_out) }
    }

    /// The environment of the request: SetEnv, and what modules set for CGI programs.
    pub fn environment(&self) -> Table<'r> {
        // SAFETY: as for headers_in.
        unsafe { self.table((*self.as_ptr()).subprocess_env) }
    }

    /// Notes for the access log, `%{name}n`.
    pub fn notes(&self) -> Table<'r> {
        // SAFETY: as for headers_in.
        unsafe { self.table((*self.as_ptr()).notes) }
    }

    /// A variable as a CGI program would see it, including those that httpd computes late (REMOTE_USER) and those of mod_ssl.
    pub fn variable(&self, name: &CStr) -> Option<&'r [u8]> {
        if name == c"REMOTE_USER" {
            return self.user();
        }
        if name.to_bytes().starts_with(b"SSL_") {
            return self.environment().get(name).or_else(|| self.ssl_variable(name));
        }
        self.environment().get(name).or_else(|| {
            // SAFETY: both fill subprocess_env from the request, as before a CGI program starts.
            unsafe {
                sys::ap_add_common_vars(self.as_ptr());
                sys::ap_add_cgi_vars(self.as_ptr());
            }
            self.environment().get(name)
        })
    }

    /// A variable of mod_ssl, even without `SSLOptions +StdEnvVars`.
    fn ssl_variable(&self, name: &CStr) -> Option<&'r [u8]> {
        type Lookup = unsafe extern "C" fn(
            *mut sys::apr_pool_t,
            *mut sys::server_rec,
            *mut sys::conn_rec,
            *mut sys::request_rec,
            *mut c_char,
        ) -> *mut c_char;
        // SAFETY: looks a registered function up by its name, None without mod_ssl.
        let lookup = unsafe { sys::apr_dynamic_fn_retrieve(c"ssl_var_lookup".as_ptr()) }?;
        // SAFETY: mod_ssl.h declares the optional function of that name with this signature.
        let lookup = unsafe { std::mem::transmute::<unsafe extern "C" fn(), Lookup>(lookup) };
        // SAFETY: all belong to this live request; the name is only read; the value is a C string in r->pool.
        let value = unsafe {
            let raw = self.as_ptr();
            self.text(lookup((*raw).pool, (*raw).server, (*raw).connection, raw, name.as_ptr().cast_mut()))
        };
        value.filter(|value| !value.is_empty())
    }

    /// Whether the configuration names a page for this status (ErrorDocument).
    pub fn has_error_document(&self, status: u16) -> bool {
        // SAFETY: reads the core's settings of this request.
        unsafe { !sys::ap_response_code_string(self.as_ptr(), sys::ap_index_of_response(status.into())).is_null() }
    }

    /// Registers the methods of this resource; httpd builds Allow from them.
    pub fn allow_methods(&self, methods: &[&CStr]) {
        for (i, method) in methods.iter().enumerate() {
            let reset: c_int = if i == 0 { sys::REPLACE_ALLOW as c_int } else { 0 };
            // SAFETY: a list of C strings that ends with NULL.
            unsafe { sys::ap_allow_methods(self.as_ptr(), reset, method.as_ptr(), std::ptr::null::<c_char>()) };
        }
    }

    /// Writes a whole response.
    pub fn send(&self, reply: &Response) -> Status {
        for (name, value) in &reply.fields {
            self.headers_out().set_text(name, value);
        }
        self.respond(reply.status, reply.content_type, &reply.body);
        Status::OK
    }

    /// Writes status, Content-Type and body. The fields must be in [`Self::headers_out`] before.
    fn respond(&self, status: u16, content_type: &str, body: &[u8]) {
        let content_type = self.pool().string(content_type.as_bytes());
        // SAFETY: the string lives in r->pool.
        unsafe {
            (*self.as_ptr()).status = status.into();
            (*self.as_ptr()).status_line = std::ptr::null();
            sys::ap_set_content_type(self.as_ptr(), content_type.as_ptr());
            sys::ap_set_content_length(self.as_ptr(), body.len() as i64);
        }
        self.write(body);
    }

    /// Writes a piece of the response.
    pub(crate) fn write(&self, octets: &[u8]) {
        for piece in octets.chunks(1 << 20) {
            // SAFETY: ap_rwrite copies or sends the bytes of a live slice before it returns. A client that is gone is no error of ours.
            unsafe { sys::ap_rwrite(piece.as_ptr().cast::<c_void>(), piece.len() as c_int, self.as_ptr()) };
        }
    }

    /// Whether part of the response may have been sent already.
    pub(crate) fn response_started(&self) -> bool {
        // SAFETY: numbers of a live request.
        unsafe { (*self.as_ptr()).bytes_sent > 0 || (*self.as_ptr()).sent_bodyct != 0 }
    }

    /// Closes the connection without a further octet, so that a partial response is not taken for a complete one.
    pub(crate) fn abort_connection(&self) {
        // SAFETY: the connection is live and this thread serves it.
        unsafe { (*self.connection()).aborted = 1 };
    }

    /// # Safety
    /// `table` is a table of this request.
    unsafe fn table(&self, table: *mut sys::apr_table_t) -> Table<'r> {
        // SAFETY: the tables of a request live in its pool, and so do their values.
        unsafe { Table::from_raw(NonNull::new(table).expect("httpd makes every table with the request")) }
    }

    /// # Safety
    /// `text` is NULL or a C string that lives for 'r.
    unsafe fn text(&self, text: *const c_char) -> Option<&'r [u8]> {
        // SAFETY: not NULL, so a C string; the caller vouches for 'r.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_bytes())
    }
}

/// `text` as a C string, for table keys and values; what follows a NUL is dropped.
pub fn c_string(text: &str) -> CString {
    CString::new(text.split('\0').next().unwrap_or_default()).unwrap_or_default()
}
