//! The gate and the halt rule as WebAssembly modules in a host of wasmtime: the least
//! that a host must do to call the C ABI of `tidegate.h`.
//!
//! Handles and numbers cross as they are. Text crosses through the module's memory: the
//! host lays it down in memory that `tg_alloc` gave, and reads what calls point at.

use std::fmt;

use wasmtime::{
    Engine, Instance, Memory, Module, Result, Store, StoreLimits, StoreLimitsBuilder, TypedFunc,
    WasmParams, WasmResults, ensure, format_err,
};

/// The lowest bits of what a call gives; the others say what came of it.
pub const TG_STATUS: u32 = 0xff;
/// `TG_NONE`: there is nothing to give.
pub const TG_NONE: u32 = 1;
/// `TG_BROKEN`: an earlier call died half-way.
pub const TG_BROKEN: u32 = 18;
/// `TG_HALTED`: the choice that was named is halted.
pub const TG_HALTED: u32 = 1 << 8;
/// `TG_ALL_CHOICES`: of `tg_gate_finish`, every choice.
pub const TG_ALL_CHOICES: u32 = u32::MAX;
/// `TG_RECORD`: of `tg_gate_new`, keep records.
pub const TG_RECORD: u32 = 1;

const TG_ABI_VERSION: u32 = 1;

/// The ranges in memory of `tg_bytes`, `tg_release`, `tg_request` and `tg_step`, where a
/// pointer and a `size_t` have four bytes.
const BYTES_SIZE: u32 = 8;
const RELEASE_SIZE: u32 = 40;
const REQUEST_SIZE: u32 = 64;
const STEP_SIZE: u32 = 20;

/// Why a call failed.
#[derive(Debug)]
pub struct Failure {
    /// The `tg_status`.
    pub status: u32,
    /// `tg_error`: JSON with `code` and `message`.
    pub why: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Failure {}

/// Text that may leave.
#[derive(Clone, Debug)]
pub struct Release {
    /// The choice.
    pub choice: u32,
    /// The channel: 0 content, 1 reasoning, 2 refusal, 3 + i the tool i.
    pub channel: u32,
    /// The text.
    pub text: String,
}

/// A claim that wants a score.
#[derive(Clone, Debug)]
pub struct Request {
    /// What to name in `tg_gate_resolve`.
    pub id: u32,
    /// The choice.
    pub choice: u32,
    /// The claim.
    pub text: String,
}

/// An instance of `tidegate.wasm`.
#[derive(Debug)]
pub struct Tidegate {
    store: Store<StoreLimits>,
    instance: Instance,
    memory: Memory,
    /// Where calls write what they give out: the largest structure.
    out: u32,
    /// Where bytes for calls are laid down, and how many have room there.
    room: (u32, usize),
}

impl Tidegate {
    /// An instance whose memory may grow to so many bytes.
    pub fn new(engine: &Engine, module: &Module, memory_bytes_max: usize) -> Result<Tidegate> {
        let mut store = limited(engine, memory_bytes_max);
        // the module imports nothing
        let instance = Instance::new(&mut store, module, &[])?;
        let memory = instance
            .get_memory(&mut store, "memory")
            .ok_or_else(|| format_err!("the module exports no memory"))?;
        let mut this = Tidegate { store, instance, memory, out: 0, room: (0, 0) };
        let version: u32 = this.call("tg_abi_version", ())?;
        ensure!(version == TG_ABI_VERSION, "the module is of ABI {version}");
        this.out = this.alloc(REQUEST_SIZE)?;
        Ok(this)
    }

    /// Calls a function as it is.
    pub fn call<P: WasmParams, R: WasmResults>(&mut self, name: &str, of: P) -> Result<R> {
        self.instance.get_typed_func::<P, R>(&mut self.store, name)?.call(&mut self.store, of)
    }

    /// Calls a function that gives a status; the other bits of what it gave.
    pub fn done<P: WasmParams>(&mut self, name: &str, of: P) -> Result<u32> {
        let given: u32 = self.call(name, of)?;
        match given & TG_STATUS {
            0 => Ok(given),
            status => Err(self.failure(status)),
        }
    }

    /// Calls a function that makes an object; its handle.
    pub fn made<P: WasmParams>(&mut self, name: &str, of: P) -> Result<u32> {
        match self.call(name, of)? {
            0 => Err(self.failure(0)),
            handle => Ok(handle),
        }
    }

    /// Memory of the module for bytes of the host.
    pub fn alloc(&mut self, len: u32) -> Result<u32> {
        self.made("tg_alloc", len)
    }

    /// Why the last call failed.
    pub fn failure(&mut self, status: u32) -> wasmtime::Error {
        let why = self.call::<u32, u32>("tg_error", self.out).and_then(|_| self.bytes_at(self.out));
        why.map_or_else(|error| error, |why| Failure { status, why }.into())
    }

