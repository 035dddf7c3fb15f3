use std::ops::Range;

use serde_json::Value;
use tokenizers::{Encoding, ModelWrapper, Tokenizer, TruncationDirection};

use crate::error::{Fault, ModelError};
use crate::limits::ModelLimits;
use crate::sound;

/// The largest known, of models for 100 languages, have 17 MB.
const TOKENIZER_BYTES_MAX: usize = 64 << 20;

/// How many bytes of a text are read for each piece that can be kept. A piece
/// has 4 or 5 on average.
const PIECE_BYTES: usize = 32;

/// A text, or a pair of them, as a model reads it.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    pub(crate) ids: Vec<u32>,
    /// 0 for pieces of the first text of a pair, 1 for those of the second.
    pub(crate) types: Vec<u32>,
    /// The bytes each stands for; nothing for special tokens.
    pub(crate) spans: Vec<Option<Range<usize>>>,
}

/// Cuts texts into pieces.
pub(crate) struct Cutter {
    tokenizer: Tokenizer,
    tokens_max: usize,
}

impl Cutter {
    /// Reads a `tokenizer.json` for a model that knows `vocabulary` pieces and
    /// reads `tokens_max` of them.
    pub(crate) fn load(
        bytes: &[u8],
        vocabulary: usize,
        tokens_max: usize,
        limits: ModelLimits,
    ) -> Result<Cutter, ModelError> {
        if bytes.len() > TOKENIZER_BYTES_MAX {
            let (bytes, bytes_max) = (bytes.len(), TOKENIZER_BYTES_MAX);
            return Err(Fault::TooLarge { file: "tokenizer.json", bytes, bytes_max }.into());
        }
        let json: Value = serde_json::from_slice(bytes).map_err(|error| problem(error.into()))?;
        sound::check(&json).map_err(|error| problem(error.into()))?;
        // written anew: what was looked at is what is read, even with fields that stand twice
        let mut tokenizer = Tokenizer::from_bytes(json.to_string()).map_err(problem)?;
        let processor = serde_json::to_value(tokenizer.get_post_processor())
            .map_err(|error| problem(error.into()))?;
        sound::check_templates(&processor).map_err(|error| problem(error.into()))?;
        // the file's own settings cut and pad as its maker found useful
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(problem)?;
        // a text that has `[SEP]` in it must not pass for two texts
        tokenizer.set_encode_special_tokens(true);
        if let ModelWrapper::BPE(model) = tokenizer.get_model()
            && model.dropout.is_some()
        {
            let problem = "it has `dropout`: the same text would be cut by chance";
            return Err(Fault::Tokenizer(problem.to_string()).into());
        }
        if let Some(id) = tokenizer.get_vocab(true).into_values().max()
            && id as usize >= vocabulary
        {
            return Err(Fault::Vocabulary { id, rows: vocabulary }.into());
        }
        Ok(Cutter { tokenizer, tokens_max: tokens_max.min(limits.tokens_max) })
    }

    pub(crate) fn tokens_max(&self) -> usize {
        self.tokens_max
    }

    /// A text with its special tokens; cut at its end if it is too long.
    pub(crate) fn cut(&self, text: &str) -> Result<Pieces, ModelError> {
        let mut encoding = self.encode(text)?;
        let room = self.room(false)?;
        shorten(&mut encoding, room);
        let mut pieces = self.join(encoding, None)?;
        for span in pieces.spans.iter_mut().flatten() {
            // a piece of a character's bytes stands for the character
            let end = text.ceil_char_boundary(span.end);
            *span = text.floor_char_boundary(span.start).min(end)..end;
        }
        Ok(pieces)
    }

    /// Two texts with special tokens between them. The first is cut at its end
    /// if they are too long; the second is never cut.
    pub(crate) fn cut_pair(&self, first: &str, second: &str) -> Result<Pieces, ModelError> {
        let room = self.room(true)?;
        let encoding = self.encode(second)?;
        let tokens = encoding.len();
        if tokens > room || second.len() > self.bytes_max() {
            return Err(Fault::TooLong { tokens_max: room, bytes_max: self.bytes_max() }.into());
        }
        let mut passage = self.encode(first)?;
        shorten(&mut passage, room - tokens);
        self.join(passage, Some(encoding))
    }

    fn bytes_max(&self) -> usize {
        self.tokens_max.saturating_mul(PIECE_BYTES)
    }

    /// How many pieces have room beside the special tokens.
    fn room(&self, pair: bool) -> Result<usize, ModelError> {
        let special = self
            .tokenizer
            .get_post_processor()
            .map_or(0, |processor| tokenizers::PostProcessor::added_tokens(processor, pair));
        let fault = || {
            Fault::Tokenizer(format!("it adds {special} special tokens, {} fit", self.tokens_max))
        };
        Ok(self.tokens_max.checked_sub(special).ok_or_else(fault)?)
    }

    fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
        let end = text.floor_char_boundary(self.bytes_max());
        let text = text.get(..end).unwrap_or_default();
        Ok(self.tokenizer.encode(text, false).map_err(problem)?)
    }

    fn join(&self, first: Encoding, second: Option<Encoding>) -> Result<Pieces, ModelError> {
        let encoding = self.tokenizer.post_process(first, second, true).map_err(problem)?;
        let special = encoding.get_special_tokens_mask().iter();
        let spans = encoding
            .get_offsets()
            .iter()
            .zip(special)
            .map(|(&(start, end), special)| (*special == 0).then_some(start..end));
        let spans: Vec<_> = spans.collect();
        // a pair's vector is that of its first token
        if spans.first().is_none_or(Option::is_some) {
            let problem = "it puts no special token before a text";
            return Err(Fault::Tokenizer(problem.to_string()).into());
        }
        Ok(Pieces {
            spans,
            ids: encoding.get_ids().to_vec(),
            types: encoding.get_type_ids().to_vec(),
        })
    }
}

fn shorten(encoding: &mut Encoding, room: usize) {
    encoding.truncate(room, 0, TruncationDirection::Right);
    // what was cut off would be carried along
    encoding.take_overflowing();
}

fn problem(error: tokenizers::Error) -> Fault {
    Fault::Tokenizer(error.to_string())
}

impl std::fmt::Debug for Cutter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cutter").field("tokens_max", &self.tokens_max).finish_non_exhaustive()
    }
}
