//! How many recipients of the last hour, day and week are in which state, as a bar for each: SVG, without a script. Each bar says in words what it
//! shows, and the table below it has the same numbers.
#![forbid(unsafe_code)]

use crate::status::words;
use crate::store::overview::Count;
use web::markup;
use web::markup::Markup;

/// A bar is so long.
const LENGTH: i64 = 1000;
/// What there is is seen, however little it is.
const SHORTEST: i64 = 12;
/// Between two pieces.
const GAP: i64 = 3;

type Amount = fn(&Count) -> i64;

const PERIODS: [(&str, Amount); 3] =
    [("Last hour", |count| count.hour), ("Last day", |count| count.day), ("Last week", |count| count.week)];

/// A piece for each of `counts`, in their order.
pub(super) fn bars(counts: &[&Count]) -> Markup {
    let bars: Markup = PERIODS.iter().map(|(name, amount)| bar(name, counts, *amount)).sum();
    markup!("<figure class=\"bars\">\n{}</figure>\n", bars)
}

fn bar(name: &str, counts: &[&Count], amount: Amount) -> Markup {
    let some: Vec<&Count> = counts.iter().copied().filter(|count| amount(count) > 0).collect();
    let amounts: Vec<i64> = some.iter().map(|count| amount(count)).collect();
    let said = |count: &Count| format!("{} {}", amount(count), words::of_state(count.state).counted);
    let all: Vec<String> = some.iter().map(|count| said(count)).collect();
    let all = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
    let mut x = 0;
    let pieces = some.iter().zip(widths(&amounts)).map(|(count, width)| {
        let piece = markup!(
            "<rect class=\"{}\" x=\"{}\" y=\"0\" width=\"{}\" height=\"20\"><title>{}</title></rect>",
            count.state.as_str(),
            x,
            width - GAP,
            said(count)
        );
        x += width;
        piece
    });
    let pieces: Markup = pieces.sum();
    markup!(
        "<div><span>{} <b>{}</b></span><svg viewBox=\"0 0 {} 20\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}: {}\" focusable=\"false\">{}</svg></div>\n",
        name,
        amounts.iter().sum::<i64>(),
        LENGTH,
        name,
        all,
        pieces
    )
}

/// As long as its part of the whole, and together as long as the bar; what is short is taken from the longest.
fn widths(amounts: &[i64]) -> Vec<i64> {
    let all: i64 = amounts.iter().sum();
    let mut widths: Vec<i64> = amounts.iter().map(|amount| (LENGTH * amount / all.max(1)).max(SHORTEST)).collect();
    let rest = LENGTH - widths.iter().sum::<i64>();
    if let Some(longest) = widths.iter_mut().max() {
        *longest += rest;
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::State;

    #[test]
    fn pieces_fill_the_bar_and_the_least_is_seen() {
        for amounts in [&[1][..], &[1, 1, 1], &[100_000, 1], &[1, 5_000_000, 1, 1, 1, 1, 1, 1, 1], &[7, 3]] {
            let widths = widths(amounts);
            assert_eq!(widths.iter().sum::<i64>(), LENGTH, "{amounts:?}");
            assert!(widths.iter().all(|width| *width >= SHORTEST), "{amounts:?}: {widths:?}");
        }
        assert!(widths(&[]).is_empty());
        assert_eq!(widths(&[7, 3]), [700, 300]);
    }

    #[test]
    fn a_bar_says_what_it_shows() {
        let count = |state, hour, day, week| Count { state, hour, day, week };
        let html = bars(&[&count(State::Failed, 0, 2, 10), &count(State::Delivered, 0, 8, 90)]).into_string();
        assert!(html.contains("<b>0</b>") && html.contains("aria-label=\"Last hour: none\""), "{html}");
        assert!(html.contains("aria-label=\"Last day: 2 failed, 8 delivered\""), "{html}");
        assert!(html.contains("<rect class=\"failed\" x=\"0\" y=\"0\" width=\"197\""), "{html}");
        assert!(html.contains("<rect class=\"delivered\" x=\"100\" y=\"0\" width=\"897\""), "{html}");
    }
}
