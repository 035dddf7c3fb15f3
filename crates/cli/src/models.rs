//! The scorers that rest on models, in builds that have them.

#[cfg(feature = "models")]
use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidegate::{Models, Source};
use tidegate_ground::Facts;
#[cfg(feature = "models")]
use tidegate_model::{
    CrossEncoder, EmbedScorer, Embedder, ModelError, ModelFiles, ModelLimits, NliScorer,
};
use tidegate_score::Scorer;

#[cfg(feature = "models")]
use crate::input;
use crate::input::BadInput;

/// The models of a policy, each read when it is first asked for.
pub(crate) struct Loaded {
    models: Models,
    /// The folder of the policy's file, from which paths in it count.
    folder: PathBuf,
    #[cfg(feature = "models")]
    embed: OnceCell<Arc<Embedder>>,
    #[cfg(feature = "models")]
    nli: OnceCell<Arc<CrossEncoder>>,
}

impl Loaded {
    pub(crate) fn new(models: &Models, folder: &Path) -> Loaded {
        Loaded {
            models: models.clone(),
            folder: folder.to_path_buf(),
            #[cfg(feature = "models")]
            embed: OnceCell::new(),
            #[cfg(feature = "models")]
            nli: OnceCell::new(),
        }
    }

    pub(crate) fn models(&self) -> &Models {
        &self.models
    }

    /// The models for a policy in this file, if it is one, and else for one in the
    /// same folder: where it is in another, their paths are made whole.
    pub(crate) fn seen_from(&self, file: Option<&Path>) -> Models {
        let mut models = self.models.clone();
        let folder = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let here = folder(&self.folder.join("x"));
        let there = file.map_or_else(|| here.clone(), folder);
        if here.parent() == there.parent() {
            return models;
        }
        let paths = models.embed.iter_mut().map(|model| &mut model.path);
        for path in paths.chain(models.nli.iter_mut().map(|model| &mut model.path)) {
            *path = folder(&self.folder.join(&*path)).display().to_string();
        }
        models
    }

    /// Where the source's model is, as far as the policy says.
    fn path(&self, source: Source) -> PathBuf {
        let path = match source {
            Source::Embed => self.models.embed.as_ref().map(|model| &model.path),
            _ => self.models.nli.as_ref().map(|model| &model.path),
        };
        path.map(|path| self.folder.join(path)).unwrap_or_default()
    }

    /// Whether this build has what runs the source's model, for this check.
    pub(crate) fn runs(&self, source: Source, check: &str) -> Result<(), BadInput> {
        if cfg!(feature = "models") || !matches!(source, Source::Embed | Source::Nli) {
            return Ok(());
        }
        let path = self.path(source);
        let place = match path.as_os_str().is_empty() {
            true => String::new(),
            false => format!(", the model in {}", path.display()),
        };
        Err(BadInput::Usage(format!(
            "the check `{check}` takes its scores from `{}`{place}: this build has no sentence models; \
             build with --features models",
            source.as_str(),
        )))
    }

    /// The scorer of `embed` or `nli` with these facts.
    #[cfg(not(feature = "models"))]
    pub(crate) fn scorer(
        &self,
        source: Source,
        _facts: Arc<Facts>,
    ) -> Result<Box<dyn Scorer + Send>, BadInput> {
        Err(BadInput::Usage(format!("`{}` has no model", source.as_str())))
    }

    /// The scorer of `embed` or `nli` with these facts.
    #[cfg(feature = "models")]
    pub(crate) fn scorer(
        &self,
        source: Source,
        facts: Arc<Facts>,
    ) -> Result<Box<dyn Scorer + Send>, BadInput> {
        let limits = ModelLimits::default();
        let folder = self.path(source);
        if source == Source::Embed {
            let load = |files: ModelFiles<'_>| Embedder::load(files, limits);
            let embedder = self.model(&self.embed, &folder, load)?;
            return Ok(Box::new(EmbedScorer::new(facts, embedder)));
        }
        let labels = self.models.nli.as_ref().and_then(|model| model.labels.as_ref());
        let labels: Option<Vec<String>> =
            labels.map(|labels| labels.iter().map(|label| label.as_str().to_string()).collect());
        let load = |files: ModelFiles<'_>| CrossEncoder::load(files, labels.as_deref(), limits);
        Ok(Box::new(NliScorer::new(facts, self.model(&self.nli, &folder, load)?)))
    }

    #[cfg(feature = "models")]
    fn model<M>(
        &self,
        kept: &OnceCell<Arc<M>>,
        folder: &Path,
        load: impl FnOnce(ModelFiles<'_>) -> Result<M, ModelError>,
    ) -> Result<Arc<M>, BadInput> {
        if let Some(model) = kept.get() {
            return Ok(model.clone());
        }
        /// Bytes of `config.json` and of `tokenizer.json`.
        const JSON_BYTES_MAX: u64 = 64 << 20;
        let weights_bytes_max = ModelLimits::default().weights_bytes_max as u64;
        let read = |name: &str, bytes_max| input::bytes(&folder.join(name), bytes_max);
        let config = read("config.json", JSON_BYTES_MAX)?;
        let tokenizer = read("tokenizer.json", JSON_BYTES_MAX)?;
        let weights = read("model.safetensors", weights_bytes_max)?;
        let files = ModelFiles { config: &config, tokenizer: &tokenizer, weights: &weights };
        let model = load(files).map_err(|error| BadInput::file(folder, error))?;
        Ok(kept.get_or_init(|| Arc::new(model)).clone())
    }
}
