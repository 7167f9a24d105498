use super::limit::time;
use super::slots::SLOTS;
use super::*;
use std::time::Duration;

fn slots(number: usize) -> Vec<Slot> {
    (0..number).map(|_| Slot::default()).collect()
}

fn limit(text: &str) -> Limit {
    Limit::parse(&text.split(' ').collect::<Vec<_>>(), "/mail", time).unwrap()
}

fn user(name: &str) -> Client<'_> {
    Client { server: "h", user: Some(name.as_bytes()), address: None }
}

fn address(text: &str) -> Client<'static> {
    Client { server: "h", user: None, address: Some(text.parse().unwrap()) }
}

fn second(seconds: u64) -> Ticks {
    Ticks::default().after(Duration::from_secs(1_000_000 + seconds))
}

/// Whether one message passes; else after how many seconds.
fn send(slots: &[Slot], limits: &[Limit], client: Client<'_>, now: Ticks) -> Result<(), u32> {
    match Meter::new(slots, limits, client, now).charge(Count::Messages, 1, now) {
        Ok(()) => Ok(()),
        Err(Over::Now { retry_after, .. }) => Err(retry_after),
        Err(over) => panic!("{over:?}"),
    }
}

#[test]
fn the_burst_passes_at_once_and_then_one_each_interval() {
    let (slots, limits) = (slots(SLOTS), [limit("100/1h burst=3")]);
    for _ in 0..3 {
        assert_eq!(send(&slots, &limits, user("a"), second(0)), Ok(()));
    }
    assert_eq!(send(&slots, &limits, user("a"), second(0)), Err(36));
    assert_eq!(send(&slots, &limits, user("a"), second(35)), Err(1), "refused ones are not counted");
    assert_eq!(send(&slots, &limits, user("b"), second(0)), Ok(()), "somebody else");
    assert_eq!(send(&slots, &limits, user("a"), second(36)), Ok(()));
    assert_eq!(send(&slots, &limits, user("a"), second(36)), Err(36));
    let passed = (0..36_000).filter(|now| send(&slots, &limits, user("c"), second(*now)).is_ok()).count();
    assert_eq!(passed, 3 + 999, "ten hours of trying: a burst, and then the rate");
}

#[test]
fn the_fields_say_what_is_left() {
    let (slots, limits) = (slots(SLOTS), [limit("100/1h burst=2"), limit("10/1d count=recipients per=address")]);
    let now = second(0);
    let mut meter = Meter::new(&slots, &limits, user("a"), now);
    let policy = "\"user-messages-3600\";q=100;w=3600, \"address-recipients-86400\";q=10;qu=\"recipients\";w=86400";
    let fields = |meter: &Meter<'_>| meter.fields().unwrap().map(|(_, value)| value);
    assert_eq!(fields(&meter), [policy, "\"user-messages-3600\";r=2, \"address-recipients-86400\";r=10"]);
    meter.charge(Count::Messages, 1, now).unwrap();
    assert_eq!(fields(&meter)[1], "\"user-messages-3600\";r=1;t=36, \"address-recipients-86400\";r=10");
    meter.charge(Count::Recipients, 4, now).unwrap();
    assert_eq!(fields(&meter)[1], "\"user-messages-3600\";r=1;t=36, \"address-recipients-86400\";r=6;t=8640");
    assert!(!meter.is_exhausted());
    let over = meter.charge(Count::Recipients, 7, now);
    assert_eq!(over, Err(Over::Now { limit: &limits[1], retry_after: 8640 }));
    assert_eq!(meter.charge(Count::Recipients, 11, now), Err(Over::Always(&limits[1])));
    meter.refund(now);
    assert_eq!(fields(&meter)[1], "\"user-messages-3600\";r=2, \"address-recipients-86400\";r=10");
    assert_eq!(Meter::new(&slots, &[], user("a"), now).fields(), None);
}

#[test]
fn one_limit_that_is_over_charges_no_other() {
    let (slots, limits) = (slots(SLOTS), [limit("100/1h per=location"), limit("1/1h")]);
    assert_eq!(send(&slots, &limits, user("a"), second(0)), Ok(()));
    for _ in 0..200 {
        assert_eq!(send(&slots, &limits, user("a"), second(0)), Err(3600));
    }
    for client in 0..99 {
        assert_eq!(send(&slots, &limits, user(&client.to_string()), second(0)), Ok(()), "{client}");
    }
    assert_eq!(send(&slots, &limits, user("last"), second(0)), Err(36), "all together");
}

