//! An MTA and its arguments -> what the administrator should know before the first message. The same words mean different things to
//! different programs: ten of them were given the same 136 inputs on Debian 12, and each row of `TABLE` is what one of them did. For an
//! unknown program only warnings that are true of all are given.
#![forbid(unsafe_code)]

use super::arguments::{ProgramArguments, Role, Word};
use super::mta::Mta::{
    self, Courier, Dma, Esmtp, Exim, Msmtp, Nullmailer, OpenSmtpd, Postfix, Sendmail, SendmailHttp, Ssmtp, Unknown,
};

struct Row {
    option: char,
    mta: Mta,
    says: &'static str,
}

/// The effect of single options on single programs, and the remedy.
const TABLE: &[Row] = &[
    Row { option: 'N', mta: Exim, says: "discards every message and exits 0; take -N out" },
    Row { option: 'N', mta: OpenSmtpd, says: "refuses every message with exit 70; take -N out" },
    Row { option: 'R', mta: OpenSmtpd, says: "refuses every message with exit 70; take -R out" },
    Row { option: 'V', mta: Esmtp, says: "does not know it and exits 64; take -V out" },
    Row { option: 'V', mta: Exim, says: "does not know it and exits 1; take -V out" },
    Row { option: 'V', mta: Msmtp, says: "does not know it and exits 64; take -V out" },
    Row { option: 'V', mta: OpenSmtpd, says: "refuses every message with exit 70; take -V out" },
    Row { option: 'V', mta: Ssmtp, says: "prints its version, sends nothing and exits 0; take -V out" },
    Row { option: 'X', mta: Courier, says: VERP },
    Row { option: 'X', mta: Dma, says: VERP },
    Row { option: 'X', mta: Esmtp, says: VERP },
    Row { option: 'X', mta: Exim, says: VERP },
    Row { option: 'X', mta: Msmtp, says: "takes -XV for a log file named V; -XV is for Postfix alone, take it out" },
    Row { option: 'X', mta: Nullmailer, says: VERP },
    Row { option: 'X', mta: OpenSmtpd, says: "does not know it and exits 1; -XV is for Postfix alone, take it out" },
    Row {
        option: 'X',
        mta: Sendmail,
        says: "takes -XV for a log file named V and exits 73; -XV is for Postfix alone, take it out",
    },
    Row { option: 'X', mta: SendmailHttp, says: VERP },
    Row {
        option: 'X',
        mta: Ssmtp,
        says: "prints its version, sends nothing and exits 0; -XV is for Postfix alone, take it out",
    },
    Row { option: 'f', mta: Esmtp, says: "ignores it; the envelope sender is set in its own configuration" },
    Row { option: 'f', mta: Ssmtp, says: "ignores it; the envelope sender is set in its own configuration" },
    Row { option: 'n', mta: Courier, says: "prints the message, sends nothing and exits 0; take -n out" },
    Row { option: 'n', mta: OpenSmtpd, says: "does not know it and exits 1; take -n out" },
    Row { option: 'n', mta: Postfix, says: "refuses it with exit 75; take -n out" },
    Row { option: 'r', mta: Courier, says: "ignores it; use -f" },
    Row { option: 'r', mta: Esmtp, says: "ignores it; the envelope sender is set in its own configuration" },
    Row { option: 'r', mta: Msmtp, says: "does not know it and exits 64; use -f" },
    Row { option: 'r', mta: Ssmtp, says: "ignores it; the envelope sender is set in its own configuration" },
    Row {
        option: 'v',
        mta: Postfix,
        says: "mails a delivery report to the user httpd runs as, for each message; take -v out",
    },
];

const VERP: &str = "ignores -XV, which is for Postfix alone: all recipients share one envelope sender; take it out";

