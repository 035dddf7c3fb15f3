/// Bounds on what a stream can make the reader keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one event's data, or of one line. Default 8 MiB; up to four
    /// times as much is kept while the event arrives.
    pub event_bytes_max: usize,
    /// Distinct choices. Default 128; each costs 32 bytes.
    pub choices_max: u32,
    /// Tool calls of one choice, and items of one response. Default 128; each
    /// costs 24 bytes.
    pub tools_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { event_bytes_max: 8 << 20, choices_max: 128, tools_max: 128 }
    }
}