#[test]
fn clients_are_told_apart_as_the_limit_says() {
    let one = |limits: &[Limit], first: Client<'_>, other: Client<'_>| {
        let slots = slots(SLOTS);
        assert_eq!(send(&slots, limits, first, second(0)), Ok(()));
        send(&slots, limits, other, second(0)).is_err()
    };
    let (by_user, by_address, all) = ([limit("1/1h")], [limit("1/1h per=address")], [limit("1/1h per=location")]);
    let both = |user, ip: &str| Client { user: Some(user), ..address(ip) };
    assert!(one(&by_user, both(b"a", "192.0.2.1"), both(b"a", "192.0.2.2")));
    assert!(!one(&by_user, both(b"a", "192.0.2.1"), both(b"b", "192.0.2.1")));
    assert!(one(&by_user, address("192.0.2.1"), address("192.0.2.1")), "without users an address is one");
    assert!(
        !one(&by_user, address("192.0.2.1"), both(b"192.0.2.1", "192.0.2.1")),
        "a user who is called like an address"
    );
    assert!(one(&by_address, both(b"a", "192.0.2.1"), both(b"b", "::ffff:192.0.2.1")));
    assert!(one(&by_address, address("2001:db8:0:1::1"), address("2001:db8:0:1:ffff::2")), "a /64 is one");
    assert!(!one(&by_address, address("2001:db8:0:1::1"), address("2001:db8:0:2::1")));
    assert!(one(&all, address("192.0.2.1"), address("198.51.100.1")));
    assert!(!one(&all, address("192.0.2.1"), Client { server: "other", ..address("192.0.2.1") }));
    let elsewhere = [Limit::parse(&["1/1h"], "/other", time).unwrap()];
    let slots = slots(SLOTS);
    assert_eq!(send(&slots, &by_user, user("a"), second(0)), Ok(()));
    assert_eq!(send(&slots, &elsewhere, user("a"), second(0)), Ok(()), "a section of its own");
}

#[test]
fn where_many_come_together_who_has_used_most_is_remembered() {
    let (slots, limits) = (slots(8), [limit("10/1h")]);
    for _ in 0..10 {
        assert_eq!(send(&slots, &limits, user("greedy"), second(0)), Ok(()));
    }
    for client in 0..100 {
        assert_eq!(send(&slots, &limits, user(&client.to_string()), second(0)), Ok(()));
    }
    assert_eq!(send(&slots, &limits, user("greedy"), second(0)), Err(360));
    assert_eq!(send(&slots, &limits, user("greedy"), second(36_000)), Ok(()), "when its time is over it is as new");
}

#[test]
fn without_memory_nobody_passes_a_limit() {
    let limits = [limit("10/1h")];
    let mut meter = Meter::new(&[], &limits, user("a"), second(0));
    assert_eq!(meter.charge(Count::Messages, 1, second(0)), Err(Over::NoMemory));
    assert_eq!(meter.charge(Count::Recipients, 1, second(0)), Ok(()), "there is no such limit");
    meter.refund(second(0));
}

#[test]
fn many_at_once_pass_no_more_than_one_after_the_other() {
    let (slots, limits) = (slots(SLOTS), [limit("1000/1h burst=500"), limit("1000/1h burst=400 per=location")]);
    let passed = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..200 {
                    if send(&slots, &limits, user("a"), second(0)).is_ok() {
                        passed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(passed.into_inner(), 400);
    let left = Meter::new(&slots, &limits, user("a"), second(0)).fields().unwrap()[1].1.clone();
    assert!(left.contains("\"user-messages-3600\";r=100"), "what the other limit refused was given back: {left}");
}

#[test]
fn the_clock_goes_on_in_tenths_of_milliseconds() {
    let before = Ticks::now();
    std::thread::sleep(Duration::from_millis(20));
    let after = Ticks::now();
    assert!(after >= before.after(Duration::from_millis(20)) && after < before.after(Duration::from_secs(20)));
    assert_eq!(
        [0, 1, 9999, 10_000, 10_001].map(|ms| Ticks::default().after(Duration::from_micros(ms * 100)).seconds()),
        [0, 1, 1, 1, 2]
    );
}
