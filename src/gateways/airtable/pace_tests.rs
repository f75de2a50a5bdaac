use proptest::prelude::*;

use super::*;
use crate::testing::clock::ManualClock;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The most of these moments that any closed window of one second holds.
fn most_in_a_second(moments: &[Duration]) -> usize {
    let second = Duration::from_secs(1);
    let within = |from: Duration| moments.iter().filter(|at| (from..=from + second).contains(*at)).count();
    moments.iter().map(|from| within(*from)).max().unwrap_or(0)
}

proptest! {
    /// Requests come when they like, take as long as they like to arrive and to be answered, any number at a time.
    #[test]
    fn no_second_sees_more_than_five_leave_or_arrive(
        rate in 0.5..50.0_f64,
        requests in proptest::collection::vec((0..700_u64, 0..1_900_u64, 0.0..1.0_f64), 1..60),
    ) {
        let mut places = Places::new(rate, PER_WINDOW, Duration::ZERO);
        let (mut now, mut under_way) = (Duration::from_secs(3600), Vec::<(u64, Duration)>::new());
        let (mut left, mut arrived) = (Vec::new(), Vec::new());
        for (number, (gap, latency, share)) in (0_u64..).zip(&requests) {
            now += ms(*gap);
            loop {
                for (other, _) in under_way.extract_if(.., |(_, end)| *end <= now) {
                    places.answered(other, now);
                }
                let at = places.earliest(now);
                if at <= now {
                    break;
                }
                // An answer may free a place before.
                now = under_way.iter().map(|(_, end)| *end).filter(|end| *end > now).fold(at, Duration::min);
            }
            places.take(number, now);
            left.push(now);
            arrived.push(now + ms(*latency).mul_f64(*share));
            under_way.push((number, now + ms(*latency)));
        }
        prop_assert!(most_in_a_second(&left) <= PER_WINDOW as usize, "left at {left:?}");
        prop_assert!(most_in_a_second(&arrived) <= PER_WINDOW as usize, "arrived at {arrived:?}");
        let distance = Duration::from_secs_f64(1.0 / rate);
        for (a, b) in left.iter().zip(left.iter().skip(1)) {
            prop_assert!(*b - *a >= distance.max(distance_min(PER_WINDOW)), "{a:?} and {b:?} at {rate}/s");
        }
    }
}

#[test]
fn a_restart_at_any_moment_adds_no_burst_to_what_the_dead_process_sent() {
    for rate in [0.5, 1.0, 4.5, 5.0, 50.0] {
        for lived in (0..3_000_u64).step_by(37) {
            let (start, end) = (Duration::from_secs(60), Duration::from_secs(60) + ms(lived));
            let mut left = Vec::new();
            for (from, until) in [(start, end), (end, end + Duration::from_secs(3))] {
                let mut places = Places::new(rate, PER_WINDOW, from);
                for number in 0.. {
                    let at = places.earliest(from);
                    if at > until {
                        break;
                    }
                    places.take(number, at);
                    places.answered(number, at);
                    left.push(at);
                }
            }
            assert!(most_in_a_second(&left) <= PER_WINDOW as usize, "{rate}/s, dead after {lived} ms: {left:?}");
        }
    }
}

#[test]
fn a_stand_in_may_allow_more_and_gets_no_more_than_that() {
    let mut places = Places::new(100.0, 20, Duration::ZERO);
    let start = Duration::from_secs(60);
    let (mut now, mut left) = (start, Vec::new());
    for number in 0..100 {
        now = places.earliest(now);
        places.take(number, now);
        places.answered(number, now);
        left.push(now);
    }
    assert_eq!((most_in_a_second(&left), now - start < Duration::from_secs(6)), (20, true), "{now:?}");
}

#[test]
fn the_configured_rate_is_reached_by_answers_in_time() {
    for (rate, latency, seconds, least) in
        [(4.5, 80, 60, 265), (4.5, 0, 60, 268), (1.0, 300, 60, 59), (5.0, 20, 60, 290)]
    {
        let mut places = Places::new(rate, PER_WINDOW, Duration::ZERO);
        let (start, mut now, mut sent) = (Duration::from_secs(60), Duration::from_secs(60), 0);
        while now < start + Duration::from_secs(seconds) {
            let at = places.earliest(now);
            if at > now {
                now = at;
                continue;
            }
            places.take(sent, now);
            now += ms(latency);
            places.answered(sent, now);
            sent += 1;
        }
        assert!(sent >= least, "{rate}/s with {latency} ms: {sent} in {seconds} s");
    }
    for senseless in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Places::new(senseless, PER_WINDOW, Duration::ZERO).distance > Duration::from_secs(60), "{senseless}");
    }
}

struct Stand {
    clock: Arc<ManualClock>,
    pace: Arc<Pace>,
}

fn stand() -> Stand {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_795_327_200_000)));
    let pace = Arc::new(Pace::new(clock.clone(), 4.5, PER_WINDOW));
    // What a process before this one may have sent is over.
    clock.pass(Duration::from_secs(2));
    Stand { clock, pace }
}

impl Stand {
    /// Lets everything run that can; the clock stands still.
    async fn settle(&self) {
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
    }

    /// Waits for a turn and gives it back at once; what was served is written down.
    fn ask(&self, lane: Lane, served: &Arc<Mutex<Vec<Lane>>>) -> tokio::task::JoinHandle<()> {
        let (pace, served) = (Arc::clone(&self.pace), Arc::clone(served));
        tokio::spawn(async move {
            let _permit = pace.turn(lane).await;
            served.lock().expect("not poisoned").push(lane);
        })
    }
}