/// The faults of `args` (SendmailArguments, expressions unevaluated) for `mta`, each with the remedy.
pub fn warnings(mta: Mta, args: &[&str]) -> Vec<String> {
    let words = ProgramArguments::read(mta, args.iter().map(|arg| Word::of(arg)));
    let mut warnings: Vec<String> = TABLE
        .iter()
        .filter(|row| row.mta == mta && words.has(row.option))
        .map(|row| format!("-{}: {mta} {}", row.option, row.says))
        .collect();
    let mut warn = |is: bool, text: &str| {
        if is {
            warnings.push(text.to_string());
        }
    };
    warn(
        words.has('v') && mta != Postfix,
        "-v: what it prints beside each message is logged as a warning; take -v out",
    );
    warn(
        words.mode().is_some(),
        "-b with another letter than m: it is told to do something else than to send the message; take it out",
    );
    warn(
        words.reads_recipients() && words.roles().contains(&Role::Recipient),
        "-t together with recipients: some programs add them to those of the header, some take them away, some refuse; \
         use -t alone, or recipients alone",
    );
    warn(
        words.has_option_behind_recipient(),
        "options behind a recipient, or behind a word that is taken for one, are recipients to some programs; \
         put -t before the other options, and recipients last, behind --",
    );
    warn(
        !words.ignores_dots() && (mta != Unknown || words.reads_recipients()),
        "no -i: a line that is a single dot ends the message there; add -i",
    );
    let apart = |word: &&&str| mta == Exim && **word != "-ti";
    if let Some(word) = words.flags_together().iter().find(apart) {
        warnings.push(format!("{word}: Exim reads no options written together but -ti, and exits 1; write them apart"));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Mta; 12] =
        [Courier, Dma, Esmtp, Exim, Msmtp, Nullmailer, OpenSmtpd, Postfix, Sendmail, SendmailHttp, Ssmtp, Unknown];

    fn of(mta: Mta, args: &str) -> Vec<String> {
        warnings(mta, &args.split_whitespace().collect::<Vec<_>>())
    }

    #[test]
    fn what_works_everywhere_is_not_warned_of() {
        for mta in ALL {
            for args in
                ["-t -i", "-ti", "-t -oi", "-i -- user@example.org", "-i -F Name -t", "-oi -bm user@example.org"]
            {
                assert_eq!(of(mta, args), [""; 0], "{mta}: {args}");
            }
            assert!(
                ["-t -v", "-t", "-t -i -v", "-t -i a@b.example", "-i a@b.example -t", "-i -- -t"]
                    .iter()
                    .all(|args| !of(mta, args).is_empty())
            );
        }
        assert_eq!(of(Unknown, "-d user"), [""; 0], "a script, for all that is known");
        for args in ["-it", "-itf x@example.org", "-t -i -p smtp:host -h 5"] {
            assert_eq!(of(Postfix, args), [""; 0], "{args}");
        }
        assert_eq!(of(Msmtp, "-a work -t -i"), [""; 0]);
        assert!(of(Postfix, "-tiv")[0].contains("-v: Postfix mails a delivery report"));
        for args in ["-it", "-tiv", "-t -i -nm"] {
            assert!(of(Exim, args).iter().any(|w| w.contains("written together")), "{args}"); // tried on 4.96
        }
        for args in ["-t -i -bs", "-t -ivb p"] {
            assert!(of(Unknown, args).iter().any(|w| w.contains("-b with another letter")), "{args}");
        }
        assert_eq!(of(Postfix, "-XV -N delay,failure,success -r bounces@example.org -i -t"), [""; 0]);
        assert_eq!(of(Unknown, "-XV -N never -r x@example.org -V id -i -t"), [""; 0]);
        assert_eq!(of(Sendmail, "-t -i -N failure -R hdrs -V id -f %{reqenv:SENDMAIL_FROM}"), [""; 0]);
    }

    #[test]
    fn every_warning_is_about_the_option_and_names_a_remedy() {
        for row in TABLE {
            let args = format!("-t -i -{} x", row.option);
            let warnings = of(row.mta, &args);
            assert!(warnings.iter().any(|w| w.contains(row.says) && w.contains(&row.mta.to_string())), "{warnings:?}");
            assert!(["take", "use", "configuration"].iter().any(|remedy| row.says.contains(remedy)), "{}", row.says);
        }
    }

    #[test]
    fn exim_reads_the_value_of_n_as_a_recipient_and_so_what_follows() {
        let warnings = of(Exim, "-XV -N delay,failure,success -r bounces@example.org -t -i");
        for words in ["-N: Exim discards", "-X: Exim ignores", "put -t before"] {
            assert!(warnings.iter().any(|w| w.contains(words)), "{words} in {warnings:?}");
        }
    }

    #[test]
    fn the_table_agrees_with_what_was_tried() {
        // case, program: arguments, exit, delivered (copies), as observed with the ten programs of Debian 12
        for (mta, args, exit, delivered) in [
            (Exim, "-t -i -N delay,failure,success", 0, 0),
            (OpenSmtpd, "-t -i -N delay,failure,success", 70, 0),
            (OpenSmtpd, "-t -i -V envid-123", 70, 0),
            (Exim, "-t -i -V envid-123", 1, 0),
            (Msmtp, "-t -i -V envid-123", 64, 0),
            (Esmtp, "-t -i -V envid-123", 64, 0),
            (Ssmtp, "-t -i -V envid-123", 0, 0),
            (Sendmail, "-t -i -XV -r bounces@test.local", 73, 0),
            (OpenSmtpd, "-t -i -XV -r bounces@test.local", 1, 0),
            (Ssmtp, "-t -i -XV -r bounces@test.local", 0, 0),
            (Msmtp, "-t -i -rbounces@test.local", 64, 0),
            (Ssmtp, "-t -i argrcpt@dest.example", 0, 0),
            (Postfix, "-t -i -n", 75, 0),
            (OpenSmtpd, "-t -i -n", 1, 0),
            (Courier, "-t -i -n", 0, 0),
            (Postfix, "-t -i -XV -r bounces@test.local", 0, 2),
            (Postfix, "-t -i -N delay,failure,success -V envid-123 -r bounces@test.local", 0, 1),
            (Sendmail, "-t -i -N delay,failure,success -V envid-123 -R hdrs -r bounces@test.local", 0, 1),
            (Nullmailer, "-t -i -N delay,failure,success -V envid-123 -r bounces@test.local", 0, 1),
            (Dma, "-t -i -N delay,failure,success -V envid-123 -r bounces@test.local", 0, 1),
            (Msmtp, "-t -i -N failure -R full -f bounces@test.local", 0, 1),
            (Courier, "-t -i -V envid-123", 0, 1),
            (OpenSmtpd, "-t -i -rbounces@test.local", 0, 1),
            (SendmailHttp, "-t -i -N failure -R hdrs -V envid-123 -r bounces@test.local", 0, 1),
        ] {
            let fails = exit != 0 || delivered == 0;
            assert_eq!(!of(mta, args).is_empty(), fails, "{mta} {args}");
        }
    }
}
