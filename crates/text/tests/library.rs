//! The library's rules, on texts that they are to find something in and on texts
//! that look like it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

use std::collections::{HashMap, HashSet};

use regex::Regex;
use tidegate_text::Checksum;
use tidegate_text::library::{LIBRARY, LibraryRule, find, names};

/// What one rule alone does.
struct Case {
    rule: &'static str,
    /// What it finds is between `«` and `»`.
    finds: &'static [&'static str],
    /// It finds nothing.
    passes: &'static [&'static str],
}

const fn case(
    rule: &'static str,
    finds: &'static [&'static str],
    passes: &'static [&'static str],
) -> Case {
    Case { rule, finds, passes }
}

/// Keys are made up when the test runs, so that there is nothing in this file
/// that looks like one: `<a36>` stands for 36 characters, see [`expand`], and
/// `<->` for five hyphens.
const CASES: &[Case] = &[
    case(
        "private_key",
        &[
            "«<->BEGIN PRIVATE KEY<->\n<b64>\n<b64>\n<b20>==\n<->END PRIVATE KEY<->»\nand more",
            "«<->BEGIN RSA PRIVATE KEY<->\r\nProc-Type: 4,ENCRYPTED\r\nDEK-Info: AES-128-CBC,<U32>\r\n\r\n\
             <b64>\r\n<b7>=\r\n<->END RSA PRIVATE KEY<->»\r\n",
            "key = \"«<->BEGIN EC PRIVATE KEY<->\\n<b64>\\n<b64>\\n<b12>\\n<->END EC PRIVATE KEY<->»\\n\"",
            "a: \"«<->BEGIN PRIVATE KEY<->\\r\\n<b64>\\r\\n<b4>\\r\\n<->END PRIVATE KEY<->»\"",
            "s = \"«<->BEGIN OPENSSH PRIVATE KEY<->\" +\n    \"<b64>\" +\n    \"<b5>\" +\n    \"<->END OPENSSH PRIVATE KEY<->»\";",
            "> «<->BEGIN PGP PRIVATE KEY BLOCK<->\n> Version: GnuPG v2\n>\n> <b64>\n> <b8>\n> =<b4>\n> <->END PGP PRIVATE KEY BLOCK<->»\n",
            "    «<->BEGIN PRIVATE KEY<->\n        <b64>\n        <b64>\n        <->END PRIVATE KEY<->»\n",
            "on one line: «<->BEGIN PRIVATE KEY<-> <b300> <->END PRIVATE KEY<->»",
            "without an end «<->BEGIN ENCRYPTED PRIVATE KEY<->\n<b64>\n<b64>»\n\nThat was it.",
            "The first line is «<->BEGIN RSA PRIVATE KEY<->» and the key follows.",
        ],
        &[
            "<->BEGIN CERTIFICATE<->\n<b64>\n<->END CERTIFICATE<->",
            "<->BEGIN PUBLIC KEY<->\n<b64>\n<->END PUBLIC KEY<->",
            "<->BEGIN PGP PUBLIC KEY BLOCK<->",
            "<->END PRIVATE KEY<->",
            "| a | b |\n|<-><->|<->|\n",
            "BEGIN PRIVATE KEY",
        ],
    ),
    case(
        "aws_access_key_id",
        &[
            "aws_access_key_id = «AKIA<A16>»\n",
            "\"AccessKeyId\": \"«ASIA<A16>»\",",
            "printf(\"\\n«AKIA<A16>»\\n\")",
            "«AKIA<A16>», «ABIA<A16>» and «ACCA<A16>».",
        ],
        &[
            "AKIA<A15>",
            "AKIA<A17>",
            "AKIA<a15>0 and AIDA<A16> and AROA<A16>",
            "ASIA PACIFIC REGION",
            "akia<h16>",
        ],
    ),
    case(
        "aws_secret_access_key",
        &[
            "export «AWS_SECRET_ACCESS_KEY=<b40>»\n",
            "TF_VAR_«aws_secret_access_key=<b40>»\n",
            "os.environ[\"«AWS_SECRET_ACCESS_KEY\"] = \"<b40>»\"",
            "[default]\n«aws_secret_access_key = <b40>»\nregion = x",
            "  \"«SecretAccessKey\": \"<b40>»\",",
            "new Credentials({ «secretAccessKey: '<b40>»' })",
            "**«Secret access key:** `<b40>»`",
            "Your «secret access key is <b40>».",
            "<«SecretAccessKey><b40>»</SecretAccessKey>",
        ],
        &[
            "aws_secret_access_key = YOUR_SECRET_ACCESS_KEY",
            "aws_secret_access_key = <b39>",
            "secret_key = \"<h40>\"",
            "the commit <h40> has no secret access key",
            "secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY",
            "A secret access key is what you sign requests with.",
        ],
    ),
    case(
        "aws_bedrock_key",
        &[
            "AWS_BEARER_TOKEN_BEDROCK=«ABSKQmVkcm9ja<b110>=»\n",
            "key «ABSKQmVkcm9ja<b40>».",
            "use «bedrock-api-key-<b100>» now",
        ],
        &["ABSKQmVkcm9ja<b23>", "ABSK<b110>", "a bedrock-api-key-name", "bedrock-api-key-<b23>"],
    ),
    case(
        "github_token",
        &[
            "GITHUB_TOKEN=«ghp_<a36>»\n",
            "`«gho_<a36>»` or «ghu_<a36>».",
            "git clone https://«ghr_<a76>»@github.com/a/b",
            "\"«github_pat_<a22>_<a59>»\"",
            "«ghs_<a36>».",
            "«ghs_1234567_eyJ<a80>.eyJ<w200>.<w300>».",
        ],
        &[
            "ghp_<a35>",
            "ghx_<a36>",
            "aghp_<a36>",
            "github_pat_<a22>",
            "${{ secrets.GITHUB_TOKEN }}, ghp_your_token_here",
        ],
    ),
    case(
        "gitlab_token",
        &[
            "token: «glpat-<w20>».",
            "«glpat-<w27>.01.<l9>»,",
            "«glrt-t1_<w27>.01<l7>»",
            "«gldt-<w20>» «glptt-<h40>» «glcbt-64_<w20>»",
            "--registration-token «GR1348941<w20>»",
        ],
        &[
            "glpat-<w19>",
            "glpat-<your-token>",
            "glxyz-<w20>",
            "GR1348942<w20>",
            "glance-at-this-very-long-hyphenated-word",
        ],
    ),
    case(
        "slack_token",
        &[
            "SLACK_BOT_TOKEN=«xoxb-<d12>-<d12>-<a24>»",
            "'«xoxp-<d11>-<d11>-<d11>-<h32>»'",
            "«xoxe.xoxp-1-<a60>» and «xoxe-1-<a60>».",
            "«xapp-1-A<U10>-<d13>-<h64>»\n",
            "d=«xoxd-<a20>%2B<a20>%3D»;",
        ],
        &["xoxb-your-token", "xoxb-<d12>", "xoxz-<d12>-<d12>", "xapp-token-<a20>", "xoxo, hugs"],
    ),
    case(
        "slack_webhook",
        &[
            "curl https://«hooks.slack.com/services/T<U8>/B<U10>/<a24>»\n",
            "(https://«hooks.slack.com/workflows/T<U8>/A<U10>/<d18>/<a24>»)",
            "«hooks.slack.com/triggers/T<U8>/<d13>/<h32>».",
        ],
        &[
            "https://hooks.slack.com/services/",
            "https://hooks.slack.com/services/T<U8>/B<U10>/...",
            "https://hooks.slack.com/services/your/webhook/url-that-is-long-enough",
            "https://api.slack.com/messaging/webhooks",
        ],
    ),
    case(
        "stripe_key",
        &[
            "stripe.api_key = \"«sk_test_<a24>»\"",
            "«sk_live_<a99>»,",
            "«rk_live_<a24>» and «rk_test_<a24>».",
            "STRIPE_WEBHOOK_SECRET=«whsec_<b32>»\n",
        ],
        &[
            "pk_test_<a24>",
            "sk_live_<a15>",
            "sk_test_your_key_here_please_now",
            "task_test_<a24>",
            "whsec_...",
        ],
    ),
    case(
        "anthropic_key",
        &[
            "ANTHROPIC_API_KEY=«sk-ant-api03-<w93>AA»\n",
            "\"«sk-ant-admin01-<w93>»\"",
            "«sk-ant-oat01-<w80>» «sk-ant-sid01-<w80>»",
        ],
        &[
            "sk-ant-api03-...",
            "sk-ant-api03-<w31>",
            "sk-ant-xyz03-<w93>",
            "sk-ant-your-key-goes-here-and-it-is-long",
            "task-ant-api03-<w93>",
        ],
    ),
    case(
        "openrouter_key",
        &["key: «sk-or-v1-<h64>»", "'«sk-or-v1-<h64>»'", "Bearer «sk-or-v1-<h40>»."],
        &["sk-or-v1-<h23>", "sk-or-v1-...", "sk-or-v2-<h64>", "ask-or-v1-<h64>"],
    ),
    case(
        "langfuse_key",
        &[
            "LANGFUSE_SECRET_KEY=«sk-lf-<h8>-<h4>-<h4>-<h4>-<h12>»\n",
            "\"«sk-lf-<h8>-<h4>-<h4>-<h4>-<h12>»\"",
            "(«sk-lf-<h8>-<h4>-<h4>-<h4>-<h12>»)",
        ],
        &[
            "pk-lf-<h8>-<h4>-<h4>-<h4>-<h12>",
            "sk-lf-<h8>-<h4>-<h4>-<h12>",
            "sk-lf-<h8>-<h4>-<h4>-<h4>-<h11>",
            "sk-lf-...",
        ],
    ),
    case(
        "openai_key",
        &[
            "OPENAI_API_KEY=\"«sk-proj-<w156>»\"",
            "«sk-<a20>T3BlbkFJ<a20>».",
            "openai.api_key = '«sk-<h32>»'",
            "«sk-svcacct-<w156>», «sk-admin-<w156>», «sk-None-<w48>»",
        ],
        &[
            "sk-<a31>",
            "sk-proj-...",
            "sk-proj-<w31>",
            "task-<h32>",
            "sk-your-openai-api-key-goes-right-here-ok",
            "<div class=\"sk-fading-circle\">",
            "risk-averse",
        ],
    ),
    case(
        "google_api_key",
        &[
            "https://maps.googleapis.com/maps/api/js?key=«AIza<w35>»&v=3",
            "apiKey: \"«AIza<w35>»\",",
            "GEMINI_API_KEY=«AQ.Ab8<w47>»\n",
        ],
        &["AIza<w34>", "AIza...", "aiza<w35>", "FAQ.Ab8<w47>", "Read the FAQ. About us"],
    ),
    case(
        "google_oauth_token",
        &[
            "access_token: «ya29.a0<w150>»",
            "«ya29.c.b0<w150>»\n",
            "refresh «1//0g<w60>»;",
            "\"client_secret\": \"«GOCSPX-<w28>»\"",
        ],
        &["ya29.<w19>", "ya29 is a prefix", "1//0 is not a path", "GOCSPX-<w19>", "11//0<w60>"],
    ),
    case(
        "hugging_face_token",
        &["login(token=\"«hf_<a34>»\")", "HF_TOKEN=«hf_<a34>»\n", "«api_org_<a34>»."],
        &["hf_<a33>", "hf_xxx", "hf_hub_download(repo_id=\"a\", filename=\"b\")", "shf_<a34>"],
    ),
    case(
        "groq_key",
        &["GROQ_API_KEY=«gsk_<a52>»", "Groq(api_key='«gsk_<a52>»')", "(«gsk_<a52>»)"],
        &["gsk_<a23>", "gsk_your_api_key", "agsk_<a52>"],
    ),
    case(
        "xai_key",
        &["XAI_API_KEY=«xai-<a80>»", "\"«xai-<a80>»\"", "key «xai-<a80>»."],
        &["xai-<a23>", "xai-org/grok-1", "foxai-<a80>"],
    ),
    case(
        "perplexity_key",
        &["PERPLEXITY_API_KEY=«pplx-<a48>»", "`«pplx-<a56>»`", "Bearer «pplx-<a48>»\n"],
        &["pplx-<a23>", "pplx-api", "pplx-7b-online", "xpplx-<a48>"],
    ),
    case(
        "replicate_token",
        &["REPLICATE_API_TOKEN=«r8_<a37>»", "\"«r8_<a37>»\"", "Token «r8_<a37>»."],
        &["r8_<a36>", "r8_unorm_texture", "tr8_<a37>", "mov r8, r9"],
    ),
    case(
        "together_key",
        &["TOGETHER_API_KEY=«tgp_v1_<w43>»", "(«tgp_v1_<w43>»)", "api_key=\"«tgp_v1_<w43>»\""],
        &["tgp_v1_<w23>", "tgp_v1_...", "tgp_v2_<w43>"],
    ),
    case(
        "cerebras_key",
        &["CEREBRAS_API_KEY=«csk-<l48>»", "'«csk-<l48>»'", "Bearer «csk-<l48>»."],
        &["csk-<l23>", "csk-...", "acsk-<l48>"],
    ),
    case(
        "nvidia_key",
        &["NVIDIA_API_KEY=«nvapi-<w64>»", "\"«nvapi-<w64>»\"", "Bearer «nvapi-<w64>»\n"],
        &["nvapi-<w31>", "nvapi-your-key", "nvapi.h"],
    ),
    case(
        "langsmith_key",
        &[
            "LANGSMITH_API_KEY=«lsv2_pt_<h32>_<h10>»",
            "\"«lsv2_sk_<h32>_<h10>»\"",
            "x-api-key: «lsv2_pt_<h32>_<h10>».",
        ],
        &["lsv2_pt_<h32>", "lsv2_pt_...", "lsv2_xx_<h32>_<h10>"],
    ),
    case(
        "pinecone_key",
        &["PINECONE_API_KEY=«pcsk_<a6>_<a63>»", "\"«pcsk_<a5>_<a63>»\"", "(«pcsk_<a6>_<a63>»)"],
        &["pcsk_<a6>_<a23>", "pcsk_<a63>", "pcsk_your_key"],
    ),
    case(
        "wandb_key",
        &[
            "WANDB_API_KEY=«wandb_v1_<a27>_<a49>»",
            "\"«wandb_v1_<a27>_<a49>»\"",
            "login «wandb_v1_<a77>»\n",
        ],
        &["wandb_v1_<a23>", "wandb_v1_key", "wandb_v2_<a27>_<a49>"],
    ),
    case(
        "tavily_key",
        &["TAVILY_API_KEY=«tvly-<a32>»", "\"«tvly-dev-<a32>»\"", "«tvly-prod-<w50>»."],
        &["tvly-<a31>", "tvly-YOUR_API_KEY", "tvly-dev-..."],
    ),
    case(
        "firecrawl_key",
        &["FIRECRAWL_API_KEY=«fc-<h32>»", "\"«fc-<h32>»\"", "(«fc-<h32>»)"],
        &["fc-<h31>", "fc-YOUR_API_KEY", "ufc-<h32>", "fc-barcelona"],
    ),
    case(
        "elevenlabs_key",
        &["ELEVENLABS_API_KEY=«sk_<h48>»", "\"«sk_<h48>»\"", "xi-api-key: «sk_<h48>»."],
        &["sk_<h23>", "sk_live_<a24>", "task_<h48>", "sk_buff"],
    ),
    case(
        "npm_token",
        &[
            "//registry.npmjs.org/:_authToken=«npm_<a36>»",
            "NPM_TOKEN=«npm_<a36>»\n",
            "'«npm_<a36>»'",
        ],
        &[
            "npm_<a35>",
            "npm_config_registry=https://registry.npmjs.org",
            "pnpm_<a36>",
            "npm_lifecycle_event",
        ],
    ),
    case(
        "pypi_token",
        &[
            "password = «pypi-AgEIcHlwaS5vcmc<w150>»\n",
            "TWINE_PASSWORD='«pypi-AgEIcHlwaS5vcmc<w150>»'",
            "«pypi-AgENdGVzdC5weXBpLm9yZw<w150>».",
        ],
        &["pypi-AgEIcHlwaS5vcmc<w23>", "pypi-publish", "pypi-<w150>", "pypi-AgEI..."],
    ),
    case(
        "rubygems_key",
        &[
            ":rubygems_api_key: «rubygems_<h48>»",
            "\"«rubygems_<h48>»\"",
            "GEM_HOST_API_KEY=«rubygems_<h48>»\n",
        ],
        &["rubygems_<h23>", "rubygems_api_key", "rubygems_version"],
    ),
    case(
        "docker_token",
        &["docker login -u me -p «dckr_pat_<w27>»", "\"«dckr_oat_<w32>»\"", "(«dckr_pat_<w27>»)"],
        &["dckr_pat_<w23>", "dckr_pat_token", "dckr_xat_<w27>"],
    ),
    case(
        "sendgrid_key",
        &["SENDGRID_API_KEY='«SG.<w22>.<w43>»'", "Bearer «SG.<w22>.<w43>».", "(«SG.<w22>.<w43>»)"],
        &["SG.<w21>.<w43>", "SG.<w22>.<w23>", "MSG.<w22>.<w43>", "SG. stands for Singapore"],
    ),
    case(
        "twilio_key",
        &["TWILIO_API_KEY=«SK<h32>»", "\"«SK<h32>»\"", "(«SK<h32>»)."],
        &["SK<h31>", "SK<h33>", "AC<h32>", "RISK<h32>", "SK Hynix"],
    ),
    case(
        "mailgun_key",
        &["api:«key-<h32>»", "\"«<h32>-<h8>-<h8>»\"", "MAILGUN_API_KEY=«<h32>-<h8>-<h8>»\n"],
        &[
            "pubkey-<h32>",
            "key-<h31>",
            "key-value pairs",
            "the hash <h32>",
            "<h8>-<h4>-<h4>-<h4>-<h12>",
            "<h32>-<h8>-<h7>",
        ],
    ),
    case(
        "mailchimp_key",
        &["apikey: «<h32>-us6»", "\"«<h32>-us21»\"", "anystring:«<h32>-us1»."],
        &["<h32>-us", "<h31>-us6", "<h32>-usa", "hashes <h32> and <h64>"],
    ),
    case(
        "brevo_key",
        &[
            "api-key: «xkeysib-<h64>-<a16>»",
            "\"«xsmtpsib-<h64>-<a16>»\"",
            "BREVO_API_KEY=«xkeysib-<h64>-<a16>»\n",
        ],
        &["xkeysib-<h23>", "xkeysib-YOUR_KEY", "xkeysibling-<h64>"],
    ),
    case(
        "digitalocean_token",
        &["DIGITALOCEAN_TOKEN=«dop_v1_<h64>»", "\"«doo_v1_<h64>»\"", "Bearer «dor_v1_<h64>»."],
        &["dop_v1_<h23>", "dox_v1_<h64>", "dop_v1_token", "loop_v1_<h64>"],
    ),
    case(
        "shopify_token",
        &[
            "X-Shopify-Access-Token: «shpat_<h32>»",
            "\"«shpss_<h32>»\"",
            "«shpca_<h32>», «shppa_<h32>».",
            "«shptka_<h32>»",
        ],
        &["shpat_<h31>", "shpat_xxxxxxxx", "shpxx_<h32>", "xshpat_<h32>"],
    ),
    case(
        "square_token",
        &["access_token: «sq0atp-<w22>»", "\"«sq0csp-<w43>»\"", "(«sq0atp-<w22>»)"],
        &["sq0atp-<w21>", "sq0xyz-<w22>", "sq0atp-..."],
    ),
    case(
        "plaid_token",
        &[
            "\"access_token\": \"«access-sandbox-<h8>-<h4>-<h4>-<h4>-<h12>»\"",
            "«access-production-<h8>-<h4>-<h4>-<h4>-<h12>».",
            "t=«access-development-<h8>-<h4>-<h4>-<h4>-<h12>»\n",
        ],
        &[
            "access-production-systems",
            "access-sandbox-<h8>-<h4>-<h4>-<h4>-<h11>",
            "public-sandbox-<h8>-<h4>-<h4>-<h4>-<h12>",
            "access-control",
        ],
    ),
    case(
        "azure_storage_key",
        &[
            "AccountName=devstore;«AccountKey=<b86>==»;EndpointSuffix=core.windows.net",
            "Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=Root;«SharedAccessKey=<b43>=»",
            "\"...;«accountkey=<b86>==»\"",
        ],
        &[
            "AccountKey=<b23>",
            "AccountKey=$(az storage account keys list)",
            "SharedAccessKeyName=RootManageSharedAccessKeyForTheWholeNamespace",
            "the AccountKey = of the account",
        ],
    ),
    case(
        "databricks_token",
        &["DATABRICKS_TOKEN=«dapi<h32>»", "\"«dapi<h32>-2»\"", "token = «dapi<h32>»."],
        &["dapi<h31>", "dapinder", "adapi<h32>"],
    ),
    case(
        "cloudflare_token",
        &[
            "CLOUDFLARE_API_TOKEN=«cfut_<a48>»",
            "\"«cfk_<a48>»\" or «cfat_<a48>».",
            "X-Auth-User-Service-Key: «v1.0-<h24>-<h146>»",
        ],
        &["cfut_<a23>", "cfxt_<a48>", "scfk_<a48>", "v1.0-beta", "v1.0-<h24>-<h23>"],
    ),
    case(
        "vault_token",
        &["VAULT_TOKEN=«hvs.<w95>»", "\"«hvb.<w150>»\"", "X-Vault-Token: «hvs.<w24>»."],
        &["hvs.<w23>", "hvs.com", "hvx.<w95>", "xhvs.<w95>"],
    ),
    case(
        "supabase_key",
        &[
            "SUPABASE_ACCESS_TOKEN=«sbp_<h40>»",
            "createClient(url, '«sb_secret_<w23>»')",
            "(«sbp_<h40>»)",
        ],
        &["sb_publishable_<w23>", "sbp_<h23>", "sb_secret_...", "usb_secret_<w23>"],
    ),
    case(
        "atlassian_token",
        &[
            "me:«ATATT3xFfGF0<w176>»",
            "\"«ATCTT3xFfGN0<w176>»\"",
            "https://x-token-auth:«ATBB<a32>»@bitbucket.org",
        ],
        &["ATATT3<w23>", "ATBB<a23>", "ATATATAT", "BATBB<a32>"],
    ),
    case(
        "notion_token",
        &["NOTION_TOKEN=«ntn_<d11><a35>»", "auth: \"«secret_<a43>»\"", "Bearer «ntn_<d11><a35>»."],
        &[
            "ntn_<d9><a20>",
            "secret_<a42>",
            "secret_access_key_of_the_user_that_is_meant_here",
            "ntn_...",
        ],
    ),
    case(
        "linear_key",
        &[
            "LINEAR_API_KEY=«lin_api_<a40>»",
            "\"«lin_oauth_<h64>»\"",
            "Authorization: «lin_api_<a40>».",
        ],
        &["lin_api_<a23>", "lin_api_key", "berlin_api_<a40>", "lin_alg_cholesky"],
    ),
    case(
        "airtable_token",
        &["AIRTABLE_API_KEY=«pat<a14>.<h64>»", "\"«pat<a14>.<h64>»\"", "Bearer «pat<a14>.<h64>»\n"],
        &["pat<a13>.<h64>", "pat<a14>.<h23>", "patternmatching12.com", "pat.example.org"],
    ),
    case(
        "figma_token",
        &["X-Figma-Token: «figd_<w40>»", "\"«figo_<w40>»\"", "FIGMA_TOKEN=«figor_<w40>»\n"],
        &["figd_<w23>", "fig_1", "config_<w40>", "figure_of_speech"],
    ),
    case(
        "hubspot_token",
        &[
            "Bearer «pat-na1-<h8>-<h4>-<h4>-<h4>-<h12>»",
            "\"«pat-eu1-<h8>-<h4>-<h4>-<h4>-<h12>»\"",
            "HUBSPOT=«pat-na2-<h8>-<h4>-<h4>-<h4>-<h12>»\n",
        ],
        &[
            "pat-na1-<h8>-<h4>-<h4>-<h12>",
            "pat-a-cake",
            "pat-na1-your-token",
            "spat-na1-<h8>-<h4>-<h4>-<h4>-<h12>",
        ],
    ),
    case(
        "postman_key",
        &[
            "X-API-Key: «PMAK-<h24>-<h34>»",
            "\"«PMAK-<h24>-<h34>»\"",
            "POSTMAN=«PMAK-<h24>-<h34>»\n",
        ],
        &["PMAK-<h24>-<h33>", "PMAK-<h24>", "pmak-<h24>-<h34>"],
    ),
    case(
        "grafana_token",
        &["Bearer «glsa_<a32>_<h8>»", "\"«glc_eyJ<b100>==»\"", "GRAFANA_TOKEN=«glsa_<a32>_<h8>»\n"],
        &["glsa_<a32>", "glsa_<a23>_<h8>", "glc_<b23>", "glc_color"],
    ),
    case(
        "new_relic_key",
        &["NEW_RELIC_USER_KEY=«NRAK-<U27>»", "\"«NRAK-<U27>»\"", "Api-Key: «NRAK-<U27>»."],
        &["NRAK-<U26>", "NRAK-...", "nrak-<l27>"],
    ),
    case(
        "sentry_token",
        &[
            "SENTRY_AUTH_TOKEN=«sntrys_eyJ<b100>_<b43>»",
            "\"«sntryu_<h64>»\"",
            "Bearer «sntryu_<h64>».",
        ],
        &["sntrys_<b23>", "sntryu_<h23>", "sntryx_<h64>"],
    ),
    case(
        "doppler_token",
        &["DOPPLER_TOKEN=«dp.st.prd.<a43>»", "\"«dp.pt.<a43>»\"", "«dp.st.<a43>», «dp.sa.<a43>»."],
        &["dp.pt.<a23>", "dp.xx.<a43>", "dp.state.items", "wdp.pt.<a43>"],
    ),
    case(
        "dynatrace_token",
        &["Api-Token «dt0c01.<U24>.<U64>»", "\"«dt0s16.<U8>.<U64>»\"", "DT=«dt0c01.<U24>.<U64>»\n"],
        &["dt0c01.<U24>", "dt0c01.<U24>.<U23>", "dt0.days", "xdt0c01.<U24>.<U64>"],
    ),
    case(
        "tailscale_key",
        &[
            "--authkey «tskey-auth-<a17>-<a32>»",
            "\"«tskey-api-<a12>-<a20>»\"",
            "TS_AUTHKEY=«tskey-client-<a17>-<a32>»\n",
        ],
        &["tskey-auth-<a17>", "tskey-auth-xxxx", "tskey-<a17>-<a32>", "atskey-auth-<a17>-<a32>"],
    ),
    case(
        "fly_token",
        &["FLY_API_TOKEN=\"FlyV1 «fm2_<b200>»,«fm2_<b100>=»\"", "«fo1_<w43>».", "(«fm1r_<b60>==»)"],
        &["fo1_<w23>", "fm2_<b23>", "fm3_<b200>", "fm1_station"],
    ),
    case(
        "heroku_key",
        &[
            "HEROKU_API_KEY=«HRKU-AA<w58>»",
            "\"«HRKU-<h8>-<h4>-<h4>-<h4>-<h12>»\"",
            "Bearer «HRKU-AA<w58>»\n",
        ],
        &["HRKU-<w35>", "HRKU-...", "hrku-<w60>"],
    ),
    case(
        "telegram_bot_token",
        &[
            "TELEGRAM_TOKEN=«<d10>:AA<w33>»\n",
            "https://api.telegram.org/«bot<d10>:AA<w33>»/getMe",
            "`«<d9>:AA<w33>»`",
        ],
        &["<d10>:AA<w32>", "<d10>:BB<w33>", "<d12>:AA<w33>", "12345678:AAPL", "robot<d10>:AA<w33>"],
    ),
    case(
        "discord_token",
        &[
            "bot.run('«MTIzNDU2Nzg5MDEyMzQ1Njc4.GaBcDe.<w38>»')",
            "Bot «MTIzNDU2Nzg5MDEyMzQ1Njc.XaBcDe.<w27>».",
            "«MTIzNDU2Nzg5MDEyMzQ1Njc4OQ.GaBcDe.<w38>» «MTIzNDU2Nzg5MDEyMzQ1Njc4OTA.G_Bc-e.<w38>»",
            "token: «mfa.<w84>»",
        ],
        &[
            "MTIzNDU2Nzg5MDEyMzQ1Njc4.GaBcDe.<w26>",
            "MTIzNDU2Nzg5MDEyMzQ1Njc4",
            "MTIzNDU2.GaBcDe.<w38>",
            "Mostly.Normal.words",
            "ABCzNDU2Nzg5MDEyMzQ1Njc4.GaBcDe.<w38>",
        ],
    ),
    case(
        "discord_webhook",
        &[
            "https://«discord.com/api/webhooks/<d18>/<w68>»\n",
            "https://canary.«discord.com/api/v10/webhooks/<d19>/<w68>»",
            "(https://«discordapp.com/api/webhooks/<d18>/<w68>»)",
        ],
        &[
            "https://discord.com/api/webhooks/",
            "https://discord.com/api/webhooks/<d18>/token",
            "https://discord.com/channels/<d18>/<d18>",
            "https://discord.com/api/webhooks/WEBHOOK_ID/<w68>",
        ],
    ),
    case(
        "age_key",
        &[
            "«AGE-SECRET-KEY-1<U58>»\n",
            "identity \"«AGE-SECRET-KEY-1<U58>»\"",
            "# key: «AGE-SECRET-KEY-1<U58>».",
        ],
        &["AGE-SECRET-KEY-1<U23>", "AGE-SECRET-KEY-1...", "age1<l58>"],
    ),
    case(
        "one_password_token",
        &[
            "OP_SERVICE_ACCOUNT_TOKEN=«ops_eyJ<b250>=»",
            "\"«ops_eyJ<b250>»\"",
            "export T=«ops_eyJ<b300>»\n",
        ],
        &["ops_eyJ<b23>", "ops_eyJ...", "devops_eyJ<b250>", "ops_team"],
    ),
    case(
        "jwt",
        &[
            "token = «eyJhbGciOiJIUzI1NiJ9.eyJ<w40>.<w43>»;",
            "«eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJ<w80>.<w43>».",
            "Bearer «eyJraWQiO<w600>.eyJ<w2000>.<w342>»\n",
            "«eyJhbGciOiJSU0EtT0FFUCIs<w20>.<w40>.<w16>.<w30>.<w22>»,",
            "«eyJhbGciOiJkaXIiLCJl<w20>..<w16>.<w30>.<w22>»",
            "The header is «eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9». Then",
        ],
        &[
            "eyJhbGciO",
            "eyJmb28iOiJiYXIifQ==",
            "eyJpdiI6<w40>",
            "xeyJhbGciOiJIUzI1NiJ9",
            "eyJhbGciOi...",
        ],
    ),
    case(
        "http_basic",
        &[
            "«Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==»\n",
            "{\"«Authorization\": \"Basic dXNlcjpwYXNzd29yZA==»\"}",
            "Proxy-«Authorization: basic YWxhZGRpbjpvcGVuc2VzYW1l»",
            "curl -H '«authorization: Basic dGVzdDoxMjPCow==»' x",
        ],
        &[
            "Authorization: Basic authentication is simple",
            "Authorization: Basic <credentials>",
            "Authorization: Basic base64(username:password)",
            "`Authorization: Basic ${btoa(user + ':' + password)}`",
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        ],
    ),
    case(
        "http_bearer",
        &[
            "«Authorization: Bearer mF_9.B5f-4.1JqM<w20>»\n",
            "curl -H \"«Authorization: Bearer abcdefgh1<a20>»\"",
            "headers = {\"«Authorization\": f\"Bearer a1<a30>»\"}",
            "headers.set(\"«authorization\", \"bearer <h40>»\")",
            "headers[\"«Authorization\"] = \"Bearer a1<a30>»\"",
            "HTTP_«AUTHORIZATION=Bearer a1<a30>»\n",
        ],
        &[
            "Authorization: Bearer YOUR_ACCESS_TOKEN",
            "Authorization: Bearer <token>",
            "Authorization: Bearer ${process.env.API_KEY}",
            "Authorization: Bearer $OPENAI_API_KEY",
            "authorization of the bearer in 1984",
            "Bearer <a40>",
        ],
    ),
    case(
        "url_credentials",
        &[
            "postgres«://admin:s3cr3t@»db.example.com:5432/app",
            "redis«://:p-a_s.s@»localhost:6379/0",
            "mongodb+srv«://user:p%40ss@»cluster0.example.net/?w=majority",
            "git clone https«://me:<a40>@»example.com/r.git",
            "https«://user:s$cret@»host",
        ],
        &[
            "https://example.com:8080/@user",
            "http://localhost:3000/?mail=a@b.c",
            "https://user@example.com/",
            "postgres://$USER:${PASS}@host, postgres://<user>:<pass>@host",
            "postgres://user:$PASSWORD@host",
            "see https://example.com: mail me@example.com",
            "C://a: b@c",
        ],
    ),
    case(
        "email",
        &[
            "Write to «jane.doe@example.com».",
            "<«a+b_c@sub.example.co.uk»>, «O'Brien@example.ie»;",
            "mailto:«info@1und1.example»?subject=x",
            "«x@1.example», «g@a.de», «gi@a.de», «gitte@a.de», «git2@a.de», «x@2x2.de», «x@2.de»",
            "«_a%b@xn--bcher-kva.example.museum»\n",
            "«user@10.example.org»",
        ],
        &[
            "git@github.com:owner/repository.git",
            "logo@2x.png and icon@3x.webp",
            "npm install react@18.2.0 lodash@latest @types/node@20",
            "user@localhost",
            "@someone on https://medium.com/@someone",
            "a @ b.com",
            "a@b.c",
            "x = y@z; d@property",
            "me@192.168.0.1",
        ],
    ),
    case(
        "iban",
        &[
            "IBAN: «GB29 NWBK 6016 1331 9268 19».",
            "«DE89370400440532013000», BIC COBADEFFXXX",
            "«BE68 5390 0754 7034» BIC ABCD and «NO93 8601 1117 947»",
            "«DE89 3704 0044 0532 0130 00» 2024",
            "«FR1420041010050500013M02606» «MT84MALT011000012345MTLCAST001S»",
            "«ES9121000418450200051332»\n«CH93 0076 2011 6238 5295 7»\n«AT61 1904 3002 3457 3201»",
            "«LC55HEMM000100010012001200023015» «PL61109010140000071219812874»",
            "«SI56 2633 0001 2039 086» «IS14 0159 2600 7654 5510 7303 39»",
        ],
        &[
            "GB29 NWBK 6016 1331 9268 18",
            "DE89 3704 0044 0532 0130 01",
            "DE8937040044053201300",
            "XDE89370400440532013000",
            "DE893704004405320130001",
            "ISO 9001, EN 13432, DE 10115 Berlin",
            "XX89 3704 0044 0532 0130 00",
        ],
    ),
    case(
        "credit_card",
        &[
            "Card: «4242 4242 4242 4242», CVV 123",
            "«4111-1111-1111-1111» exp 12/30",
            "«5555555555554444»,«2223003122003222»",
            "«4242 4242 4242 4242» 123",
            "«3782 822463 10005» and «378282246310005»",
            "«3056 930902 0004» «36227206271667»",
            "«6011111111111117» «6205500000000000004» «4222222222222» «3566002020360505»",
        ],
        &[
            "4242 4242 4242 4241",
            "4242424242424242424",
            "2016 2017 2018 2019 2020 2021 2022 2023",
            "1234 5678 9012 3456",
            "978-3-16-148410-0",
            "1700000000000 ms, pi = 3.1415926535897932",
            "x4242424242424242",
            "00000000000000000000, 0000 0000 0000 0000",
            "4242.4242.4242.4242",
        ],
    ),
    case(
        "us_ssn",
        &[
            "SSN «078-05-1120».",
            "(«219-09-9999»)",
            "ssn=«457-55-5462»&x",
            "«665-01-0001» «899-99-9999» «001-01-0001»",
        ],
        &[
            "000-12-3456",
            "666-12-3456",
            "900-12-3456",
            "123-00-4567",
            "123-45-0000",
            "123-45-67890",
            "2123-45-6789",
            "2024-01-15",
            "123 45 6789",
            "555-0199",
        ],
    ),
    case(
        "phone",
        &[
            "Call «+1 (212) 555-0100» or «+1-212-555-0100».",
            "«+14155550123», «+1 415 555 0123», «+1.415.555.0123»",
            "«(212) 555-0100» / «(212)555-0100» / «212-555-0100» / «212.555.0100»",
            "«1-800-555-0199», «1 (800) 555-0199»",
            "«+44 20 7946 0958», «+44 (0)20 7946 0958»",
            "tel:«+493012345678», «+49 (0)30 12345678», «+49 30 12345-678»",
            "«+33 1 23 45 67 89» and «+33.1.23.45.67.89»",
            "«+91 98765 43210», «+86 138 0013 8000», «+4512345678», «+372 1234567»",
        ],
        &[
            "2024-01-15, 15.01.2024, 2024-01-15T12:30:45",
            "1.2.3, 10.0.0.1, 192.168.100.200, v2.10.3",
            "+1, +10 000 000, +3.14159265358, C++17",
            "$1,234,567.89, 1 234 567 890, 1234567890",
            "ISBN 978-3-16-148410-0, 123-456-7890",
            "200 300 4000, 555-0199, 800-555-019",
            "x+14155550123, y=3+212555010012",
            "123-45-6789, 4242-4242-4242-4242, 212-555-01000",
            "8c5e212-555-0100",
            "+12345678901234567",
        ],
    ),
    case(
        "ipv6",
        &[
            "ping «2001:db8::1».",
            "[«2001:0db8:85a3:0000:0000:8a2e:0370:7334»]:443",
            "«fe80::1ff:fe23:4567:890a»%eth0, «FE80::1»",
            "«2001:db8::»/32 «fd12:3456:789a:1::1» «ff02::fb»",
            "«::ffff:192.0.2.128» «64:ff9b::192.0.2.33»",
            "«2606:4700:4700::1111», «2001:db8:1:2:3:4:5:6»",
        ],
        &[
            "12:30:45, 2024:01:02 12:30:45",
            "std::vector<int> a::b; ::std::cout << Cafe::add;",
            "arr[::2], arr[1::2], arr[::-1], ::1, ::",
            "00:1A:2B:3C:4D:5E, 00:11:22:33:44:55:66:77",
            "16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
            "sha256:2001abcd, 2001:30:45",
            "use crate::feed::face; dead::beef",
            "Psalm 23:4, Genesis 2:1",
        ],
    ),
    case(
        "ipv4",
        &[
            "host «192.168.0.1».",
            "http://«10.0.0.1»:8080/x, 0.0.0.0/0",
            "255.255.255.255, «8.8.8.8», «126.0.0.1» and «172.16.254.3»",
        ],
        &[
            "256.1.1.1",
            "localhost is 127.0.0.1",
            "1.2.3",
            "1.2.3.256",
            "01.02.03.04",
            "v1.2.3.4",
            "3.14, 1.000.000, 12.30.45",
            "1.2.3.4a",
            "$1.50.",
        ],
    ),
];