    /// Calls a function that gives out a text by its last argument.
    pub fn text<P>(&mut self, name: &str, of: P) -> Result<String>
    where
        P: WithOut,
        P::All: WasmParams,
    {
        let given: u32 = self.call(name, of.with_out(self.out))?;
        match given & TG_STATUS {
            0 => self.bytes_at(self.out),
            status => Err(self.failure(status)),
        }
    }

    /// Lays bytes down one after the other; where each begins.
    pub fn lay<const N: usize>(&mut self, all: [&[u8]; N]) -> Result<[u32; N]> {
        let len: usize = all.iter().map(|bytes| bytes.len()).sum();
        let (mut at, room) = self.room;
        if room < len {
            if at != 0 {
                self.room = (0, 0);
                self.done("tg_dealloc", at)?;
            }
            let room = len.next_power_of_two().max(4096);
            at = self.alloc(u32::try_from(room)?)?;
            self.room = (at, room);
        }
        let mut places = [0; N];
        for (place, bytes) in places.iter_mut().zip(all) {
            self.memory.write(&mut self.store, at as usize, bytes)?;
            *place = at;
            at += bytes.len() as u32;
        }
        Ok(places)
    }

    /// Makes a policy ready: `format` is 0 for TOML, 1 for YAML, 2 for JSON.
    pub fn policy(&mut self, text: &str, format: u32) -> Result<u32> {
        let [at] = self.lay([text.as_bytes()])?;
        self.made("tg_policy_new", (at, text.len() as u32, format))
    }

    /// A policy that was compiled, by [`Tidegate::compiled`] or `tidegate compile`.
    pub fn load_policy(&mut self, bytes: &[u8]) -> Result<u32> {
        let [at] = self.lay([bytes])?;
        self.made("tg_policy_load", (at, bytes.len() as u32))
    }

    /// The policy compiled: its bytes, for a host that must have it ready at once.
    pub fn compiled(&mut self, policy: u32) -> Result<Vec<u8>> {
        self.done("tg_policy_save", (policy, self.out))?;
        self.bytes(self.out)
    }

    /// Facts from text.
    pub fn facts(&mut self, source: &str, text: &str) -> Result<u32> {
        let facts = self.made("tg_facts_new", ())?;
        let [at, text_at] = self.lay([source.as_bytes(), text.as_bytes()])?;
        let of = (facts, at, source.len() as u32, text_at, text.len() as u32, 0u32);
        self.done("tg_facts_add", of)?;
        Ok(facts)
    }

    /// Pushes text.
    pub fn push(&mut self, gate: u32, choice: u32, channel: u32, text: &str) -> Result<u32> {
        let [at] = self.lay([text.as_bytes()])?;
        self.done("tg_gate_push", (gate, choice, channel, at, text.len() as u32))
    }

    /// Pushes bytes of a provider's stream.
    pub fn push_bytes(&mut self, gate: u32, bytes: &[u8]) -> Result<u32> {
        let [at] = self.lay([bytes])?;
        self.done("tg_gate_push_bytes", (gate, at, bytes.len() as u32))
    }

    /// What may leave after a call on a gate.
    pub fn releases(&mut self, gate: u32) -> Result<Vec<Release>> {
        let step: u32 = self.call("tg_gate_step", gate)?;
        ensure!(step != 0, "there is no gate {gate}");
        let step = self.words(step, STEP_SIZE)?;
        let [at, len, ..] = step[..] else { return Ok(Vec::new()) };
        let mut releases = Vec::new();
        for number in 0..len {
            let at = at + number * RELEASE_SIZE;
            let words = self.words(at, RELEASE_SIZE)?;
            let text = self.bytes_at(at)?;
            if let [_, _, _, _, _, _, choice, channel, ..] = words[..] {
                releases.push(Release { choice, channel, text });
            }
        }
        Ok(releases)
    }

    /// The next claim that wants a score.
    pub fn request(&mut self, gate: u32) -> Result<Option<Request>> {
        let given: u32 = self.call("tg_gate_request", (gate, self.out))?;
        match given & TG_STATUS {
            0 => {
                let text = self.bytes_at(self.out)?;
                let words = self.words(self.out, REQUEST_SIZE)?;
                let [id, choice, ..] = words.get(10..).unwrap_or_default() else {
                    return Ok(None);
                };
                Ok(Some(Request { id: *id, choice: *choice, text }))
            }
            TG_NONE => Ok(None),
            status => Err(self.failure(status)),
        }
    }

    /// Decides a trace again; its halts.
    pub fn replay(&mut self, trace: &str) -> Result<String> {
        let [at] = self.lay([trace.as_bytes()])?;
        self.text("tg_replay", (at, trace.len() as u32))
    }

    /// How many bytes the module's memory has.
    pub fn memory_size(&self) -> usize {
        self.memory.data_size(&self.store)
    }

    /// What a `tg_bytes` points at.
    fn bytes_at(&self, at: u32) -> Result<String> {
        Ok(String::from_utf8(self.bytes(at)?)?)
    }

