"""Samples -> Markdown. A ratio is taken within a round, and its median over the rounds is shown."""

from measured import median, number
from servers import Checked, CheckedAtEnd, CheckedByPath, Drain, Floor, Pipe, Program, RecordedPostgres, RecordedSqlite, Relay, Sendmail, Unchecked


def ratios(samples, case, one, other, of):
    """Of two rows of one case, round by round."""
    pairs = zip(samples.get((case, one.name), []), samples.get((case, other.name), []))
    return [of(a) / of(b) for a, b in pairs if of(b)]


def rate(sample):
    return sample.rate


def cpu(sample):
    return sample.cpu


def over_floor(samples, case, one):
    """CPU against httpd alone and the floor together."""
    rows = (samples.get((case, kind.name), []) for kind in (one, Drain, Floor))
    return [a.cpu / (d.cpu + f.cpu) for a, d, f in zip(*rows)]


def row(case, name, ratio, found):
    connections, octets = case
    return (f"| {octets:,} | {connections} | {name} | {number(median(s.rate for s in found))} | {' | '.join(ratio)} | "
            f"{number(median(s.cpu for s in found))} | {number(median(s.p50 for s in found) / 1000, 2)} | "
            f"{number(median(s.p99 for s in found) / 1000, 2)} | {number(median(s.peak for s in found), 1)} | {sum(s.errors for s in found)} |")


def head(*ratio):
    columns = ["octets", "connections", "server", "messages/s", *ratio, "CPU us/message", "p50 ms", "p99 ms", "peak MB", "errors"]
    return [f"| {' | '.join(columns)} |", f"|{'---:|' * 2}---|{'---:|' * (len(columns) - 3)}"]


def of_sink(sink, samples, cases, kinds):
    lines = [f"### Sink: {sink}", "", *head("x as fast as C that pipes", "ours is x as fast", "CPU x (httpd + floor)")]
    for case in cases:
        for kind in kinds:
            found = samples.get((case, kind.name))
            if not found:
                continue
            lone = kind in (Floor, Drain)
            shown = [number(median(values), 2) if values else "-" for values in (
                [] if lone or kind is Pipe else ratios(samples, case, kind, Pipe, rate),
                [] if lone or kind is Sendmail else ratios(samples, case, Sendmail, kind, rate),
                [] if lone else over_floor(samples, case, kind),
            )]
            lines.append(row(case, kind.name, shown, found))
    return lines + [""]


def beside(title, text, samples, cases, base, kinds):
    """Rows against the one that they do more than."""
    lines = [f"### {title}", "", text, "", *head(f"messages/s x {base.name}", f"CPU x {base.name}")]
    for case in cases:
        for kind in (base, *kinds):
            found = samples.get((case, kind.name))
            if found:
                shown = [number(median(ratios(samples, case, kind, base, of)), 2) if kind is not base else "-" for of in (rate, cpu)]
                lines.append(row(case, kind.name, shown, found))
    return lines + [""]


def of_relay(samples, cases):
    return beside("The way to Postfix: its sendmail command or SMTP",
                  "Rounds begin with an empty queue. CPU without that of Postfix's own daemons, which do the same for both.",
                  samples, cases, Program, [Relay])


# What is to be reached: what, the words of the goal, and the number, None where it was not measured.


def goals(null, recorded, ways, relay, milter, more):
    def value(found):
        return median(found) if found else None

    def fast(connections, octets):
        return value(ratios(null, (connections, octets), Sendmail, Pipe, rate))

    def floor(connections, octets):
        return value(over_floor(null, (connections, octets), Sendmail))

    few, many = (null.get(((connections, 1024), Sendmail.name)) for connections in (8, 256))
    rows = [(f"1 KB at {c}, as fast as C that pipes", ">= 0.92", fast(c, 1024)) for c in (8, 32, 128)]
    rows += [(f"1 KB at {c}, CPU over httpd + floor", "<= 1.05", floor(c, 1024)) for c in (8, 32, 128)]
    rows.append(("100 KB at 8, as fast as C that pipes", ">= 0.90", fast(8, 100 << 10)))
    rows.append(("10 MB at 1, CPU over httpd + pipe floor", "<= 1.0", floor(1, 10 << 20)))
    rows.append(("1 KB, CPU at 256 over CPU at 8", "<= 1.2", value([m.cpu / f.cpu for m, f in zip(many or [], few or [])])))
    for peer, least in (("axum + lettre", 1.3), ("Go net/http + os/exec", 1.8), ("php-fpm mail()", 4.5), ("mod_cgid + C", 7)):
        for c in (1, 8, 32, 128):
            pairs = zip(null.get(((c, 1024), Sendmail.name), []), null.get(((c, 1024), peer), []))
            rows.append((f"1 KB at {c}, as fast as {peer}", f">= {least}", value([a.rate / b.rate for a, b in pairs if b.rate])))
    rows += [(f"relay at {c}, as fast as Postfix' sendmail", ">= 8", value(ratios(relay, (c, 1024), Relay, Program, rate))) for c in (1, 8)]
    for kind in (RecordedSqlite, RecordedPostgres):
        rows.append((f"1 KB at 8, {kind.name}, CPU over without", "<= 1.5", value(ratios(recorded, (8, 1024), kind, Sendmail, cpu))))
    for kind in (Checked, CheckedAtEnd, CheckedByPath):
        rows.append((f"1 KB at 8, {kind.name}, CPU over without", "<= 1.3", value(ratios(milter, (8, 1024), kind, Unchecked, cpu))))
    for way in ways["kinds"]:
        rows.append((f"1 KB at 8, {way.name}, CPU over fields", "<= 1.15", value(ratios(ways["samples"], (8, 1024), way, Sendmail, cpu))))
        rows.append((f"10 MB at 1, {way.name}, CPU over fields", "<= 2", value(ratios(ways["samples"], (1, 10 << 20), way, Sendmail, cpu))))
    rows += more
    lines = ["### Goals", "", "| what | goal | measured |", "|---|---:|---:|"]
    lines += [f"| {what} | {goal} | {'not measured' if found is None else number(found, 2)} |" for what, goal, found in rows]
    return lines + [""]
