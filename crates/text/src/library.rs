//! The text rules that ship with the program: keys of the common providers
//! (`secrets`) and what tells who somebody is (`pii`).
//!
//! A policy names a group or a single rule; [`find`] says what a name stands
//! for. A rule is an expression and nothing else, so a policy can do the same
//! with an expression of its own.
//!
//! # What a rule here is
//!
//! * It holds little back. Whether it matches is settled within few bytes,
//!   which is why most go by the letters that a provider puts before its keys,
//!   and a match goes on for as long as the key does: its end needs no look
//!   ahead.
//! * What it holds is bounded, whatever comes.
//! * It costs little: in ordinary prose a match could begin at few places, and
//!   at these not for long. The dearest is `email`, which may begin at every
//!   word.
//! * It would rather miss than hit what is ordinary text. The exception is what
//!   has the form of a key and is a placeholder: `postgres://user:password@host`
//!   is found.
//!
//! # What is not found
//!
//! * Keys without a form of their own, such as those of Azure OpenAI, Cohere or
//!   Mistral, and passwords. AWS secret access keys are the exception, with
//!   their name before them.
//! * What is written in another way than its provider writes it: in capitals,
//!   with spaces, in Base64 or percent-encoded; and mostly what is glued to a
//!   letter, a digit or an underscore before it.
//! * Names of people, postal addresses, dates of birth and other things that
//!   have no form.
//! * Telephone numbers without a `+` except those of North America, and these
//!   only with hyphens, dots or parentheses; card numbers in groups other than
//!   four digits, or four, six and the rest; card numbers of 19 digits in
//!   groups; social security numbers without hyphens.
//! * Digits that are not ASCII.

use core::slice;

use crate::Checksum;

/// A named rule that ships with the program.
#[derive(Debug)]
pub struct LibraryRule {
    /// Its name: small letters, digits and underscores.
    pub name: &'static str,
    /// The group it is in: `secrets` or `pii`.
    pub group: &'static str,
    /// What it finds, in a phrase.
    pub about: &'static str,
    /// What it looks for, as in [`Pattern::Regex`](crate::Pattern::Regex).
    pub regex: &'static str,
    /// What must hold of the match besides.
    pub checksum: Option<Checksum>,
}

/// The rules that a name stands for: a group's or a single one, in the order in
/// which they are tried. `None` if nothing has this name.
#[must_use]
pub fn find(name: &str) -> Option<slice::Iter<'static, LibraryRule>> {
    let group = groups().find(|rules| rules.iter().any(|rule| rule.group == name));
    let rule = || LIBRARY.iter().find(|rule| rule.name == name).map(slice::from_ref);
    group.or_else(rule).map(<[LibraryRule]>::iter)
}

/// All names that [`find`] knows: the groups, then the rules.
pub fn names() -> impl Iterator<Item = &'static str> {
    let groups = groups().filter_map(|rules| rules.first()).map(|rule| rule.group);
    groups.chain(LIBRARY.iter().map(|rule| rule.name))
}

fn groups() -> impl Iterator<Item = &'static [LibraryRule]> {
    LIBRARY.chunk_by(|a, b| a.group == b.group)
}

const fn secret(name: &'static str, about: &'static str, regex: &'static str) -> LibraryRule {
    LibraryRule { name, group: "secrets", about, regex, checksum: None }
}

const fn pii(name: &'static str, about: &'static str, regex: &'static str) -> LibraryRule {
    LibraryRule { name, group: "pii", about, regex, checksum: None }
}

impl LibraryRule {
    const fn with(mut self, checksum: Checksum) -> LibraryRule {
        self.checksum = Some(checksum);
        self
    }
}

/// What is between two lines of a key. No Base64, or there would be too many ways
/// to read it.
macro_rules! pem_gap {
    () => {
        r#"(?:[ \t\r\n"',>]|\\[rn]){1,12}"#
    };
}

/// The same after a header, of which all but a line break may be part.
macro_rules! pem_break {
    () => {
        r#"(?:[\r\n]|\\[rn])(?:[ \t\r\n"',>]|\\[rn]){0,11}"#
    };
}

macro_rules! pem_header {
    () => {
        r"(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset|MessageID):[ !#-\[\]-~]*"
    };
}

