//! Claims in flight: input is read and slow scorers score in threads of their
//! own, while this one drives the gate and keeps the deadlines.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use tidegate::{Request, StreamDriver, Turn};
use tidegate_score::{Claim, ScoreError, Scored};

use crate::scorers::Slow;

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 64 << 10;
/// Chunks that may be read ahead of what the gate was given.
const CHUNKS_AHEAD: usize = 2;
/// While so many claims wait for their scores, the gate is given no more text. A
/// recording is read much faster than it was spoken: without this its claims
/// would be late for standing in line.
const IN_FLIGHT_MAX: usize = 8;
/// With slow scorers the gate is given so many bytes at a time, lest one chunk has
/// more claims than that.
const PIECE_BYTES: usize = 256;

/// Why the stream was not driven to its end.
#[derive(Debug)]
pub(crate) enum Stopped {
    Input(io::Error),
    Output(io::Error),
}

/// What the other threads say.
enum Message {
    /// Bytes; none if they have ended.
    Input(io::Result<Vec<u8>>),
    Answer(u64, Result<Scored, ScoreError>),
}

/// What is told of each turn.
type OnTurn<'a> = &'a mut dyn FnMut(Turn<'_>) -> io::Result<()>;

/// Puts all bytes to the stream and answers its requests with these scorers. A
/// score that has not come by its deadline is late; a scorer that never answers
/// is left behind.
pub(crate) fn drive(
    stream: &mut StreamDriver,
    bytes: Box<dyn Read + Send>,
    scorers: Vec<Slow>,
    on_turn: OnTurn<'_>,
) -> Result<(), Stopped> {
    let (messages, inbox) = mpsc::channel();
    let (more, wanted) = mpsc::channel();
    let piece_bytes = if scorers.is_empty() { CHUNK_BYTES } else { PIECE_BYTES };
    let mut workers = BTreeMap::new();
    for Slow { checks, mut scorer } in scorers {
        let (requests, asked) = mpsc::channel::<Request>();
        let answers = messages.clone();
        spawn("scorer", move || {
            for request in asked {
                let claim = Claim { text: &request.text, tokens: &request.tokens };
                let scored = scorer.score(&claim);
                if answers.send(Message::Answer(request.id, scored)).is_err() {
                    break;
                }
            }
        })?;
        workers.extend(checks.into_iter().map(|check| (check, requests.clone())));
    }
    spawn("input", move || read(bytes, &wanted, &messages))?;
    for _ in 0..CHUNKS_AHEAD {
        // if the reader is gone, it says why
        let _ = more.send(());
    }
    let mut flight = Flight { stream, on_turn, failed: Ok(()), workers, due: BTreeMap::new() };
    flight.run(&inbox, &more, piece_bytes)
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Stopped> {
    let spawned = thread::Builder::new().name(name.to_string()).spawn(work);
    spawned.map(drop).map_err(Stopped::Input)
}

fn read(mut bytes: Box<dyn Read + Send>, wanted: &Receiver<()>, messages: &Sender<Message>) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while wanted.recv().is_ok() {
        let read = loop {
            match bytes.read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let is_over = matches!(read, Ok(0) | Err(_));
        let read = read.map(|read| chunk.get(..read).unwrap_or_default().to_vec());
        if messages.send(Message::Input(read)).is_err() || is_over {
            break;
        }
    }
}

struct Flight<'a> {
    stream: &'a mut StreamDriver,
    on_turn: OnTurn<'a>,
    /// The first turn that could not be told.
    failed: io::Result<()>,
    /// Who scores the claims of each check.
    workers: BTreeMap<String, Sender<Request>>,
    /// Claims that wait for their scores, and when those are late.
    due: BTreeMap<u64, Instant>,
}

impl Flight<'_> {
    fn run(
        &mut self,
        inbox: &Receiver<Message>,
        more: &Sender<()>,
        piece_bytes: usize,
    ) -> Result<(), Stopped> {
        let mut input = VecDeque::new();
        let (mut chunk, mut at, mut is_over) = (Vec::new(), 0, false);
        loop {
            // what has come counts as it came, then who is late, then new text
            while let Ok(message) = inbox.try_recv() {
                self.take(message, &mut input);
            }
            self.expire(Instant::now());
            std::mem::replace(&mut self.failed, Ok(())).map_err(Stopped::Output)?;
            if is_over && self.due.is_empty() {
                return Ok(());
            }
            if !is_over && self.due.len() < IN_FLIGHT_MAX {
                if let Some(piece) = chunk.get(at..chunk.len().min(at + piece_bytes))
                    && !piece.is_empty()
                {
                    self.step(|stream, mut on_turn| stream.push(piece, &mut on_turn));
                    at += piece_bytes;
                    continue;
                }
                if let Some(next) = input.pop_front() {
                    (chunk, at) = (next.map_err(Stopped::Input)?, 0);
                    is_over = chunk.is_empty();
                    if is_over {
                        self.step(|stream, mut on_turn| stream.finish(&mut on_turn));
                    }
                    let _ = more.send(());
                    continue;
                }
            }
            let next = self.due.values().min();
            let message = match next {
                Some(due) => inbox.recv_timeout(due.saturating_duration_since(Instant::now())),
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match message {
                Ok(message) => self.take(message, &mut input),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let error = io::Error::other("the thread that read it died");
                    return Err(Stopped::Input(error));
                }
            }
        }
    }

    /// Does something to the stream, and hands out the claims that then wait.
    fn step(&mut self, work: impl FnOnce(&mut StreamDriver, &mut dyn FnMut(Turn<'_>))) {
        let (on_turn, failed) = (&mut self.on_turn, &mut self.failed);
        work(self.stream, &mut |turn| {
            if failed.is_ok() {
                *failed = on_turn(turn);
            }
        });
        self.due.retain(|id, _| self.stream.driver().awaits(*id));
        while let Some(request) = self.stream.next_request() {
            let wait = Duration::from_millis(u64::from(request.deadline_ms));
            let (id, due) = (request.id, Instant::now() + wait);
            self.due.insert(id, due);
            // a scorer that has died answers nothing: its claims are late
            if let Some(worker) = self.workers.get(&*request.check) {
                let _ = worker.send(request);
            }
        }
    }

    fn take(&mut self, message: Message, input: &mut VecDeque<io::Result<Vec<u8>>>) {
        match message {
            Message::Input(chunk) => input.push_back(chunk),
            Message::Answer(id, scored) => self.resolve(id, scored),
        }
    }

    fn resolve(&mut self, id: u64, scored: Result<Scored, ScoreError>) {
        // an answer that comes too late, or to what was halted, is nobody's
        if self.due.remove(&id).is_some() {
            self.step(|stream, mut on_turn| {
                // the number is one that was handed out
                let _ = stream.resolve(id, scored, &mut on_turn);
            });
        }
    }

    fn expire(&mut self, now: Instant) {
        let late: Vec<u64> =
            self.due.iter().filter(|(_, due)| **due <= now).map(|(id, _)| *id).collect();
        for id in late {
            self.resolve(id, Err(ScoreError::Late));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;
    use tidegate::{Event, Format, Framing, Policy, Source};
    use tidegate_score::Scorer;

    /// Scores each claim by its text, without white space around it.
    struct By<F>(F);

    impl<F: FnMut(&str) -> f64> Scorer for By<F> {
        fn score(&mut self, claim: &Claim<'_>) -> Result<Scored, ScoreError> {
            Ok(Scored { score: (self.0)(claim.text.trim()), evidence: None })
        }
    }

    fn sleep(ms: u64) {
        thread::sleep(Duration::from_millis(ms));
    }

    struct Drove {
        text: String,
        /// Codes of what halted or was allowed.
        codes: Vec<String>,
        /// Claims that the scorer answered, in time or not.
        scored: Vec<String>,
    }

    /// Drives plain text with one check, whose `score` has these fields as well.
    fn run(
        fields: &str,
        bytes: impl Read + Send + 'static,
        mut score: impl FnMut(&str) -> f64 + Send + 'static,
    ) -> Drove {
        let policy = format!(
            "version = 1\nmodels.embed.path = 'm'\n[[halt]]\nname = 'slow'\n\
             score = {{ from = 'embed'{fields} }}"
        );
        let policy = Policy::parse(&policy, Format::Toml).unwrap();
        let mut driver = tidegate::Driver::new(&policy).unwrap();
        driver.defer(Source::Embed);
        let mut stream = StreamDriver::new(Framing::Text, driver);
        let scored = Arc::new(Mutex::new(Vec::new()));
        let noted = scored.clone();
        let scorer = Box::new(By(move |text: &str| {
            let score = score(text);
            noted.lock().unwrap().push(text.to_string());
            score
        }));
        let slow = Slow { checks: vec!["slow".to_string()], scorer };
        let (mut text, mut codes) = (String::new(), Vec::new());
        drive(&mut stream, Box::new(bytes), vec![slow], &mut |turn| {
            text.extend(turn.step.releases().map(|release| release.text));
            for event in turn.step.events() {
                if let Event::Halted(halted) | Event::Allowed(halted) = event {
                    codes.push(halted.code.clone());
                }
            }
            Ok(())
        })
        .unwrap();
        let scored = scored.lock().unwrap().clone();
        Drove { text, codes, scored }
    }

    #[test]
    fn a_slow_scorer_gives_the_same_verdicts() {
        let check = |text: &'static str, released: &str, codes: &[&str]| {
            let drove = run("", text.as_bytes(), |text| {
                sleep(5);
                if text.contains("wrong") { 0.1 } else { 0.9 }
            });
            assert_eq!((drove.text.as_str(), drove.codes.join(" ")), (released, codes.join(" ")));
        };
        check("One. Two. A wrong one. Four.", "One. Two.", &["hard_limit"]);
        check("One. Two. Three.", "One. Two. Three.", &[]);
        check("", "", &[]);
    }

    /// For ever, as far as a test can tell.
    fn hang_at(word: &'static str) -> impl FnMut(&str) -> f64 + Send {
        move |text| {
            while text.contains(word) {
                sleep(60_000);
            }
            0.9
        }
    }

    #[test]
    fn a_scorer_that_hangs_is_late() {
        let check = |fields: &str, released: &str, codes: &[&str]| {
            let fields = format!(", deadline_ms = 300{fields}");
            let drove = run(&fields, "One. Stuck. Three.".as_bytes(), hang_at("Stuck"));
            assert_eq!((drove.text.as_str(), drove.codes.join(" ")), (released, codes.join(" ")));
            assert_eq!(drove.scored, ["One."]);
        };
        check("", "One.", &["late_score"]);
        // behind the one that hangs all others are late as well
        let late = ["late_score", "late_score"];
        check(", on_late = 'allow'", "One. Stuck. Three.", &late);
        // what is late is not held to the limits and is no error
        check(", on_late = 'allow', on_error = 'halt'", "One. Stuck. Three.", &late);
    }

    /// Gives a piece at a time, and counts them.
    struct Pieces(VecDeque<&'static str>, Arc<AtomicUsize>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let piece = self.0.pop_front().unwrap_or_default();
            buffer[..piece.len()].copy_from_slice(piece.as_bytes());
            self.1.fetch_add(1, Ordering::SeqCst);
            Ok(piece.len())
        }
    }

    /// The first claim is not scored before five more pieces were read.
    #[test]
    fn text_is_read_while_a_claim_is_scored() {
        let pieces = ["One. T", "wo. Th", "ree. F", "our. F", "ive. S", "ix."];
        let read = Arc::new(AtomicUsize::new(0));
        let seen = read.clone();
        let drove = run(", deadline_ms = 60000", Pieces(pieces.into(), read), move |text| {
            while text == "One." && seen.load(Ordering::SeqCst) < 6 {
                sleep(1);
            }
            0.9
        });
        assert_eq!(drove.text, "One. Two. Three. Four. Five. Six.");
        assert_eq!((drove.scored.len(), drove.codes.len()), (6, 0));
    }

    /// More claims than may be in flight, read at once: none is late for standing
    /// in line behind the others.
    #[test]
    fn a_recording_does_not_outrun_the_scorer() {
        let text = "A claim, and not a long one. ".repeat(100);
        let length = text.len();
        let drove = run(", deadline_ms = 1000", io::Cursor::new(text), |_| {
            sleep(20);
            0.9
        });
        assert_eq!((drove.text.len(), drove.scored.len()), (length, 100));
        assert!(drove.codes.is_empty(), "{:?}", drove.codes);
    }

    #[test]
    fn output_that_fails_stops_it() {
        let policy = Policy::default();
        let driver = tidegate::Driver::new(&policy).unwrap();
        let mut stream = StreamDriver::new(Framing::Text, driver);
        let stopped = drive(&mut stream, Box::new(io::repeat(b'x')), Vec::new(), &mut |_| {
            Err(io::ErrorKind::BrokenPipe.into())
        });
        assert!(matches!(stopped, Err(Stopped::Output(_))));
    }
}