/// Text as people and models write it, in which no rule finds anything.
const ORDINARY: &[&str] = &[
    "The quick brown fox jumps over the lazy dog, and then – because it can – it does so again: 42 times!",
    "In 1969, on July 20, at 20:17:40 UTC, the lunar module landed; 650 million people (1/5 of all) watched.",
    "Prices rose by 3.5% to $1,299.99, £1.050,00 or 1 234 567,89 €. See pages 123-145 and 1,024–2,048.",
    "# Heading\n\n- item one\n- item **two**\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n---\n\n1. first\n2. second\n",
    "```rust\nuse std::collections::HashMap;\nfn main() { let v: Vec<u8> = vec![0x1f, 0b1010]; println!(\"{v:?}\"); }\n```",
    "```python\nimport os\nkey = os.environ[\"OPENAI_API_KEY\"]\nclient = OpenAI(api_key=key)\nprint(xs[::2], d[\"a\"])\n```",
    "git commit -m 'fix' && git push origin main # da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "id: 550e8400-e29b-41d4-a716-446655440000, md5 d41d8cd98f00b204e9800998ecf8427e, \
     sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "https://en.wikipedia.org/wiki/Token_(disambiguation)?oldid=123456789#See_also and http://localhost:3000/api/v1",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "{\"id\":\"chatcmpl-8abcDEFghiJKLmnoPQRstuVWxyz12\",\"created\":1700000000,\"object\":\"chat.completion.chunk\"}",
    "call_abc123DEF456ghi789JKL012, toolu_01A09q90qw90lq917835lq9, msg_013Zva2CMHLNnjNJKJHQ, resp_67ccd2bed1ec8190b14f964abc054267",
    "Set `Authorization: Bearer YOUR_API_KEY` and replace sk-... or ghp_xxx with your key; never commit secrets.",
    "E = mc², π ≈ 3.14159265358979, h = 6.62607015e-34, 6.022 140 76 × 10^23; x^2 + y^2 = z^2; a+b, a-b, a*b.",
    "ISBN 978-0-306-40615-7, DOI 10.1000/182, RFC 2606, ISO 8601:2004, §§ 12-14, EN 1090-1, ZIP 90210-1234.",
    "version 1.2.3-beta.4+build.5678, Chrome/120.0.6099.71, Python 3.12.1, v2.0.0-rc.1, Ubuntu 22.04.3 LTS",
    "日本語の文章です。数字は１２３、電話番号ではありません。Привет, мир! 🎉👩‍👩‍👧 naïve café Straße",
    "AT&T, R&D, U.S.A., e.g. i.e. etc. O'Neill's @mention #hashtag ~/.ssh/config C:\\Users\\me\\file.txt",
    "2024-01-15T12:30:45.123Z, 12:30, 12:30:45, Mon, 15 Jan 2024 12:30:45 +0100, 15/01/2024, 01-15-24",
    "\\frac{1}{2} \\sum_{i=1}^{n} x_i, $\\alpha::\\beta$, <div class=\"sk-chase\" id=\"pat-1\">key-value</div>",
];