    fn bytes(&self, at: u32) -> Result<Vec<u8>> {
        let words = self.words(at, BYTES_SIZE)?;
        let [data, len] = words[..] else { return Ok(Vec::new()) };
        Ok(self.read(data, len)?.to_vec())
    }

    fn words(&self, at: u32, size: u32) -> Result<Vec<u32>> {
        let (words, _) = self.read(at, size)?.as_chunks();
        Ok(words.iter().map(|word| u32::from_le_bytes(*word)).collect())
    }

    fn read(&self, at: u32, len: u32) -> Result<&[u8]> {
        let (at, len) = (at as usize, len as usize);
        let bytes = self.memory.data(&self.store).get(at..at + len);
        bytes.ok_or_else(|| format_err!("{len} bytes at {at} are not in the memory"))
    }
}

fn limited(engine: &Engine, memory_bytes_max: usize) -> Store<StoreLimits> {
    let limits = StoreLimitsBuilder::new().memory_size(memory_bytes_max).build();
    let mut store = Store::new(engine, limits);
    store.limiter(|limits| limits);
    store
}

/// Arguments that a place to write to comes after.
pub trait WithOut {
    /// All of them.
    type All;
    /// With the place.
    fn with_out(self, out: u32) -> Self::All;
}

impl WithOut for () {
    type All = u32;
    fn with_out(self, out: u32) -> u32 {
        out
    }
}

impl WithOut for u32 {
    type All = (u32, u32);
    fn with_out(self, out: u32) -> (u32, u32) {
        (self, out)
    }
}

impl WithOut for (u32, u32) {
    type All = (u32, u32, u32);
    fn with_out(self, out: u32) -> (u32, u32, u32) {
        (self.0, self.1, out)
    }
}

/// The fields of a halt rule.
#[derive(Clone, Copy, Debug)]
pub struct RuleConfig {
    /// A score below it halts.
    pub hard_limit: f64,
    /// A score below it warns.
    pub soft_limit: f64,
    /// How many of the last scores the mean is taken over.
    pub window_size: u32,
    /// A mean below it halts.
    pub window_threshold: f64,
    /// How many of the last scores the drop is taken over.
    pub trend_window: u32,
    /// A drop above it halts.
    pub trend_threshold: f64,
    /// 0 the first score less the last, 1 the slope.
    pub trend: u32,
}

impl Default for RuleConfig {
    fn default() -> RuleConfig {
        RuleConfig {
            hard_limit: 0.5,
            soft_limit: 0.6,
            window_size: 10,
            window_threshold: 0.55,
            trend_window: 5,
            trend_threshold: 0.15,
            trend: 0,
        }
    }
}

/// An instance of `tidegate-kernel.wasm`.
pub struct Kernel {
    store: Store<StoreLimits>,
    instance: Instance,
    memory: Memory,
    push: TypedFunc<(u32, f64), u32>,
}

impl Kernel {
    /// An instance whose memory may grow to so many bytes.
    pub fn new(engine: &Engine, module: &Module, memory_bytes_max: usize) -> Result<Kernel> {
        let mut store = limited(engine, memory_bytes_max);
        let instance = Instance::new(&mut store, module, &[])?;
        let memory = instance
            .get_memory(&mut store, "memory")
            .ok_or_else(|| format_err!("the module exports no memory"))?;
        let push = instance.get_typed_func(&mut store, "tg_kernel_push")?;
        Ok(Kernel { store, instance, memory, push })
    }

    /// Calls a function as it is.
    pub fn call<P: WasmParams, R: WasmResults>(&mut self, name: &str, of: P) -> Result<R> {
        self.instance.get_typed_func::<P, R>(&mut self.store, name)?.call(&mut self.store, of)
    }

    /// Makes a rule.
    pub fn rule(&mut self, config: &RuleConfig) -> Result<u32> {
        let of = (
            config.hard_limit,
            config.soft_limit,
            config.window_size,
            config.window_threshold,
            config.trend_window,
            config.trend_threshold,
            config.trend,
        );
        match self.call("tg_kernel_new", of)? {
            0 => Err(Failure { status: 0, why: self.text()? }.into()),
            rule => Ok(rule),
        }
    }

    /// Takes a score; the decision.
    pub fn push(&mut self, rule: u32, score: f64) -> Result<u32> {
        self.push.call(&mut self.store, (rule, score))
    }

    /// Why a rule halted; empty if it did not.
    pub fn reason(&mut self, rule: u32) -> Result<String> {
        let _: u32 = self.call("tg_kernel_reason", rule)?;
        self.text()
    }

    fn text(&mut self) -> Result<String> {
        let at: u32 = self.call("tg_kernel_text", ())?;
        let len: u32 = self.call("tg_kernel_text_len", ())?;
        let mut bytes = vec![0; len as usize];
        self.memory.read(&self.store, at as usize, &mut bytes)?;
        Ok(String::from_utf8(bytes)?)
    }
}