#[tokio::test]
async fn lanes_share_the_turns_and_none_starves() {
    for (label, live, bulk, want) in [
        ("live is first but for one in four", 7, 3, "LLLBLLLBLB"),
        ("bulk alone takes every turn", 0, 4, "BBBB"),
        ("live alone takes every turn", 5, 0, "LLLLL"),
    ] {
        let stand = stand();
        let served = Arc::new(Mutex::new(Vec::new()));
        let mut asked: Vec<_> = (0..bulk).map(|_| stand.ask(Lane::Bulk, &served)).collect();
        stand.pace.state().places.take(u64::MAX, stand.clock.boot());
        asked.extend((0..live).map(|_| stand.ask(Lane::Live, &served)));
        stand.settle().await;
        assert!(served.lock().expect("not poisoned").is_empty(), "{label}: the distance is kept");
        for n in 1..=live + bulk {
            stand.clock.pass(ms(2_000));
            stand.settle().await;
            assert_eq!(served.lock().expect("not poisoned").len(), n, "{label}: one each time");
        }
        let word: String =
            served.lock().expect("not poisoned").iter().map(|l| if *l == Lane::Live { 'L' } else { 'B' }).collect();
        assert_eq!(word, want, "{label}");
        for task in asked {
            task.await.expect("served");
        }
    }
}

#[tokio::test]
async fn after_a_429_everyone_rests_and_goes_on_by_itself() {
    let stand = stand();
    let served = Arc::new(Mutex::new(Vec::new()));
    assert_eq!(stand.pace.resting_until(), None);
    let until = stand.pace.rest(Duration::from_secs(31));
    assert_eq!(until, stand.clock.now().plus(Duration::from_secs(31)));
    assert_eq!(stand.pace.rest(Duration::from_secs(5)), until, "a shorter rest shortens none");
    let (live, bulk) = (stand.ask(Lane::Live, &served), stand.ask(Lane::Bulk, &served));
    for _ in 0..30 {
        stand.clock.pass(Duration::from_secs(1));
        stand.settle().await;
        assert!(served.lock().expect("not poisoned").is_empty());
        assert_eq!(stand.pace.resting_until(), Some(until));
    }
    stand.clock.pass(Duration::from_secs(1));
    live.await.expect("served");
    assert_eq!(stand.pace.resting_until(), None);
    stand.clock.pass(ms(223));
    bulk.await.expect("served");
}

#[tokio::test]
async fn who_stops_waiting_holds_nobody_up() {
    let stand = stand();
    let served = Arc::new(Mutex::new(Vec::new()));
    let first = stand.pace.turn(Lane::Live).await;
    let given_up = stand.ask(Lane::Live, &served);
    let kept = stand.ask(Lane::Live, &served);
    stand.settle().await;
    given_up.abort();
    assert!(given_up.await.expect_err("aborted").is_cancelled());
    drop(first);
    stand.clock.pass(ms(223));
    tokio::time::timeout(Duration::from_secs(20), kept).await.expect("within its bound").expect("served");
    assert!(stand.pace.state().next().is_none(), "nobody is left in the queue");
}

#[tokio::test]
async fn five_without_an_answer_hold_the_sixth_until_one_comes_or_is_given_up() {
    let stand = stand();
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut permits = Vec::new();
    for _ in 0..PER_WINDOW {
        permits.push(stand.pace.turn(Lane::Live).await);
        stand.clock.pass(ms(223));
    }
    let sixth = stand.ask(Lane::Live, &served);
    stand.clock.pass(ms(500));
    stand.settle().await;
    assert!(!sixth.is_finished(), "1.6 s after the first left, it may still arrive");
    permits.pop();
    stand.clock.pass(ms(1_001));
    sixth.await.expect("a place is free a second after an answer");
    assert_eq!(permits.len(), 4);
    let seventh = stand.ask(Lane::Live, &served);
    stand.clock.pass(HELD_MAX);
    seventh.await.expect("one that is never answered keeps its place for no longer");
}

#[tokio::test]
async fn a_wall_clock_set_back_does_not_stop_the_base() {
    let stand = stand();
    let served = Arc::new(Mutex::new(Vec::new()));
    drop(stand.pace.turn(Lane::Live).await);
    let next = stand.ask(Lane::Live, &served);
    stand.settle().await;
    let wall = stand.clock.now();
    stand.clock.pass(ms(300));
    stand.clock.set_wall(wall.minus(Duration::from_secs(3600)));
    tokio::time::timeout(Duration::from_secs(20), next).await.expect("within its bound").expect("served");
}

#[test]
fn after_several_rests_in_a_row_the_rate_is_halved_until_it_is_quiet() {
    let mut places = Places::new(4.0, PER_WINDOW, Duration::ZERO);
    let gap = |places: &mut Places, now: Duration| {
        let first = places.earliest(now);
        places.take(1, first);
        places.answered(1, first);
        places.earliest(first) - first
    };
    let mut now = Duration::from_secs(100);
    assert_eq!(gap(&mut places, now), ms(250));
    let mut gaps = Vec::new();
    for _ in 0..5 {
        places.rest(now, Duration::from_secs(31));
        places.rest(now + ms(5), Duration::from_secs(30));
        gaps.push(gap(&mut places, now).as_millis());
        now += Duration::from_secs(40);
    }
    assert_eq!(gaps, [250, 500, 1000, 2000, 2000], "one alone changes nothing; two answers of one 429 are one");
    let quiet: Vec<u128> =
        [0, 61, 121, 181].map(|s| gap(&mut places, now + Duration::from_secs(s)).as_millis()).to_vec();
    assert_eq!(quiet, [2000, 1000, 500, 250]);
    places.rest(now + Duration::from_secs(600), Duration::from_secs(31));
    assert_eq!(gap(&mut places, now + Duration::from_secs(600)), ms(250), "long after the others");
}