/// Lines of Base64, perhaps with a plus sign between them, and perhaps an end.
macro_rules! pem_lines {
    () => {
        concat!(
            "[A-Za-z0-9+/=]{16,}(?:",
            pem_gap!(),
            r"(?:\+",
            pem_gap!(),
            ")?[A-Za-z0-9+/=]{16,})*(?:",
            pem_end!(),
            ")?",
        )
    };
}

/// A few short lines or plus signs, and the last line.
macro_rules! pem_end {
    () => {
        concat!(
            "(?:",
            pem_gap!(),
            "[A-Za-z0-9+/=]{1,15}){0,3}(?:",
            pem_gap!(),
            ")?-----END (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----",
        )
    };
}

/// All rules, in the order in which they are tried, group by group.
//
// For whoever adds one. Begin with `(?-u:\b)`, or with letters that are rare in
// prose. Ask for as many characters as make a match sure (the known length, at
// most 32), then end in `{n,}`: a `\b` behind, or an upper bound, holds
// more. Before that, bound every repetition. ASCII classes only. The specific
// before the general. `tests/library.rs` wants three texts that match and three
// that do not.
pub static LIBRARY: &[LibraryRule] = &[
    // RFC 7468, RFC 1421 4.6 (headers), RFC 9580 6.2 (PGP). Sure at the first
    // line; then perhaps lines of headers, and lines of Base64 until one is short.
    // A line may also end in the two characters `\n`, as in JSON, or be a string
    // of some source code
    secret(
        "private_key",
        "private keys in PEM form, as of TLS, SSH and PGP",
        concat!(
            r"-----BEGIN (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:",
            pem_gap!(),
            pem_header!(),
            "(?:",
            pem_break!(),
            pem_header!(),
            ")*(?:",
            pem_break!(),
            pem_lines!(),
            ")?|",
            pem_gap!(),
            r"(?:\+",
            pem_gap!(),
            ")?",
            pem_lines!(),
            ")?",
        ),
    ),
    // docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes
    secret(
        "aws_access_key_id",
        "AWS access key IDs (AKIA, ASIA, ABIA, ACCA)",
        r"A(?:KIA|SIA|BIA|CCA)[A-Z2-7]{16}(?-u:\b)",
    ),
    secret(
        "aws_secret_access_key",
        "AWS secret access keys, with their name before them",
        concat!(
            r"(?i-u:aws[ _-]?secret[ _-]?(?:access[ _-]?)?key|secret[ _-]?access[ _-]?key)",
            r#"["'`\\\]]{0,4}(?: is)?[*<>=:|, \t\r\n]{1,8}["'`\\]{0,3}[A-Za-z0-9+/]{40,}"#,
        ),
    ),
    // docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html; both are
    // Base64 of a text that begins with a name
    secret(
        "aws_bedrock_key",
        "Amazon Bedrock API keys (ABSK, bedrock-api-key-)",
        r"ABSKQmVkcm9ja[A-Za-z0-9+/]{24,}={0,2}|(?-u:\b)bedrock-api-key-[A-Za-z0-9+/]{24,}={0,2}",
    ),
    // docs.github.com/authentication, about-authentication-to-github; ghs_ may
    // be followed by a JSON Web Token since 2026
    secret(
        "github_token",
        "GitHub tokens (ghp_, gho_, ghu_, ghs_, ghr_, github_pat_)",
        concat!(
            r"(?-u:\b)(?:gh[pour]_[A-Za-z0-9_]{36,}|github_pat_[A-Za-z0-9_]{36,}",
            r"|ghs_[A-Za-z0-9_]{36}[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]{16,})*)",
        ),
    ),
    // docs.gitlab.com/security/tokens/#token-prefixes; routable tokens have a
    // tail behind a dot
    secret(
        "gitlab_token",
        "GitLab tokens (glpat-, gldt-, glrt-, glptt- and others)",
        concat!(
            r"(?-u:\b)gl(?:pat|dt|rt|rtr|ptt|ft|ffct|soat|imt|agent|oas|cbt)-[A-Za-z0-9_-]{20,}",
            r"(?:\.[0-9a-z]{2}\.?[0-9a-z]{7,})?|GR1348941[A-Za-z0-9_-]{20,}",
        ),
    ),
    // docs.slack.dev/authentication/tokens
    secret(
        "slack_token",
        "Slack tokens (xoxb-, xoxp-, xoxe., xapp- and others)",
        concat!(
            r"(?-u:\b)(?:xox[abceoprs]-[A-Za-z0-9-]{20,}|xoxe\.xox[bp]-[A-Za-z0-9-]{20,}",
            r"|xoxd-[A-Za-z0-9%/+=_-]{20,}|xapp-[0-9]-[A-Za-z0-9-]{20,})",
        ),
    ),
    // docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
    secret(
        "slack_webhook",
        "Slack webhook addresses, from the host on",
        concat!(
            r"(?-u:\b)hooks\.slack\.com/(?:services|workflows|triggers)/",
            r"[A-Z][A-Za-z0-9]{6,14}/[A-Za-z0-9/]{20,}",
        ),
    ),
    // docs.stripe.com/keys; whsec_ is also Svix's
    secret(
        "stripe_key",
        "Stripe secret and restricted keys and webhook secrets (sk_live_, rk_live_, whsec_)",
        r"(?-u:\b)(?:[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/]{24,}={0,2})",
    ),
    secret(
        "anthropic_key",
        "Anthropic API keys and tokens (sk-ant-)",
        r"(?-u:\b)sk-ant-(?:api|admin|oat|ort|sid)[0-9]{2}-[A-Za-z0-9_-]{32,}",
    ),
    secret("openrouter_key", "OpenRouter API keys (sk-or-v1-)", r"(?-u:\b)sk-or-v1-[0-9a-f]{24,}"),
    secret(
        "langfuse_key",
        "Langfuse secret keys (sk-lf-)",
        r"(?-u:\b)sk-lf-[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12,}",
    ),
    secret(
        "openai_key",
        "OpenAI API keys (sk-proj-, sk-svcacct-, sk-admin-, sk-), also DeepSeek's and Moonshot's",
        concat!(
            r"(?-u:\b)sk-(?:(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{32,}",
            r"|[A-Za-z0-9]{32}[A-Za-z0-9_-]*)",
        ),
    ),
    // docs.cloud.google.com/docs/authentication/api-keys; AQ. since 2025
    secret(
        "google_api_key",
        "Google API keys, such as Gemini's (AIza, AQ.)",
        r"AIza[A-Za-z0-9_-]{35,}|(?-u:\b)AQ\.Ab[A-Za-z0-9_-]{32,}",
    ),
    // developers.google.com/identity/protocols/oauth2
    secret(
        "google_oauth_token",
        "Google OAuth access and refresh tokens and client secrets (ya29., 1//0, GOCSPX-)",
        concat!(
            r"(?-u:\b)(?:ya29\.(?:[a-z]\.)?[A-Za-z0-9_-]{20,}|1//0[A-Za-z0-9_-]{24,})",
            r"|GOCSPX-[A-Za-z0-9_-]{20,}",
        ),
    ),
    // huggingface.co/docs/hub/security-tokens
    secret(
        "hugging_face_token",
        "Hugging Face tokens (hf_, api_org_)",
        r"(?-u:\b)(?:hf_|api_org_)[A-Za-z0-9]{34,}",
    ),
    secret("groq_key", "Groq API keys (gsk_)", r"(?-u:\b)gsk_[A-Za-z0-9]{24,}"),
    secret("xai_key", "xAI API keys (xai-)", r"(?-u:\b)xai-[A-Za-z0-9]{24,}"),
    secret("perplexity_key", "Perplexity API keys (pplx-)", r"(?-u:\b)pplx-[A-Za-z0-9]{24,}"),
    secret("replicate_token", "Replicate tokens (r8_)", r"(?-u:\b)r8_[A-Za-z0-9]{37,}"),
    secret("together_key", "Together AI keys (tgp_v1_)", r"(?-u:\b)tgp_v1_[A-Za-z0-9_-]{24,}"),
    secret("cerebras_key", "Cerebras API keys (csk-)", r"(?-u:\b)csk-[A-Za-z0-9]{24,}"),
    secret("nvidia_key", "NVIDIA API keys (nvapi-)", r"(?-u:\b)nvapi-[A-Za-z0-9_-]{32,}"),
    secret(
        "langsmith_key",
        "LangSmith keys and tokens (lsv2_pt_, lsv2_sk_)",
        r"(?-u:\b)lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10,}",
    ),
    secret(
        "pinecone_key",
        "Pinecone API keys (pcsk_)",
        r"(?-u:\b)pcsk_[A-Za-z0-9]{5,6}_[A-Za-z0-9]{24,}",
    ),
    secret("wandb_key", "Weights & Biases keys (wandb_v1_)", r"(?-u:\b)wandb_v1_[A-Za-z0-9_]{24,}"),
    secret("tavily_key", "Tavily API keys (tvly-)", r"(?-u:\b)tvly-[A-Za-z0-9_-]{32,}"),
    secret("firecrawl_key", "Firecrawl API keys (fc-)", r"(?-u:\b)fc-[0-9a-f]{32,}"),
    secret("elevenlabs_key", "ElevenLabs API keys (sk_)", r"(?-u:\b)sk_[0-9a-f]{24,}"),
    // docs.npmjs.com/about-access-tokens; the blog of GitHub, 2021-09-23
    secret("npm_token", "npm tokens (npm_)", r"(?-u:\b)npm_[A-Za-z0-9]{36,}"),
    // pypi.org/help/#apitoken; a macaroon for pypi.org or test.pypi.org in Base64
    secret(
        "pypi_token",
        "PyPI tokens (pypi-AgE)",
        r"(?-u:\b)pypi-AgE(?:IcHlwaS5vcmc|NdGVzdC5weXBpLm9yZw)[A-Za-z0-9_-]{24,}",
    ),
    // guides.rubygems.org/api-key-scopes
    secret("rubygems_key", "RubyGems API keys (rubygems_)", r"(?-u:\b)rubygems_[0-9a-f]{24,}"),
    secret(
        "docker_token",
        "Docker access tokens (dckr_pat_, dckr_oat_)",
        r"(?-u:\b)dckr_[op]at_[A-Za-z0-9_-]{24,}",
    ),
    // www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys
    secret(
        "sendgrid_key",
        "SendGrid API keys (SG.)",
        r"(?-u:\b)SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{24,}",
    ),
    // www.twilio.com/docs/glossary/what-is-a-sid
    secret("twilio_key", "Twilio API key SIDs (SK)", r"(?-u:\b)SK[0-9a-f]{32}(?-u:\b)"),
    // help.mailgun.com: key- before 2023, three hexadecimal numbers since
    secret(
        "mailgun_key",
        "Mailgun API keys (key-, or three hexadecimal numbers)",
        r"(?-u:\b)(?:key-[0-9a-f]{32}|[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8})(?-u:\b)",
    ),
    // mailchimp.com/developer/marketing/guides/quick-start
    secret(
        "mailchimp_key",
        "Mailchimp API keys (a hexadecimal number and -us)",
        r"(?-u:\b)[0-9a-f]{32}-us[0-9]{1,2}(?-u:\b)",
    ),
    secret(
        "brevo_key",
        "Brevo API and SMTP keys (xkeysib-, xsmtpsib-)",
        r"(?-u:\b)x(?:key|smtp)sib-[0-9a-f]{24,}(?:-[A-Za-z0-9]{16,})?",
    ),
    // docs.digitalocean.com/reference/api/create-personal-access-token
    secret(
        "digitalocean_token",
        "DigitalOcean tokens (dop_v1_, doo_v1_, dor_v1_)",
        r"(?-u:\b)do[opr]_v1_[0-9a-f]{24,}",
    ),
    // shopify.dev/changelog/length-of-the-shopify-access-token-is-increasing
    secret(
        "shopify_token",
        "Shopify tokens and secrets (shpat_, shpss_ and others)",
        r"(?-u:\b)shp(?:at|ca|pa|ss|ua|tka)_[0-9a-fA-F]{32,}",
    ),
    // developer.squareup.com/docs/build-basics/access-tokens
    secret(
        "square_token",
        "Square tokens and secrets (sq0atp-, sq0csp-)",
        r"(?-u:\b)sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,}",
    ),
    // plaid.com/docs/api/items
    secret(
        "plaid_token",
        "Plaid access tokens (access-production-, access-sandbox-)",
        concat!(
            r"(?-u:\b)access-(?:sandbox|development|production)-",
            r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12,}",
        ),
    ),
    // learn.microsoft.com/azure/storage/common/storage-configure-connection-string:
    // 64 bytes in Base64; 32 for Service Bus and Event Hubs
    secret(
        "azure_storage_key",
        "keys in Azure connection strings (AccountKey=, SharedAccessKey=)",
        r"(?-u:\b)(?i-u:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{24,}={0,2}",
    ),
    // docs.databricks.com/dev-tools/auth/pat
    secret("databricks_token", "Databricks tokens (dapi)", r"(?-u:\b)dapi[0-9a-f]{32,}(?:-[0-9])?"),
    // developers.cloudflare.com/fundamentals/api/get-started/token-formats
    secret(
        "cloudflare_token",
        "Cloudflare keys and tokens (cfk_, cfut_, cfat_, v1.0-)",
        r"(?-u:\b)(?:cf(?:k|ut|at)_[A-Za-z0-9]{24,}|v1\.0-[0-9a-f]{24}-[0-9a-f]{24,})",
    ),
    // developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes
    secret(
        "vault_token",
        "HashiCorp Vault tokens (hvs., hvb., hvr.)",
        r"(?-u:\b)hv[bsr]\.[A-Za-z0-9_-]{24,}",
    ),
    // supabase.com/docs/guides/api/api-keys
    secret(
        "supabase_key",
        "Supabase tokens and secret keys (sbp_, sb_secret_)",
        r"(?-u:\b)(?:sbp_[0-9a-f]{24,}|sb_secret_[A-Za-z0-9_-]{20,})",
    ),
    secret(
        "atlassian_token",
        "Atlassian and Bitbucket tokens (ATATT3, ATCTT3, ATBB)",
        r"(?-u:\b)(?:AT[AC]TT3[A-Za-z0-9_=-]{24,}|ATBB[A-Za-z0-9]{24,})",
    ),
    // developers.notion.com, changelog of 2024-09-25
    secret(
        "notion_token",
        "Notion tokens (ntn_, secret_)",
        r"(?-u:\b)(?:ntn_[0-9]{10,12}[A-Za-z0-9]{30,}|secret_[A-Za-z0-9]{43,})",
    ),
    secret(
        "linear_key",
        "Linear API keys and tokens (lin_api_, lin_oauth_)",
        r"(?-u:\b)lin_(?:api|oauth)_[A-Za-z0-9]{24,}",
    ),
    // airtable.com/developers/web/guides/personal-access-tokens
    secret("airtable_token", "Airtable tokens (pat)", r"(?-u:\b)pat[A-Za-z0-9]{14}\.[0-9a-f]{24,}"),
    secret(
        "figma_token",
        "Figma tokens (figd_, figo_, figor_)",
        r"(?-u:\b)fig(?:d|or?)_[A-Za-z0-9_-]{24,}",
    ),
    // developers.hubspot.com/docs/apps/legacy-apps/private-apps
    secret(
        "hubspot_token",
        "HubSpot tokens of private apps (pat-na1-, pat-eu1-)",
        r"(?-u:\b)pat-[a-z]{2}[0-9]-[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12,}",
    ),
    secret("postman_key", "Postman API keys (PMAK-)", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34,}"),
    // grafana.com/docs/grafana/latest/administration/service-accounts
    secret(
        "grafana_token",
        "Grafana tokens (glsa_, glc_)",
        r"(?-u:\b)(?:glc_[A-Za-z0-9+/]{24,}={0,2}|glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8,})",
    ),
    // docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys
    secret("new_relic_key", "New Relic user keys (NRAK-)", r"NRAK-[A-Z0-9]{27,}"),
    // docs.sentry.io/account/auth-tokens
    secret(
        "sentry_token",
        "Sentry tokens (sntrys_, sntryu_)",
        r"(?-u:\b)(?:sntrys_[A-Za-z0-9_=+/-]{24,}|sntryu_[0-9a-f]{24,})",
    ),
    // docs.doppler.com/reference/auth-token-formats
    secret(
        "doppler_token",
        "Doppler tokens (dp.pt., dp.st. and others)",
        concat!(
            r"(?-u:\b)dp\.(?:(?:pt|ct|sa|said|scim|audit)\.[A-Za-z0-9]{24,}",
            r"|st\.[A-Za-z0-9_-]{2}[A-Za-z0-9_.-]{30}[A-Za-z0-9_-]*)",
        ),
    ),
    // docs.dynatrace.com, access tokens: three parts, the last one the secret
    secret(
        "dynatrace_token",
        "Dynatrace tokens (dt0c01., dt0s16. and others)",
        r"(?-u:\b)dt0(?:c[0-9]{2}\.[A-Z0-9]{24}|s[0-9]{2}\.[A-Z0-9]{8})\.[A-Z0-9]{24,}",
    ),
    // tailscale.com/kb/1277/key-prefixes
    secret(
        "tailscale_key",
        "Tailscale keys (tskey-)",
        r"(?-u:\b)tskey-(?:auth|api|client|scim|webhook)-[A-Za-z0-9-]{24,}",
    ),
    secret(
        "fly_token",
        "Fly.io tokens (fo1_, fm1r_, fm2_)",
        r"(?-u:\b)(?:fo1_[A-Za-z0-9_-]{24,}|fm(?:1[ar]|2)_[A-Za-z0-9+/]{24,}={0,2})",
    ),
    // devcenter.heroku.com/changelog-items/3175
    secret("heroku_key", "Heroku API keys (HRKU-)", r"HRKU-[A-Za-z0-9_-]{36,}"),
    // core.telegram.org/bots/api#authorizing-your-bot; bot before it in addresses
    secret(
        "telegram_bot_token",
        "Telegram bot tokens",
        r"(?-u:\b)(?:bot)?[0-9]{8,10}:AA[A-Za-z0-9_-]{33,}",
    ),
    // docs.discord.com/developers/reference#authentication: the first part is a
    // number of 17 to 20 digits in Base64
    secret(
        "discord_token",
        "Discord tokens of bots and users",
        concat!(
            r"(?-u:\b)(?:(?:[MNO][DTjz][AEIMQUYcgk][w-z0-5]){5}(?:[MNO][DTjz][AEIMQUYcgk]",
            r"|[MNO][DTjz][AEIMQUYcgk][w-z0-5](?:[MNO][AQgw]|[MNO][DTjz][AEIMQUYcgk])?)",
            r"\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}|mfa\.[A-Za-z0-9_-]{24,})",
        ),
    ),
    // docs.discord.com/developers/resources/webhook
    secret(
        "discord_webhook",
        "Discord webhook addresses, from the host on",
        concat!(
            r"(?-u:\b)discord(?:app)?\.com/api/(?:v[0-9]{1,2}/)?webhooks/[0-9]{17,20}/",
            r"[A-Za-z0-9_-]{24,}",
        ),
    ),
    // github.com/C2SP/C2SP/blob/main/age.md
    secret("age_key", "age secret keys (AGE-SECRET-KEY-1)", r"AGE-SECRET-KEY-1[0-9A-Z]{24,}"),
    // developer.1password.com/docs/service-accounts
    secret(
        "one_password_token",
        "1Password service account tokens (ops_)",
        r"(?-u:\b)ops_eyJ[A-Za-z0-9+/_-]{24,}={0,2}",
    ),
    // RFC 7515, RFC 7516. Sure at the first name in its header, of RFC 7515 4.1:
    // alg, typ, kid, enc, cty, jku, jwk, x5*, zip, crit, epk, b64
    secret(
        "jwt",
        "JSON Web Tokens",
        concat!(
            r"(?-u:\b)eyJ(?:hbGciO|0eXAiO|raWQiO|lbmMiO|jdHkiO|qa3UiO|qd2siO|4NXQiO|4NXQjU|4NWMiO",
            r"|4NXUiO|6aXAiO|jcml0I|lcGsiO|iNjQiO)[A-Za-z0-9_-]{8,}(?:\.{1,2}[A-Za-z0-9_-]{4,})*",
        ),
    ),
    // RFC 7617. With a digit or padding, so that it is not the next word
    secret(
        "http_basic",
        "names and passwords in HTTP headers (Authorization: Basic)",
        concat!(
            r#"(?i-u:authorization)["'`\\ \t\]]{0,4}[:=,>]{1,2}["'`\\ \tf\[]{0,6}"#,
            r"(?i-u:basic)[ \t]{1,2}(?:[A-Za-z+/]{0,6}[0-9][A-Za-z0-9+/]{7,}={0,2}",
            r"|[A-Za-z+/]{7,40}[0-9][A-Za-z0-9+/]*={0,2}|[A-Za-z+/]{6,40}={1,2})",
        ),
    ),
    // RFC 6750. With a digit, so that it is no placeholder
    secret(
        "http_bearer",
        "tokens in HTTP headers (Authorization: Bearer)",
        concat!(
            r#"(?i-u:authorization)["'`\\ \t\]]{0,4}[:=,>]{1,2}["'`\\ \tf\[]{0,6}"#,
            r"(?i-u:bearer)[ \t]{1,2}(?:[A-Za-z._~+/-]{0,6}[0-9][A-Za-z0-9._~+/=-]{8,}",
            r"|[A-Za-z._~+/-]{7,40}[0-9][A-Za-z0-9._~+/=-]*)",
        ),
    ),
    // RFC 3986 3.2.1
    secret(
        "url_credentials",
        "names and passwords in addresses, from :// to @",
        concat!(
            r"://[A-Za-z0-9._~%!&'*+,;=-]{0,63}:[A-Za-z0-9._~%!&'()*+,;=^|-]",
            r"[A-Za-z0-9._~%!$&'()*+,;=^|:-]{0,95}@",
        ),
    ),
    // RFC 5321 4.1.2 without quotes, bounded by its 4.5.3.1. Not git@, as of
    // repositories, and not @2x., as of pictures
    pii(
        "email",
        "e-mail addresses",
        concat!(
            r"(?-u:\b)(?:(?:[A-Za-fh-z0-9_]|g[A-Za-hj-z0-9._%+'-]|gi[A-Za-su-z0-9._%+'-]",
            r"|git[A-Za-z0-9._%+'-])[A-Za-z0-9._%+'-]{0,60}|gi?)@",
            r"(?:(?:[A-Za-z]|[0-9][A-WYZa-wyz0-9-]|[0-9][Xx][A-Za-z0-9-])[A-Za-z0-9-]{0,61}",
            r"|[0-9])\.",
            r"(?:(?:[0-9-][A-Za-z0-9-]{0,23}|[A-Za-z](?:[0-9-][A-Za-z0-9-]{0,22})?)\.){0,3}",
            r"[A-Za-z]{2}[A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)*",
        ),
    ),
    // the IBAN registry, ISO 13616: what countries use, by length
    pii(
        "iban",
        "international bank account numbers",
        concat!(
            r"(?-u:\b)(?:NO[0-9]{2}(?: ?[A-Z0-9]{4}){2} ?[A-Z0-9]{3}",
            r"|BE[0-9]{2}(?: ?[A-Z0-9]{4}){3}",
            r"|(?:DK|FI|FK|FO|GL|NL|SD)[0-9]{2}(?: ?[A-Z0-9]{4}){3} ?[A-Z0-9]{2}",
            r"|(?:MK|SI)[0-9]{2}(?: ?[A-Z0-9]{4}){3} ?[A-Z0-9]{3}",
            r"|(?:AT|BA|EE|KZ|LT|LU|MN|XK)[0-9]{2}(?: ?[A-Z0-9]{4}){4}",
            r"|(?:CH|HR|LI|LV)[0-9]{2}(?: ?[A-Z0-9]{4}){4} ?[A-Z0-9]",
            r"|(?:BG|BH|CR|DE|GB|GE|IE|ME|RS|VA)[0-9]{2}(?: ?[A-Z0-9]{4}){4} ?[A-Z0-9]{2}",
            r"|(?:AE|GI|IL|IQ|OM|SO|TL)[0-9]{2}(?: ?[A-Z0-9]{4}){4} ?[A-Z0-9]{3}",
            r"|(?:AD|CZ|ES|MD|PK|RO|SA|SE|SK|TN|VG)[0-9]{2}(?: ?[A-Z0-9]{4}){5}",
            r"|(?:LY|PT|ST)[0-9]{2}(?: ?[A-Z0-9]{4}){5} ?[A-Z0-9]",
            r"|(?:IS|TR)[0-9]{2}(?: ?[A-Z0-9]{4}){5} ?[A-Z0-9]{2}",
            r"|(?:BI|DJ|FR|GR|IT|MC|MR|SM)[0-9]{2}(?: ?[A-Z0-9]{4}){5} ?[A-Z0-9]{3}",
            r"|(?:AL|AZ|BY|CY|DO|GT|HN|HU|LB|NI|PL|SV)[0-9]{2}(?: ?[A-Z0-9]{4}){6}",
            r"|(?:BR|EG|PS|QA|UA)[0-9]{2}(?: ?[A-Z0-9]{4}){6} ?[A-Z0-9]",
            r"|(?:JO|KW|MU|YE)[0-9]{2}(?: ?[A-Z0-9]{4}){6} ?[A-Z0-9]{2}",
            r"|(?:MT|SC)[0-9]{2}(?: ?[A-Z0-9]{4}){6} ?[A-Z0-9]{3}",
            r"|LC[0-9]{2}(?: ?[A-Z0-9]{4}){7}",
            r"|RU[0-9]{2}(?: ?[A-Z0-9]{4}){7} ?[A-Z0-9])(?-u:\b)",
        ),
    )
    .with(Checksum::Mod97),
    // ISO/IEC 7812-1 and what the issuers say of their ranges: 2221-2720 and
    // 51-55 Mastercard, 30, 36, 38, 39 Diners, 34, 37 American Express, 3528-3589
    // JCB, 4 Visa, 50, 56-58 and most of 6 Maestro, 6011, 644-65 Discover, 62
    // UnionPay
    pii(
        "credit_card",
        "payment card numbers",
        concat!(
            r"(?-u:\b)(?:(?:4[0-9]{3}|5[0-9]{3}|6[0-9]{3}|35(?:2[89]|[3-8][0-9])",
            r"|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720))(?:[ -]?[0-9]{4}){3}",
            r"|3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}",
            r"|3(?:0[0-5]|[689][0-9])[0-9][ -]?[0-9]{6}[ -]?[0-9]{4}",
            r"|4[0-9]{12}|4[0-9]{18}|6[0-9]{16,18})(?-u:\b)",
        ),
    )
    .with(Checksum::Luhn),
    // www.ssa.gov/employer/randomization.html: no area 000, 666 or from 900, no
    // group 00, no serial 0000
    pii(
        "us_ssn",
        "social security numbers of the United States, with hyphens",
        concat!(
            r"(?-u:\b)(?:00[1-9]|0[1-9][0-9]|[1-578][0-9]{2}|6(?:[0-57-9][0-9]|6[0-57-9]))-",
            r"(?:0[1-9]|[1-9][0-9])-(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})",
            r"(?-u:\b)",
        ),
    ),
    // ITU-T E.164 and E.123; nationalnanpa.com for +1. The first alternative is
    // North America, with +1, with 1 and a separator, or with neither
    pii(
        "phone",
        "telephone numbers: international with +, North American with separators",
        concat!(
            r"(?:(?-u:\b{start-half})\+1[ .-]?(?:\([2-9][0-9]{2}\)|[2-9][0-9]{2})[ .-]?",
            r"[2-9][0-9]{2}[ .-]?[0-9]{4}",
            r"|(?-u:\b)1[ .-]\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[ .-][0-9]{4}",
            r"|(?-u:\b)(?:1[.-])?[2-9][0-9]{2}(?:-[2-9][0-9]{2}-|\.[2-9][0-9]{2}\.)[0-9]{4}",
            r"|(?-u:\b{start-half})\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[.-][0-9]{4}",
            r"|(?-u:\b{start-half})\+[2-9][0-9]{0,2}(?:[ -]?[0-9](?:[ -]?[0-9]){6,12}",
            r"|[ -]?\([0-9]{1,5}\)[ -]?[0-9](?:[ -]?[0-9]){4,12}",
            r"|\.[0-9]{1,4}(?:\.[0-9]{2,4}){3,4}))(?-u:\b)",
        ),
    ),
    // RFC 4291 2.2, written as usual: the first group has four digits and is one
    // of global unicast, unique local, link-local or multicast. So times, hashes
    // and names of programs are not meant, nor is ::1
    pii(
        "ipv6",
        "IPv6 addresses",
        concat!(
            r"(?-u:\b)(?i-u:[23][0-9a-f]{3}|f[cdf][0-9a-f]{2}|fe[89ab][0-9a-f])",
            r"(?i-u:(?::[0-9a-f]{1,4}){7}",
            r"|(?::[0-9a-f]{1,4}){0,6}::(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,5})?)",
            r"|(?:(?-u:\b{start-half})::(?i-u:ffff)|(?-u:\b)64:(?i-u:ff9b):):",
            r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}",
            r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?-u:\b)",
        ),
    ),
    // RFC 3986 3.2.2: no leading zeros
    pii(
        "ipv4",
        "IPv4 addresses",
        concat!(
            // of a network of its own: 0, 127 and 255 are nobody's address
            r"(?-u:\b)(?:25[0-4]|2[0-4][0-9]|12[0-689]|1[013-9][0-9]|[1-9][0-9]?)\.",
            r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){2}",
            r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?-u:\b)",
        ),
    ),
];
