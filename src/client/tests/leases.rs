//! Locks whose lease would end in the middle of a refresh. Leases run on the clock of the test.

use super::*;

/// A client whose lease is 3 s: 2 s for the request and 1 s for the write after it.
fn join(fleet: &Fleet) -> Fixture {
    fleet.join_with(|config| config.attempt_timeout(Duration::from_secs(2)))
}

/// Waits until this many further requests for the lock have come.
fn wait_for_lock_requests(fleet: &Fleet, fixture: &Fixture, number: usize) {
    let before = fleet.memory_store.calls().locks;
    fixture.eventually(|_| fleet.memory_store.calls().locks >= before + number);
}

#[test]
fn request_is_not_sent_under_a_lease_that_would_end_before_its_response() {
    let ms = Duration::from_millis;
    // The write is slow, or the extension after it.
    for paces in [&[ms(2_200)][..], &[ms(600), ms(2_300)]] {
        let fleet = fleet(token);
        let (sender, other) = (join(&fleet), join(&fleet));
        fleet.memory_store.slow_down_from_next_write(paces);
        fleet.server.hold();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| sender.value());
            sender.eventually(|_| fleet.requests() == 1);
            fleet.clock.advance(ms(1_500));
            let locked_out = scope.spawn(|| other.value());
            wait_for_lock_requests(&fleet, &other, 3);
            fleet.server.release();
            assert_eq!((waiting.join().unwrap(), locked_out.join().unwrap()), ("token-1".into(), "token-1".into()));
        });
        assert_eq!(fleet.requests(), 1, "{paces:?}");
    }
}

#[test]
fn lease_is_extended_while_the_write_of_a_token_is_tried_again() {
    let fleet = fleet(token);
    let (holder, other) = (join(&fleet), join(&fleet));
    fleet.memory_store.refuse_what_comes_after_the_announcement();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let value = holder.value();
            (value, fleet.memory_store.entries("record").len())
        });
        for _ in 0..3 {
            let refused = fleet.memory_store.refused_writes();
            holder.eventually(|_| fleet.memory_store.refused_writes() >= refused + 2);
            fleet.clock.advance(Duration::from_secs(2));
        }
        let locked_out = scope.spawn(|| other.value());
        wait_for_lock_requests(&fleet, &other, 4);
        fleet.memory_store.break_down(false, false);
        assert_eq!(waiting.join().unwrap(), ("token-1".into(), 1), "the cache has it before the caller");
        assert_eq!(locked_out.join().unwrap(), "token-1");
    });
    assert_eq!(fleet.requests(), 1);
}