/// What a scan of the whole text finds with this rule alone: at each character
/// the match that begins there and passes the checksum.
fn scan(regex: &Regex, checksum: Option<Checksum>, text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(here) = regex.find_at(text, from) {
        assert!(!here.is_empty(), "{regex}");
        if checksum.is_none_or(|checksum| checksum.holds(here.as_str())) {
            found.push((here.start(), here.end()));
            from = here.end();
        } else {
            from = here.start() + text[here.start()..].chars().next().map_or(1, char::len_utf8);
        }
    }
    found
}

/// Fills in what stands for characters: letters and digits (`a`), capitals and
/// digits (`U`), small letters and digits (`l`), digits (`d`), hexadecimal
/// digits (`h`), Base32 (`A`), Base64 (`b`), and letters, digits, `-` and `_`
/// (`w`). The first and the last are never a mark.
fn expand(template: &str) -> String {
    let place = Regex::new("<(?:-|([aUldhAbw])([0-9]+))>").unwrap();
    let mut seed: u32 = 5;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) as usize % below
    };
    let expanded = place.replace_all(template, |found: &regex::Captures<'_>| {
        let (Some(kind), Some(count)) = (found.get(1), found.get(2)) else {
            return "-".repeat(5);
        };
        let count: usize = count.as_str().parse().unwrap();
        let alphabet: &[u8] = match kind.as_str() {
            "U" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
            "l" => b"abcdefghijklmnopqrstuvwxyz0123456789",
            "d" => b"123456789",
            "h" => b"0123456789abcdef",
            "A" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
            _ => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        };
        let marks: &[u8] = match kind.as_str() {
            "b" => b"+/",
            "w" => b"-_",
            _ => b"",
        };
        let character = |at: usize| {
            if marks.is_empty() || at == 0 || at + 1 == count || next(8) > 0 {
                char::from(alphabet[next(alphabet.len())])
            } else {
                char::from(marks[next(marks.len())])
            }
        };
        (0..count).map(character).collect()
    });
    expanded.into_owned()
}

