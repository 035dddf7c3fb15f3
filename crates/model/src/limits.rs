/// What a model may cost. Those of a policy's file are the caller's to pass on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelLimits {
    /// The most bytes of weights that are taken. Default 2 GiB. While it is
    /// read a model needs its weights twice, weights of 16 bits three times.
    pub weights_bytes_max: usize,
    /// The most pieces of a text, or of a pair, that are read, special tokens
    /// among them; what stands behind is not read. Default 512. A model that
    /// was made for fewer takes fewer. Time grows with it, and memory with its
    /// square. It also bounds the bytes that are cut into pieces: 32 for each.
    pub tokens_max: usize,
    /// The most texts that are computed together. Default 32. More are computed
    /// in turn; what they come to is the same.
    pub batch_max: usize,
}

impl Default for ModelLimits {
    fn default() -> Self {
        ModelLimits { weights_bytes_max: 2 << 30, tokens_max: 512, batch_max: 32 }
    }
}
