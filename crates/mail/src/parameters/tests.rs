use super::*;

fn parse(text: &str) -> Result<Parameters, ParameterError> {
    Parameters::parse(text)
}

fn written(text: &str) -> Result<String, ParameterError> {
    parse(text).map(|parameters| parameters.words("v").join(" "))
}

#[test]
fn parameters_are_read_generously_and_written_strictly() {
    for (read, expected) in [
        ("", "v"),
        (";", "v"),
        ("; A=b", "v; a=b"),
        (";a=b;;(x) c = \"d e\" (y) ;", "v; a=b; c=\"d e\""),
        ("; a=\"\"", "v; a=\"\""),
        ("; a=\"b \\\"c\\\" \\\\\"", "v; a=\"b \\\"c\\\" \\\\\""),
        ("; a==_b:c", "v; a=\"=_b:c\""),
        ("; filename=Incoming Email Flow.pdf", "v; filename=\"Incoming Email Flow.pdf\""),
        ("; filename=a  b.pdf ; size=3", "v; filename=\"a  b.pdf\"; size=3"),
        ("; filename=\"Prüf.pdf\"", "v; filename*=utf-8''Pr%C3%BCf.pdf"),
        ("; filename=Prüf bericht.pdf", "v; filename*=utf-8''Pr%C3%BCf%20bericht.pdf"),
        ("; filename*=UTF-8''Pr%c3%bcf.pdf", "v; filename*=utf-8''Pr%C3%BCf.pdf"),
        ("; filename*=iso-8859-1'de'Pr%FCf.pdf", "v; filename*=utf-8''Pr%C3%BCf.pdf"),
        ("; filename*=\"utf-8''a%20b%zz%+A%\"", "v; filename=\"a b%zz%+A%\""),
        ("; filename*=''a%20b", "v; filename=\"a b\""),
        ("; filename=a.pdf; filename*=utf-8''b.pdf", "v; filename=b.pdf"),
        ("; filename*=utf-8''b.pdf; filename=a.pdf", "v; filename=b.pdf"),
        ("; name*0*=utf-8''%41; name*1=b; name*2*=%C3%BC", "v; name*=utf-8''Ab%C3%BC"),
        ("; name*1=\"b c\"; name*0=\"a \"", "v; name=\"a b c\""),
        ("; name*0*=utf-8''%C3; name*1*=%BC", "v; name*=utf-8''%C3%BC"),
        ("; name=\"=?utf-8?B?UHLDvGYucGRm?=\"", "v; name*=utf-8''Pr%C3%BCf.pdf"),
        ("; name=\"=?utf-8?Q?Pr=C3=BC?= =?utf-8?Q?f.pdf?=\"", "v; name*=utf-8''Pr%C3%BCf.pdf"),
        ("; name=\"a =?utf-8?Q?b?=\"", "v; name=\"a =?utf-8?Q?b?=\""),
        ("; a=b; A=b", "v; a=b"),
        ("; a=\" b \"", "v; a=\" b \""),
    ] {
        assert_eq!(written(read).as_deref(), Ok(expected), "{read}");
        let again = written(expected.trim_start_matches('v'));
        assert_eq!(again.as_deref(), Ok(expected), "written twice is written once");
    }
}

#[test]
fn what_is_no_parameter_is_refused() {
    for text in [
        "a=b",
        "; a",
        "; =b",
        "; a=",
        "; a=\"b",
        "; a=\"b\\",
        "; a=\"b\"c",
        "; a=b c=d",
        "; a=b, c",
        "; a=(b)",
        "; a=b\\c",
        "; a=b (c",
        "; né=b",
        "; a*=b",
        "; a*=utf-8'b",
        "; a*1=b",
        "; a*b=c",
        "; a*+0=b",
        "; a*99999999999999999999=b",
        "; *=utf-8''b",
        "; *0=b",
        "; a**=utf-8''b",
        "; a*0=b; a*2=c",
        "; a*0=b; a*0=c",
    ] {
        assert_eq!(parse(text), Err(ParameterError::Syntax), "{text}");
    }
    let many = |count: usize| (0..count).map(|at| format!(";a{at}=b")).collect::<String>();
    assert!(parse(&many(200)).is_ok() && parse(&many(201)) == Err(ParameterError::Syntax));
    for text in ["; a=b; a=c", "; a*=utf-8''b; a*=utf-8''c"] {
        assert!(matches!(parse(text), Err(ParameterError::Duplicate { .. })), "{text}");
    }
    // A token, a quoted string, the extended form: what is written has 900 octets at most.
    for (longest, more) in [("b".repeat(898), "b"), ("\"".to_owned() + &"b ".repeat(448), "b"), ("é".repeat(148), "é")]
    {
        let quote = if longest.starts_with('"') { "\"" } else { "" };
        let found = parse(&format!("; a={longest}{quote}"));
        assert!(found.is_ok_and(|found| found.0[0].to_string().len() > 890), "{longest}");
        let found = parse(&format!("; a={longest}{more}{quote}"));
        assert!(matches!(found, Err(ParameterError::Length { .. })), "{longest}");
    }
}

#[test]
fn nothing_is_hidden_behind_a_decoding() {
    assert!(parse("; a*=utf-8''b%09c").is_ok());
    for text in [
        "; a*=utf-8''b%0D%0AX",
        "; a*0*=utf-8''b%0D; a*1*=%0AX",
        "; a*=utf-8''%C2%85",
        "; a=\"\\\n\"",
        "; a*=utf-8''%7F",
    ] {
        assert!(matches!(parse(text), Err(ParameterError::Control { .. })), "{text}");
    }
    for text in ["; a*=cp500''%25", "; a*=utf-7''b", "; a*=iso-2022-kr''b"] {
        assert!(matches!(parse(text), Err(ParameterError::Charset { .. })), "{text}");
    }
    for text in [
        "; a=\"=\\?utf-8?q?=0A?=\"",
        "; a*=utf-8''=%3Futf-8%3Fq%3F=0A%3F=",
        "; a*0=\"=?utf-8\"; a*1=\"?q?=0A?=\"",
        "; a=\"=?utf-8?B?PT91dGYtOD9xPz0wQT89?=\"",
    ] {
        assert!(matches!(parse(text), Err(ParameterError::Value { .. })), "{text}");
    }
}