/// The text without the marks, and what is between them.
fn unmark(marked: &str) -> (String, Vec<(usize, usize)>) {
    let (mut text, mut spans, mut open) = (String::new(), Vec::new(), None);
    for character in marked.chars() {
        match character {
            '«' => assert_eq!(open.replace(text.len()), None, "{marked}"),
            '»' => spans.push((open.take().unwrap(), text.len())),
            _ => text.push(character),
        }
    }
    assert_eq!(open, None, "{marked}");
    (text, spans)
}

fn compile(rule: &LibraryRule) -> Regex {
    Regex::new(rule.regex).unwrap_or_else(|error| panic!("{}: {error}", rule.name))
}

fn show<'t>(text: &'t str, spans: &[(usize, usize)]) -> Vec<&'t str> {
    spans.iter().map(|&(start, end)| &text[start..end]).collect()
}

#[test]
fn each_rule_finds_what_it_is_for_and_nothing_else() {
    let mut failures = Vec::new();
    for case in CASES {
        let rule = find(case.rule).and_then(|mut rules| rules.next()).expect(case.rule);
        let regex = compile(rule);
        for marked in case.finds {
            let (text, wanted) = unmark(&expand(marked));
            assert!(!wanted.is_empty(), "{}: nothing is marked in {marked}", case.rule);
            let found = scan(&regex, rule.checksum, &text);
            if found != wanted {
                failures.push(format!(
                    "{}: in {text:?}\n  wanted {:?}\n  found  {:?}",
                    case.rule,
                    show(&text, &wanted),
                    show(&text, &found)
                ));
            }
        }
        for template in case.passes {
            let (text, marks) = unmark(&expand(template));
            assert!(marks.is_empty(), "{}: {template}", case.rule);
            let found = scan(&regex, rule.checksum, &text);
            if !found.is_empty() {
                failures.push(format!("{}: in {text:?} {:?}", case.rule, show(&text, &found)));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn each_rule_has_its_cases() {
    let mut cases: HashMap<&str, &Case> = HashMap::new();
    for case in CASES {
        assert!(cases.insert(case.rule, case).is_none(), "{} twice", case.rule);
    }
    for rule in LIBRARY {
        let case = cases.remove(rule.name).unwrap_or_else(|| panic!("no cases of {}", rule.name));
        assert!(case.finds.len() >= 3, "{} has {} to find", rule.name, case.finds.len());
        assert!(case.passes.len() >= 3, "{} has {} to pass", rule.name, case.passes.len());
    }
    assert!(cases.is_empty(), "no such rules: {:?}", cases.keys());
}

#[test]
fn ordinary_text_has_nothing() {
    for rule in LIBRARY {
        let regex = compile(rule);
        for text in ORDINARY {
            let found = scan(&regex, rule.checksum, text);
            assert!(found.is_empty(), "{}: {:?} in {text:?}", rule.name, show(text, &found));
        }
    }
}

/// What the engine asks of an expression, as far as it can be seen from outside.
#[test]
fn expressions_are_of_the_kind_that_is_asked_for() {
    for rule in LIBRARY {
        assert!(!compile(rule).is_match(""), "{}", rule.name);
        let with_unicode = rule.regex.replace("(?-u:", "").replace("(?i-u:", "");
        for class in [r"\w", r"\d", r"\s", r"\W", r"\D", r"\S", r"\p", "[^", "(?i)", "(?i:"] {
            assert!(!with_unicode.contains(class), "{}: {class}", rule.name);
        }
        let boundaries = rule.regex.matches(r"\b").count();
        let ascii = rule.regex.matches(r"(?-u:\b").count();
        assert_eq!(boundaries, ascii, "{}: a Unicode word boundary", rule.name);
    }
}

#[test]
fn names_are_unique_and_plain() {
    let mut seen = HashSet::new();
    for name in names() {
        assert!(seen.insert(name), "{name} twice");
        let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        assert!(!name.is_empty() && name.bytes().all(is_plain), "{name}");
        assert!(find(name).is_some(), "{name}");
    }
    assert_eq!(seen.len(), LIBRARY.len() + 2);
    assert_eq!(names().take(2).collect::<Vec<_>>(), ["secrets", "pii"]);
}

#[test]
fn a_name_stands_for_a_group_or_a_rule() {
    for group in ["secrets", "pii"] {
        let rules: Vec<_> = find(group).unwrap().map(|rule| rule.name).collect();
        let wanted = LIBRARY.iter().filter(|rule| rule.group == group).map(|rule| rule.name);
        assert_eq!(rules, wanted.collect::<Vec<_>>());
    }
    let mut ssn = find("us_ssn").unwrap();
    assert_eq!(ssn.next().map(|rule| rule.name), Some("us_ssn"));
    assert!(ssn.next().is_none());
    for name in ["", "PII", "us_ssn ", "all"] {
        assert!(find(name).is_none(), "{name}");
    }
    for rule in LIBRARY {
        assert!(["secrets", "pii"].contains(&rule.group), "{}", rule.name);
        let about = rule.about;
        assert!(!about.is_empty() && !about.ends_with('.'), "{}: {about}", rule.name);
    }
}

/// In each rule's texts the whole group finds something as early as the rule
/// does: no rule before it in the group takes its place with less.
#[test]
fn rules_of_a_group_do_not_hide_each_other() {
    for group in ["secrets", "pii"] {
        let rules: Vec<_> = find(group).unwrap().map(|rule| (rule, compile(rule))).collect();
        for case in CASES.iter().filter(|case| rules.iter().any(|(rule, _)| rule.name == case.rule))
        {
            for marked in case.finds {
                let (text, wanted) = unmark(&expand(marked));
                let all = rules
                    .iter()
                    .flat_map(|(rule, regex)| scan(regex, rule.checksum, &text))
                    .collect::<Vec<_>>();
                for (start, end) in wanted {
                    let first = all.iter().filter(|span| span.0 < end && span.1 > start).min();
                    let first = first.map(|span| span.0);
                    assert!(first.is_some_and(|at| at <= start), "{}: {text:?}", case.rule);
                }
            }
        }
    }
}
