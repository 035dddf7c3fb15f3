use ndarray::{Array1, Array2};
use safetensors::{Dtype, SafeTensors};

use crate::config::Family;
use crate::error::{Fault, ModelError};

/// No model's header comes near it: one of 1000 tensors has 100 KB.
const HEADER_BYTES_MAX: u64 = 8 << 20;

/// The tensors of a safetensors file.
#[derive(Debug)]
pub(crate) struct Weights<'a> {
    tensors: SafeTensors<'a>,
    /// What stands before the names of the encoder's tensors: a model saved with
    /// a head has its family's name there, one without has nothing.
    prefix: &'static str,
}

impl<'a> Weights<'a> {
    pub(crate) fn read(
        bytes: &'a [u8],
        bytes_max: usize,
        family: Family,
    ) -> Result<Weights<'a>, ModelError> {
        if bytes.len() > bytes_max {
            let file = "model.safetensors";
            return Err(Fault::TooLarge { file, bytes: bytes.len(), bytes_max }.into());
        }
        // looked at only now: the length a sound file begins with can look like anything
        let tensors = header(bytes).map_err(|problem| match wrong_kind(bytes) {
            Some(is) => Fault::WrongFile { is },
            None => Fault::Weights(problem),
        })?;
        let prefix = match family {
            Family::Bert => "bert.",
            Family::Roberta => "roberta.",
            Family::DistilBert => "distilbert.",
        };
        let prefixed = tensors.names().iter().any(|name| name.starts_with(prefix));
        Ok(Weights { tensors, prefix: if prefixed { prefix } else { "" } })
    }

    /// The whole name of one of the encoder's tensors.
    pub(crate) fn encoder(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.tensor(name).is_ok()
    }

    pub(crate) fn matrix(
        &self,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Array2<f32>, ModelError> {
        let numbers = self.numbers(name, &[rows, columns])?;
        Ok(Array2::from_shape_vec((rows, columns), numbers)
            .map_err(|error| Fault::Weights(error.to_string()))?)
    }

    pub(crate) fn vector(&self, name: &str, length: usize) -> Result<Array1<f32>, ModelError> {
        Ok(Array1::from_vec(self.numbers(name, &[length])?))
    }

    /// How many rows a tensor has, to learn how many classes there are.
    pub(crate) fn rows(&self, name: &str) -> Result<usize, ModelError> {
        let fault = || Fault::MissingTensor(name.to_string());
        let tensor = self.tensors.tensor(name).map_err(|_| fault())?;
        Ok(tensor.shape().first().copied().unwrap_or_default())
    }

    fn numbers(&self, name: &str, expect: &[usize]) -> Result<Vec<f32>, ModelError> {
        let fault = || Fault::MissingTensor(name.to_string());
        let tensor = self.tensors.tensor(name).map_err(|_| fault())?;
        if tensor.shape() != expect {
            return Err(Fault::Shape {
                name: name.to_string(),
                shape: tensor.shape().to_vec(),
                expect: expect.to_vec(),
            }
            .into());
        }
        let (pairs, _) = tensor.data().as_chunks::<2>();
        Ok(match tensor.dtype() {
            Dtype::F32 => {
                let (numbers, _) = tensor.data().as_chunks::<4>();
                numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
            }
            Dtype::BF16 => {
                let wide = |bytes| f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16);
                pairs.iter().map(|bytes| wide(*bytes)).collect()
            }
            Dtype::F16 => pairs.iter().map(|bytes| half(u16::from_le_bytes(*bytes))).collect(),
            other => {
                let (name, dtype) = (name.to_string(), format!("{other:?}"));
                return Err(Fault::Dtype { name, dtype }.into());
            }
        })
    }
}

fn header(bytes: &[u8]) -> Result<SafeTensors<'_>, String> {
    if let Some(&length) = bytes.first_chunk()
        && u64::from_le_bytes(length) > HEADER_BYTES_MAX
    {
        return Err(format!("its header would have over {HEADER_BYTES_MAX} bytes"));
    }
    SafeTensors::deserialize(bytes).map_err(|error| error.to_string())
}

/// An IEEE 754 number of 16 bits, which one of 32 holds exactly.
fn half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let (exponent, fraction) = (u32::from(bits >> 10) & 31, u32::from(bits) & 1023);
    let magnitude = match exponent {
        // a subnormal number is a multiple of 2^-24
        0 => fraction as f32 / 16_777_216.0,
        31 => f32::from_bits(255 << 23 | fraction << 13),
        _ => f32::from_bits((exponent + 112) << 23 | fraction << 13),
    };
    f32::from_bits(magnitude.to_bits() | sign)
}

/// What a file is that people hand in by mistake.
fn wrong_kind(bytes: &[u8]) -> Option<&'static str> {
    let start = bytes.trim_ascii_start();
    match bytes {
        [] => Some("empty"),
        [b'G', b'G', b'U', b'F', ..] => Some("a GGUF file"),
        [b'P', b'K', 3, 4, ..] => Some("a zip file, as PyTorch writes it"),
        [0x80, 2..=5, ..] => Some("a pickle, as PyTorch writes it"),
        // an ONNX model begins with its IR version and who made it
        [8, 1..=32, 18, ..] => Some("an ONNX file"),
        _ if bytes.starts_with(b"version https://git-lfs") => {
            Some("a pointer of Git LFS, not the file it points to")
        }
        _ if start.starts_with(b"<") => Some("a web page"),
        _ if start.starts_with(b"{") => Some("JSON"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves() {
        for (bits, expect) in [
            (0x0000, 0.0),
            (0x8000, -0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x7bff, 65504.0),
            (0x0400, 6.103_515_6e-5),
            (0x0001, 5.960_464_5e-8),
            (0x83ff, -6.097_555e-5),
            (0xfc00, f32::NEG_INFINITY),
        ] {
            assert_eq!(half(bits).to_bits(), f32::to_bits(expect), "{bits:#x}");
        }
        assert!(half(0x7e00).is_nan());
    }
}
